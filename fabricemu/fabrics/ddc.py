"""A single-stage cell fabric, wired.

Devices: hosts, leaves, elements, scale-up switches. Lane l of a leaf leads to element
``l // L`` at its port ``leaf * L + l % L``, with L the lanes of a leaf to one element.
The last leaf has only as many host ports as are in use.
"""

import numpy as np

from fabricemu.errors import ConfigError
from fabricemu.fabrics.hosts import host_cables, host_group, leaf_ports, scale_up
from fabricemu.fabrics.network import Choice, Ddc, Ints, Kind, Network
from fabricemu.fabrics.wiring import Cables, Group, assemble, ends
from fabricemu.spec.ddc import DdcParams
from fabricemu.spec.fabric import DdcSpec

_CHOICE = {"round-robin": Choice.ROUND_ROBIN, "adaptive": Choice.ADAPTIVE}


def build_ddc(spec: DdcSpec, n_ranks: int) -> Network:
    """Return the DDC network of ``spec`` for ``n_ranks`` hosts."""
    ddc = spec.ddc
    hosts = leaf_ports(n_ranks * spec.host.nic_ports, ddc.leaf_ports)
    per_element = lanes_per_element(ddc, len(hosts))
    cable = spec.links.host_latency
    delays = (cable + ddc.leaf_ingress_latency, cable + ddc.leaf_egress_latency)
    leaf, port = divmod(np.arange(int(hosts.sum()), dtype=np.int64), ddc.leaf_ports)
    groups = [
        host_group(spec.host, n_ranks),
        Group(Kind.LEAF, "leaf", hosts + ddc.lanes),
        _elements(ddc, len(hosts), per_element),
    ]
    cables = [
        host_cables(spec, n_ranks + leaf, port, delays, -1),
        _lanes(spec, n_ranks, hosts, per_element),
    ]
    switches, scale_up_cables = scale_up(
        spec.host, n_ranks, sum(len(group.ports) for group in groups)
    )
    return assemble(
        groups + switches,
        cables + scale_up_cables,
        spec.host.nic_ports,
        spec.host.scale_up_ranks,
        _parameters(ddc, n_ranks, len(hosts), per_element),
    )


def lanes_per_element(ddc: DdcParams, leaves: int) -> int:
    """Return the lanes of a leaf to one element.

    Raises
    ------
    ConfigError
        If an element cannot reach all leaves.
    """
    wanted = ddc.lanes_per_element
    if isinstance(wanted, str):
        lane_limit = min(ddc.lanes & -ddc.lanes, ddc.element_lanes // leaves)
        wanted = 1 << max(0, lane_limit.bit_length() - 1)
    if leaves * wanted > ddc.element_lanes:
        most = ddc.element_lanes // wanted
        raise ConfigError(
            f"ddc.lanes_per_element: {wanted} with {leaves} leaves; an element of"
            f" {ddc.element_lanes} lanes reaches at most {most} leaves, that is"
            f" {most * ddc.leaf_ports} NIC ports"
        )
    return wanted


def _elements(ddc: DdcParams, leaves: int, per_element: int) -> Group:
    ports = np.full(ddc.lanes // per_element, leaves * per_element, dtype=np.int64)
    route: dict[str, Ints | int] = {"lo": 0, "hi": leaves, "div": 1, "bundle": per_element}
    return Group(Kind.ELEMENT, "element", ports, _CHOICE[ddc.choice], route)


def _lanes(spec: DdcSpec, n_ranks: int, hosts: Ints, per_element: int) -> Cables:
    lanes = spec.ddc.lanes
    leaf, lane = np.divmod(np.arange(len(hosts) * lanes, dtype=np.int64), lanes)
    element, strand = np.divmod(lane, per_element)
    fibre = spec.links.fabric_latency
    return Cables(
        device=ends(n_ranks + leaf, n_ranks + len(hosts) + element),
        port=ends(hosts[leaf] + lane, leaf * per_element + strand),
        rate_bps=spec.ddc.lane_rate,
        latency_ps=(fibre, spec.ddc.element_latency + fibre),
    )


def _parameters(ddc: DdcParams, n_ranks: int, leaves: int, per_element: int) -> Ddc:
    return Ddc(
        leaves=leaves,
        leaf_ports=ddc.leaf_ports,
        lanes=ddc.lanes,
        lanes_per_element=per_element,
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
