"""What a fabric consists of and what it promises, as plain numbers for people and JSON."""

from typing import Any

import numpy as np

from fabricemu.fabrics.build import build, idle_baseline
from fabricemu.fabrics.derived_rows import derived_rows
from fabricemu.fabrics.fault_rows import fault_rows
from fabricemu.fabrics.network import Ddc, Network
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.tiers import Tiers, planes_of, rails_of
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.ways import DOMAIN
from fabricemu.spec.fabric import ClosSpec, DdcSpec, FabricSpec

MODULE_BPS = 800 * 10**9  # an OSFP module: 8 lanes of 100G, or 2 x 400G
ELEMENTS_PER_BOX = 4  # MERU800BFA: 1,024 lanes, 2 Ramon3 of 2 x 256 (facebook/fboss)


def describe(spec: FabricSpec, n_ranks: int) -> dict[str, Any]:
    """Return boxes, cables, capacity and idle times of a fabric for ``n_ranks`` hosts.

    Keys ending in ``_ps``, ``_bps`` and ``_bytes`` are in these units. ``fabric_modules`` are
    800G optics between boxes; ``oversubscription`` is capacity down over capacity up of the worst
    box of each kind; ``leaf_speedup`` is uplink over host capacity of a full leaf for full
    packets, net of cell headers; ``nic``, ``congestion`` and ``switch`` are what was derived.

    Raises
    ------
    ConfigError
        If the hosts do not fit the fabric.
    """
    network, transport = build(spec, n_ranks)
    tiers = Tiers(network)
    content: dict[str, Any] = {
        "fabric": spec.name,
        "kind": spec.kind,
        "ranks": network.n_ranks,
        "boxes": _boxes(network),
        "planes": planes_of(network),
        "rails": rails_of(network),
        "links": _links(network, tiers),
        "fabric_modules": -(-int(network.rate_bps[tiers.fabric].sum()) // MODULE_BPS),
        "bisection_bps": tiers.bisection_bps(),
        "oversubscription": tiers.oversubscription(),
        "paths": _path_rows(Paths(network, transport)),
    }
    content |= derived_rows(spec, network, transport, idle_baseline(spec, network.n_ranks))
    if isinstance(spec, ClosSpec):
        content |= fault_rows(spec, network)
    elif network.ddc is not None:
        content["leaf_speedup"] = _speedups(spec)
        content["credit_loop_ps"] = _credit_loop_ps(network, network.ddc)
    return content


def _boxes(network: Network) -> dict[str, int]:
    names = [name.rstrip("0123456789") for name in network.names[network.n_ranks :]]
    boxes = {name: names.count(name) for name in dict.fromkeys(names)}
    if network.ddc is not None:
        boxes["fabric box"] = -(-boxes["element"] // ELEMENTS_PER_BOX)
    return boxes


def _links(network: Network, tiers: Tiers) -> dict[str, int]:
    hosts = network.n_ranks * network.nic_ports
    scale_up = network.n_ranks if network.scale_up > 1 else 0
    return {"host": hosts, "fabric": len(tiers.fabric) // 2, "scale_up": scale_up}


def _path_rows(paths: Paths) -> list[dict[str, int | str]]:
    """Return hops and idle times of each distance that occurs, of the slowest path there."""
    hops, mtu = paths.table.hops, paths.transport.mtu
    over_fabric = paths.ways.both_ways()[0]
    groups = [("domain", np.array([DOMAIN]))] if hops[DOMAIN] else []
    for count in np.unique(hops[over_fabric]):
        name = "leaf" if count == 2 else "fabric"
        groups.append((name, np.unique(over_fabric[hops[over_fabric] == count])))
    return [
        {
            "distance": name,
            "switches": int(hops[rows[0]]) - 1,
            "hops": int(hops[rows[0]]),
            "latency_ps": int(paths.table.latency[rows].sum(axis=1).max()),
            "packet_ps": int(paths.idle_ps(rows, mtu).max()),
        }
        for name, rows in groups
    ]


def _speedups(spec: DdcSpec) -> dict[str, float]:
    """Return lane over host capacity of a full leaf, by how full packets are cut into cells."""
    ddc, frame = spec.ddc, spec.transport.frame_bytes
    raw = ddc.lanes * ddc.lane_rate / (ddc.leaf_ports * spec.host.port_rate)
    room = ddc.cell_bytes - ddc.cell_header_bytes
    cells = -(-frame // room)
    cut = {
        "raw": 1.0,
        "packed": room / ddc.cell_bytes,
        "short_cells": frame / (frame + cells * ddc.cell_header_bytes),
        "padded": frame / (cells * ddc.cell_bytes),
    }
    speedups = {name: raw * share for name, share in cut.items()}
    padded = "padded" if ddc.pad_cells else "short_cells"
    return speedups | {"configured": speedups["packed" if ddc.packing else padded]}


def _credit_loop_ps(network: Network, ddc: Ddc) -> int:
    """Return the time of a request and its credit between two leaves on idle lanes."""
    lane = int(network.port_ptr[ddc.first_leaf + 1]) - 1
    way = [lane, int(network.peer[lane])]
    cell = tx_ps(ddc.control_cell_bytes, network.rate_bps[way])
    return 2 * int((cell + network.latency_ps[way]).sum())
