"""What each position of a collective sends and expects at each step (section 4)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fabricemu.workloads.program import Algorithm, Collective, Collectives


@dataclass
class Step:
    """Messages to send, as (position, bytes), and the number of messages expected."""

    sends: list[tuple[int, int]] = field(default_factory=list)
    expects: int = 0


Table = Callable[[int, int, int, int], list[Step]]  # position, positions, bytes, root


def cut(size: int, pieces: int, first: int, last: int) -> int:
    """Return the bytes of pieces ``first .. last - 1`` of ``size`` bytes cut into ``pieces``."""
    return last * size // pieces - first * size // pieces


def segment(size: int, pieces: int, piece: int) -> int:
    return cut(size, pieces, piece, piece + 1)


def ring(i: int, n: int, size: int, root: int) -> list[Step]:
    return [Step([((i + 1) % n, segment(size, n, (i - s) % n))], 1) for s in range(n - 1)]


def ring_all_reduce(i: int, n: int, size: int, root: int) -> list[Step]:
    return [Step([((i + 1) % n, segment(size, n, (i - s) % n))], 1) for s in range(2 * (n - 1))]


def halving_doubling(i: int, n: int, size: int, root: int) -> list[Step]:
    k = n.bit_length() - 1
    m = 2**k
    if n == m:
        return halving_doubling_power(i, k, size)
    if i >= m:
        return [Step([(i - m, size)]), *(Step() for _ in range(2 * k)), Step(expects=1)]
    core = halving_doubling_power(i, k, size)
    if i < n - m:
        return [Step(expects=1), *core, Step([(i + m, size)])]
    return [Step(), *core, Step()]


def halving_doubling_power(i: int, k: int, size: int) -> list[Step]:
    n = 2**k
    lo, hi = 0, n
    steps = []
    for s in range(k):
        d = n >> (s + 1)
        middle = lo + d
        kept, sent = ((lo, middle), (middle, hi)) if i & d == 0 else ((middle, hi), (lo, middle))
        steps.append(Step([(i ^ d, cut(size, n, *sent))], 1))
        lo, hi = kept
    for j in range(k):
        steps.append(Step([(i ^ 2**j, cut(size, n, lo, hi))], 1))
        lo -= lo % 2 ** (j + 1)
        hi = lo + 2 ** (j + 1)
    return steps


def double_binary_tree(tree: int) -> Table:
    """Return the table of one of the two trees."""

    def table(i: int, n: int, size: int, root: int) -> list[Step]:
        standing = list(range(n))  # who stands at each place
        if tree == 1:
            standing = standing[::-1] if n % 2 == 0 else standing[1:] + standing[:1]
        levels = (n - 1).bit_length()
        steps = [Step() for _ in range(4 * levels)]
        for parent, child, step in tree_edges(0, 0, n, 1):
            above, below = standing[parent], standing[child]
            for sender, receiver, at in (below, above, step), (above, below, -1 - step):
                if sender == i:
                    steps[at].sends.append((receiver, size))
                if receiver == i:
                    steps[at].expects += 1
        return steps

    return table


def tree_edges(parent: int, low: int, high: int, kind: int) -> Iterator[tuple[int, int, int]]:
    """Yield (parent, child, step upwards) of the top strictly between two places, and below it."""
    if high - low < 2:
        return
    k = (high - low - 1).bit_length() - 1
    top = low + 2**k
    yield parent, top, 2 * k + kind
    yield from tree_edges(top, low, top, 0)
    yield from tree_edges(top, top, high, 1)


def shift(i: int, n: int, size: int, root: int) -> list[Step]:
    others = [(i + s + 1) % n for s in range(n - 1)]
    return [Step([(other, segment(size, n, other))], 1) for other in others]


def at_once(i: int, n: int, size: int, root: int) -> list[Step]:
    sends = [send for step in shift(i, n, size, root) for send in step.sends]
    return [Step(sends, n - 1)]


def broadcast(i: int, n: int, size: int, root: int) -> list[Step]:
    place = (i - root) % n
    steps = [Step() for _ in range(n - 1)]
    if place > 0:
        steps[place - 1].expects = 1
    if place < n - 1:
        steps[place].sends.append(((i + 1) % n, size))
    return steps


def dissemination(i: int, n: int, size: int, root: int) -> list[Step]:
    return [Step([((i + 2**s) % n, 0)], 1) for s in range((n - 1).bit_length())]


# Parts take the tables of their collective in turn.
TABLES: dict[tuple[int, int], list[Table]] = {
    (Collective.ALL_REDUCE, Algorithm.RING): [ring_all_reduce],
    (Collective.ALL_REDUCE, Algorithm.HALVING_DOUBLING): [halving_doubling],
    (Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE): [
        double_binary_tree(0),
        double_binary_tree(1),
    ],
    (Collective.REDUCE_SCATTER, Algorithm.RING): [ring],
    (Collective.ALL_GATHER, Algorithm.RING): [ring],
    (Collective.ALL_TO_ALL, Algorithm.SHIFT): [shift],
    (Collective.ALL_TO_ALL, Algorithm.AT_ONCE): [at_once],
    (Collective.BROADCAST, Algorithm.RING): [broadcast],
    (Collective.BARRIER, Algorithm.DISSEMINATION): [dissemination],
}


def part_steps(table: Collectives, instance: int, i: int, n: int) -> list[list[list[Step]]]:
    """Return, for each channel, the steps of its parts at position ``i`` of ``n``."""
    tables = TABLES[int(table.kind[instance]), int(table.algorithm[instance])]
    per_channel = int(table.chunks[instance]) * len(tables)
    parts = int(table.channels[instance]) * per_channel
    size, root = int(table.bytes[instance]), int(table.root[instance])
    steps = [
        tables[part % len(tables)](i, n, segment(size, parts, part), root) for part in range(parts)
    ]
    return [steps[first : first + per_channel] for first in range(0, parts, per_channel)]
