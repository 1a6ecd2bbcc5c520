"""REPS: entropies that were good are used again (Bonato et al., 2024), as in uet-htsim."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.balance import walk
from fabricemu.kernels.state import GOOD, TIMEOUT

SLOTS = 8
FREEZE = 10_000_000_000  # ps
EXPLORE = 16  # random packets after a freeze


@device
def choose(state, qp):
    """Return the oldest entropy that was good and not used since, else a random one."""
    record = state.balancers[qp]
    n = state.config[0]["entropies"]
    if record["explore"] > 0:
        record["explore"] -= 1
        return walk.draw(state, qp, n)
    slots = state.fresh[qp]
    if record["frozen_until"] > 0:
        if record["count"] == 0:
            return walk.draw(state, qp, n)
        k = record["read"] % record["count"]
        record["read"] = (record["read"] + 1) % record["count"]
        slots[SLOTS + k] = 0
        return slots[k]
    for step in range(SLOTS):
        k = (record["write"] + step) % SLOTS
        if slots[SLOTS + k] == 1:
            slots[SLOTS + k] = 0
            return slots[k]
    return walk.draw(state, qp, n)


@device
def feedback(state, qp, entropy, kind, now):
    """Remember a good entropy; freeze after a time-out."""
    record = state.balancers[qp]
    slots = state.fresh[qp]
    if record["frozen_until"] > 0 and now >= record["frozen_until"]:
        record["frozen_until"] = 0
        record["write"] = 0
        record["count"] = 0
        record["read"] = 0
        record["explore"] = EXPLORE
        for k in range(SLOTS):
            slots[SLOTS + k] = 0
    if kind == GOOD:
        k = record["write"]
        slots[k] = entropy
        slots[SLOTS + k] = 1
        record["write"] = (k + 1) % SLOTS
        record["count"] = min(record["count"] + 1, SLOTS)
    elif kind == TIMEOUT and record["frozen_until"] == 0 and record["explore"] == 0:
        record["frozen_until"] = now + FREEZE
        record["read"] = 0
