"""Switching, controls and small Ethernet networks for tests, made by hand."""

from dataclasses import replace
from typing import Any

import numpy as np

from fabricemu.fabrics.network import Network, Switching
from fabricemu.fabrics.transport import Control, Dcqcn, Dctcp, Hpcc, Swift, Uec
from tests import builders

ONE = 1 << 16  # alpha
ALWAYS = 1 << 32  # probability
US = 1_000_000


def with_switching(network: Network, **changes: Any) -> Network:
    """Return the network with switches as said; numbers stand for all ports."""
    columns = {"ecn_low": -1, "ecn_high": -1, "headroom": 0, "pfc": 0}
    values: dict[str, Any] = {
        "weight": [0],
        "lossless": [0],
        "qp_class": (0,),
        "ecn_max": ALWAYS,
        "ecn_at_enqueue": False,
        "trim_bytes": 0,
        "buffer_bytes": -1,
        "reserved_bytes": 0,
        "alpha": ONE,
        "alpha_lossy": ONE,
        "xoff_bytes": -1,
        "xon_bytes": 0,
        "pause_bytes": 64,
        "pause_response_ps": 0,
        "weighted": False,
        "bands": [],
        "refresh_ps": 0,
        "flowlet_gap_ps": 0,
        "flowlet_entries": 0,
    }
    given = values | columns | changes
    for name in columns:
        given[name] = np.full(network.n_ports, given[name], np.int64)
    for name in ("weight", "lossless", "bands"):
        given[name] = np.array(given[name], np.int64)
    return replace(network, switching=Switching(**given))


def lossless(network: Network, **changes: Any) -> Network:
    """Return the network with PFC by static thresholds of three packets and much headroom."""
    values = {"lossless": [1], "pfc": 1, "xoff_bytes": 12_480, "xon_bytes": 8_320}
    return with_switching(network, **(values | changes))


def dcqcn(**changes: Any) -> dict[str, Any]:
    """Return the transport fields of DCQCN with short timers."""
    values: dict[str, Any] = {
        "g": 1 / 16,
        "cnp_interval_ps": 4 * US,
        "alpha_ps": 5 * US,
        "decrease_ps": 0,
        "increase_ps": 7 * US,
        "byte_counter": 0,
        "fast_recovery": 2,
        "ai_bps": 2e9,
        "hai_bps": 1e10,
        "min_bps": 1e8,
        "clamp": False,
        "window_bytes": 0,
    }
    return {"control": Control.DCQCN, "parameters": Dcqcn(**(values | changes))}


def dctcp(**changes: Any) -> dict[str, Any]:
    """Return the transport fields of DCTCP."""
    values = {"g": 1 / 16, "init_bytes": 20_000.0, "max_bytes": 1e6}
    return {"control": Control.DCTCP, "parameters": Dctcp(**(values | changes))}


def swift(**changes: Any) -> dict[str, Any]:
    """Return the transport fields of Swift."""
    values = {
        "base_ps": 5e6,
        "hop_ps": 5e5,
        "fs_range_ps": 2e7,
        "fs_min": 0.1,
        "fs_max": 100.0,
        "ai": 1.0,
        "beta": 0.8,
        "max_mdf": 0.5,
        "init_packets": 12.0,
        "min_cwnd": 0.05,
        "max_cwnd": 200.0,
    }
    return {"control": Control.SWIFT, "parameters": Swift(**(values | changes))}


def hpcc(**changes: Any) -> dict[str, Any]:
    """Return the transport fields of HPCC."""
    values: dict[str, Any] = {
        "rtt_ps": 6 * US,
        "eta": 0.95,
        "max_stage": 5,
        "ai_bytes": 500.0,
        "min_bytes": 100.0,
    }
    return {"control": Control.HPCC, "parameters": Hpcc(**(values | changes))}


def uec(control: Control = Control.NSCC, **changes: Any) -> dict[str, Any]:
    """Return the transport fields of a UEC control for 400 Gb/s and a round trip of 5 us."""
    values: dict[str, Any] = {
        "rate_bps": builders.RATE_BPS,
        "rtt_ps": 5 * US,
        "target_ps": 4 * US,
        "max_window": 375_000,
        "init_window": 375_000,
        "min_window": 4160,
        "alpha": 2.2e-3,
        "fair": 34_000.0,
        "eta": 1000.0,
        "fast_gain": 0.4,
        "gamma": 0.8,
        "ewma": 0.0125,
        "gate_shift": 3,
        "fulfil_bytes": 33_280,
        "fast_ps": US,
        "nack_updates_base": True,
        "quantum_ps": 5171,
    }
    return {"control": control, "parameters": Uec(**(values | changes))}
