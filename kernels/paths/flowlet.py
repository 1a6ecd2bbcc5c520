"""Flowlet switching (Kandula et al., 2007; CONGA, SIGCOMM 2014): a table of recent flows."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import NONE


@device
def entry(state, d, qp, other):
    """Return the table entry of a flow; unlike flows may share one, as in hardware."""
    size = state.config[0]["flowlet_entries"]
    h = fold(fold(state.switches[d]["flow_seed"], qp), other)
    return (d - state.config[0]["ranks"]) * size + pick(h, size)


@device
def current(state, index, now):
    """Return the port of a flowlet that goes on, else NONE; either way it is seen now."""
    record = state.flowlets[index]
    last = record["last"]
    record["last"] = now
    if record["port"] == NONE or now - last > state.config[0]["flowlet_gap"]:
        return NONE
    return record["port"]
