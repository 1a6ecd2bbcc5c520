# mypy: allow-untyped-defs, allow-untyped-decorators
"""The one heap: 4-ary, of int64 events; slots beyond its end hold INF."""

import numpy as np
from fabricemu.kernels._jit import device

from benchmarks.classic_state import INF, NONE, ROOT


@device
def least_child(heap, slot):
    """Return the slot of the smallest of a slot's four children; nothing to mispredict."""
    child = 4 * slot - 8
    a, b, c, d = heap[child], heap[child + 1], heap[child + 2], heap[child + 3]
    left = child + np.int64(b < a)
    right = child + 2 + np.int64(d < c)
    return left + (right - left) * np.int64(min(c, d) < min(a, b))


@device
def replace_root(state, event):
    """Put an event in the place of the root."""
    heap = state.heap
    end = ROOT + state.totals[0]["pending"]
    slot = ROOT
    while 4 * slot - 8 < end:
        child = least_child(heap, slot)
        if heap[child] >= event:
            break
        heap[slot] = heap[child]
        slot = child
    heap[slot] = event


@device
def push(state, event):
    """Add an event; the hole at the root, if there is one, is filled first."""
    totals = state.totals[0]
    if totals["hole"] == 1:
        totals["hole"] = 0
        replace_root(state, event)
        return
    heap = state.heap
    slot = ROOT + totals["pending"]
    totals["pending"] += 1
    while slot > ROOT:
        parent = (slot + 8) >> 2
        if heap[parent] <= event:
            break
        heap[slot] = heap[parent]
        slot = parent
    heap[slot] = event


@device
def close_hole(state):
    """Fill the hole at the root, if there is one, with the last event."""
    totals = state.totals[0]
    if totals["hole"] == 0:
        return
    totals["hole"] = 0
    totals["pending"] -= 1
    end = ROOT + totals["pending"]
    last = state.heap[end]
    state.heap[end] = INF
    if totals["pending"] > 0:
        replace_root(state, last)


@device
def first(state):
    """Return the next event, or NONE."""
    close_hole(state)
    return state.heap[ROOT] if state.totals[0]["pending"] > 0 else NONE


@device
def second(state):
    """Return the event after the next one, INF if there is none."""
    return state.heap[least_child(state.heap, ROOT)]
