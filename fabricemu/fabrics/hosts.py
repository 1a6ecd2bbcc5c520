"""Hosts, their cables to the leaves, and the scale-up switches: alike in all fabrics."""

import numpy as np

from fabricemu.fabrics.network import Ints, Kind
from fabricemu.fabrics.wiring import Cables, Group, ends
from fabricemu.spec.fabric import FabricSpec
from fabricemu.spec.host import Host


def host_group(host: Host, n_ranks: int) -> Group:
    """Return the hosts: NIC ports first, then the port to the scale-up switch, if any."""
    ports = host.nic_ports + (host.scale_up_ranks > 1)
    return Group(Kind.HOST, "host", np.full(n_ranks, ports, dtype=np.int64))


def leaf_ports(addresses: int, per_leaf: int) -> Ints:
    """Return the host ports of each leaf, all full but the last, (n_leaves,)."""
    first = np.arange(0, addresses, per_leaf, dtype=np.int64)
    return np.minimum(per_leaf, addresses - first)


def host_cables(
    spec: FabricSpec, box: Ints, port: Ints, pipelines: tuple[int, int], queue: int
) -> Cables:
    """Return the cables of all NIC ports, by address.

    Parameters
    ----------
    box, port : (addresses,) int64
        Device to which each NIC port leads, and the port there.
    pipelines : pair of int, ps
        Delay of the cable and of that device for what comes from a host, and for what goes to one.
    queue : int, bytes
        Limit of the device's port towards a host.
    """
    host, nic_port = divmod(np.arange(len(box), dtype=np.int64), spec.host.nic_ports)
    return Cables(
        device=ends(host, box),
        port=ends(nic_port, port),
        rate_bps=spec.host.port_rate,
        latency_ps=(spec.host.nic_latency + pipelines[0], spec.host.nic_latency + pipelines[1]),
        queue_bytes=(-1, queue),
    )


def scale_up(host: Host, n_ranks: int, first: int) -> tuple[list[Group], list[Cables]]:
    """Return the scale-up switches, which start at device ``first``, and their cables."""
    size = host.scale_up_ranks
    if size == 1:
        return [], []
    ports = leaf_ports(n_ranks, size)
    lo = np.arange(len(ports), dtype=np.int64) * size
    route: dict[str, Ints | int] = {"lo": lo, "hi": lo + ports, "div": 1, "bundle": 1}
    rank = np.arange(n_ranks, dtype=np.int64)
    domain, member = divmod(rank, size)
    cables = Cables(
        device=ends(rank, first + domain),
        port=ends(np.full(n_ranks, host.nic_ports), member),
        rate_bps=host.scale_up_rate,
        latency_ps=(host.scale_up_latency, host.scale_up_latency),
    )
    return [Group(Kind.SCALE_UP, "scaleup", ports, route=route)], [cables]
