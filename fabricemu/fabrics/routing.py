"""Ways by table: breadth-first shortest paths over the switches of any wired network.

Switches are counted from 0 here, which is device ``n_ranks``. Hosts and scale-up switches pass
nothing on.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Ints, Kind, Network, Routes

Bools = NDArray[np.bool_]

UNREACHED = 1 << 30


class Links(NamedTuple):
    """Ports from switch to switch, ascending; each (n,) int64."""

    port: Ints
    switch: Ints
    peer: Ints


class Edges(NamedTuple):
    """Switches with NIC ports: their devices, and edge and port there of each address."""

    device: Ints
    edge: Ints
    home: Ints


def needs_tables(network: Network) -> bool:
    """Return whether the routing fields of a network do not say the ways to its hosts."""
    device = edges_of(network).device
    switch = network.kind[device] == Kind.SWITCH
    return bool((switch & (network.lo[device] == network.hi[device])).any())


def find_routes(network: Network, up: Bools | None = None) -> Routes:
    """Return all shortest ways from every switch to every edge switch.

    Parameters
    ----------
    network : Network
    up : (n_ports,) bool, optional
        Ports that work; a cable needs both. All do if not given.
    """
    edges = edges_of(network)
    links = switch_links(network, up)
    hops = hop_counts(network, links, edges)
    sets = PortSets()
    set_of = np.full(hops.shape, -1, dtype=np.int64)
    switches, first = np.unique(links.switch, return_index=True)
    for switch, at in zip(switches, np.split(np.arange(len(links.port)), first[1:]), strict=False):
        nearer = hops[links.peer[at]] == hops[switch] - 1
        own_port = links.port[at] - network.port_ptr[network.n_ranks + switch]
        set_of[switch] = sets.numbers(own_port, nearer)
    return Routes(edges.edge, edges.home, edges.device, set_of, *sets.arrays())


def edges_of(network: Network) -> Edges:
    """Return the switches to which NIC ports lead."""
    rank, port = np.divmod(np.arange(network.n_ranks * network.nic_ports), network.nic_ports)
    far = network.peer[network.port_ptr[rank] + port]
    owner = network.device_of[far]
    device, edge = np.unique(owner, return_inverse=True)
    return Edges(device, edge.astype(np.int64), far - network.port_ptr[owner])


def switch_links(network: Network, up: Bools | None = None) -> Links:
    """Return the ports between packet switches, those that work if ``up`` is given."""
    device_of = network.device_of
    switch = (network.kind == Kind.SWITCH)[device_of]
    between = switch & switch[network.peer]
    if up is not None:
        between &= up & up[network.peer]
    port = np.flatnonzero(between)
    return Links(
        port, device_of[port] - network.n_ranks, device_of[network.peer[port]] - network.n_ranks
    )


def hop_counts(network: Network, links: Links, edges: Edges) -> Ints:
    """Return the links from each switch to each edge switch, ``UNREACHED`` where no way leads.

    Returns
    -------
    (switches, edges) int64
    """
    n_edges = len(edges.device)
    hops = np.full((network.n_devices - network.n_ranks, n_edges), UNREACHED, dtype=np.int64)
    hops[edges.device - network.n_ranks, np.arange(n_edges)] = 0
    frontier = np.packbits(hops == 0, axis=1)  # 8 edges a byte: the search is all memory traffic
    reached = frontier.copy()
    switches, first = np.unique(links.switch, return_index=True)
    level = 0
    while frontier.any():
        level += 1
        seen = np.zeros_like(frontier)
        seen[switches] = np.bitwise_or.reduceat(frontier[links.peer], first, axis=0)
        frontier = seen & ~reached
        reached |= frontier
        hops[np.unpackbits(frontier, axis=1, count=n_edges).astype(bool)] = level
    return hops


class PortSets:
    """Sets of ports, each kept once."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}

    def numbers(self, port: Ints, chosen: Bools) -> Ints:
        """Return the set of each column of ``chosen``, -1 for an empty one.

        Parameters
        ----------
        port : (n,) int64
        chosen : (n, columns) bool
        """
        packed = np.ascontiguousarray(np.packbits(chosen, axis=0).T)
        keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
        _, first, column = np.unique(keys, return_index=True, return_inverse=True)
        found = [self._number(port[chosen[:, at]]) for at in first]
        return np.array(found, dtype=np.int64)[column]

    def _number(self, ports: Ints) -> int:
        return self.known.setdefault(ports.tobytes(), len(self.known)) if len(ports) else -1

    def arrays(self) -> tuple[Ints, Ints]:
        """Return where each set begins, and the ports of all."""
        sets = [np.frombuffer(key, dtype=np.int64) for key in self.known]
        ends = np.cumsum([0, *map(len, sets)], dtype=np.int64)
        return ends, np.concatenate([*sets, np.zeros(0, dtype=np.int64)])


def unreached(network: Network, routes: Routes) -> tuple[int, int] | None:
    """Return a NIC port and a host that have no way to those of host 0, None if all have."""
    for port in range(network.nic_ports):
        edge = routes.edge[port :: network.nic_ports]
        reached = routes.set_of[routes.edge_device[edge[0]] - network.n_ranks, edge] >= 0
        cut = np.flatnonzero(~reached & (edge != edge[0]))
        if len(cut):
            return port, int(cut[0])
    return None
