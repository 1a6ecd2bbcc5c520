"""REPS: entropies that went well are used again, once; after a time-out whatever is known."""

from dataclasses import dataclass

from tests.reference.balance.balance import Balance, Draws, Word

SLOTS = 8
FROZEN_PS = 10 * 10**9
EXPLORE = 16  # random packets after a thaw


@dataclass
class Slot:
    value: int = 0
    fresh: bool = False


class Reps(Balance):
    def __init__(self, draws: Draws, entropies: int):
        self.draws = draws
        self.entropies = entropies
        self.explore = 0
        self.frozen_until = 0  # 0: not frozen
        self.clear()

    def clear(self) -> None:
        self.slots = [Slot() for _ in range(SLOTS)]
        self.write = self.count = self.read = 0

    def choose(self, now: int) -> int:
        if self.explore > 0:
            self.explore -= 1
            return self.draws.pick(self.entropies)
        slot = self.next_known() if self.frozen_until > 0 else self.oldest_fresh()
        if slot is None:
            return self.draws.pick(self.entropies)
        slot.fresh = False
        return slot.value

    def next_known(self) -> Slot | None:
        """Return the filled slots in turn."""
        if self.count == 0:
            return None
        slot = self.slots[self.read % self.count]
        self.read = (self.read + 1) % self.count
        return slot

    def oldest_fresh(self) -> Slot | None:
        by_age = self.slots[self.write :] + self.slots[: self.write]
        return next((slot for slot in by_age if slot.fresh), None)

    def feedback(self, entropy: int, word: Word, now: int) -> None:
        if 0 < self.frozen_until <= now:
            self.frozen_until = 0
            self.clear()
            self.explore = EXPLORE
        if word == Word.GOOD:
            self.slots[self.write] = Slot(entropy, True)
            self.write = (self.write + 1) % SLOTS
            self.count = min(self.count + 1, SLOTS)
        elif word == Word.TIMEOUT and self.frozen_until == 0 and self.explore == 0:
            self.frozen_until = now + FROZEN_PS
            self.read = 0
