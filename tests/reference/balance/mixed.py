"""Entropies that went well, first come first used; else the bitmap."""

from collections import deque

from tests.reference.balance.balance import Balance, Draws, Word
from tests.reference.balance.bitmap import Bitmap


class Mixed(Balance):
    def __init__(self, draws: Draws, entropies: int, most: int):
        self.bitmap = Bitmap(draws, entropies)
        self.good: deque[int] = deque(maxlen=most)

    def choose(self, now: int) -> int:
        return self.good.popleft() if self.good else self.bitmap.choose(now)

    def feedback(self, entropy: int, word: Word, now: int) -> None:
        if word == Word.GOOD:
            self.good.append(entropy)
        self.bitmap.feedback(entropy, word, now)
