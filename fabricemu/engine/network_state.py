"""Devices, ports, parts and the cell fabric as arrays of the kernels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.memory import Array, empty, filled
from fabricemu.fabrics.network import Kind, Network
from fabricemu.fabrics.reach import MBIT, lane_mbps
from fabricemu.fabrics.transport import Transport
from fabricemu.kernels import random
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]
PS_PER_BYTE_AT_1_BPS = 8_000_000_000_000


def fold(h: Ints | int, value: Ints | int) -> Any:
    """Return the kernels' ``fold`` for arrays."""
    return mix(np.asarray(h, np.int64) ^ (np.asarray(value, np.int64) & random.MASK))


def mix(x: Any) -> Any:
    """Return the kernels' ``mix`` for arrays."""
    x = x ^ (x >> 16)
    x = (x * 0x21F0AAAD) & random.MASK
    x = x ^ (x >> 15)
    x = (x * 0x735A2D97) & random.MASK
    return x ^ (x >> 15)


def device_seeds(n_devices: int, seed: int) -> Ints:
    """Return the hash seed of every device."""
    seeds: Ints = fold(mix(np.int64(seed & random.MASK)), np.arange(n_devices))
    return seeds


def devices(network: Network, seed: int) -> dict[str, Array]:
    """Return device records and round-robin counters."""
    records = empty(network.n_devices, kernel.DEVICE)
    records["kind"] = network.kind
    records["first_port"] = network.port_ptr[:-1]
    records["n_ports"] = np.diff(network.port_ptr)
    for name in ("lo", "hi", "div", "bundle", "up_first", "up_count", "choice"):
        records[name] = getattr(network, name)
    seeds = device_seeds(network.n_devices, seed)
    records["tie_seed"] = fold(seeds, kernel.TIE)
    records["path_seed"] = fold(seeds, kernel.PATH)
    records["index"] = np.arange(network.n_devices)
    if network.ddc is not None:
        records["index"] -= np.where(network.kind == Kind.LEAF, network.ddc.first_leaf, 0)
    groups = (network.hi - network.lo) // np.maximum(network.div, 1) + 1
    tables = [network.routes, *(change.routes for change in network.changes)]
    groups = np.maximum(groups, max(len(t.set_ptr) for t in tables if t) if any(tables) else 0)
    records["turn_base"] = np.cumsum(groups) - groups
    return {"devices": records, "turns": empty(int(groups.sum()) + 1, kernel.TURN)}


def ports(network: Network, transport: Transport) -> dict[str, Array]:
    """Return port records, and their limits."""
    records = empty(network.n_ports, kernel.PORT)
    limits = empty(network.n_ports, kernel.LIMIT)
    records["per_byte"] = per_byte(network.rate_bps)
    records["latency"] = network.latency_ps
    records["peer"] = network.peer
    records["next_device"] = network.device_of[network.peer]
    records["gap"] = np.where(network.carries_cells, 0, transport.gap_bytes)
    records["limited"] = network.queue_bytes >= 0
    limits["rate"], limits["limit"] = network.rate_bps, network.queue_bytes
    return {"ports": records, "limits": limits}


