"""Which FIFO of a port goes next: pause frames, control, strict classes, deficit round robin.

Deficit round robin is that of Shreedhar and Varghese, SIGCOMM 1995.
"""

import numpy as np
from fabricemu.kernels import ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import BULK, CONTROL, NONE
from fabricemu.kernels.switch import queue

EMPTY, HELD = 0, -1  # in place of the first packet's bytes: nothing there, or paused


@inlined
def has_waiting(state, fifo):
    """Return whether something waits in a ring."""
    return state.outs[fifo]["committed"] < state.outs[fifo]["tail"]


@inlined
def choose(state, part, p):
    """Return the FIFO that port ``p`` of a switch serves next, or NONE."""
    config = state.config[0]
    fifos = config["fifos"]
    base = p * fifos
    classes = config["classes"]
    if config["pausing"] == 1 and has_waiting(state, base + fifos - 1):
        return fifos - 1
    if has_waiting(state, base):
        return np.int64(CONTROL)
    if classes == 1:
        free = has_waiting(state, base + BULK) and state.queues[p]["paused"] == 0
        return np.int64(BULK) if free else np.int64(NONE)
    for c in range(classes):
        state.heads[part, c] = head_bytes(state, p, c)
    return pick(state, part, p)


@device
def head_bytes(state, p, c):
    """Return the bytes of the first packet of a class, EMPTY or HELD."""
    fifo = p * state.config[0]["fifos"] + BULK + c
    if not has_waiting(state, fifo):
        return EMPTY
    if queue.of(state, p, c)["paused"] == 1:
        return HELD
    out = state.outs[fifo]
    return np.int64(state.entries[ring.at(state, out, out["committed"])]["bytes"])


@device
def pick(state, part, p):
    """Return the FIFO of the data class whose turn it is by ``heads``, or NONE."""
    classes = state.config[0]["classes"]
    may_go = False
    for c in range(classes):
        if state.heads[part, c] > 0:
            if state.classes[c]["weight"] == 0:
                return BULK + c
            may_go = True
    if not may_go:
        return NONE
    egress = state.egress[p]
    while True:
        c = egress["turn"]
        size = state.heads[part, c]
        record = queue.of(state, p, c)
        weight = state.classes[c]["weight"]
        if weight > 0 and size > 0:
            if egress["granted"] == 0:
                record["deficit"] += weight * state.config[0]["full_frame"]
                egress["granted"] = 1
            if record["deficit"] >= size:
                record["deficit"] -= size
                return BULK + c
        egress["granted"] = 0
        if size == EMPTY:
            record["deficit"] = 0
        egress["turn"] = c + 1 if c + 1 < classes else 0


@device
def emptied(state, p, c):
    """Pass the turn on from a class whose last packet has just been taken."""
    if state.classes[c]["weight"] == 0:
        return
    egress = state.egress[p]
    queue.of(state, p, c)["deficit"] = 0
    egress["granted"] = 0
    egress["turn"] = c + 1 if c + 1 < state.config[0]["classes"] else 0
