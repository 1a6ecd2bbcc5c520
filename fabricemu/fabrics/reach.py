"""Which lanes of a cell fabric lead to which leaf while some are down (section 17).

Ways are found from the far end: elements next to a leaf know their lanes to it, those above
know the elements below that have any, and so on back to the leaves.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fabricemu.fabrics.network import Ints, Kind, Network, Routes
from fabricemu.fabrics.routing import PortSets
from fabricemu.fabrics.ways import Bools

MBIT = 10**6
ALL = 2**62  # lanes that a leaf takes to itself


class Step(NamedTuple):
    """Ports of a device that may lead to some leaves: those of ``aims``, (leaves,) bool."""

    device: int
    ports: Ints
    aims: Bools


class Reach:
    """Sets of lanes towards all leaves; a set that comes again keeps its number."""

    def __init__(self, network: Network, balanced: bool) -> None:
        assert network.ddc is not None
        self.network, self.ddc, self.balanced = network, network.ddc, balanced
        self.far = network.device_of[network.peer]
        self.leaves = np.arange(self.ddc.leaves, dtype=np.int64)
        self.sets = PortSets()

    def known(self, rate_bps: Ints, up: Bools) -> dict[str, Any]:
        """Return what changes when all know rates and states of ports, as fields of ``Change``."""
        return {"routes": self.routes(up), "lane_mbps": lane_mbps(self.network, rate_bps, up)}

    def routes(self, up: Bools) -> Routes:
        """Return the lanes to use towards each leaf, by the ports that work, (n_ports,) bool."""
        first, leaves = self.network.n_ranks, self.leaves
        device = leaves + self.ddc.first_leaf
        set_of = np.full((self.network.n_devices - first, len(leaves)), -1, dtype=np.int64)
        onward = np.zeros_like(set_of)
        onward[device - first, leaves] = ALL
        for step in self._steps():
            use = self._usable(step.ports, onward, up) & step.aims
            numbers = self.sets.numbers(step.ports - self.network.port_ptr[step.device], use)
            row = step.device - first
            set_of[row, step.aims] = numbers[step.aims]
            onward[row, step.aims] = use.sum(axis=0)[step.aims]
        return Routes(leaves, np.zeros_like(leaves), device, set_of, *self.sets.arrays())

    def _steps(self) -> Iterator[Step]:
        """Yield all devices, none before those that its ways lead over."""
        net = self.network
        elements = np.flatnonzero(net.kind == Kind.ELEMENT)
        next_to_leaf = net.kind[self.far[net.port_ptr[elements]]] == Kind.LEAF
        below = elements[next_to_leaf].tolist()
        for device in below:
            yield self._step(device, 0, int(net.up_count[device]), self._within(device))
        for device in elements[~next_to_leaf].tolist():
            yield self._step(device, 0, 0, self._within(device))
        for device in below:
            down = int(net.up_first[device])
            if net.up_count[device]:
                yield self._step(device, down, 0, ~self._within(device))
        for leaf in self.leaves.tolist():
            device = self.ddc.first_leaf + leaf
            hosts = int(np.diff(net.port_ptr[device : device + 2])[0]) - self.ddc.lanes
            yield self._step(device, hosts, 0, self.leaves != leaf)

    def _step(self, device: int, skip: int, rest: int, aims: Bools) -> Step:
        """Return the ports of a device but the first and last ones."""
        first, last = self.network.port_ptr[device : device + 2].tolist()
        return Step(device, np.arange(first + skip, last - rest), aims)

    def _within(self, device: int) -> Bools:
        net = self.network
        inside: Bools = (net.lo[device] <= self.leaves) & (self.leaves < net.hi[device])
        return inside

    def _usable(self, ports: Ints, onward: Ints, up: Bools) -> Bools:
        """Return which ports may be used towards which leaves, by the lanes onward from there."""
        far, works = self.far[ports], up[ports]
        most = onward[far - self.network.n_ranks]
        if not self.balanced:
            return np.asarray(works[:, np.newaxis] & (most > 0))
        order = np.lexsort((ports, ~works, far))
        starts = np.searchsorted(far[order], far[order])
        turn = np.empty_like(ports)
        turn[order] = np.arange(len(ports)) - starts
        return np.asarray(works[:, np.newaxis] & (turn[:, np.newaxis] < most))


def lane_mbps(network: Network, rate_bps: Ints, up: Bools) -> Ints:
    """Return the rate of the lanes into and out of each leaf that work, (2, leaves), in Mbit/s."""
    ddc = network.ddc
    assert ddc is not None
    rate = np.maximum(1, rate_bps // MBIT) * up * network.carries_cells
    own = slice(ddc.first_leaf, ddc.first_leaf + ddc.leaves)
    ends = network.device_of[network.peer], network.device_of
    sums = [np.bincount(end, rate, network.n_devices)[own] for end in ends]
    return np.stack(sums).astype(np.int64)
