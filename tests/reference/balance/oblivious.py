"""Every entropy once a cycle, in an order that each cycle shifts by a random number."""

from tests.reference.balance.balance import Balance, Draws


class Oblivious(Balance):
    def __init__(self, draws: Draws, entropies: int):
        self.draws = draws
        self.entropies = entropies
        self.place = self.shift = 0

    def choose(self, now: int) -> int:
        if self.place == 0:
            self.shift = self.draws.pick(self.entropies)
        value = self.place ^ self.shift
        self.place = (self.place + 1) % self.entropies
        return value
