"""Which lanes lead to which leaf when some are down (section 17)."""

from collections import defaultdict
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Ints, Kind, Network, Routes
from tests.reference.routes import RegularRoute

MBIT = 10**6


class Reach:
    """``up`` says of each port whether the link works that it sends on."""

    def __init__(self, network: Network, up: NDArray[np.bool_], balanced: bool):
        assert network.ddc is not None
        self.network = network
        self.ddc = network.ddc
        self.up = up
        self.balanced = balanced
        self.device_of = network.device_of
        self.ports = cache(self.find_ports)

    def routes(self) -> Routes:
        """Return the sets of all leaves and elements towards all leaves."""
        leaves = np.arange(self.ddc.leaves)
        sets: dict[tuple[int, ...], int] = {}
        below = self.network.n_devices - self.network.n_ranks
        set_of = np.full((below, len(leaves)), -1, np.int64)
        for row in range(below):
            for leaf in leaves.tolist():
                own = self.within(self.network.n_ranks + row, leaf)
                if own:
                    set_of[row, leaf] = sets.setdefault(own, len(sets))
        ptr = np.cumsum([0] + [len(own) for own in sets])
        members = np.array([port for own in sets for port in own], np.int64)
        devices = leaves + self.ddc.first_leaf
        return Routes(leaves, np.zeros_like(leaves), devices, set_of, ptr, members)

    def within(self, device: int, leaf: int) -> tuple[int, ...]:
        """Return the ports towards a leaf, counted within the device."""
        kind, own = self.network.kind[device], device == self.ddc.first_leaf + leaf
        if own or kind not in (Kind.LEAF, Kind.ELEMENT):
            return ()
        first = int(self.network.port_ptr[device])
        return tuple(port - first for port in self.ports(device, leaf))

    def find_ports(self, device: int, leaf: int) -> list[int]:
        """Return the ports of a leaf or element that may be used towards a leaf."""
        towards: dict[int, list[int]] = defaultdict(list)  # by neighbour
        for port in self.candidates(device, leaf):
            if self.up[port]:
                towards[int(self.device_of[self.network.peer[port]])].append(port)
        found: list[int] = []
        for neighbour, ports in towards.items():
            found += ports[: self.most(neighbour, leaf, len(ports))]
        return sorted(found)

    def candidates(self, device: int, leaf: int) -> list[int]:
        first, last = self.network.port_ptr[device : device + 2].tolist()
        if self.network.kind[device] == Kind.LEAF:
            return list(range(last - self.ddc.lanes, last))
        _, members = RegularRoute(self.network, device).group(leaf)
        return [first + member for member in members]

    def most(self, neighbour: int, leaf: int, lanes: int) -> int:
        """Return how many of the lanes to a neighbour may be used."""
        if neighbour == self.ddc.first_leaf + leaf:
            return lanes
        onward = len(self.ports(neighbour, leaf))
        return onward if self.balanced else lanes * (onward > 0)

    def lane_mbps(self) -> Ints:
        """Return the rate of the lanes into and out of each leaf that work, (2, leaves)."""
        network = self.network
        rates = np.maximum(1, network.rate_bps // MBIT) * self.up * network.carries_cells
        ends = self.device_of[network.peer], self.device_of
        sums = [np.bincount(end, rates, network.n_devices).astype(np.int64) for end in ends]
        return np.array(sums)[:, self.ddc.first_leaf :][:, : self.ddc.leaves]
