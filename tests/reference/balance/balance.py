"""One path for all packets, which is also what every chooser offers to its sender."""

from enum import Enum, auto

from tests.reference.hashing import fold, pick


class Word(Enum):
    """What a sender hears about the way of a packet."""

    GOOD = auto()
    ECN = auto()
    NACK = auto()
    TIMEOUT = auto()


class Draws:
    """Random numbers of a queue pair, one after the other."""

    def __init__(self, seed: int):
        self.seed = seed
        self.count = 0

    def pick(self, n: int) -> int:
        """Return a choice among n by the next number."""
        h = fold(self.seed, self.count)
        self.count += 1
        return pick(h, n)


class Balance:
    def choose(self, now: int) -> int:
        """Return the entropy of the next packet."""
        return 0

    def feedback(self, entropy: int, word: Word, now: int) -> None:
        """Hear what became of a packet."""
