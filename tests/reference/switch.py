"""Packet switch, fabric element and scale-up switch (section 2)."""

from dataclasses import dataclass

from fabricemu.fabrics.network import Choice
from tests.reference.hashing import fold, path_seed, pick
from tests.reference.packets import Cell, ControlCell, Item
from tests.reference.port import Port


@dataclass
class Route:
    """How a switch finds the group of ports towards an address."""

    lo: int
    hi: int
    div: int
    bundle: int
    up_first: int
    up_count: int
    choice: int


UP = -1  # the up group; down groups count from 0


class Switch:
    def __init__(self, number: int, seed: int, route: Route):
        self.number = number
        self.seed = seed
        self.path_seed = path_seed(seed)
        self.route = route
        self.ports: list[Port] = []
        self.choices = 0
        self.turns: dict[int, int] = {}

    def receive(self, index: int, item: Item) -> None:
        group, ports = self.group(item.address)
        self.ports[ports[self.choose(group, ports, item)]].enqueue(item)

    def group(self, address: int) -> tuple[int, range]:
        """Return the number and the ports of the group towards ``address``."""
        route = self.route
        if route.lo <= address < route.hi:
            group = (address - route.lo) // route.div
            return group, range(group * route.bundle, (group + 1) * route.bundle)
        return UP, range(route.up_first, route.up_first + route.up_count)

    def choose(self, group: int, ports: range, item: Item) -> int:
        """Return the place within the group of the port to take."""
        n = len(ports)
        if n == 1:
            return 0
        choice = self.route.choice
        if choice == Choice.ECMP:
            assert not isinstance(item, Cell | ControlCell), "cells have no flow to hash"
            return pick(fold(fold(self.path_seed, item.qp.number), int(item.control)), n)
        if choice == Choice.ROUND_ROBIN:
            turn = self.turns.get(group, 0)
            self.turns[group] = (turn + 1) % n
            return turn
        spray = pick(fold(self.path_seed, self.choices), n)
        self.choices += 1
        return spray if choice == Choice.SPRAY else self.least_loaded(ports, spray)

    def least_loaded(self, ports: range, first: int) -> int:
        walk = [(first + i) % len(ports) for i in range(len(ports))]
        return min(walk, key=lambda place: self.load(self.ports[ports[place]]))

    @staticmethod
    def load(port: Port) -> int:
        return 2 * port.waiting_bytes + int(port.busy)
