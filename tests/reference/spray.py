"""Which lane a cell takes: permuted round robins of a leaf (sections 5 and 14)."""

from collections.abc import Sequence
from math import gcd

from tests.reference.choices import load
from tests.reference.hashing import fold, lane_seed, pick
from tests.reference.port import Port
from tests.reference.routes import Group, Route


class AllLanes:
    """The way to any leaf where nothing is broken."""

    def __init__(self, first: int, n: int):
        self.lanes = range(first, first + n)

    def group(self, address: int) -> Group:
        return 0, self.lanes


class Lanes:
    """The permuted round robin over ``n`` lanes towards one leaf."""

    def __init__(self, seed: int, n: int):
        self.seed = seed  # of the pair of leaves
        self.n = n
        self.steps = [step for step in range(1, n) if gcd(step, n) == 1] or [1]
        self.cycles = 0
        self.order: list[int] = []
        self.place = 0

    def walk(self, usable: set[int]) -> list[int]:
        """Return the usable lanes, first that whose turn it is, then as the cycle goes round."""
        while True:
            lane = self.take()
            if lane in usable:
                break
        turned = self.order[self.place - 1 :] + self.order[: self.place - 1]
        return [lane for lane in turned if lane in usable]

    def take(self) -> int:
        """Return the lane of the next place, used or not."""
        if self.place == len(self.order):
            self.begin_cycle()
        self.place += 1
        return self.order[self.place - 1]

    def begin_cycle(self) -> None:
        h = fold(self.seed, self.cycles)
        step, first = self.steps[pick(h, len(self.steps))], pick(fold(h, 1), self.n)
        self.order = [(first + place * step) % self.n for place in range(self.n)]
        self.cycles += 1
        self.place = 0


class Spray:
    """The lanes of a leaf, which are the last ``n`` of its ports."""

    def __init__(self, seed: int, ports: Sequence[Port], n: int, least_loaded: bool):
        self.seed = lane_seed(seed)
        self.ports = ports
        self.n = n
        self.least_loaded = least_loaded
        self.route: Route = AllLanes(len(ports) - n, n)
        self.lanes: dict[int, Lanes] = {}

    def choose(self, leaf: int) -> Port | None:
        """Return the lane for a cell to another leaf, if there is a way."""
        group = self.route.group(leaf)
        if group is None:
            return None
        first = len(self.ports) - self.n
        if leaf not in self.lanes:
            self.lanes[leaf] = Lanes(fold(self.seed, leaf), self.n)
        walk = self.lanes[leaf].walk({port - first for port in group[1]})
        ports = [self.ports[first + lane] for lane in walk]
        return min(ports, key=load) if self.least_loaded else ports[0]
