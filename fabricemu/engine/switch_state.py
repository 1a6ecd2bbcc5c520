"""What packet switches do beyond two FIFOs a port, as arrays of the kernels."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.memory import Array, empty, filled
from fabricemu.engine.network_state import device_seeds, fold
from fabricemu.fabrics.network import Kind, Network, Routes, Switching
from fabricemu.fabrics.reach import MBIT
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]
PAUSE_ROWS = 1 << 14  # intervals of one part between two returns to Python


def with_switching(network: Network) -> Network:
    """Return a network with the ports of section 6, if they do nothing else."""
    if network.switching is not None:
        return network
    none, one = np.full(network.n_ports, -1), np.zeros(1, np.int64)
    nothing = Switching(
        weight=one,
        lossless=one,
        qp_class=(0,),
        ecn_low=none,
        ecn_high=none,
        ecn_max=0,
        ecn_at_enqueue=False,
        trim_bytes=0,
        buffer_bytes=-1,
        reserved_bytes=0,
        headroom=np.zeros_like(none),
        alpha=0,
        alpha_lossy=0,
        pfc=np.zeros_like(none),
        xoff_bytes=-1,
        xon_bytes=0,
        pause_bytes=64,
        pause_response_ps=0,
        weighted=False,
        bands=np.zeros(0, np.int64),
        refresh_ps=0,
        flowlet_gap_ps=0,
        flowlet_entries=0,
    )
    return replace(network, switching=nothing)


def switches(network: Network, seed: int, parts: int) -> dict[str, Array]:
    """Return ports, queues and switches of section 6; one record of each without it."""
    switching = network.switching
    if switching is None:
        return _none(parts) | routes(None)
    classes = len(switching.weight)
    rows = network.n_ports  # of the rounds of classes: ports, and schedulers of credits
    rows += network.n_ranks * network.nic_ports if network.ddc is not None else 0
    records = filled(classes, kernel.CLASS)
    records["weight"], records["lossless"] = switching.weight, switching.lossless
    boxes = network.n_devices - network.n_ranks
    table = max(boxes * switching.flowlet_entries, 1) if switching.flowlet_gap_ps else 1
    return {
        "egress": egress(network, switching),
        "queues": empty(network.n_ports * classes, kernel.QUEUE),
        "rounds": empty(rows, kernel.ROUND),
        "deficits": np.zeros(rows * classes, np.int64),
        "classes": records,
        "heads": np.zeros((parts, max(classes, 8)), np.int64),
        "switches": boxes_of(network, switching, seed),
        "departures": np.zeros(network.n_ports, np.int64),
        "flowlets": filled(table, kernel.FLOWLET_ENTRY, port=kernel.NONE),
        "bands": np.append(switching.bands, 0).astype(np.int64),
        "pause_log": np.zeros((parts, PAUSE_ROWS), kernel.PAUSE_LOG),
    } | routes(network.routes)


def _none(parts: int) -> dict[str, Array]:
    return {
        "egress": empty(1, kernel.EGRESS),
        "queues": empty(1, kernel.QUEUE),
        "rounds": empty(1, kernel.ROUND),
        "deficits": np.zeros(1, np.int64),
        "classes": empty(1, kernel.CLASS),
        "heads": np.zeros((parts, 8), np.int64),
        "switches": empty(1, kernel.SWITCH_RECORD),
        "departures": np.zeros(1, np.int64),
        "flowlets": empty(1, kernel.FLOWLET_ENTRY),
        "bands": np.zeros(1, np.int64),
        "pause_log": np.zeros((parts, 1), kernel.PAUSE_LOG),
    }


def egress(network: Network, switching: Switching) -> Array:
    """Return the ports' records."""
    records = filled(network.n_ports, kernel.EGRESS, refreshed=kernel.NONE)
    device = network.device_of
    scale_up = (network.kind == Kind.SCALE_UP)[device]
    host = (network.kind == Kind.HOST)[device]
    plain = scale_up | host
    marks = ~plain & (switching.ecn_low >= 0)
    records["ecn_low"] = np.where(marks, switching.ecn_low, kernel.INF)
    records["ecn_high"] = switching.ecn_high
    records["headroom"] = switching.headroom
    records["pfc"] = np.where(plain, 0, switching.pfc)
    records["to_host"] = host[network.peer]
    records["weight"] = np.maximum(network.rate_bps // MBIT, 1)
    if network.loss is not None:
        records["loss"] = network.loss
    return records


def boxes_of(network: Network, switching: Switching, seed: int) -> Array:
    """Return the devices' records: pools, seeds, and who routes by table."""
    records = empty(network.n_devices, kernel.SWITCH_RECORD)
    seeds = device_seeds(network.n_devices, seed)
    purposes = {
        "mark_seed": kernel.MARKING,
        "trim_seed": kernel.TRIMMING,
        "loss_seed": kernel.LOSS,
        "flow_seed": kernel.FLOWLET,
    }
    for name, purpose in purposes.items():
        records[name] = fold(seeds, purpose)
    packets = np.isin(network.kind, (Kind.SWITCH, Kind.SCALE_UP))
    buffered = np.isin(network.kind, (Kind.SWITCH, Kind.LEAF))
    records["pool"] = np.where(buffered, switching.buffer_bytes, -1)
    records["table"] = int(network.routes is not None)
    records["charged"] = packets & charges(switching)
    records["held"] = (network.kind == Kind.ELEMENT) & tells(network)
    return records


def charges(switching: Switching) -> bool:
    """Return whether port groups count what waits."""
    return switching.buffer_bytes >= 0 or bool(switching.pfc.any())


def tells(network: Network) -> bool:
    """Return whether fabric elements pause lanes, or tell leaves of their queues."""
    ddc = network.ddc
    return ddc is not None and (ddc.llfc_xoff_bytes >= 0 or len(ddc.rci_bytes) > 0)


def routes(table: Routes | None) -> dict[str, Array]:
    """Return the ways by table; rows of nothing without one."""
    if table is None:
        one = np.zeros(1, np.int64)
        single = dict.fromkeys(("edge", "home", "edge_device", "set_ptr", "set_ports"), one)
        return single | {"set_of": np.zeros((1, 1), np.int64)}
    names = ("edge", "home", "edge_device", "set_of", "set_ptr")
    columns = {name: np.ascontiguousarray(getattr(table, name), np.int64) for name in names}
    return columns | {"set_ports": np.append(table.set_ports, 0).astype(np.int64)}
