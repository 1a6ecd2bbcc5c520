"""The table of congestion controls of RC; the UEC transport calls its own."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.congestion import dcqcn, dctcp, hpcc, swift
from fabricemu.kernels.state import DCQCN, DCTCP, HPCC, SWIFT


@device
def on_ack(state, host, qp, n, packet, now):
    """Handle an ACK or NACK that acknowledges ``n`` packets."""
    control = state.config[0]["control"]
    if control == DCTCP:
        dctcp.on_ack(state, qp, n, packet)
    elif control == SWIFT:
        swift.on_ack(state, host, qp, n, packet, now)
    elif control == HPCC:
        hpcc.on_ack(state, host, qp, packet, now)


@device
def on_loss(state, host, qp, timeout, now):
    """Handle a NACK or a time-out."""
    control = state.config[0]["control"]
    if control == DCTCP:
        dctcp.on_loss(state, qp, timeout)
    elif control == SWIFT:
        swift.on_loss(state, host, qp, timeout, now)
    elif control == HPCC:
        hpcc.on_loss(state, host, qp, timeout, now)


@device
def on_send(state, host, qp, wire, now):
    """Handle a packet that started."""
    if state.config[0]["control"] == DCQCN:
        dcqcn.on_send(state, host, qp, wire, now)
