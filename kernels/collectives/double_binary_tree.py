"""All-reduce by two binary trees: odd parts take the second, and all go up and down again.

Sanders, Speck and Träff, "Two-tree algorithms for full bandwidth broadcast, reduction and
scan", Parallel Computing 2009, with the trees of NCCL. Zero bits at the end of a place are its
height; a first child of height k is served in step 2k, a second one in step 2k + 1, and both
again in the mirror images of these steps.
"""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import NONE


@device
def place_of(n, tree, position):
    """Return the place of a position in a tree."""
    if tree == 0:
        return position
    return n - 1 - position if n % 2 == 0 else (position - 1) % n


@device
def position_of(n, tree, place):
    """Return the position at a place of a tree, or NONE at none."""
    if tree == 0 or place == NONE:
        return place
    return n - 1 - place if n % 2 == 0 else (place + 1) % n


@device
def parent(n, place, bit):
    """Return the parent of a place whose lowest set bit is ``bit``."""
    above = place - bit if place & (2 * bit) else place + bit
    return above if above < n else place - bit


@device
def neighbours(n, place, bit, second):
    """Return the parent of a place that is such a child, and its child of that kind, or NONE."""
    height = place & (2 * bit - 1)
    if height == bit:
        above = parent(n, place, bit)
        return (above if (above < place) == second else NONE), NONE
    child = place + bit if second else place - bit
    has = height == 0 and 0 < child < n and parent(n, child, bit) == place
    return NONE, (child if has else NONE)


@device
def step(instance, position, tree, s, size):
    """Return (peer, bytes, whether a message is expected) of step ``s``."""
    n = instance["n"]
    mirror = instance["steps"] - 1 - s
    upwards = s < mirror
    t = s if upwards else mirror
    place = place_of(n, tree, position)
    above, below = neighbours(n, place, 1 << (t >> 1), t & 1 == 1)
    target, source = (above, below) if upwards else (below, above)
    return position_of(n, tree, target), size, source != NONE
