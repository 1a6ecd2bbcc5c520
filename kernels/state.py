"""All state of a run, as arrays; whatever is not here does not exist for the engine.

Times are ps, sizes bytes, rates bit/s. Rules: docs/model.md. One record is what one
event touches together. A field has one writer: the device that owns it, or, for what a
sender hands to a receiver, the publish step between two windows.
"""

from collections import namedtuple
from enum import IntEnum

import numpy as np
from fabricemu.kernels import _view

INF = 1 << 62
NONE = -1

CONTROL, BULK = 0, 1  # the two classes of a port
DATA, ACK, NACK, CELL, REQUEST, CREDIT = 0, 1, 2, 3, 4, 5  # kinds of entries
LAST = 1  # flag: last packet of its message; last byte of a packet in this cell
HOST, SWITCH, LEAF, ELEMENT, SCALE_UP = 0, 1, 2, 3, 4
ECMP, SPRAY, ADAPTIVE, ROUND_ROBIN = 0, 1, 2, 3
CALC, SEND, RECV, COLL, GATE, MARK = 0, 1, 2, 3, 4, 5
GATE_ALL, GATE_ANY, GATE_COUNT, GATE_FIFO = 0, 1, 2, 3
BEGIN, FINISH = 0, 1
TIE, PATH, LANE = 1, 2, 3  # purposes of hashes


class Exit(IntEnum):
    """Why the loop returned to Python."""

    DONE = 0  # nothing is left to happen
    CHUNK = 1  # enough windows for one call
    SAMPLE = 2  # a bin of the series ends here
    DRAIN = 3  # enough messages are finished to be taken away
    GROW_REORDER = 4  # a stream needs more room for reordering cells
    FULL_PACKETS = 5  # more packets in flight than there is room for
    FULL_MESSAGES = 6  # more messages in flight than there is room for


def _int64(*names):
    return np.dtype([(name, np.int64) for name in names])


# A packet or cell in a ring: what waits at a port and what is on its wire.
ENTRY = np.dtype(
    [
        ("time", np.int64),  # arrival at the other end, set when it starts; voq: enqueued
        ("sent", np.int64),  # data: start on the NIC's wire; ACK: the 64 bits
        ("qp", np.int32),  # QP; cells and credits: the VOQ
        ("dst", np.int32),  # address: NIC port, rank on a scale-up switch, or leaf
        ("psn", np.int32),  # packet number; ACK: expected; cell number; credits asked
        ("bytes", np.uint16),  # frame or cell bytes
        ("kind", np.uint8),
        ("flags", np.uint8),
    ],
    align=True,
)

# What a packet met in a cell fabric; same index as its entry.
TRAIL = _int64(
    "voq_in", "voq_head", "voq_out", "last_cell", "released", "last_cell_bytes", "last_seq", "spare"
)

DEVICE = _int64(
    "kind",
    "first_port",
    "n_ports",
    "lo",
    "hi",
    "div",
    "bundle",
    "up_first",
    "up_count",
    "choice",
    "tie_seed",
    "path_seed",
    "counter",  # spray choices so far
    "turn_base",  # first of its round-robin counters
    "index",  # leaf number, or rank
    "stepped",  # number of the last window in which it was stepped
)

# One cache line: what every transmission touches.
PORT = np.dtype(
    [
        ("free_at", np.int64),
        ("latency", np.int64),
        ("waiting_bytes", np.int64),
        ("sent_bytes", np.int64),
        ("bin_peak", np.int64),  # largest waiting bytes in the open bin
        ("per_byte", np.int32),  # ps per byte where that is whole, else 0
        ("gap", np.int32),  # wire bytes beyond the frame
        ("next_device", np.int32),
        ("limited", np.int32),  # 1 if waiting data bytes have a limit
        ("peer", np.int32),
        ("dirty", np.int32),  # 1 if it sent something in this window
    ],
    align=True,
)

LIMIT = _int64("rate", "limit", "waiting_data", "drops")

