"""A port: two classes in strict priority, FIFO within each, drained when touched."""

import numpy as np
from fabricemu.kernels import ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import BULK, CONTROL, INF, NONE

PS_PER_BYTE_AT_1_BPS = 8_000_000_000_000


@device
def transmission(port, size):
    """Return the time of ``size`` bytes on the wire of a port, rounded up."""
    if port["per_byte"] > 0:
        return size * port["per_byte"]
    return (size * PS_PER_BYTE_AT_1_BPS + port["rate"] - 1) // port["rate"]


@device
def transmit(state, part, port, slot, start):
    """Put an entry on the wire at ``start``."""
    entry = state.entries[slot]
    wire = np.int64(entry["bytes"]) + port["gap"]
    free = start + transmission(port, wire)
    arrival = free + port["latency"]
    entry["time"] = arrival
    port["free_at"] = free
    port["sent"] += 1
    port["sent_bytes"] += wire
    wake = state.wake[part]
    receiver = port["next_device"]
    if arrival < wake[receiver]:
        wake[receiver] = arrival


@device
def depart(state, part, p, start):
    """Start the next waiting entry of port ``p``, control first."""
    port = state.ports[p]
    out = state.outs[2 * p]
    is_bulk = out["committed"] == out["tail"]
    if is_bulk:
        out = state.outs[2 * p + 1]
    slot = out["offset"] + (out["committed"] & out["mask"])
    out["committed"] += 1
    size = np.int64(state.entries[slot]["bytes"])
    port["waiting"] -= 1
    port["waiting_bytes"] -= size
    if is_bulk:
        port["waiting_data"] -= size
    transmit(state, part, port, slot, start)


@device
def advance(state, part, p, now):
    """Let every departure of port ``p`` up to and including ``now`` happen."""
    port = state.ports[p]
    while port["waiting"] > 0 and port["free_at"] <= now:
        depart(state, part, p, port["free_at"])


@device
def enqueue(state, part, p, lane, source, now):
    """Give a copy of entry ``source`` to port ``p``, class ``lane``; return its new index.

    NONE if it was dropped, or if memory is full.
    """
    advance(state, part, p, now)
    port = state.ports[p]
    size = np.int64(state.entries[source]["bytes"])
    idle = port["waiting"] == 0 and port["free_at"] <= now
    if (
        not idle
        and lane == BULK
        and port["limit"] != NONE
        and port["waiting_data"] + size > port["limit"]
    ):
        port["drops"] += 1
        return NONE
    slot = ring.push(state, part, 2 * p + lane)
    if slot == NONE:
        return NONE
    state.entries[slot] = state.entries[source]
    if idle:
        state.outs[2 * p + lane]["committed"] += 1
        transmit(state, part, port, slot, now)
        return slot
    port["waiting"] += 1
    waiting = port["waiting_bytes"] + size
    port["waiting_bytes"] = waiting
    if lane == BULK:
        port["waiting_data"] += size
    port["peak"] = max(port["peak"], waiting)
    port["bin_peak"] = max(port["bin_peak"], waiting)
    return slot


@device
def flush(state, part, dev, end):
    """Let the departures before ``end`` happen; return the time of the next one."""
    later = INF
    first = dev["first_port"]
    for p in range(first, first + dev["n_ports"]):
        port = state.ports[p]
        if port["waiting"] > 0:
            advance(state, part, p, end - 1)
            if port["waiting"] > 0:
                later = min(later, port["free_at"])
    return later


@device
def class_of(kind):
    """Return the class of an entry of this kind: DATA and CELL are bulk."""
    return BULK if kind == 0 or kind == 3 else CONTROL
