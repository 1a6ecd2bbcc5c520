"""Good entropies first come first served, else a bitmap: uet-htsim's default."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.balance import walk
from fabricemu.kernels.state import GOOD


@device
def choose(state, qp):
    """Return the entropy that has been good for the longest time, else the bitmap's."""
    record = state.balancers[qp]
    if record["head"] == record["tail"]:
        return walk.bitmap(state, qp)
    value = state.fresh[qp, record["head"] & (state.config[0]["reorder"] - 1)]
    record["head"] += 1
    return value


@device
def feedback(state, qp, entropy, kind):
    """Keep a good entropy; a full FIFO loses its head."""
    walk.punish(state, qp, entropy, kind)
    if kind != GOOD:
        return
    record = state.balancers[qp]
    room = state.config[0]["reorder"]
    if record["tail"] - record["head"] == room:
        record["head"] += 1
    state.fresh[qp, record["tail"] & (room - 1)] = entropy
    record["tail"] += 1