# A ring as its writer sees it. Entries [seen, committed) are on the wire or not yet taken,
# [committed, tail) wait. The two classes of a port share a cache line.
OUT = np.dtype(
    [
        ("tail", np.int64),
        ("committed", np.int64),
        ("seen", np.int64),
        ("offset", np.int32),
        ("mask", np.int32),
    ],
    align=True,
)
# The same ring as its reader sees it, brought up to date by the publish step; where the
# two places differ the ring has been moved since.
IN = np.dtype(
    [
        ("head", np.int64),
        ("published", np.int64),
        ("offset", np.int32),
        ("mask", np.int32),
        ("spare", np.int64),
    ],
    align=True,
)

MESSAGE = _int64(
    "qp",
    "bytes",
    "packets",
    "first_psn",
    "next",  # next message of the QP; or of the free list
    "created",
    "first_tx",
    "sent",
    "completing",
    "delivered",
    "acked",
    "received",
    "retransmits",
    "out_of_order",
    "number",  # unique and the same in every run
    "op",  # sending operation or NONE
    "instance",  # collective or NONE
    "part",
    "step",
    "target",  # position of the receiver in the collective
    "voq_in",
    "voq_head",
    "voq_out",
    "last_cell",
    "released",
    "last_cell_bytes",
)

SENDER = _int64(
    "una",
    "nxt",
    "end",
    "max",
    "head",  # message that holds una
    "current",  # message that holds nxt
    "last",  # newest message
    "held",  # acknowledged message that the receiver may still follow
    "ready",
    "next_ready",
    "deadline",
    "dst",
    "port",
    "turn",  # messages posted on the connection (its first QP counts)
    "src_rank",
    "dst_rank",
)

RECEIVER = _int64(
    "expected",
    "since_ack",
    "nacked",
    "message",  # that holds ``expected``, or a finished one before it
    "highest",  # largest psn received
    "depth",  # largest distance from ``expected`` seen
    "dst",  # the sender's address
    "rank",
)

READY = _int64("head", "tail")

HOST_RECORD = _int64(
    "rank",
    "heap",  # first slot of its timers
    "timers",
    "next_rto",
    "first_qp",
    "end_qp",
    "first_box",
    "end_box",
    "order",  # posts and arrivals so far
    "wild_head",
    "wild_tail",
    "first_conn",
    "end_conn",
    "packets",
    "retransmits",
    "timeouts",
    "nacks",
    "duplicates",
    "discards",
)

OP = np.dtype(
    [
        ("bytes", np.int64),
        ("duration", np.int64),
        ("start", np.int64),
        ("started", np.int64),
        ("finished", np.int64),
        ("order", np.int64),
        ("remaining", np.int64),
        ("kind", np.int32),
        ("mode", np.int32),
        ("stream", np.int32),  # numbered over all ranks
        ("qp", np.int32),  # first QP of the connection; NONE to itself
        ("box", np.int32),  # mailbox; NONE for a RECV with a wildcard
        ("peer", np.int32),
        ("tag", np.int32),
        ("instance", np.int32),
        ("position", np.int32),
        ("next", np.int32),  # in the one list that it can be in
        ("rank", np.int32),
        ("spare", np.int32),
    ],
    align=True,
)

STREAM = _int64("busy", "head", "tail")
MAILBOX = _int64("src", "tag", "posted", "last_posted", "arrived", "last_arrived")

INSTANCE = _int64(
    "kind",
    "algorithm",
    "n",
    "parts",
    "chunks",
    "bytes",
    "root",
    "steps",
    "group",  # first member in ``members``
    "states",  # first of its part states
    "words",  # words of step bits per part state
    "bits",  # first word
    "number",  # number of its first message
)
PART_STATE = _int64("step", "received", "op")

