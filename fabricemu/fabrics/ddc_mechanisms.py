"""The mechanisms of leaves and elements as numbers: fields of ``Ddc`` beyond section 5."""

from dataclasses import replace
from typing import Any

from fabricemu.errors import ConfigError
from fabricemu.fabrics.network import Ddc, Network
from fabricemu.fabrics.timing import tx_ps
from fabricemu.spec.ddc import DdcParams
from fabricemu.spec.fabric import DdcSpec

ONE = 2**16  # Ddc.drm and Ddc.rci_slow count in parts of 2^-16
LEAST_IN_FLIGHT = 2  # credits (OpenBCM iqs_tune.c), as the next
MOST_BALANCE_BYTES = 500_000


def with_mechanisms(spec: DdcSpec, network: Network) -> Network:
    """Return the network with all fields of ``Ddc`` that ``spec`` asks for.

    Thresholds of lanes grow with ``lane_group``: a lane's queue holds that of so many.

    Raises
    ------
    ConfigError
        If a VOQ may not keep the credit that it needs.
    """
    ddc = spec.ddc
    assert network.ddc is not None
    fields: dict[str, Any] = {
        "voq_bytes": _or(-1, ddc.voq_limit),
        "onchip_bytes": _or(-1, ddc.onchip_buffer),
        **_credit(spec, in_flight(spec, network)),
        "watchdog_ps": _or(0, ddc.credit_watchdog),
        "paced": ddc.paced,
        "drm": _drm(ddc),
        "train_cells": ddc.cells_of_a_train,
        "least_loaded": ddc.spray == "least-loaded",
        **_flow_control(ddc),
        "rci_bytes": tuple(size * ddc.lane_group for size in ddc.rci_levels),
        "rci_slow": _slow(ddc),
        "rci_period_ps": ddc.rci_period if ddc.rci_levels else 0,
        "contexts": _or(0, ddc.contexts),
        "reassembly_ps": _or(0, ddc.reassembly_timeout),
    }
    return replace(network, ddc=replace(network.ddc, **fields))


def credit_loop_ps(network: Network, ddc: Ddc) -> int:
    """Return the time of a request and its credit between the farthest leaves on idle lanes."""
    way = [int(network.port_ptr[ddc.first_leaf + 1]) - 1]
    element = ddc.first_leaf + ddc.leaves
    if network.up_count[element]:
        way.append(int(network.port_ptr[element] + network.up_first[element]))
    way += network.peer[way].tolist()
    cell = tx_ps(ddc.control_cell_bytes, network.rate_bps[way])
    return 2 * int((cell + network.latency_ps[way]).sum())


def in_flight(spec: DdcSpec, network: Network) -> int:
    """Return the credits that a port's rate takes in an idle credit loop."""
    assert network.ddc is not None
    loop = credit_loop_ps(network, network.ddc)
    credits_due = -(-spec.host.port_rate * loop // (8 * 10**12 * spec.ddc.credit_bytes))
    return max(LEAST_IN_FLIGHT, credits_due)


def _or(number: int, value: int | str) -> int:
    """Return ``value``, or ``number`` for a word that stands for none."""
    return number if isinstance(value, str) else value


def _credit(spec: DdcSpec, flying: int) -> dict[str, int]:
    """Return what a VOQ asks for ahead, and the most that it keeps."""
    ddc, credit = spec.ddc, spec.ddc.credit_bytes
    ahead = (flying + 1) * credit if isinstance(ddc.ahead, str) else ddc.ahead
    keeps = ddc.balance_limit
    if keeps == "unbounded":
        return {"ahead_bytes": ahead, "balance_bytes": -1}
    least = max(credit, ahead)
    if isinstance(keeps, str):
        keeps = max(least, min(MOST_BALANCE_BYTES, 3 * flying * credit - credit))
    if keeps < least:
        raise ConfigError(
            f"ddc.balance_limit: {keeps} bytes; expected at least a credit and ddc.ahead, the"
            f" nearest valid choice is {least}"
        )
    return {"ahead_bytes": ahead, "balance_bytes": keeps}


def _drm(ddc: DdcParams) -> int:
    if ddc.drm == "none":
        return 0
    full = ddc.cell_bytes / (ddc.cell_bytes - ddc.cell_header_bytes)
    return round((full if isinstance(ddc.drm, str) else ddc.drm) * ONE)


def _flow_control(ddc: DdcParams) -> dict[str, int]:
    if isinstance(ddc.llfc_xoff, str):
        return {"llfc_xoff_bytes": -1, "llfc_xon_bytes": 0, "llfc_response_ps": ddc.llfc_response}
    xon = ddc.llfc_xoff // 2 if isinstance(ddc.llfc_xon, str) else ddc.llfc_xon
    return {
        "llfc_xoff_bytes": ddc.llfc_xoff * ddc.lane_group,
        "llfc_xon_bytes": xon * ddc.lane_group,
        "llfc_response_ps": ddc.llfc_response,
    }


def _slow(ddc: DdcParams) -> tuple[int, ...]:
    factors = ddc.rci_slow or [1 + k / 8 for k in range(1, len(ddc.rci_levels) + 1)]
    return tuple(round(factor * ONE) for factor in factors)
