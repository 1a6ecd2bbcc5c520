"""What is broken in a fabric, as rows for people and JSON."""

from typing import Any

import numpy as np

from fabricemu.fabrics.failed import rate_share
from fabricemu.fabrics.faults import box_elements
from fabricemu.fabrics.link_names import ports_of
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.wiring import LOSS_UNITS
from fabricemu.spec.fabric import ClosSpec, FabricSpec

Rows = list[dict[str, Any]]


def fault_rows(spec: FabricSpec, network: Network) -> dict[str, Rows]:
    """Return the links that are slow from the start, that change, and that lose packets."""
    slow = _slow(spec, network) if isinstance(spec, ClosSpec) else []
    rows = {"slow": slow, "changes": _changes(spec, network)}
    rows["lossy"] = _lossy(network)
    return {name: found for name, found in rows.items() if found}


def _slow(spec: ClosSpec, network: Network) -> Rows:
    ports = np.flatnonzero(rate_share(spec, network) < 1)
    return [
        {"link": _way(network, port), "rate_bps": int(network.rate_bps[port])}
        for port in ports.tolist()
    ]


def _changes(spec: FabricSpec, network: Network) -> Rows:
    rows: Rows = []
    for change in spec.changes:
        row: dict[str, Any] = {"what": change.what, "at_ps": change.at}
        if isinstance(change.state, int):
            row["rate_bps"] = change.state
        else:
            row["state"] = change.state
        if isinstance(change.until, int):
            row["until_ps"] = change.until
        if isinstance(change.flap_period, int):
            row |= {"flap_period_ps": change.flap_period, "flap_count": change.flap_count}
        rows.append(row | {"links": len(ports_of(network, change.what, box_elements(spec))) // 2})
    return rows


def _lossy(network: Network) -> Rows:
    """Return how many links have each loss, with one of them by name."""
    if network.loss is None:
        return []
    losses, first, count = np.unique(network.loss, return_index=True, return_counts=True)
    return [
        {"loss": float(loss / LOSS_UNITS), "ports": int(number), "such as": _way(network, port)}
        for loss, port, number in zip(losses, first.tolist(), count, strict=True)
        if loss
    ]


def _way(network: Network, port: int) -> str:
    """Return the names of the boxes at both ends of a port, the sender first."""
    ends = np.searchsorted(network.port_ptr, [port, network.peer[port]], side="right") - 1
    return " > ".join(network.names[end] for end in ends)
