"""Tiers of boxes, counted from the hosts, and the capacity between them."""

import numpy as np

from fabricemu.fabrics.network import Ints, Kind, Network
from fabricemu.fabrics.routing import UNREACHED, edges_of, hop_counts, switch_links


def tiers_of(network: Network) -> Ints:
    """Return the links of each device to the nearest host, (n_devices,); 0 for hosts."""
    device, far = network.device_of, network.device_of[network.peer]
    tier = np.where(network.kind == Kind.HOST, 0, network.n_devices)
    while True:
        nearer = tier.copy()
        np.minimum.at(nearer, device, tier[far] + 1)
        if (nearer == tier).all():
            return tier.astype(np.int64)
        tier = nearer


def planes_of(network: Network) -> int:
    """Return the number of parts of the fabric between which no link leads."""
    edges = edges_of(network)
    if network.ddc is not None:
        return 1
    hops = hop_counts(network, switch_links(network), edges)
    reached = hops[edges.device - network.n_ranks] < UNREACHED
    return len(np.unique(reached, axis=0))


def rails_of(network: Network) -> int:
    """Return the leaves of one plane to which a server's NIC ports lead, if each has its own."""
    ports = network.scale_up * network.nic_ports
    leaves = len(np.unique(edges_of(network).edge[:ports]))
    own = leaves == min(ports, network.n_ranks * network.nic_ports)
    return leaves // planes_of(network) if own else 1


class Tiers:
    """Ports between boxes and their capacity, by tier.

    Attributes
    ----------
    fabric : (n,) int64
        Ports between boxes: neither end is a host.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        tier = tiers_of(network)
        self.near, self.far = tier[network.device_of], tier[network.device_of[network.peer]]
        self.fabric = np.flatnonzero((self.near > 0) & (self.far > 0))

    def bisection_bps(self) -> int | None:
        """Return what one half of the hosts can send to the other, frames only in cell fabrics.

        None where the boxes do not make tiers with links from each to the next only.
        """
        net, rate = self.network, self.network.rate_bps
        if (abs(self.near - self.far)[self.fabric] != 1).any():
            return None
        host = (net.kind == Kind.HOST)[net.device_of]
        scale_up = (net.kind == Kind.SCALE_UP)[net.device_of[net.peer]]
        least = int(rate[host & ~scale_up].sum())
        for tier in range(1, int(self.near.max())):
            between = int(rate[(self.near == tier) & (self.far == tier + 1)].sum())
            if net.ddc is not None:
                room = net.ddc.cell_bytes - net.ddc.cell_header_bytes
                between = between * room // net.ddc.cell_bytes
            least = min(least, between)
        return least // 2

    def oversubscription(self) -> dict[str, float]:
        """Return capacity down over capacity up of the worst box of each kind that has both."""
        net = self.network
        down, up = np.zeros((2, net.n_devices), dtype=np.int64)
        np.add.at(down, net.device_of, np.where(self.far < self.near, net.rate_bps, 0))
        np.add.at(up, net.device_of, np.where(self.far > self.near, net.rate_bps, 0))
        worst: dict[str, float] = {}
        for device in np.flatnonzero((up > 0) & (net.kind != Kind.HOST)):
            name = net.names[device].rstrip("0123456789")
            worst[name] = max(worst.get(name, 0.0), float(down[device] / up[device]))
        return worst
