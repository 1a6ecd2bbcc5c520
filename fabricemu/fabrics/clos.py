"""A folded Clos of packet switches with 2 or 3 tiers, wired.

Devices: hosts, leaves, spines or aggregation boxes (pod by pod), cores, scale-up switches.
On every box the ports down come first, the cables to one box side by side, so that the
group of an address is ``(address - lo) // div`` at every tier.
"""

import numpy as np

from fabricemu.fabrics.clos_shape import ClosShape, clos_shape, uplink_rate
from fabricemu.fabrics.hosts import host_cables, host_group, leaf_ports, scale_up
from fabricemu.fabrics.network import Choice, Ints, Kind, Network
from fabricemu.fabrics.wiring import Cables, Group, assemble, ends
from fabricemu.spec.fabric import ClosSpec

_CHOICE = {"ecmp": Choice.ECMP, "spray": Choice.SPRAY, "adaptive": Choice.ADAPTIVE}


def build_clos(spec: ClosSpec, n_ranks: int) -> Network:
    """Return the Clos network of ``spec`` for ``n_ranks`` hosts."""
    shape = clos_shape(spec, n_ranks)
    choice = _CHOICE[spec.clos.choice]
    hosts = leaf_ports(n_ranks * spec.host.nic_ports, shape.per_leaf)
    groups = [host_group(spec.host, n_ranks), _leaves(shape, hosts, choice)]
    delays = (0, spec.clos.switch_latency)
    cables = [host_cables(spec, n_ranks, shape.per_leaf, delays, spec.queue_bytes)]
    if shape.tiers == 2:
        groups.append(_spines(shape, int(hosts.sum()), choice))
    if shape.tiers == 3:
        groups += _pods(shape, int(hosts.sum()), choice)
    if shape.tiers > 1:
        cables.append(_uplinks(spec, shape, n_ranks, hosts))
    if shape.cores:
        cables.append(_core_links(spec, shape, n_ranks))
    switches, scale_up_cables = scale_up(
        spec.host, n_ranks, sum(len(group.ports) for group in groups)
    )
    return assemble(
        groups + switches,
        cables + scale_up_cables,
        spec.host.nic_ports,
        spec.host.scale_up_ranks,
    )


def _leaves(shape: ClosShape, hosts: Ints, choice: Choice) -> Group:
    lo = np.arange(len(hosts), dtype=np.int64) * shape.per_leaf
    route: dict[str, Ints | int] = {
        "lo": lo,
        "hi": lo + hosts,
        "div": 1,
        "bundle": 1,
        "up_first": hosts,
        "up_count": shape.uplinks if shape.tiers > 1 else 0,
    }
    return Group(Kind.SWITCH, "leaf", hosts + shape.uplinks * (shape.tiers > 1), choice, route)


def _spines(shape: ClosShape, addresses: int, choice: Choice) -> Group:
    ports = np.full(shape.spines, shape.leaves * shape.bundle, dtype=np.int64)
    route = _down_all(addresses, shape.per_leaf, shape.bundle)
    return Group(Kind.SWITCH, "spine", ports, choice, route)


def _pods(shape: ClosShape, addresses: int, choice: Choice) -> list[Group]:
    """Return the aggregation boxes, pod by pod, and the cores, if any."""
    pod = np.repeat(np.arange(shape.pods, dtype=np.int64), shape.spines)
    leaves = np.minimum(shape.per_pod, shape.leaves - pod * shape.per_pod)
    span = shape.per_pod * shape.per_leaf
    route: dict[str, Ints | int] = {
        "lo": pod * span,
        "hi": np.minimum((pod + 1) * span, addresses),
        "div": shape.per_leaf,
        "bundle": shape.bundle,
        "up_first": leaves * shape.bundle,
        "up_count": shape.agg_uplinks,
    }
    aggs = Group(Kind.SWITCH, "agg", leaves * shape.bundle + shape.agg_uplinks, choice, route)
    if not shape.cores:
        return [aggs]
    ports = np.full(shape.cores, shape.pods * shape.core_bundle, dtype=np.int64)
    down = _down_all(addresses, span, shape.core_bundle)
    return [aggs, Group(Kind.SWITCH, "core", ports, choice, down)]


def _down_all(addresses: int, div: int, bundle: int) -> dict[str, Ints | int]:
    return {"lo": 0, "hi": addresses, "div": div, "bundle": bundle}


def _uplinks(spec: ClosSpec, shape: ClosShape, n_ranks: int, hosts: Ints) -> Cables:
    """Return the cables of the leaves to the boxes above them."""
    leaf, uplink = np.divmod(np.arange(shape.leaves * shape.uplinks, dtype=np.int64), shape.uplinks)
    spine, strand = np.divmod(uplink, shape.bundle)
    pod, member = np.divmod(leaf, shape.per_pod) if shape.tiers == 3 else (0, leaf)
    above = n_ranks + shape.leaves + pod * shape.spines + spine
    return _fabric_cables(
        spec,
        ends(n_ranks + leaf, above),
        ends(hosts[leaf] + uplink, member * shape.bundle + strand),
    )


def _core_links(spec: ClosSpec, shape: ClosShape, n_ranks: int) -> Cables:
    """Return the cables of the aggregation boxes to the cores.

    Box g of every pod reaches the g-th share of the cores.
    """
    aggs = shape.pods * shape.spines
    agg, uplink = np.divmod(np.arange(aggs * shape.agg_uplinks, dtype=np.int64), shape.agg_uplinks)
    pod, member = np.divmod(agg, shape.spines)
    nth, strand = np.divmod(uplink, shape.core_bundle)
    core = member * (shape.agg_uplinks // shape.core_bundle) + nth
    leaves = np.minimum(shape.per_pod, shape.leaves - pod * shape.per_pod)
    first_agg = n_ranks + shape.leaves
    return _fabric_cables(
        spec,
        ends(first_agg + agg, first_agg + aggs + core),
        ends(leaves * shape.bundle + uplink, pod * shape.core_bundle + strand),
    )


def _fabric_cables(spec: ClosSpec, device: Ints, port: Ints) -> Cables:
    latency = spec.clos.switch_latency + spec.links.fabric_latency
    queue = spec.queue_bytes
    return Cables(device, port, uplink_rate(spec), (latency, latency), (queue, queue))
