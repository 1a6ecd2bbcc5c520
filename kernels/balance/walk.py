"""Oblivious entropies, each once a cycle in an order drawn anew; with penalties, the bitmap.

Both as in uet-htsim (Ultra Ethernet 1.0 leaves the choice to the sender).
"""

from fabricemu.kernels._jit import device
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import ECN, NACKED, TIMEOUT

MOST = 15  # penalty points
POINTS_ECN, POINTS_NACK, POINTS_TIMEOUT = 1, 4, 15


@device
def draw(state, qp, n):
    """Return the queue pair's next random choice among n."""
    record = state.balancers[qp]
    h = fold(state.balance_seeds[qp], record["draws"])
    record["draws"] += 1
    return pick(h, n)


@device
def oblivious(state, qp):
    """Return the next entropy of the walk."""
    record = state.balancers[qp]
    n = state.config[0]["entropies"]
    if record["step"] == 0:
        record["flip"] = draw(state, qp, n)
    value = record["step"] ^ record["flip"]
    record["step"] = (record["step"] + 1) & (n - 1)
    return value


@device
def bitmap(state, qp):
    """Return the next entropy without penalty; the first one passed over loses a point."""
    value = oblivious(state, qp)
    for k in range(state.config[0]["entropies"]):
        if state.penalties[qp, value] == 0:
            break
        if k == 0:
            state.penalties[qp, value] -= 1
        value = oblivious(state, qp)
    return value


@device
def punish(state, qp, entropy, kind):
    """Add penalty points by the kind of feedback."""
    points = 0
    if kind == ECN:
        points = POINTS_ECN
    elif kind == NACKED:
        points = POINTS_NACK
    elif kind == TIMEOUT:
        points = POINTS_TIMEOUT
    state.penalties[qp, entropy] = min(state.penalties[qp, entropy] + points, MOST)
