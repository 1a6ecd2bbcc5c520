"""Timers of a host's queue pairs: a heap of (time, number) that can be moved and removed.

A queue pair has ``qp_timers`` of them, by kind; the credit pacers of the host follow.
"""

from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import INF, NONE


@device
def number(state, host, qp, kind):
    """Return the number of a queue pair's timer at its host."""
    return (qp - host["first_qp"]) * state.config[0]["qp_timers"] + kind


@inlined
def first(state, host):
    """Return the time of the host's first timer."""
    if host["clocks"] == 0:
        return INF
    return state.clock_time[host["clock"] + state.clock_id[host["clock"]]]


@device
def top(state, host):
    """Return the number of the host's first timer."""
    return state.clock_id[host["clock"]]


@device
def before(state, base, a, b):
    """Return whether timer ``a`` goes before ``b``."""
    time, other = state.clock_time[base + a], state.clock_time[base + b]
    return time < other or (time == other and a < b)


@device
def put(state, base, place, timer):
    """Place a timer in the heap."""
    state.clock_id[base + place] = timer
    state.clock_place[base + timer] = place


@device
def rise(state, base, place, timer):
    """Move a timer towards the top as far as it goes; return its place."""
    while place > 0:
        parent = (place - 1) >> 1
        above = state.clock_id[base + parent]
        if not before(state, base, timer, above):
            break
        put(state, base, place, above)
        place = parent
    put(state, base, place, timer)
    return place


@device
def sink(state, base, count, place, timer):
    """Move a timer away from the top as far as it goes."""
    while 2 * place + 1 < count:
        child = 2 * place + 1
        if child + 1 < count and before(
            state, base, state.clock_id[base + child + 1], state.clock_id[base + child]
        ):
            child += 1
        below = state.clock_id[base + child]
        if not before(state, base, below, timer):
            break
        put(state, base, place, below)
        place = child
    put(state, base, place, timer)


@device
def is_set(state, host, timer):
    """Return whether a timer is set."""
    return state.clock_place[host["clock"] + timer] != NONE


@device
def set_at(state, host, timer, time):
    """Set a timer, or move it, to ``time``."""
    base = host["clock"]
    place = state.clock_place[base + timer]
    if place == NONE:
        place = host["clocks"]
        host["clocks"] = place + 1
    state.clock_time[base + timer] = time
    place = rise(state, base, place, timer)
    sink(state, base, host["clocks"], place, timer)


@device
def cancel(state, host, timer):
    """Remove a timer if it is set."""
    base = host["clock"]
    place = state.clock_place[base + timer]
    if place == NONE:
        return
    state.clock_place[base + timer] = NONE
    count = host["clocks"] - 1
    host["clocks"] = count
    if place == count:
        return
    last = state.clock_id[base + count]
    place = rise(state, base, place, last)
    sink(state, base, count, place, last)
