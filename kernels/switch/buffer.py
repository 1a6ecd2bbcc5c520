"""Shared buffer with dynamic thresholds (Choudhury and Hahne, 1998): who may take what."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import INF
from fabricemu.kernels.switch import queue


@device
def threshold(state, d, alpha):
    """Return what one port group or queue may hold of the pool now."""
    pool = state.switches[d]["pool"]
    if pool < 0:
        return INF
    return (alpha * (pool - state.switches[d]["used"])) >> 16


@device
def charge(state, d, i, c, size):
    """Charge a packet to the port group it came in by; return whether there is room."""
    config = state.config[0]
    group = queue.of(state, i, c)
    if state.switches[d]["pool"] >= 0:
        if group["resv"] + size <= config["reserved"]:
            group["resv"] += size
            return True
        lossless = state.classes[c]["lossless"] == 1
        if lossless and group["shared"] + size > threshold(state, d, config["alpha"]):
            if group["hdrm"] + size > state.egress[i]["headroom"]:
                return False
            group["hdrm"] += size
            return True
    group["shared"] += size
    state.switches[d]["used"] += size
    return True


@device
def release(state, d, i, c, size):
    """Give back what a packet was charged: headroom first, then the pool."""
    group = queue.of(state, i, c)
    part = min(size, group["hdrm"])
    group["hdrm"] -= part
    size -= part
    part = min(size, group["shared"])
    group["shared"] -= part
    state.switches[d]["used"] -= part
    group["resv"] -= size - part