VOQ = _int64("queued", "balance", "asked", "next_seq", "last_out", "dirty")
REASSEMBLY = _int64("expected", "pending", "next")
SCHEDULER = _int64(
    "head_control", "tail_control", "head_bulk", "tail_bulk", "tick", "allowed", "interval", "port"
)
SPRAY_STATE = _int64("lane", "step", "left", "cycle")
LEAF_RECORD = _int64(
    "lane_seed",
    "hosts",  # ports facing hosts
    "first_address",
    "next_tick",
    "requests",
    "credits",
    "blocked",
    "cells",
    "depth",
    "dirty",  # VOQs whose ring changed in this window
)

PART = _int64(
    "bump",  # next unused entry of its share
    "limit",
    "message_bump",
    "message_limit",
    "free_message",
    "done",  # finished messages not yet taken away
    "first_done",
    "status",
    "work_head",
    "work_tail",
    "signals",
    "grow",
    # To the end of the cache line: each part is written by a thread of its own.
    "spare1",
    "spare2",
    "spare3",
    "spare4",
)

CONFIG = _int64(
    "parts",
    "lookahead",
    "gate_latency",
    "bin_end",
    "window",  # windows so far
    "now",
    "mtu",
    "header",
    "ack_bytes",
    "ack_every",
    "send_window",
    "any_order",
    "reorder",
    "rto",
    "qps",
    "nic_ports",
    "eager",  # SENDs up to this size finish when posted
    "channels",
    "cells",  # 1 with a cell fabric
    "leaves",
    "leaf_ports",
    "lanes",
    "addresses",
    "cell_bytes",
    "cell_header",
    "control_cell",
    "packing",
    "pad",
    "credit",
    "egress_threshold",
    "span",  # cells that a stream can hold back, a power of two
    "port_rings",  # rings of ports; those of VOQs follow
    "work_mask",
    "drain",
)


# Every array of the state: element type and number of dimensions.
LAYOUT = {
    "config": (CONFIG, 1),
    "parts": (PART, 1),
    "part_devices": (np.int64, 1),
    "part_ptr": (np.int64, 1),
    "due": (np.int64, 1),  # time of each device's next event
    "wake": (np.int64, 2),  # earliest arrival that a part has sent to each device
    "entries": (ENTRY, 1),
    "trails": (TRAIL, 1),
    "free_rings": (np.int64, 2),
    "outs": (OUT, 1),  # ring 2 * port + class, then one per VOQ
    "ins": (IN, 1),  # by receiving port; the VOQs' by VOQ
    "devices": (DEVICE, 1),
    "ports": (PORT, 1),
    "limits": (LIMIT, 1),
    "turns": (np.int64, 1),
    "key_time": (np.int64, 2),
    "key_slot": (np.int64, 2),
    "sort_time": (np.int64, 2),
    "sort_slot": (np.int64, 2),
    "counts": (np.int64, 2),
    "messages": (MESSAGE, 1),
    "done": (np.int64, 1),
    "hosts": (HOST_RECORD, 1),
    "ready": (READY, 1),
    "senders": (SENDER, 1),
    "receivers": (RECEIVER, 1),
    "known": (np.int64, 1),
    "marked": (np.int64, 1),
    "conn_key": (np.int64, 1),
    "ops": (OP, 1),
    "succ_ptr": (np.int64, 1),
    "succ": (np.int64, 1),
    "succ_start": (np.int64, 1),
    "heap_time": (np.int64, 1),
    "heap_op": (np.int64, 1),
    "streams": (STREAM, 1),
    "boxes": (MAILBOX, 1),
    "work": (np.int64, 2),
    "signal_time": (np.int64, 2),
    "signal_op": (np.int64, 2),
    "instances": (INSTANCE, 1),
    "members": (np.int64, 1),
    "part_states": (PART_STATE, 1),
    "step_bits": (np.int64, 1),
    "leaves": (LEAF_RECORD, 1),
    "voqs": (VOQ, 1),
    "reassembly": (REASSEMBLY, 1),
    "cell_bits": (np.int64, 1),
    "schedulers": (SCHEDULER, 1),
    "sprays": (SPRAY_STATE, 1),
    "coprimes": (np.int64, 1),
    "dirty": (np.int64, 2),
}

State = namedtuple("State", LAYOUT)
_view.declare(LAYOUT)
