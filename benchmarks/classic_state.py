"""State of the classic event loop, as arrays; times are ps, sizes wire bytes.

A packet is one int64: flow, packet number (an ACK: the number expected), LAST and ACK.
An event is one int64 too: time, then departure (0) or arrival (1), then the port. Arrivals
carry the number of the port at which they come in, so those of one device are neighbours.
"""

from collections import namedtuple

import numpy as np
from fabricemu.kernels import _view

INF = (1 << 63) - 1
NONE = -1
PORT_BITS = 17
PORT_MASK = (1 << PORT_BITS) - 1
ARRIVAL = 1 << PORT_BITS
TIME_SHIFT = PORT_BITS + 1
ACK, LAST = 1, 2
PSN_SHIFT, FLOW_SHIFT = 2, 26
PSN_MASK = (1 << (FLOW_SHIFT - PSN_SHIFT)) - 1
FIRST_ROOM = 8  # items of a new ring
ROOT = 3  # slot of the heap's root: the four children of a slot share half a cache line
CONTROL, DATA = 0, 1


def _int64(*names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64) for name in names])


# One cache line. ``armed`` is 1 while its departure is in the heap.
OUTPUT = _int64("free_at", "per_byte", "latency", "peer", "armed", "spare1", "spare2", "spare3")
RING = _int64("head", "tail", "offset", "mask")
# Of a wire: event of the arrival, and the packet.
ITEM = _int64("event", "packet")
ROUTER = _int64(
    "first_port",
    "lo",
    "hi",
    "div",
    "bundle",
    "up_first",
    "up_count",
    "counter",
    "path_seed",
    "tie_seed",
)
FLOW = _int64(
    "src",
    "dst",
    "packets",
    "last_size",  # wire bytes of its last packet
    "next_psn",
    "una",
    "expected",
    "received",
    "first_word",
    "next_ready",
    "delivered",
    "acked",
)
SOURCE = _int64("head", "tail")  # FIFO of the flows of a host that may send
TOTALS = _int64(
    "pending",  # events in the heap
    "hole",  # 1 if the root of the heap has happened and may be overwritten
    "hops",
    "events",
    "hosts",
    "data_size",
    "ack_size",
    "next_wire",  # first unused item of each store
    "next_queued",
    "full",
)

# Names differ from those of the engine's state, which is seen through the same table.
LAYOUT = {
    "heap": (np.int64, 1),
    "totals": (TOTALS, 1),
    "outputs": (OUTPUT, 1),
    "backlogs": (RING, 1),  # 2 * port + class
    "wires": (RING, 1),  # by receiving port
    "wire_items": (ITEM, 1),
    "queue_items": (np.int64, 1),
    "owner": (np.int64, 1),  # device of each port
    "routers": (ROUTER, 1),
    "flows": (FLOW, 1),
    "sources": (SOURCE, 1),
    "arrived": (np.int64, 1),  # bit sets of 32 packets a word
    "batch": (np.int64, 1),  # (tie, port, packet) of arrivals at one instant
}

ClassicState = namedtuple("ClassicState", LAYOUT)  # type: ignore[misc]
_view.declare(LAYOUT)
