"""Which FIFO of a port goes next: pause frames, control, strict classes, deficit round robin.

Deficit round robin is that of Shreedhar and Varghese, SIGCOMM 1995. Whose turn it is is kept in
rows, one for each port and each scheduler of credits.
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
    c = pick(state, part, p, config["full_frame"])
    return np.int64(NONE) if c == NONE else BULK + c


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
def pick(state, part, row, quantum):
    """Return the data class whose turn it is by ``heads``, or NONE.

    ``quantum`` is what a weight of 1 lets a class send in its turn.
    """
    classes = state.config[0]["classes"]
    may_go = False
    for c in range(classes):
        if state.heads[part, c] > 0:
            if state.classes[c]["weight"] == 0:
                return np.int64(c)
            may_go = True
    if not may_go:
        return np.int64(NONE)
    turns = state.rounds[row]
    while True:
        c = turns["turn"]
        size = state.heads[part, c]
        place = row * classes + c
        weight = state.classes[c]["weight"]
        if weight > 0 and size > 0:
            if turns["granted"] == 0:
                state.deficits[place] += weight * quantum
                turns["granted"] = 1
            if state.deficits[place] >= size:
                state.deficits[place] -= size
                return c
        turns["granted"] = 0
        if size == EMPTY:
            state.deficits[place] = 0
        turns["turn"] = c + 1 if c + 1 < classes else 0


@device
def emptied(state, row, c):
    """Pass the turn on from a class whose last packet has just been taken."""
    if state.classes[c]["weight"] == 0:
        return
    classes = state.config[0]["classes"]
    state.deficits[row * classes + c] = 0
    turns = state.rounds[row]
    turns["granted"] = 0
    turns["turn"] = c + 1 if c + 1 < classes else 0
