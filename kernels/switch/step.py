"""One window of a switch: departures before arrivals, in the order of time."""

from fabricemu.kernels import order, pool
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.paths import choose
from fabricemu.kernels.state import CELL, DATA, INF, LOST, NONE, PAUSE
from fabricemu.kernels.switch import departures, output, pause


@inlined
def arrive(state, part, d, item, now):
    """Handle one arrival."""
    dev = state.devices[d]
    packet = item >> order.PORT_BITS
    i = dev["first_port"] + (item & order.PORT_MASK)
    kind = state.entries[packet]["kind"]
    if kind == LOST:
        pool.give(state, part, packet)
        return
    if kind == PAUSE:
        resumed = pause.obey(state, part, i, packet, now)
        pool.give(state, part, packet)
        if resumed:
            output.resume(state, part, d, i, now)
        return
    p = choose.route(state, d, dev, packet, now)
    if p == NONE:
        state.egress[i]["lost"] += 1
        pool.give(state, part, packet)
    elif kind in (DATA, CELL):
        output.data(state, part, d, i, p, packet, now)
    else:
        output.control(state, part, d, p, packet, now)


@device
def step(state, part, d, start, end):
    """Handle the window [start, end); return the time of the device's next event."""
    dev = state.devices[d]
    count, later = order.gather(state, part, dev, end)
    order.sort(state, part, count, start, dev["tie_seed"])
    k = 0
    while True:
        arrival = state.sort_time[part, k] if k < count else INF
        departure = departures.first(state, d)
        if min(arrival, departure) >= end:
            return min(later, departure)
        if departure <= arrival:
            p = departures.take(state, d)
            output.depart(state, part, d, p, departure)
        else:
            arrive(state, part, d, state.sort_slot[part, k], arrival)
            k += 1
