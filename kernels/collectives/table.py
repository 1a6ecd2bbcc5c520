"""The table of algorithms."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.collectives import (
    all_to_all,
    barrier,
    broadcast,
    double_binary_tree,
    halving_doubling,
    ring,
    segment,
)

RING, HALVING_DOUBLING, SHIFT, AT_ONCE, DISSEMINATION, DOUBLE_BINARY_TREE = 0, 1, 2, 3, 4, 5
BROADCAST = 4  # kind of collective; the others differ by algorithm alone


@device
def step(instance, position, piece, s):
    """Return (peer position or NONE, bytes, whether a message is expected) of a part's step."""
    size = segment.length(instance["bytes"], instance["parts"], piece)
    algorithm = instance["algorithm"]
    if algorithm == RING:
        if instance["kind"] == BROADCAST:
            return broadcast.step(instance, position, s, size)
        return ring.step(instance, position, s, size)
    if algorithm == HALVING_DOUBLING:
        return halving_doubling.step(instance, position, s, size)
    if algorithm == DISSEMINATION:
        return barrier.step(instance, position, s, size)
    if algorithm == DOUBLE_BINARY_TREE:
        return double_binary_tree.step(instance, position, piece & 1, s, size)
    return all_to_all.step(instance, position, s, size)
