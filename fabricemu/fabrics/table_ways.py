"""Paths in networks whose ways are found by table: a row for each kind of pair of leaves.

Addresses with the same leaf and like cables make a group. A row is what lies between two groups:
the cable of the first, the links between the leaves, and the cable of the second.
"""

from typing import NamedTuple

import numpy as np

from fabricemu.fabrics.network import Ints, Network, Routes
from fabricemu.fabrics.routing import UNREACHED, Links, hop_counts, switch_links
from fabricemu.fabrics.ways import Bools, PathTable, Ways

FIRST = 2  # rows before are those of ``Ways``


class Middle(NamedTuple):
    """The links between leaves, by class.

    Attributes
    ----------
    of : (edges, edges) int64
        Class of each pair of leaves.
    rate, latency : (classes, most links) int64
        Of each link, 0 after the last.
    """

    of: Ints
    rate: Ints
    latency: Ints


class TableWays(Ways):
    """Ways by the sets of ``routes``, or any that may come while the routes change."""

    def __init__(self, network: Network, routes: Routes) -> None:
        super().__init__(network)
        links = switch_links(network)
        changing = any(change.routes is not None for change in network.changes)
        hops = hop_counts(network, links, self.edges) if changing else route_hops(network, routes)
        rate, latency = self.best_bps[links.port], network.latency_ps[links.port]
        leaf = self.edges.device - network.n_ranks
        reached = hops[leaf] < UNREACHED
        between = np.where(reached, hops[leaf], 0)
        if changing or not between.any() or np.ptp(rate) == np.ptp(latency) == 0:
            fastest = int(latency.min()) if len(latency) else 0
            middle = _alike(between, int(rate.max(initial=0)), fastest)
        else:
            middle = _different(hops, links, leaf, np.stack([rate, latency]))
        self._make_rows(middle, reached)

    def between(self, a: Ints, b: Ints) -> Ints:
        """Return the rows of addresses over the fabric."""
        return np.asarray(self.row_of[self.group[a], self.group[b]])

    def both_ways(self) -> tuple[Ints, Ints]:
        """Return the rows of all pairs of groups, there and back, each kind once."""
        there, back = self.row_of[self.occurs], self.row_of.T[self.occurs]
        kinds = np.unique(np.stack([there, back]), axis=1)
        return kinds[0], kinds[1]

    def _make_rows(self, middle: Middle, reached: Bools) -> None:
        cables, cable = self._cables()
        members = np.stack([self.edges.edge, cable])
        (edge, end), group, count = np.unique(
            members, axis=1, return_inverse=True, return_counts=True
        )
        self.group = group.ravel()
        self.occurs = reached[np.ix_(edge, edge)] & ~np.diag(count == 1)
        classes, n_cables = len(middle.rate), len(cables)
        key = (end[:, None] * classes + middle.of[np.ix_(edge, edge)]) * n_cables + end
        keys, row = np.unique(key, return_inverse=True)
        self.row_of = row.reshape(key.shape).astype(np.int64) + FIRST
        rest, last = np.divmod(keys, n_cables)
        first, between = np.divmod(rest, classes)
        rate = np.column_stack([cables[first, 0], middle.rate[between], cables[last, 2]])
        latency = np.column_stack([cables[first, 1], middle.latency[between], cables[last, 3]])
        self.table = self._with_domain(rate, latency)

    def _cables(self) -> tuple[Ints, Ints]:
        """Return the kinds of NIC cables, (kinds, 4), and the kind of each address.

        Columns are rate and latency from the host, rate and latency to it.
        """
        network, ports = self.network, self.network.nic_ports
        rank, port = np.divmod(np.arange(network.n_ranks * ports), ports)
        out = network.port_ptr[rank] + port
        back = network.peer[out]
        columns = [self.best_bps[out], network.latency_ps[out]]
        columns += [self.best_bps[back], network.latency_ps[back]]
        kinds, kind = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
        return kinds, kind.ravel()

    def _with_domain(self, rate: Ints, latency: Ints) -> PathTable:
        """Return the table of some rows after those of ``SELF`` and ``DOMAIN``."""
        before = np.zeros((2, FIRST, rate.shape[1]), dtype=np.int64)
        for column, port in zip((0, -1), self.scale_up_links(), strict=False):
            before[:, 1, column] = self.best_bps[port], self.network.latency_ps[port]
        rate, latency = np.vstack([before[0], rate]), np.vstack([before[1], latency])
        return PathTable(rate, latency, np.zeros(rate.shape, dtype=bool))


def route_hops(network: Network, routes: Routes) -> Ints:
    """Return the links from each switch to each edge switch by ``routes``, as ``hop_counts``."""
    n_ranks, edge = network.n_ranks, np.arange(len(routes.edge_device))
    hops = np.full(routes.set_of.shape, UNREACHED, dtype=np.int64)
    hops[routes.edge_device - n_ranks, edge] = 0
    leads = routes.set_of >= 0
    own_port = np.append(routes.set_ports[routes.set_ptr[:-1]], 0)[routes.set_of]
    port = np.where(leads, network.port_ptr[n_ranks:-1, None] + own_port, 0)
    after = network.device_of[network.peer[port]] - n_ranks
    while True:
        further = np.where(leads, hops[after, edge] + 1, UNREACHED)
        further = np.minimum(np.minimum(further, hops), UNREACHED)
        if (further == hops).all():
            return hops
        hops = further


def _alike(hops: Ints, rate: int, latency: int) -> Middle:
    """Return classes of so many like links each."""
    most = int(hops.max())
    used = np.arange(most) < np.arange(most + 1)[:, None]
    return Middle(hops, used * np.int64(rate), used * np.int64(latency))


def _different(hops: Ints, links: Links, leaf: Ints, cost: Ints) -> Middle:
    """Return the classes where links differ: the best link at each hop of all shortest ways.

    Parameters
    ----------
    hops : (switches, edges) int64
    links : Links
    leaf : (edges,) int64
        The edges as switches.
    cost : (2, links) int64
        Rate and latency.
    """
    most = int(hops[leaf].max(initial=0, where=hops[leaf] < UNREACHED))
    found = np.zeros((2, len(leaf), len(leaf), most), dtype=np.int64)
    for edge in range(len(leaf)):
        found[:, :, edge] = _best_ways(hops[:, edge], links, cost, most)[:, leaf]
    flat = np.concatenate(found, axis=2).reshape(-1, 2 * most)
    kinds, of = np.unique(flat, axis=0, return_inverse=True)
    return Middle(of.reshape(len(leaf), -1), kinds[:, :most], kinds[:, most:])


def _best_ways(hops: Ints, links: Links, cost: Ints, most: int) -> Ints:
    """Return rate and latency of each link from each switch to one edge, (2, switches, most)."""
    best = np.zeros((2, len(hops), most), dtype=np.int64)
    nearer = hops[links.switch] == hops[links.peer] + 1
    for length in range(1, most + 1):
        at = np.flatnonzero(nearer & (hops[links.switch] == length))
        switch, first = np.unique(links.switch[at], return_index=True)
        ways = np.concatenate([cost[:, at, None], best[:, links.peer[at], :-1]], axis=2)
        best[0, switch] = np.maximum.reduceat(ways[0], first, axis=0)
        best[1, switch] = np.minimum.reduceat(ways[1], first, axis=0)
    return best
