"""A cell fabric of one or two stages, wired (section 16).

Devices: hosts, leaves, elements pod by pod, those above plane by plane ("spine"), scale-up
switches. The last leaf has only as many host ports as are in use.
"""

import numpy as np

from fabricemu.fabrics.ddc_mechanisms import with_mechanisms
from fabricemu.fabrics.ddc_shape import DdcShape, ddc_shape
from fabricemu.fabrics.hosts import host_cables, host_group, leaf_ports, scale_up
from fabricemu.fabrics.network import Choice, Ddc, Ints, Kind, Network
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.wiring import Cables, Group, assemble, ends
from fabricemu.spec.ddc import DdcParams
from fabricemu.spec.fabric import DdcSpec

_CHOICE = {"round-robin": Choice.ROUND_ROBIN, "adaptive": Choice.ADAPTIVE}


def build_ddc(spec: DdcSpec, n_ranks: int) -> Network:
    """Return the DDC network of ``spec`` for ``n_ranks`` hosts."""
    ddc = spec.ddc
    hosts = leaf_ports(n_ranks * spec.host.nic_ports, ddc.leaf_ports)
    shape = ddc_shape(ddc, len(hosts))
    below = _elements(ddc, shape)
    groups = [
        host_group(spec.host, n_ranks),
        Group(Kind.LEAF, "leaf", hosts + shape.lanes),
        below,
    ]
    cables = [_host_cables(spec, n_ranks, hosts), _lanes(spec, n_ranks, hosts, shape)]
    if shape.stages == 2:
        groups.append(_spines(ddc, shape))
        cables.append(_up_lanes(spec, n_ranks, below, shape))
    switches, scale_up_cables = scale_up(
        spec.host, n_ranks, sum(len(group.ports) for group in groups)
    )
    network = assemble(
        groups + switches,
        cables + scale_up_cables,
        spec.host.nic_ports,
        spec.host.scale_up_ranks,
        _parameters(ddc, n_ranks, shape),
    )
    return with_mechanisms(spec, network)


def shape_of(spec: DdcSpec, n_ranks: int) -> DdcShape:
    """Return the counts of the fabric for ``n_ranks`` hosts."""
    return ddc_shape(spec.ddc, len(leaf_ports(n_ranks * spec.host.nic_ports, spec.ddc.leaf_ports)))


def _host_cables(spec: DdcSpec, n_ranks: int, hosts: Ints) -> Cables:
    cable = spec.links.host_latency
    delays = (cable + spec.ddc.leaf_ingress_latency, cable + spec.ddc.leaf_egress_latency)
    leaf, port = divmod(np.arange(int(hosts.sum()), dtype=np.int64), spec.ddc.leaf_ports)
    return host_cables(spec, n_ranks + leaf, port, delays, -1)


def _elements(ddc: DdcParams, shape: DdcShape) -> Group:
    """Return the elements next to the leaves, pod by pod."""
    pod = np.repeat(np.arange(shape.pods, dtype=np.int64), shape.elements)
    lo = pod * shape.pod_leaves
    hi = np.minimum(lo + shape.pod_leaves, shape.leaves)
    down = (hi - lo) * shape.lanes_per_element
    route: dict[str, Ints | int] = {
        "lo": lo,
        "hi": hi,
        "div": 1,
        "bundle": shape.lanes_per_element,
        "up_first": down if shape.up_lanes else 0,
        "up_count": shape.up_lanes,
    }
    return Group(Kind.ELEMENT, "element", down + shape.up_lanes, _CHOICE[ddc.choice], route)


def _spines(ddc: DdcParams, shape: DdcShape) -> Group:
    """Return the elements above, plane by plane."""
    bundle = shape.plane_elements * shape.strands
    ports = np.full(shape.spines, shape.pods * bundle, dtype=np.int64)
    route: dict[str, Ints | int] = {
        "lo": 0,
        "hi": shape.leaves,
        "div": shape.pod_leaves,
        "bundle": bundle,
    }
    return Group(Kind.ELEMENT, "spine", ports, _CHOICE[ddc.choice], route)


def _lanes(spec: DdcSpec, n_ranks: int, hosts: Ints, shape: DdcShape) -> Cables:
    """Return the lanes of the leaves, each to the elements of its pod."""
    lanes, per_element = shape.lanes, shape.lanes_per_element
    leaf, lane = np.divmod(np.arange(shape.leaves * lanes, dtype=np.int64), lanes)
    pod, place = np.divmod(leaf, shape.pod_leaves)
    element, strand = np.divmod(lane, per_element)
    fibre = spec.links.fabric_latency + _gained(spec.ddc)
    return Cables(
        device=ends(n_ranks + leaf, n_ranks + shape.leaves + pod * shape.elements + element),
        port=ends(hosts[leaf] + lane, place * per_element + strand),
        rate_bps=spec.ddc.lane_rate * spec.ddc.lane_group,
        latency_ps=(fibre, spec.ddc.element_latency + fibre),
    )


def _up_lanes(spec: DdcSpec, n_ranks: int, below: Group, shape: DdcShape) -> Cables:
    """Return the lanes of the elements of pods, each to the elements above of its plane."""
    lanes, width = shape.up_lanes, shape.plane_elements
    element, lane = np.divmod(np.arange(len(below.ports) * lanes, dtype=np.int64), lanes)
    pod, number = np.divmod(element, shape.elements)
    plane, place = np.divmod(number, width)
    nth, strand = np.divmod(lane, shape.strands)
    spine = plane * (lanes // shape.strands) + nth
    first = n_ranks + shape.leaves
    hop = spec.ddc.element_latency + spec.links.fabric_latency + _gained(spec.ddc)
    return Cables(
        device=ends(first + element, first + len(below.ports) + spine),
        port=ends(
            below.ports[element] - lanes + lane, (pod * width + place) * shape.strands + strand
        ),
        rate_bps=spec.ddc.lane_rate * spec.ddc.lane_group,
        latency_ps=(hop, hop),
    )


def _gained(ddc: DdcParams) -> int:
    """Return the time by which a control cell is sooner through a lane that stands for several."""
    alone, grouped = tx_ps(ddc.control_cell_bytes, [ddc.lane_rate, ddc.lane_rate * ddc.lane_group])
    return int(alone - grouped)


def _parameters(ddc: DdcParams, n_ranks: int, shape: DdcShape) -> Ddc:
    return Ddc(
        leaves=shape.leaves,
        leaf_ports=ddc.leaf_ports,
        lanes=shape.lanes,
        lanes_per_element=shape.lanes_per_element,
        first_leaf=n_ranks,
        cell_bytes=ddc.cell_bytes,
        cell_header_bytes=ddc.cell_header_bytes,
        control_cell_bytes=ddc.control_cell_bytes,
        packing=ddc.packing,
        pad_cells=ddc.pad_cells,
        credit_bytes=ddc.credit_bytes,
        credit_speedup=ddc.credit_speedup,
        egress_threshold_bytes=ddc.egress_threshold,
    )
