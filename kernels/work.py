"""The FIFO of program actions of one event, and the timers of a host."""

from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import INF


@device
def queue(state, part, op, action):
    """Put BEGIN or FINISH of an operation at the tail of the FIFO."""
    share = state.parts[part]
    tail = share["work_tail"]
    state.work[part, tail & state.config[0]["work_mask"]] = 2 * op + action
    share["work_tail"] = tail + 1


@device
def set_timer(state, host, time, item):
    """Add (time, item) to the host's heap; smaller items go first at one instant."""
    base = host["heap"]
    times = state.heap_time
    items = state.heap_op
    place = host["timers"]
    host["timers"] = place + 1
    while place > 0:
        parent = (place - 1) >> 1
        above = times[base + parent]
        if above < time or (above == time and items[base + parent] <= item):
            break
        times[base + place] = above
        items[base + place] = items[base + parent]
        place = parent
    times[base + place] = time
    items[base + place] = item


@inlined
def first_timer(state, host):
    """Return the time of the host's first timer."""
    if host["timers"] == 0:
        return INF
    return state.heap_time[host["heap"]]


@device
def pop_timer(state, host):
    """Remove the host's first timer and return its item."""
    base = host["heap"]
    times = state.heap_time
    items = state.heap_op
    top = items[base]
    count = host["timers"] - 1
    host["timers"] = count
    time = times[base + count]
    item = items[base + count]
    place = 0
    while 2 * place + 1 < count:
        child = 2 * place + 1
        if child + 1 < count and earlier(times, items, base + child + 1, base + child):
            child += 1
        below = times[base + child]
        if below > time or (below == time and items[base + child] >= item):
            break
        times[base + place] = below
        items[base + place] = items[base + child]
        place = child
    times[base + place] = time
    items[base + place] = item
    return top


@device
def earlier(times, items, a, b):
    """Return whether heap slot ``a`` goes before ``b``."""
    return times[a] < times[b] or (times[a] == times[b] and items[a] < items[b])
