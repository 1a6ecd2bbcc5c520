"""ECN marks by RED on the instantaneous queue (DCQCN's congestion point, SIGCOMM 2015)."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import CE


@device
def mark(state, p, entry, waiting, roll):
    """Mark a packet by the bytes that wait in its class."""
    egress = state.egress[p]
    low = egress["ecn_low"]
    if waiting <= low:
        return
    high = egress["ecn_high"]
    if waiting > high or roll * (high - low) < state.config[0]["ecn_max"] * (waiting - low):
        entry["flags"] |= CE
        egress["marks"] += 1
