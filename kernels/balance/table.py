"""The table of path choosers of the NIC."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.balance import mixed, reps, walk
from fabricemu.kernels.state import BITMAP, MIXED, OBLIVIOUS, REPS


@device
def choose(state, qp):
    """Return the entropy of a queue pair's next packet."""
    kind = state.config[0]["balance"]
    if kind == OBLIVIOUS:
        value = walk.oblivious(state, qp)
    elif kind == BITMAP:
        value = walk.bitmap(state, qp)
    elif kind == REPS:
        value = reps.choose(state, qp)
    else:
        value = mixed.choose(state, qp)
    state.balancers[qp]["entropy"] = value
    return value


@device
def feedback(state, qp, entropy, kind, now):
    """Tell a queue pair how a packet with this entropy fared."""
    balance = state.config[0]["balance"]
    if balance == BITMAP:
        walk.punish(state, qp, entropy, kind)
    elif balance == REPS:
        reps.feedback(state, qp, entropy, kind, now)
    elif balance == MIXED:
        mixed.feedback(state, qp, entropy, kind)
