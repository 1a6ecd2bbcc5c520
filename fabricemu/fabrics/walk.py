"""One path for each distance between two ranks, found by walking real ports."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Choice, Ints, Kind, Network

Bools = NDArray[np.bool_]


class Distance(IntEnum):
    """How far apart two ranks are; a row of the path table."""

    SELF = 0
    DOMAIN = 1
    LEAF = 2
    POD = 3
    FAR = 4


@dataclass(frozen=True)
class PathTable:
    """One path per ``Distance``; unused entries are zero.

    Attributes
    ----------
    rate, latency : (5, max_hops) int64
        Of each hop.
    cell : (5, max_hops) bool
        Whether the hop is a lane, which carries cells.
    many : (5,) bool
        Whether the packets of one message may take several paths.
    """

    rate: Ints
    latency: Ints
    cell: Bools
    many: Bools


def spans(network: Network) -> tuple[int, int]:
    """Return the addresses of a full leaf and of a full pod; with 2 tiers a pod is a leaf."""
    if network.ddc is not None:
        return network.ddc.leaf_ports, network.ddc.leaf_ports
    leaf = network.n_ranks
    leaf_span = int(network.hi[leaf] - network.lo[leaf])
    if not network.up_count[leaf]:
        return leaf_span, leaf_span
    above = _owner(network, int(network.port_ptr[leaf] + network.up_first[leaf]))
    pod_span = int(network.hi[above] - network.lo[above])
    return leaf_span, pod_span if pod_span < network.n_ranks * network.nic_ports else leaf_span


def walk_all(network: Network) -> PathTable:
    """Return the path of each distance that occurs, all from the first address."""
    addresses = network.n_ranks * network.nic_ports
    leaf_span, pod_span = spans(network)
    walks = {}
    if min(leaf_span, addresses) > 1:
        walks[Distance.LEAF] = _walk(network, 1)
    if leaf_span < pod_span:
        walks[Distance.POD] = _walk(network, leaf_span)
    if pod_span < addresses:
        walks[Distance.FAR] = _walk(network, pod_span)
    if network.scale_up > 1:
        up = int(network.port_ptr[0]) + network.nic_ports
        walks[Distance.DOMAIN] = [up, int(network.port_ptr[_owner(network, up)])]
    return _table(network, walks)


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


def _table(network: Network, walks: dict[Distance, list[int]]) -> PathTable:
    hops = max((len(path) for path in walks.values()), default=1)
    rate, latency = np.zeros((2, len(Distance), hops), dtype=np.int64)
    cell = np.zeros((len(Distance), hops), dtype=bool)
    many = np.zeros(len(Distance), dtype=bool)
    device_of = network.device_of
    for distance, path in walks.items():
        ports = np.array(path)
        far = device_of[network.peer[ports]]
        rate[distance, : len(path)] = network.rate_bps[ports]
        latency[distance, : len(path)] = network.latency_ps[ports]
        fabric = [network.kind[device_of[ports]] == Kind.ELEMENT, network.kind[far] == Kind.ELEMENT]
        cell[distance, : len(path)] = fabric[0] | fabric[1]
        many[distance] = distance >= Distance.POD and _spreads(network)
    return PathTable(rate, latency, cell, many)


def _spreads(network: Network) -> bool:
    """Return whether packets of one queue pair may take several paths between leaves."""
    return network.ddc is not None or network.choice[network.n_ranks] != Choice.ECMP