def per_byte(rate_bps: Ints) -> Ints:
    """Return the ps of a byte at each rate where that is a whole number, else 0."""
    whole = np.where(PS_PER_BYTE_AT_1_BPS % rate_bps == 0, PS_PER_BYTE_AT_1_BPS // rate_bps, 0)
    small: Ints = np.where(whole <= np.iinfo(np.int32).max, whole, 0)
    return small


def parts(network: Network, count: int) -> dict[str, Array]:
    """Return the devices of each part: every kind in equal shares, in order."""
    owner = np.zeros(network.n_devices, np.int64)
    for kind in Kind:
        chosen = np.flatnonzero(network.kind == kind)
        owner[chosen] = np.arange(len(chosen)) * count // max(len(chosen), 1)
    ordered = np.argsort(owner, kind="stable")
    ptr = np.searchsorted(owner[ordered], np.arange(count + 1))
    return {
        "part_devices": ordered.astype(np.int64),
        "part_ptr": ptr.astype(np.int64),
        "due_devices": np.zeros((count, int(np.diff(ptr).max())), np.int64),
    }


def levels(network: Network) -> int:
    """Return the levels of packets: control, and the data classes."""
    return 1 + (1 if network.switching is None else len(network.switching.weight))


def level_bits(network: Network) -> int:
    """Return the bits of a VOQ's number that are its level."""
    return (levels(network) - 1).bit_length()


def cell_fabric(network: Network, seed: int) -> dict[str, Array]:
    """Return leaves, schedulers and sprays; one record of each without a cell fabric."""
    ddc = network.ddc
    if ddc is None:
        return _no_cell_fabric()
    addresses = network.n_ranks * network.nic_ports
    fifos = addresses << level_bits(network)
    seeds = device_seeds(network.n_devices, seed)
    numbers = np.arange(ddc.leaves)
    never = dict.fromkeys(("next_tick", "next_look", "next_sweep", "pace_at"), kernel.INF)
    leaves = filled(ddc.leaves, kernel.LEAF_RECORD, **never)
    leaves["lane_seed"] = fold(seeds[ddc.first_leaf + numbers], kernel.LANE)
    leaves["first_address"] = numbers * ddc.leaf_ports
    leaves["hosts"] = np.minimum(ddc.leaf_ports, addresses - leaves["first_address"])
    leaves["first_turn"] = 2 * numbers
    live = whole_lane_mbps(network)
    leaves["out_mbps"] = live[1]
    schedulers = filled(addresses, kernel.SCHEDULER, tick=kernel.INF)
    schedulers["interval"] = tick_intervals(network, network.rate_bps, live[0])
    steps = np.arange(1, max(ddc.lanes, 2))
    coprime = steps[np.gcd(steps, ddc.lanes) == 1]
    return {
        "leaves": leaves,
        "schedulers": schedulers,
        "asking": filled(fifos, kernel.READY, head=kernel.NONE, tail=kernel.NONE),
        "rci_bytes": np.array([*ddc.rci_bytes, 0], np.int64),
        "rci_slow": np.array([0, *ddc.rci_slow], np.int64),
        "level_ticks": np.zeros((ddc.leaves, 1 + len(ddc.rci_bytes)), np.int64),
        "sprays": empty(ddc.leaves * ddc.leaves, kernel.SPRAY_STATE),
        "coprimes": coprime.astype(np.int64),
        "turns_of": filled(2 * ddc.leaves, kernel.READY, head=kernel.NONE, tail=kernel.NONE),
    }


def tick_intervals(network: Network, rate_bps: Ints, live_mbps: Ints) -> Ints:
    """Return the time between credits of each NIC port's scheduler, at level 0.

    Parameters
    ----------
    rate_bps : (n_ports,) int64
        Of all ports, as they are.
    live_mbps : (leaves,) int64
        Of the lanes into each leaf that are known to work.
    """
    ddc = network.ddc
    assert ddc is not None
    host_ports = np.arange(network.n_ranks * network.nic_ports)
    rank, local = host_ports // network.nic_ports, host_ports % network.nic_ports
    egress = network.peer[network.port_ptr[rank] + local]
    rate = (rate_bps[egress] * ddc.credit_speedup).astype(np.int64)
    interval: Ints = -(-ddc.credit_bytes * PS_PER_BYTE_AT_1_BPS // rate)
    if ddc.drm == 0:
        return interval
    leaf = host_ports // ddc.leaf_ports
    mbps = np.maximum(rate_bps[egress] // MBIT, 1)
    need = np.bincount(leaf, weights=mbps, minlength=ddc.leaves).astype(np.int64) * ddc.drm >> 16
    live = np.maximum(live_mbps, 1)
    slowed: Ints = -(-interval * np.maximum(need, live)[leaf] // live[leaf])
    return slowed


def whole_lane_mbps(network: Network) -> Ints:
    """Return what all lanes into and out of each leaf carry, (2, leaves)."""
    return lane_mbps(network, network.rate_bps, np.ones(network.n_ports, bool))


def _no_cell_fabric() -> dict[str, Array]:
    return {
        "leaves": empty(1, kernel.LEAF_RECORD),
        "schedulers": empty(1, kernel.SCHEDULER),
        "asking": empty(1, kernel.READY),
        "rci_bytes": np.zeros(1, np.int64),
        "rci_slow": np.zeros(1, np.int64),
        "level_ticks": np.zeros((1, 1), np.int64),
        "sprays": empty(1, kernel.SPRAY_STATE),
        "coprimes": np.ones(1, np.int64),
        "turns_of": empty(1, kernel.READY),
    }
