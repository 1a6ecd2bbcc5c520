"""What a fabric element tells of its queues: link-level flow control, levels (docs/ddc.md 14).

A lane's cells that wait in the element count in the group of its port, class 0.
"""

import numpy as np
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import AT_ONCE, CONGESTION
from fabricemu.kernels.switch import pause, queue


@device
def hold(state, part, d, i, size, now):
    """Note that a cell which came in by port ``i`` waits; pause that lane if it has too many."""
    config = state.config[0]
    if config["llfc_xoff"] < 0:
        return
    group = queue.of(state, i, 0)
    group["shared"] += size
    if group["pausing"] == 0 and group["shared"] > config["llfc_xoff"]:
        group["pausing"] = 1
        pause.send(state, part, d, i, 0, 0, now)


@device
def let_go(state, part, d, i, size, now):
    """Note that such a cell waits no longer; let the lane go on if few are left."""
    config = state.config[0]
    if config["llfc_xoff"] < 0:
        return
    group = queue.of(state, i, 0)
    group["shared"] -= size
    if group["pausing"] == 1 and group["shared"] <= config["llfc_xon"]:
        group["pausing"] = 0
        pause.send(state, part, d, i, 0, AT_ONCE, now)


@device
def raise_level(state, p, entry, waiting):
    """Tell a cell how much still waits at port ``p``, if that is more than it has met."""
    level = 0
    for k in range(state.config[0]["rci_levels"]):
        level += state.rci_bytes[k] <= waiting
    if level > entry["flags"] & CONGESTION:
        entry["flags"] = np.uint8(level)
        state.egress[p]["marks"] += 1
