"""Round robins: whose turn it is, and when it is over (docs/model.md 2, docs/ddc.md 14.1)."""

from fabricemu.kernels._jit import inlined
from fabricemu.kernels.state import CELL


@inlined
def is_over(state, turn, share):
    """Count an entry's share of a turn; return whether the next begins.

    A turn has room for a train, or for as many control cells as a train has cells.
    """
    room = state.config[0]["train_cells"]
    turn["shares"] += share
    if turn["shares"] < room:
        return False
    turn["shares"] -= room
    return True


@inlined
def take(state, index, count, kind):
    """Return the place of an entry in a round robin of ``count``."""
    turn = state.turns[index]
    place = turn["place"]
    if place >= count:  # it has come round, or other routes had more ports
        place %= count
    share = state.config[0]["train_cells"] if kind == CELL else 1
    turn["place"] = place + 1 if is_over(state, turn, share) else place
    return place
