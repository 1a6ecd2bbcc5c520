"""The best that a path between two ranks can be: its links, as a row of a table.

Links count at the best rate that they ever have. Where several paths of one length are open,
or the routes change, a row is at each hop as good as any link there.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fabricemu.fabrics.network import Ints, Network
from fabricemu.fabrics.routing import edges_of

Bools = NDArray[np.bool_]

SELF = 0  # row of a rank to itself
DOMAIN = 1  # row of two ranks that share a scale-up switch


@dataclass(frozen=True)
class PathTable:
    """One path a row, its first link in the first column and its last in the last.

    Attributes
    ----------
    rate, latency : (rows, links) int64
        Of each link, bit/s and ps; 0 where a path has fewer.
    cell : (rows, links) bool
        Whether the link is a lane, which carries cells.
    """

    rate: Ints
    latency: Ints
    cell: Bools

    @property
    def hops(self) -> Ints:
        """Links of each path, (rows,)."""
        return np.asarray(np.count_nonzero(self.rate, axis=1), dtype=np.int64)


class Ways(ABC):
    """Rows of a path table for pairs of ranks; ``src``, ``dst`` and ``rail`` broadcast.

    Attributes
    ----------
    table : PathTable
    edges : Edges
        Leaf of each address.
    best_bps : (n_ports,) int64
        The best rate that a port ever has.
    """

    table: PathTable

    def __init__(self, network: Network) -> None:
        self.network = network
        self.edges = edges_of(network)
        self.best_bps = network.rate_bps.copy()
        for change in network.changes:
            np.maximum.at(self.best_bps, change.ports, change.rate_bps)

    @abstractmethod
    def between(self, a: Ints, b: Ints) -> Ints:
        """Return the rows of ways over the fabric between addresses."""

    @abstractmethod
    def both_ways(self) -> tuple[Ints, Ints]:
        """Return the rows of all kinds of ways over the fabric, there and back."""

    def row(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the row of NIC port ``rail`` of ranks ``src`` and ``dst``."""
        ports, size = self.network.nic_ports, self.network.scale_up
        src, dst, rail = np.asarray(src), np.asarray(dst), np.asarray(rail)
        outside = self.between(src * ports + rail, dst * ports + rail)
        domain = (src // size == dst // size) & (size > 1)
        return np.where(src == dst, SELF, np.where(domain, DOMAIN, outside)).astype(np.int64)

    def switches_on_path(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the switches on a shortest path; 1 over a scale-up switch, 0 to oneself."""
        hops = self.table.hops[self.row(src, dst, rail)]
        return np.asarray(np.maximum(hops - 1, 0))

    def scale_up_links(self) -> list[int]:
        """Return the ports from the first rank to its neighbour over the scale-up switch."""
        if self.network.scale_up == 1:
            return []
        up = int(self.network.port_ptr[0]) + self.network.nic_ports
        return [up, int(self.network.peer[up])]
