"""The ports of a switch that are busy and have something waiting, by the time they are free.

Such a port's time does not change until it departs, so a plain heap is enough.
"""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import INF


@device
def first(state, d):
    """Return the time of the next departure of a switch."""
    if state.switches[d]["heap"] == 0:
        return INF
    return state.ports[state.departures[state.devices[d]["first_port"]]]["free_at"]


@device
def before(state, p, q):
    """Return whether port ``p`` departs before ``q``."""
    time, other = state.ports[p]["free_at"], state.ports[q]["free_at"]
    return time < other or (time == other and p < q)


@device
def add(state, d, p):
    """Add a port that is busy, unless it is there."""
    if state.egress[p]["scheduled"] == 1:
        return
    state.egress[p]["scheduled"] = 1
    base = state.devices[d]["first_port"]
    place = state.switches[d]["heap"]
    state.switches[d]["heap"] = place + 1
    while place > 0:
        parent = (place - 1) >> 1
        above = state.departures[base + parent]
        if before(state, above, p):
            break
        state.departures[base + place] = above
        place = parent
    state.departures[base + place] = p


@device
def take(state, d):
    """Remove the first port and return it."""
    base = state.devices[d]["first_port"]
    first_port = state.departures[base]
    state.egress[first_port]["scheduled"] = 0
    count = state.switches[d]["heap"] - 1
    state.switches[d]["heap"] = count
    last = state.departures[base + count]
    place = 0
    while 2 * place + 1 < count:
        child = 2 * place + 1
        if child + 1 < count and before(
            state, state.departures[base + child + 1], state.departures[base + child]
        ):
            child += 1
        below = state.departures[base + child]
        if before(state, last, below):
            break
        state.departures[base + place] = below
        place = child
    state.departures[base + place] = last
    return first_port
