"""What NICs and switches work with after all that is ``auto`` was derived, for people and JSON."""

from dataclasses import asdict
from typing import Any

import numpy as np

from fabricemu.fabrics.baseline import Baseline
from fabricemu.fabrics.network import Ints, Kind, Network, Switching
from fabricemu.fabrics.transport import Transport
from fabricemu.spec.fabric import ClosSpec, FabricSpec

LIMITS = ("queue", "ecn_low", "ecn_high", "headroom")


def derived_rows(
    spec: FabricSpec, network: Network, transport: Transport, base: Baseline
) -> dict[str, dict[str, Any]]:
    """Return what the NIC, its congestion control and the switches work with; None for none."""
    content = {"nic": _nic(spec, transport, base), "congestion": _congestion(spec, transport)}
    if isinstance(spec, ClosSpec):
        content["switch"] = _switch(spec, network)
    return content


def _nic(spec: FabricSpec, transport: Transport, base: Baseline) -> dict[str, Any]:
    return {
        "protocol": spec.transport.protocol,
        "receiver": spec.transport.receiver,
        "base_rtt_ps": base.rtt_ps,
        "bdp_bytes": base.bdp_bytes,
        "rto_ps": transport.rto_ps or None,
        "balance": spec.transport.balance,
    }


def _congestion(spec: FabricSpec, transport: Transport) -> dict[str, Any]:
    """Return the control and its parameters, called as in docs/ethernet.md, windows in bytes."""
    content: dict[str, Any] = {"control": spec.congestion.control}
    if transport.parameters is not None:
        content |= asdict(transport.parameters)
    return {f"{name}_bytes" if name.endswith("window") else name: content[name] for name in content}


def _switch(spec: ClosSpec, network: Network) -> dict[str, Any]:
    return {
        "choice": spec.clos.choice,
        "pfc": spec.switch.pfc,
        "buffer_bytes": _or_none(spec.switch.buffer),
        "trim_bytes": _or_none(spec.switch.trim),
        **_of_all_ports(network.switching),
        "ports": _ports(network),
    }


def _of_all_ports(switching: Switching | None) -> dict[str, Any]:
    if switching is None:
        return {}
    marks = bool((switching.ecn_low >= 0).any())
    pauses = bool(switching.pfc.any())
    return {
        "ecn_max": switching.ecn_max / 2**32 if marks else None,
        "pause_response_ps": switching.pause_response_ps if pauses else None,
    }


def _or_none(amount: int | str) -> int | None:
    return amount if isinstance(amount, int) else None


def _ports(network: Network) -> list[dict[str, Any]]:
    """Return a row for the ports of packet switches that are alike, those to hosts first."""
    ports = np.flatnonzero((network.kind == Kind.SWITCH)[network.device_of])
    up = (network.kind != Kind.HOST)[network.device_of[network.peer[ports]]]
    limits = [limit[ports] for limit in _limits(network)]
    columns = np.column_stack([up, network.rate_bps[ports], *limits])
    alike, counts = np.unique(columns, axis=0, return_counts=True)
    return [
        {
            "to": "switch" if row[0] else "host",
            "ports": count,
            "rate_bps": row[1],
            **{
                f"{name}_bytes": None if limit < 0 else limit
                for name, limit in zip(LIMITS, row[2:], strict=True)
            },
        }
        for row, count in zip(alike.tolist(), counts.tolist(), strict=True)
    ]


def _limits(network: Network) -> list[Ints]:
    """Return the limits of each port as ``LIMITS`` names them, (n_ports,) each, -1 for none."""
    none = np.full(network.n_ports, -1, dtype=np.int64)
    switching = network.switching
    if switching is None:
        return [network.queue_bytes, none, none, none]
    headroom = np.where(switching.pfc == 1, switching.headroom, -1)
    return [network.queue_bytes, switching.ecn_low, switching.ecn_high, headroom]
