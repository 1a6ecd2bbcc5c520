"""The oblivious walk, past entropies that have earned a penalty."""

from tests.reference.balance.balance import Balance, Draws, Word
from tests.reference.balance.oblivious import Oblivious

PENALTY = {Word.GOOD: 0, Word.ECN: 1, Word.NACK: 4, Word.TIMEOUT: 15}
MOST = 15


class Bitmap(Balance):
    def __init__(self, draws: Draws, entropies: int):
        self.walk = Oblivious(draws, entropies)
        self.penalty = [0] * entropies

    def choose(self, now: int) -> int:
        """Return the next entropy without a penalty; the first that is passed over loses one."""
        value = self.walk.choose(now)
        for passed in range(len(self.penalty)):
            if self.penalty[value] == 0:
                break
            if passed == 0:
                self.penalty[value] -= 1
            value = self.walk.choose(now)
        return value

    def feedback(self, entropy: int, word: Word, now: int) -> None:
        self.penalty[entropy] = min(self.penalty[entropy] + PENALTY[word], MOST)
