"""Which lane a cell takes: permuted round robins of a leaf (sections 5 and 14)."""

from collections.abc import Sequence
from math import gcd

from fabricemu.fabrics.network import Ddc
from tests.reference.choices import load
from tests.reference.hashing import fold, lane_seed, pick
from tests.reference.packets import Item
from tests.reference.port import Port
from tests.reference.rotation import Rotation
from tests.reference.routes import Group, Route


class AllLanes:
    """The way to any leaf where nothing is broken."""

    def __init__(self, first: int, n: int):
        self.lanes = range(first, first + n)

    def group(self, address: int) -> Group:
        return 0, self.lanes


class Lanes:
    """The permuted round robin over ``n`` lanes towards one leaf."""

    def __init__(self, seed: int, n: int, train_cells: int = 1):
        self.seed = seed  # of the pair of leaves
        self.n = n
        self.steps = [step for step in range(1, n) if gcd(step, n) == 1] or [1]
        self.cycles = 0
        self.order: list[int] = []
        self.turn = Rotation(train_cells)

    def walk(self, usable: set[int], item: Item) -> list[int]:
        """Return the usable lanes, first that whose turn it is, then as the cycle goes round."""
        while self.lane not in usable:
            self.turn.place += 1
        place = self.turn.place
        turned = self.order[place:] + self.order[:place]
        self.turn.add(item)
        return [lane for lane in turned if lane in usable]

    @property
    def lane(self) -> int:
        """The lane whose turn it is, usable or not."""
        if self.turn.place == len(self.order):
            self.begin_cycle()
        return self.order[self.turn.place]

    def begin_cycle(self) -> None:
        h = fold(self.seed, self.cycles)
        step, first = self.steps[pick(h, len(self.steps))], pick(fold(h, 1), self.n)
        self.order = [(first + place * step) % self.n for place in range(self.n)]
        self.cycles += 1
        self.turn.place = 0


class Spray:
    """The lanes of a leaf, which are the last of its ports."""

    def __init__(self, seed: int, ports: Sequence[Port], ddc: Ddc):
        self.seed = lane_seed(seed)
        self.ports = ports
        self.ddc = ddc
        self.n = ddc.lanes
        self.route: Route = AllLanes(len(ports) - self.n, self.n)
        self.lanes: dict[int, Lanes] = {}

    def choose(self, leaf: int, item: Item) -> Port | None:
        """Return the lane for a cell or a word to another leaf, if there is a way."""
        group = self.route.group(leaf)
        if group is None:
            return None
        first = len(self.ports) - self.n
        if leaf not in self.lanes:
            self.lanes[leaf] = Lanes(fold(self.seed, leaf), self.n, self.ddc.train_cells)
        walk = self.lanes[leaf].walk({port - first for port in group[1]}, item)
        ports = [self.ports[first + lane] for lane in walk]
        return min(ports, key=load) if self.ddc.least_loaded else ports[0]
