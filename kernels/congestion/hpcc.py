"""HPCC (Li et al., SIGCOMM 2019): window by the utilisation that switches stamp into packets."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import STAMP_WORDS
from fabricemu.kernels.transport import pace

BITS_PS = 8e12


@device
def line_bytes(state, qp):
    """Return the bytes that the line carries in one base round trip."""
    return state.paces[qp]["line"] * state.parameters[0]["rtt"] / BITS_PS


@device
def busiest(state, qp, packet):
    """Return utilisation and interval of the busiest hop; interval 0 if none can be told."""
    record = state.hpcc[qp]
    words, old = state.stamps[packet], state.hpcc_stamps[qp]
    rtt = state.parameters[0]["rtt"]
    most = -1.0
    interval = 0
    for hop in range(record["stamps"]):
        k = 1 + STAMP_WORDS * hop
        tau = words[k] - old[k]
        if tau <= 0:
            continue
        rate = words[k + 3]
        queue = min(words[k + 2], old[k + 2])
        u = (words[k + 1] - old[k + 1]) * BITS_PS / tau / rate + queue * BITS_PS / (rate * rtt)
        if u > most:
            most = u
            interval = tau
    return most, interval


@device
def keep(state, qp, packet):
    """Remember the stamps of an acknowledgement."""
    words, old = state.stamps[packet], state.hpcc_stamps[qp]
    count = words[0]
    for k in range(1, 1 + STAMP_WORDS * count):
        old[k] = words[k]
    state.hpcc[qp]["stamps"] = count


@device
def on_ack(state, host, qp, packet, now):
    """Adapt the window, and once a round trip its reference."""
    record = state.hpcc[qp]
    sender = state.senders[qp]
    if record["stamps"] != state.stamps[packet, 0]:
        keep(state, qp, packet)
        record["update"] = sender["nxt"]
        return
    utilisation, tau = busiest(state, qp, packet)
    if tau > 0:
        adapt(state, qp, utilisation, tau)
    keep(state, qp, packet)
    apply(state, host, qp, now)


@device
def adapt(state, qp, u, tau):
    """Apply equations 1 to 4 of the paper."""
    record = state.hpcc[qp]
    sender = state.senders[qp]
    parameters = state.parameters[0]
    rtt = parameters["rtt"]
    tau = min(tau, rtt)
    record["utilisation"] = (1 - tau / rtt) * record["utilisation"] + (tau / rtt) * u
    k = record["utilisation"] / parameters["eta"]
    if k >= 1 or record["stage"] >= parameters["max_stage"]:
        window = record["reference"] / k + parameters["ai"]
        stage = 0
    else:
        window = record["reference"] + parameters["ai"]
        stage = record["stage"] + 1
    record["window"] = min(max(window, parameters["least"]), line_bytes(state, qp))
    if sender["una"] > record["update"]:
        record["reference"] = record["window"]
        record["stage"] = stage
        record["update"] = sender["nxt"]


@device
def apply(state, host, qp, now):
    """Hand window and rate to the NIC."""
    record = state.hpcc[qp]
    flow = state.paces[qp]
    flow["window"] = record["window"]
    flow["rate"] = BITS_PS * record["window"] / state.parameters[0]["rtt"]
    pace.changed(state, host, qp, now)


@device
def on_loss(state, host, qp, timeout, now):
    """Halve the window after a time-out."""
    if not timeout:
        return
    record = state.hpcc[qp]
    record["window"] = max(state.parameters[0]["least"], record["window"] / 2)
    record["reference"] = record["window"]
    apply(state, host, qp, now)
