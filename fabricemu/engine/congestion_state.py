"""Congestion controls as arrays of the kernels: parameters, and a record for each queue pair."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.memory import Array, empty, filled
from fabricemu.engine.queue_pair_state import QueuePairs
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.transport import (
    Control,
    Dcqcn,
    Dctcp,
    Hpcc,
    Protocol,
    Swift,
    Transport,
    Uec,
)
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]


def controls(network: Network, transport: Transport, pairs: QueuePairs) -> dict[str, Array]:
    """Return parameters, and a record for each queue pair."""
    names = {
        "paces": kernel.FLOW,
        "dcqcn": kernel.DCQCN_STATE,
        "dctcp": kernel.DCTCP_STATE,
        "swift": kernel.SWIFT_STATE,
        "hpcc": kernel.HPCC_STATE,
        "uec_senders": kernel.UEC_SENDER,
        "uec_receivers": kernel.UEC_RECEIVER,
    }
    arrays: dict[str, Array] = {name: empty(1, dtype) for name, dtype in names.items()}
    words = 1 + kernel.MAX_STAMPS * kernel.STAMP_WORDS
    arrays["hpcc_stamps"] = np.zeros((1, words), np.int64)
    arrays["pacers"] = filled(1, kernel.PACER, asleep=1)
    arrays["parameters"] = filled(1, kernel.PARAMETERS, **_parameters(transport))
    count = len(pairs)
    if count == 0:
        return arrays
    if transport.protocol == Protocol.UEC:
        return arrays | _uec(network, transport, count)
    if transport.control == Control.NONE:
        return arrays
    line = network.rate_bps[pairs.port].astype(np.float64)
    arrays["paces"] = filled(count, kernel.FLOW, window=math.inf)
    arrays["paces"]["rate"] = arrays["paces"]["line"] = line
    arrays |= _of_pairs(transport, arrays["paces"], line)
    if transport.control == Control.SWIFT:
        paths = Paths(network, transport)
        arrays["swift"]["hops"] = paths.hops(pairs.source, pairs.target, pairs.rail) - 1
    return arrays


def _parameters(transport: Transport) -> dict[str, Any]:
    """Return the fields of ``PARAMETERS`` that the control uses."""
    p = transport.parameters
    if isinstance(p, Dcqcn):
        return {
            "g": p.g,
            "cnp_interval": p.cnp_interval_ps,
            "alpha_time": p.alpha_ps,
            "decrease_time": p.decrease_ps,
            "increase_time": p.increase_ps,
            "byte_counter": p.byte_counter,
            "fast_recovery": p.fast_recovery,
            "ai": p.ai_bps,
            "hai": p.hai_bps,
            "least": p.min_bps,
            "clamp": int(p.clamp),
            "window_bytes": p.window_bytes,
        }
    if isinstance(p, Dctcp):
        return {"g": p.g, "first": p.init_bytes, "most": p.max_bytes}
    if isinstance(p, Swift):
        scale = p.fs_range_ps / (1 / math.sqrt(p.fs_min) - 1 / math.sqrt(p.fs_max))
        return {
            "base": p.base_ps,
            "hop": p.hop_ps,
            "fs_range": p.fs_range_ps,
            "fs_alpha": scale,
            "fs_beta": -scale / math.sqrt(p.fs_max),
            "ai": p.ai,
            "beta": p.beta,
            "max_mdf": p.max_mdf,
            "first": p.init_packets,
            "least": p.min_cwnd,
            "most": p.max_cwnd,
        }
    if isinstance(p, Hpcc):
        return {
            "rtt": p.rtt_ps,
            "eta": p.eta,
            "max_stage": p.max_stage,
            "ai": p.ai_bytes,
            "least": p.min_bytes,
        }
    return _uec_parameters(p) if isinstance(p, Uec) else {}


def _uec_parameters(p: Uec) -> dict[str, Any]:
    return {
        "rate": p.rate_bps,
        "rtt": p.rtt_ps,
        "target": p.target_ps,
        "max_window": p.max_window,
        "init_window": p.init_window,
        "min_window": p.min_window,
        "alpha": p.alpha,
        "fair": p.fair,
        "eta": p.eta,
        "fast_gain": p.fast_gain,
        "gamma": p.gamma,
        "ewma": p.ewma,
        "gate_shift": p.gate_shift,
        "fulfil": p.fulfil_bytes,
        "fast_below": p.fast_ps,
        "nack_base": int(p.nack_updates_base),
        "quantum": p.quantum_ps,
    }


def _of_pairs(transport: Transport, flows: Array, line: NDArray[np.float64]) -> dict[str, Array]:
    """Return the records of one of RC's controls, and set what flows begin with."""
    p, count = transport.parameters, len(flows)
    if isinstance(p, Dcqcn):
        records = filled(count, kernel.DCQCN_STATE, alpha=1, last_cnp=-1)
        records["rc"] = records["rt"] = line
        if p.window_bytes > 0:
            flows["window"] = max(1, p.window_bytes)
        return {"dcqcn": records}
    if isinstance(p, Dctcp):
        flows["window"] = p.init_bytes
        return {"dctcp": filled(count, kernel.DCTCP_STATE, window=p.init_bytes, alpha=1)}
    if isinstance(p, Swift):
        cwnd = min(max(p.init_packets, p.min_cwnd), p.max_cwnd)
        flows["window"] = max(cwnd, 1.0) * transport.mtu
        flows["gap"] = p.base_ps / cwnd if cwnd < 1 else 0
        return {"swift": filled(count, kernel.SWIFT_STATE, cwnd=cwnd, rtt=p.base_ps)}
    assert isinstance(p, Hpcc)
    records = filled(count, kernel.HPCC_STATE, utilisation=1)
    records["window"] = records["reference"] = flows["window"] = line * p.rtt_ps / 8e12
    flows["rate"] = 8e12 * flows["window"] / p.rtt_ps
    words = 1 + kernel.MAX_STAMPS * kernel.STAMP_WORDS
    return {"hpcc": records, "hpcc_stamps": np.zeros((count, words), np.int64)}


def _uec(network: Network, transport: Transport, count: int) -> dict[str, Array]:
    """Return both ends of UEC's queue pairs, and the credit pacers."""
    none = kernel.NONE
    senders = filled(count, kernel.UEC_SENDER, stalled=none)
    p = transport.parameters
    if isinstance(p, Uec):
        senders["cwnd"], senders["wmax"] = p.init_window, p.max_window
        senders["base_rtt"], senders["credit"] = p.rtt_ps, p.max_window
    senders["speculating"] = int(transport.has_credit)
    ports = int(network.port_ptr[network.n_ranks]) if transport.has_credit else 1
    lists = {f"{end}_{name}": none for end in ("head", "tail") for name in ("active", "idle")}
    return {
        "uec_senders": senders,
        "uec_receivers": filled(count, kernel.UEC_RECEIVER, next_active=none, next_idle=none),
        "pacers": filled(ports, kernel.PACER, asleep=1, **lists),
    }
