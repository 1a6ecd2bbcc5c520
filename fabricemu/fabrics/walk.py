"""Paths in regular fabrics: one walk over real ports for each distance of two ranks."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from fabricemu.fabrics.network import Ints, Kind, Network
from fabricemu.fabrics.tiers import tiers_of
from fabricemu.fabrics.ways import DOMAIN, SELF, PathTable, Ways


class Distance(IntEnum):
    """How far apart two ranks are; a row of the path table."""

    SELF = SELF
    DOMAIN = DOMAIN
    LEAF = 2
    POD = 3
    FAR = 4


class RegularWays(Ways):
    """Ways by the arithmetic of a regular Clos or a cell fabric."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        leaf_span, self.pod_span = _spans(network)
        addresses = network.n_ranks * network.nic_ports
        walks: dict[Distance, Sequence[int]] = {Distance.DOMAIN: self.scale_up_links()}
        if min(leaf_span, addresses) > 1:
            walks[Distance.LEAF] = _walk(network, 1)
        if leaf_span < self.pod_span:
            walks[Distance.POD] = _walk(network, leaf_span)
        if self.pod_span < addresses:
            walks[Distance.FAR] = _walk(network, self.pod_span)
        self.table = self._table(walks)

    def between(self, a: Ints, b: Ints) -> Ints:
        """Return the ``Distance`` of addresses over the fabric."""
        far = np.where(a // self.pod_span == b // self.pod_span, Distance.POD, Distance.FAR)
        near = self.edges.edge[a] == self.edges.edge[b]
        return np.where(near, Distance.LEAF, far).astype(np.int64)

    def both_ways(self) -> tuple[Ints, Ints]:
        """Return the distances that occur, twice: the way back is as the way there."""
        rows = np.arange(Distance.LEAF, len(Distance))[self.table.hops[Distance.LEAF :] > 0]
        return rows, rows

    def _table(self, walks: dict[Distance, Sequence[int]]) -> PathTable:
        longest = max(2, *map(len, walks.values()))
        rate, latency = np.zeros((2, len(Distance), longest), dtype=np.int64)
        cell = np.zeros((len(Distance), longest), dtype=bool)
        role = _roles(self.network)
        for distance, path in walks.items():
            for hop, port in enumerate(path):
                column = hop if port != path[-1] else longest - 1
                alike = role == role[port]
                rate[distance, column] = self.best_bps[alike].max()
                latency[distance, column] = self.network.latency_ps[alike].min()
                cell[distance, column] = self.network.carries_cells[port]
        return PathTable(rate, latency, cell)


def group_of(network: Network, device: int, address: int) -> tuple[int, int]:
    """Return first port within the device, and number of ports, that lead to ``address``."""
    net, ddc = network, network.ddc
    if ddc is not None and net.kind[device] == Kind.LEAF:
        leaf, port = divmod(address, ddc.leaf_ports)
        lanes = int(net.port_ptr[device + 1] - net.port_ptr[device]) - ddc.lanes
        return (port, 1) if leaf == device - ddc.first_leaf else (lanes, ddc.lanes)
    if ddc is not None and net.kind[device] == Kind.ELEMENT:
        address //= ddc.leaf_ports
    if net.lo[device] <= address < net.hi[device]:
        bundle = int(net.bundle[device])
        return (address - int(net.lo[device])) // int(net.div[device]) * bundle, bundle
    return int(net.up_first[device]), int(net.up_count[device])


def _spans(network: Network) -> tuple[int, int]:
    """Return the addresses of a full leaf and of a full pod; with 2 tiers a pod is a leaf."""
    ddc = network.ddc
    if ddc is not None:
        element = ddc.first_leaf + ddc.leaves
        pod = int(network.hi[element]) if network.up_count[element] else 1
        return ddc.leaf_ports, pod * ddc.leaf_ports
    leaf = network.n_ranks
    leaf_span = int(network.hi[leaf] - network.lo[leaf])
    if not network.up_count[leaf]:
        return leaf_span, leaf_span
    above = _owner(network, int(network.port_ptr[leaf] + network.up_first[leaf]))
    pod_span = int(network.hi[above] - network.lo[above])
    return leaf_span, pod_span if pod_span < network.n_ranks * network.nic_ports else leaf_span


def _owner(network: Network, port: int) -> int:
    """Return the device at the far end of a port."""
    return int(np.searchsorted(network.port_ptr, network.peer[port], side="right")) - 1


def _walk(network: Network, address: int) -> list[int]:
    """Return the ports that send, from address 0 to ``address``."""
    path = [int(network.port_ptr[0])]
    while (device := _owner(network, path[-1])) >= network.n_ranks:
        port, _ = group_of(network, device, address)
        path.append(int(network.port_ptr[device]) + port)
    return path


def _roles(network: Network) -> Ints:
    """Return a number for each port that tells kinds and tiers of both its ends."""
    kind = network.kind * network.n_devices + tiers_of(network)
    near = kind[network.device_of]
    return near * (int(near.max()) + 1) + near[network.peer]
