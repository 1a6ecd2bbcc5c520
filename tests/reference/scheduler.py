"""Which data class a free port takes next: strict priority, then deficit round robin (section 6).

Heads are the frame bytes of the first packet of each class, ``None`` where there is none.
"""

from collections.abc import Sequence

Heads = Sequence[int | None]


class Scheduler:
    """Classes of weight 0 are strict, in the order of their numbers, and before the others."""

    def __init__(self, weights: Sequence[int] = (0,), quantum: int = 0):
        self.quantum = quantum  # bytes of a weight of 1: a full packet
        self.weights = weights
        self.strict = [c for c, weight in enumerate(weights) if weight == 0]
        self.weighted = [c for c, weight in enumerate(weights) if weight > 0]
        self.turn = 0  # a place in ``weighted``
        self.granted = False
        self.deficit = [0] * len(weights)

    @property
    def classes(self) -> int:
        return len(self.weights)

    def choose(self, heads: Heads, paused: Sequence[bool]) -> int | None:
        """Return the class to serve, whose deficit is spent."""
        may_go = [head is not None and not stop for head, stop in zip(heads, paused, strict=True)]
        for c in self.strict:
            if may_go[c]:
                return c
        if not any(may_go[c] for c in self.weighted):
            return None
        while not self.affords(self.weighted[self.turn], heads, may_go):
            self.pass_on(heads)
        return self.weighted[self.turn]

    def affords(self, c: int, heads: Heads, may_go: Sequence[bool]) -> bool:
        head = heads[c]
        if head is None or not may_go[c]:
            return False
        if not self.granted:
            self.deficit[c] += self.weights[c] * self.quantum
            self.granted = True
        if self.deficit[c] < head:
            return False
        self.deficit[c] -= head
        return True

    def pass_on(self, heads: Heads) -> None:
        """Go to the next class; one that is empty loses its deficit."""
        c = self.weighted[self.turn]
        if heads[c] is None:
            self.deficit[c] = 0
        self.granted = False
        self.turn = (self.turn + 1) % len(self.weighted)

    def emptied(self, c: int) -> None:
        """Learn that the chosen class has nothing left."""
        if c in self.weighted:
            self.deficit[c] = 0
            self.granted = False
            self.turn = (self.turn + 1) % len(self.weighted)
