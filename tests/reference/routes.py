"""Ways through a switch: the ports towards an address (sections 2 and 6)."""

from collections.abc import Sequence
from typing import Protocol

from fabricemu.fabrics.network import Network, Routes

UP = -1  # the up group; down groups count from 0
HOME = -1  # the port of an edge switch towards an address of its own

Group = tuple[int, Sequence[int]]  # its number, and its ports within the device


class Route(Protocol):
    def group(self, address: int) -> Group | None:
        """Return the ports towards ``address``, if there is a way."""


class RegularRoute:
    """Addresses ``lo .. hi - 1`` are below, in groups of ``div``; all others are above."""

    def __init__(self, network: Network, device: int):
        self.lo, self.hi = int(network.lo[device]), int(network.hi[device])
        self.div, self.bundle = int(network.div[device]), int(network.bundle[device])
        first, count = int(network.up_first[device]), int(network.up_count[device])
        self.up = range(first, first + count)

    def group(self, address: int) -> Group:
        if self.lo <= address < self.hi:
            group = (address - self.lo) // self.div
            return group, range(group * self.bundle, (group + 1) * self.bundle)
        return UP, self.up


class TableRoute:
    """Sets of ports towards the edge switch of an address."""

    def __init__(self, routes: Routes, device: int, n_ranks: int):
        self.routes = routes
        self.device = device
        self.sets = routes.set_of[device - n_ranks]

    def group(self, address: int) -> Group | None:
        routes = self.routes
        edge = routes.edge[address]
        if routes.edge_device[edge] == self.device:
            return HOME, [int(routes.home[address])]
        number = int(self.sets[edge])
        if number < 0:
            return None
        first, last = routes.set_ptr[number : number + 2]
        return number, routes.set_ports[first:last].tolist()
