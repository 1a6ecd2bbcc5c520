"""Swift (Kumar et al., SIGCOMM 2020): window by delay against a target that scales with flows."""

import math

from fabricemu.kernels import extras
from fabricemu.kernels._jit import device
from fabricemu.kernels.transport import pace

MANY_LOSSES = 5  # time-outs in a row


@device
def target(state, qp, cwnd):
    """Return the delay to aim for, in ps."""
    parameters = state.parameters[0]
    scaled = max(parameters["fs_alpha"] / math.sqrt(cwnd) + parameters["fs_beta"], 0.0)
    hops = state.swift[qp]["hops"] * parameters["hop"]
    return parameters["base"] + hops + min(scaled, parameters["fs_range"])


@device
def apply(state, host, qp, now):
    """Clip the window and hand it to the NIC."""
    record = state.swift[qp]
    parameters = state.parameters[0]
    cwnd = min(max(record["cwnd"], parameters["least"]), parameters["most"])
    record["cwnd"] = cwnd
    flow = state.paces[qp]
    flow["window"] = max(cwnd, 1.0) * state.config[0]["mtu"]
    flow["gap"] = record["rtt"] / cwnd if cwnd < 1 else 0.0
    pace.changed(state, host, qp, now)


@device
def on_ack(state, host, qp, n, packet, now):
    """Adapt the window to the delay of the acknowledged packet."""
    record = state.swift[qp]
    parameters = state.parameters[0]
    if n > 0:
        record["losses"] = 0
    delay = now - extras.tag(state, packet)["echo"]
    record["rtt"] = delay
    cwnd = record["cwnd"]
    aim = target(state, qp, cwnd)
    if delay < aim:
        step = parameters["ai"] * n
        record["cwnd"] = cwnd + step / cwnd if cwnd >= 1 else cwnd + step
    elif now - record["last_cut"] >= delay:
        factor = 1 - parameters["beta"] * (delay - aim) / delay
        record["cwnd"] = cwnd * max(factor, 1 - parameters["max_mdf"])
        record["last_cut"] = now
    apply(state, host, qp, now)


@device
def on_loss(state, host, qp, timeout, now):
    """Cut once a round trip; begin again after several time-outs."""
    record = state.swift[qp]
    parameters = state.parameters[0]
    if timeout:
        record["losses"] += 1
    if timeout and record["losses"] >= MANY_LOSSES:
        record["cwnd"] = parameters["least"]
    elif now - record["last_cut"] >= record["rtt"]:
        record["cwnd"] = record["cwnd"] * (1 - parameters["max_mdf"])
        record["last_cut"] = now
    apply(state, host, qp, now)
