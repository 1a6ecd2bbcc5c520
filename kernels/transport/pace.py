"""When a paced queue pair may send next (docs/ethernet.md 7, Pacing)."""

import math

from fabricemu.kernels import clock
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import PACE

PS_PER_BYTE = 8e12  # at 1 bit/s


@device
def next_time(state, flow, p):
    """Return the earliest start of the next packet, 0 if the wire alone decides."""
    if flow["gap"] > 0:
        return flow["last_start"] + int(flow["gap"])
    if flow["rate"] < state.limits[p]["rate"]:
        return flow["last_start"] + math.ceil(PS_PER_BYTE * flow["last_wire"] / flow["rate"])
    return 0


@device
def sent(state, qp, p, start, wire):
    """Note a packet that started."""
    flow = state.paces[qp]
    flow["last_start"] = start
    flow["last_wire"] = wire
    flow["next_at"] = next_time(state, flow, p)


@device
def changed(state, host, qp, now):
    """Follow a change of rate: the next packet may start earlier or later than thought."""
    flow = state.paces[qp]
    if flow["last_wire"] == 0:
        return
    flow["next_at"] = max(next_time(state, flow, state.senders[qp]["port"]), now)
    timer = clock.number(state, host, qp, PACE)
    if clock.is_set(state, host, timer):
        clock.set_at(state, host, timer, flow["next_at"])


@device
def wait(state, host, qp):
    """Wake a queue pair when it may send next."""
    timer = clock.number(state, host, qp, PACE)
    clock.set_at(state, host, timer, state.paces[qp]["next_at"])
