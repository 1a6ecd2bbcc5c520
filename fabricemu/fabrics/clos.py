"""A folded Clos of packet switches with up to 3 tiers, wired.

Devices: hosts, leaves, spines or aggregation boxes (pod by pod), cores, scale-up switches; those
of one plane before those of the next. On every box the ports down come first, the cables to one
box side by side. Without planes and rails consecutive addresses share a leaf, and the group of
an address is ``(address - lo) // div`` at every tier.
"""

from collections.abc import Sequence

import numpy as np

from fabricemu.fabrics.clos_shape import ClosShape, Tier, ports_per_plane
from fabricemu.fabrics.hosts import host_cables, host_group, scale_up
from fabricemu.fabrics.network import Choice, Ints, Kind, Network
from fabricemu.fabrics.wiring import Cables, Group, assemble, ends
from fabricemu.spec.fabric import ClosSpec

CHOICE = {
    "ecmp": Choice.ECMP,
    "spray": Choice.SPRAY,
    "adaptive": Choice.ADAPTIVE,
    "round-robin": Choice.ROUND_ROBIN,
}


def build_clos(spec: ClosSpec, n_ranks: int, shape: ClosShape, tiers: Sequence[Tier]) -> Network:
    """Return the Clos network of a shape for ``n_ranks`` hosts; ``tiers`` from the leaves up."""
    leaf, leaf_port = attach(spec, shape, n_ranks)
    hosts = np.bincount(leaf, minlength=shape.planes * shape.leaves).astype(np.int64)
    groups = [host_group(spec.host, n_ranks), *_boxes(shape, hosts, CHOICE[spec.clos.choice])]
    cable = tiers[0].cable_ps
    delays = (cable, cable + tiers[0].switch_ps)
    cables = [host_cables(spec, n_ranks + leaf, leaf_port, delays, tiers[0].queue_down)]
    if shape.tiers > 1:
        cables.append(_uplinks(shape, tiers, n_ranks, hosts))
    if shape.cores:
        cables.append(_core_links(shape, tiers, n_ranks))
    switches, scale_up_cables = scale_up(
        spec.host, n_ranks, sum(len(group.ports) for group in groups)
    )
    return assemble(
        groups + switches,
        cables + scale_up_cables,
        spec.host.nic_ports,
        spec.host.scale_up_ranks,
    )


def attach(spec: ClosSpec, shape: ClosShape, n_ranks: int) -> tuple[Ints, Ints]:
    """Return leaf and port there of each address, (addresses,) each.

    The ports of a server on one plane are its rails; with one rail they are nothing special.
    """
    address = np.arange(n_ranks * spec.host.nic_ports, dtype=np.int64)
    rank, nic_port = np.divmod(address, spec.host.nic_ports)
    plane_port, plane = np.divmod(nic_port, shape.planes)
    server, rail = np.divmod(rank * ports_per_plane(spec) + plane_port, shape.rails)
    row, leaf_port = np.divmod(server, shape.per_leaf)
    return plane * shape.leaves + row * shape.rails + rail, leaf_port


def _boxes(shape: ClosShape, hosts: Ints, choice: Choice) -> list[Group]:
    """Return leaves, boxes above them and cores, with routes where arithmetic finds the way."""
    below = _leaves_of_pods(shape)
    boxes = [("leaf", hosts + shape.uplinks, _leaf_route(shape, hosts))]
    if shape.tiers > 1:
        name = "spine" if shape.tiers == 2 else "agg"
        leaves = np.repeat(below, shape.spines)
        ports = leaves * shape.bundle + shape.agg_uplinks
        boxes.append((name, ports, _above_route(shape, leaves, int(hosts.sum()))))
    if shape.cores:
        ports = np.full(shape.planes * shape.cores, shape.pods * shape.core_bundle, np.int64)
        boxes.append(("core", ports, _core_route(shape, int(hosts.sum()))))
    return [
        Group(Kind.SWITCH, name, ports, choice, route if shape.regular else {})
        for name, ports, route in boxes
    ]


def _leaves_of_pods(shape: ClosShape) -> Ints:
    """Return the leaves of each pod of all planes, all full but the last of a plane."""
    first = np.arange(0, shape.leaves, shape.per_pod, dtype=np.int64)
    return np.tile(np.minimum(shape.per_pod, shape.leaves - first), shape.planes)


def _leaf_route(shape: ClosShape, hosts: Ints) -> dict[str, Ints | int]:
    lo = np.arange(len(hosts), dtype=np.int64) * shape.per_leaf
    return {
        "lo": lo,
        "hi": lo + hosts,
        "div": 1,
        "bundle": 1,
        "up_first": hosts,
        "up_count": shape.uplinks,
    }


def _above_route(shape: ClosShape, leaves: Ints, addresses: int) -> dict[str, Ints | int]:
    span = shape.per_pod * shape.per_leaf
    lo = np.arange(len(leaves), dtype=np.int64) // shape.spines * span
    return {
        "lo": lo,
        "hi": np.minimum(lo + span, addresses),
        "div": shape.per_leaf,
        "bundle": shape.bundle,
        "up_first": leaves * shape.bundle,
        "up_count": shape.agg_uplinks,
    }


def _core_route(shape: ClosShape, addresses: int) -> dict[str, Ints | int]:
    span = shape.per_pod * shape.per_leaf
    return {"lo": 0, "hi": addresses, "div": span, "bundle": shape.core_bundle}


def _uplinks(shape: ClosShape, tiers: Sequence[Tier], n_ranks: int, hosts: Ints) -> Cables:
    """Return the cables of the leaves to the boxes above them."""
    leaf, uplink = np.divmod(np.arange(len(hosts) * shape.uplinks, dtype=np.int64), shape.uplinks)
    spine, strand = np.divmod(uplink, shape.bundle)
    plane, in_plane = np.divmod(leaf, shape.leaves)
    pod, member = np.divmod(in_plane, shape.per_pod)
    above = (plane * shape.pods + pod) * shape.spines + spine
    return _cables(
        tiers[0],
        tiers[1],
        ends(n_ranks + leaf, n_ranks + len(hosts) + above),
        ends(hosts[leaf] + uplink, member * shape.bundle + strand),
    )


def _core_links(shape: ClosShape, tiers: Sequence[Tier], n_ranks: int) -> Cables:
    """Return the cables of the aggregation boxes to the cores.

    Box g of every pod reaches the g-th share of the cores.
    """
    aggs = shape.planes * shape.pods * shape.spines
    agg, uplink = np.divmod(np.arange(aggs * shape.agg_uplinks, dtype=np.int64), shape.agg_uplinks)
    pod, member = np.divmod(agg, shape.spines)
    plane, pod_in_plane = np.divmod(pod, shape.pods)
    nth, strand = np.divmod(uplink, shape.core_bundle)
    core = plane * shape.cores + member * (shape.agg_uplinks // shape.core_bundle) + nth
    first_agg = n_ranks + shape.planes * shape.leaves
    return _cables(
        tiers[1],
        tiers[2],
        ends(first_agg + agg, first_agg + aggs + core),
        ends(
            _leaves_of_pods(shape)[pod] * shape.bundle + uplink,
            pod_in_plane * shape.core_bundle + strand,
        ),
    )


def _cables(below: Tier, above: Tier, device: Ints, port: Ints) -> Cables:
    latency = (below.switch_ps + above.cable_ps, above.switch_ps + above.cable_ps)
    return Cables(device, port, above.rate_bps, latency, (below.queue_up, above.queue_down))
