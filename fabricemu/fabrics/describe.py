"""What a fabric consists of and what it promises, as plain numbers for people and JSON."""

from typing import Any

import numpy as np

from fabricemu.fabrics.build import build, idle_baseline
from fabricemu.fabrics.cell_modes import mode_warnings
from fabricemu.fabrics.derived_rows import derived_rows
from fabricemu.fabrics.describe_ddc import describe_ddc, emulated_lanes, exact, fabric_boxes
from fabricemu.fabrics.fault_rows import fault_rows
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.speedup import speedup_warnings
from fabricemu.fabrics.tiers import Tiers, planes_of, rails_of
from fabricemu.fabrics.ways import DOMAIN
from fabricemu.spec.fabric import DdcSpec, FabricSpec

MODULE_BPS = 800 * 10**9  # an OSFP module: 8 lanes of 100G, or 2 x 400G


def describe(spec: FabricSpec, n_ranks: int) -> dict[str, Any]:
    """Return boxes, cables, capacity and idle times of a fabric for ``n_ranks`` hosts.

    Keys ending in ``_ps``, ``_bps`` and ``_bytes`` are in these units. ``fabric_modules`` are
    800G optics between boxes; ``oversubscription`` is capacity down over capacity up of the worst
    box of each kind; ``nic``, ``congestion`` and ``switch`` are what was derived; what only a
    cell fabric has is that of ``describe_ddc``.

    Raises
    ------
    ConfigError
        If the hosts do not fit the fabric.
    """
    spec, emulated = exact(spec), emulated_lanes(spec, n_ranks)
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
    content |= fault_rows(spec, network)
    if isinstance(spec, DdcSpec):
        content["boxes"] |= fabric_boxes(spec, n_ranks)
        content |= describe_ddc(spec, network) | emulated
    if warnings := speedup_warnings(spec, network) + mode_warnings(spec):
        content["warnings"] = warnings
    return content


def _boxes(network: Network) -> dict[str, int]:
    names = [name.rstrip("0123456789") for name in network.names[network.n_ranks :]]
    return {name: names.count(name) for name in dict.fromkeys(names)}


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
