"""A port with two FIFOs, control before data, drained when touched.

All ports of cell fabrics, and of Ethernet switches with nothing beyond docs/model.md; where
there is more, ``switch`` has the rules.
"""

import numpy as np
from fabricemu.kernels import pool, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels._view import prefetch
from fabricemu.kernels.state import BULK, CONTROL, INF

FIFOS = 2
SOON = 3  # packets: what waits may have been written long ago
PS_PER_BYTE_AT_1_BPS = 8_000_000_000_000


@inlined
def transmission(state, p, size):
    """Return the time of ``size`` bytes on the wire of port ``p``, rounded up."""
    per_byte = np.int64(state.ports[p]["per_byte"])
    if per_byte > 0:
        return size * per_byte
    rate = state.limits[p]["rate"]
    return (size * PS_PER_BYTE_AT_1_BPS + rate - 1) // rate


@inlined
def transmit(state, part, p, packet, start):
    """Put an entry on the wire of port ``p`` at ``start``."""
    port = state.ports[p]
    entry = state.entries[packet]
    wire = np.int64(entry["bytes"]) + port["gap"]
    free = start + transmission(state, p, wire)
    arrival = free + port["latency"]
    entry["time"] = arrival
    port["free_at"] = free
    port["sent_bytes"] += wire
    port["dirty"] = 1
    wake = state.wake[part]
    receiver = port["next_device"]
    if arrival < wake[receiver]:
        wake[receiver] = arrival


@inlined
def depart(state, part, p, start):
    """Start the next waiting entry of port ``p``, control first."""
    port = state.ports[p]
    out = state.outs[FIFOS * p]
    is_bulk = out["committed"] == out["tail"]
    if is_bulk:
        out = state.outs[FIFOS * p + BULK]
    index = out["committed"]
    packet = ring.at(state, out, index)
    if index + SOON < out["tail"]:
        prefetch(state.entries, ring.at(state, out, index + SOON))
    out["committed"] = index + 1
    size = np.int64(state.entries[packet]["bytes"])
    port["waiting_bytes"] -= size
    if port["limited"]:
        limit = state.limits[p]
        limit["serving"] = 0
        if is_bulk:
            limit["serving"] = size
            limit["waiting_data"] -= size
    transmit(state, part, p, packet, start)


@inlined
def advance(state, part, p, now):
    """Let every departure of port ``p`` up to and including ``now`` happen."""
    port = state.ports[p]
    while port["waiting_bytes"] > 0 and port["free_at"] <= now:
        depart(state, part, p, port["free_at"])


@inlined
def is_idle(port, now):
    """Return whether an arriving packet starts at once (after ``advance``)."""
    return port["waiting_bytes"] == 0 and port["free_at"] <= now


@device
def overflows(state, p, size, now):
    """Return whether a data packet finds its queue full; count it as dropped then."""
    limit = state.limits[p]
    queued = limit["waiting_data"]
    if state.ports[p]["free_at"] > now:
        queued += limit["serving"]
    if queued + size <= limit["limit"]:
        return False
    limit["drops"] += 1
    return True


@inlined
def enqueue(state, part, p, lane, packet, now):
    """Give a packet to port ``p``, class ``lane``, which may drop it."""
    advance(state, part, p, now)
    port = state.ports[p]
    size = np.int64(state.entries[packet]["bytes"])
    limited = port["limited"] and lane == BULK
    if limited and not is_idle(port, now) and overflows(state, p, size, now):
        pool.give(state, part, packet)
        return
    ring.push(state, part, FIFOS * p + lane, packet)
    start_or_wait(state, part, p, lane, packet, now)


@inlined
def start_or_wait(state, part, p, lane, packet, now):
    """Start the entry just pushed if the wire is free, else count it as waiting."""
    port = state.ports[p]
    size = np.int64(state.entries[packet]["bytes"])
    if is_idle(port, now):
        state.outs[FIFOS * p + lane]["committed"] += 1
        if port["limited"]:
            state.limits[p]["serving"] = size if lane == BULK else 0
        transmit(state, part, p, packet, now)
        return
    waiting = port["waiting_bytes"] + size
    port["waiting_bytes"] = waiting
    port["bin_peak"] = max(port["bin_peak"], waiting)
    if port["limited"] and lane == BULK:
        state.limits[p]["waiting_data"] += size


@device
def flush(state, part, dev, end):
    """Let the departures before ``end`` happen; return the time of the next one."""
    later = INF
    first = dev["first_port"]
    for p in range(first, first + dev["n_ports"]):
        port = state.ports[p]
        if port["waiting_bytes"] > 0:
            advance(state, part, p, end - 1)
            if port["waiting_bytes"] > 0:
                later = min(later, port["free_at"])
    return later


@inlined
def class_of(kind):
    """Return the class of an entry of this kind: DATA and CELL are bulk."""
    return BULK if kind == 0 or kind == 3 else CONTROL
