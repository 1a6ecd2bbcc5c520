"""The two binary trees of an all-reduce (table of section 4 of docs/model.md)."""

import numpy as np

from fabricemu.workloads.program import NONE, Ints

TREES = 2


def tree_steps(n: int) -> int:
    """Return the number of steps up to the root and down again."""
    return 4 * (n - 1).bit_length()


def tree_step(position: Ints, tree: int, step: int) -> tuple[Ints, Ints]:
    """Return whom each position sends to and whom it expects from, or NONE, (n,) each."""
    n = len(position)
    mirror = tree_steps(n) - 1 - step
    upwards = step < mirror
    above, below = _neighbours(n, min(step, mirror))
    target, source = (above, below) if upwards else (below, above)
    place, standing = _places(position, tree)
    return _at(standing, target[place]), _at(standing, source[place])


def _places(position: Ints, tree: int) -> tuple[Ints, Ints]:
    """Return the place of each position in a tree, and the position at each place."""
    n = len(position)
    if tree == 0:
        return position, position
    if n % 2 == 0:
        return n - 1 - position, n - 1 - position
    return (position - 1) % n, (position + 1) % n


def _neighbours(n: int, step: int) -> tuple[Ints, Ints]:
    """Return parent and child of each place between which a step on the way up leads."""
    bit, second = 1 << (step >> 1), step & 1
    child = np.arange(bit, n, 2 * bit)
    towards = np.where(child & (2 * bit), child - bit, child + bit)
    parent = np.where(towards < n, towards, child - bit)
    kind = (parent < child) == second
    above, below = np.full((2, n), NONE)
    above[child[kind]] = parent[kind]
    below[parent[kind]] = child[kind]
    return above, below


def _at(standing: Ints, place: Ints) -> Ints:
    return np.where(place == NONE, NONE, standing[place])
