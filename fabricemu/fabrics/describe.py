"""What a fabric consists of and what it promises, as plain numbers for people and JSON."""

from typing import Any

import numpy as np

from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Ddc, Ints, Kind, Network
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.walk import Distance
from fabricemu.spec.fabric import DdcSpec, FabricSpec

MODULE_BPS = 800 * 10**9  # an OSFP module: 8 lanes of 100G, or 2 x 400G
ELEMENTS_PER_BOX = 4  # MERU800BFA: 1,024 lanes, 2 Ramon3 of 2 x 256 (facebook/fboss)


def describe(spec: FabricSpec, n_ranks: int) -> dict[str, Any]:
    """Return boxes, cables, capacity and idle times of a fabric for ``n_ranks`` hosts.

    Keys ending in ``_ps``, ``_bps`` and ``_bytes`` are in these units. ``fabric_modules`` are
    800G optics between boxes; ``leaf_speedup`` is uplink over host capacity of a full leaf
    for full packets, net of cell headers.

    Raises
    ------
    ConfigError
        If the hosts do not fit the fabric.
    """
    network, transport = build(spec, n_ranks)
    paths = Paths(network, transport)
    fabric = _fabric_ports(network)
    content: dict[str, Any] = {
        "fabric": spec.name,
        "kind": spec.kind,
        "ranks": n_ranks,
        "boxes": _boxes(network),
        "links": _links(network, fabric),
        "fabric_modules": -(-int(network.rate_bps[fabric].sum()) // MODULE_BPS),
        "bisection_bps": _bisection_bps(network, fabric),
        "paths": _path_rows(paths),
    }
    if isinstance(spec, DdcSpec) and network.ddc is not None:
        content["leaf_speedup"] = _speedups(spec)
        content["credit_loop_ps"] = _credit_loop_ps(network, network.ddc)
    return content


def _fabric_ports(network: Network) -> Ints:
    """Return the ports between boxes: neither end is a host."""
    near = network.kind[network.device_of] != Kind.HOST
    return np.flatnonzero(near & near[network.peer])


def _boxes(network: Network) -> dict[str, int]:
    names = [name.rstrip("0123456789") for name in network.names[network.n_ranks :]]
    boxes = {name: names.count(name) for name in dict.fromkeys(names)}
    if network.ddc is not None:
        boxes["fabric box"] = -(-boxes["element"] // ELEMENTS_PER_BOX)
    return boxes


def _links(network: Network, fabric: Ints) -> dict[str, int]:
    hosts = network.n_ranks * network.nic_ports
    scale_up = network.n_ranks if network.scale_up > 1 else 0
    return {"host": hosts, "fabric": len(fabric) // 2, "scale_up": scale_up}


def _bisection_bps(network: Network, fabric: Ints) -> int:
    """Return what one half of the hosts can send to the other, frames only in cell fabrics."""
    hosts = network.n_ranks * network.nic_ports * int(network.rate_bps[0])
    leaf = np.array([name.startswith("leaf") for name in network.names])
    uplinks = int(network.rate_bps[fabric[leaf[network.device_of[fabric]]]].sum())
    if network.ddc is not None:
        ddc = network.ddc
        uplinks = uplinks * (ddc.cell_bytes - ddc.cell_header_bytes) // ddc.cell_bytes
    one_leaf = np.count_nonzero(leaf) == 1
    return (hosts if one_leaf else min(hosts, uplinks)) // 2


def _path_rows(paths: Paths) -> list[dict[str, int | str]]:
    """Return hops and idle times of each distance that occurs."""
    table, mtu = paths.table, paths.transport.mtu
    rows: list[dict[str, int | str]] = []
    for distance in Distance:
        hops = int(np.count_nonzero(table.rate[distance]))
        if hops:
            rows.append(
                {
                    "distance": distance.name.lower(),
                    "hops": hops,
                    "latency_ps": int(table.latency[distance].sum()),
                    "packet_ps": int(paths.idle_ps(distance, mtu)),
                }
            )
    return rows


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
