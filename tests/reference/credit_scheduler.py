"""Who gets the next credit of an egress port (sections 5 and 12)."""

from collections import deque
from collections.abc import Sequence

from tests.reference.packets import CONTROL, DATA, VoqKey
from tests.reference.scheduler import Scheduler


class CreditScheduler:
    """Pending credits of each VOQ, and a FIFO of those that have some for each level."""

    def __init__(self, weights: Sequence[int]):
        self.pending: dict[VoqKey, int] = {}
        self.fifos: list[deque[VoqKey]] = [deque() for _ in range(DATA + len(weights))]
        self.classes = Scheduler(weights, quantum=1)
        self.not_before = 0  # the next tick
        self.ticking = False

    def request(self, voq: VoqKey, n: int) -> None:
        """Add to what is pending."""
        self.renew(voq, self.pending.get(voq, 0) + n)

    def renew(self, voq: VoqKey, n: int) -> None:
        """Replace what is pending."""
        if voq not in self.pending:
            self.fifos[voq[2]].append(voq)
        self.pending[voq] = n

    def grant(self) -> VoqKey:
        """Return the VOQ that gets the next credit."""
        level = CONTROL if self.fifos[CONTROL] else self.data_level()
        fifo = self.fifos[level]
        voq = fifo.popleft()
        self.pending[voq] -= 1
        if self.pending[voq]:
            fifo.append(voq)
        else:
            del self.pending[voq]
        if level != CONTROL and not fifo:
            self.classes.emptied(level - DATA)
        return voq

    def data_level(self) -> int:
        heads = [1 if fifo else None for fifo in self.fifos[DATA:]]
        choice = self.classes.choose(heads, [False] * len(heads))
        assert choice is not None
        return DATA + choice
