"""DCTCP (Alizadeh et al., SIGCOMM 2010; RFC 8257): window by the share of marked packets."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import CE


@device
def on_ack(state, qp, n, packet):
    """Count what one acknowledgement tells; adapt once a window."""
    record = state.dctcp[qp]
    sender = state.senders[qp]
    parameters = state.parameters[0]
    record["acked"] += n
    if state.entries[packet]["flags"] & CE:
        record["marked"] += n
    if sender["una"] < record["mark_end"] or record["acked"] == 0:
        return
    g = parameters["g"]
    mtu = float(state.config[0]["mtu"])
    record["alpha"] = (1 - g) * record["alpha"] + g * (record["marked"] / record["acked"])
    if record["marked"] > 0:
        record["window"] = max(mtu, record["window"] * (1 - record["alpha"] / 2))
    else:
        record["window"] = min(parameters["most"], record["window"] + mtu)
    record["acked"] = 0
    record["marked"] = 0
    record["mark_end"] = sender["nxt"]
    state.paces[qp]["window"] = record["window"]


@device
def on_loss(state, qp, timeout):
    """Halve the window on a NACK; begin again after a time-out."""
    record = state.dctcp[qp]
    mtu = float(state.config[0]["mtu"])
    record["window"] = mtu if timeout else max(mtu, record["window"] / 2)
    state.paces[qp]["window"] = record["window"]
