"""How much more the lanes of a leaf carry than its ports bring: raw, and net of all overhead."""

from math import gcd

import numpy as np

from fabricemu.fabrics.network import Ints, Kind, Network
from fabricemu.spec.ddc import DdcParams
from fabricemu.spec.fabric import DdcSpec, FabricSpec


def speedups(spec: DdcSpec, network: Network) -> dict[str, float]:
    """Return lane over host capacity of a full leaf for full packets.

    ``raw`` is that of the rates, ``packed``, ``short_cells`` and ``padded`` are net of cell
    headers by how packets are cut, ``configured`` is one of them. ``net`` counts what a leaf that
    sends and receives at the rate of its ports puts on its lanes: cells of what each credit
    releases, a request and a credit for each credit each way. ``worst`` is the same for the leaf
    with the fewest lanes, at the worst time.
    """
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
    found = {name: raw * share for name, share in cut.items()}
    padded = "padded" if ddc.pad_cells else "short_cells"
    found["configured"] = found["packed" if ddc.packing else padded]
    on_port = (frame + spec.transport.gap_bytes) / frame
    found["net"] = raw * on_port / lane_bytes(ddc, frame)
    found["worst"] = found["net"] * least_share(spec, network)
    return found


def speedup_warnings(spec: FabricSpec, network: Network) -> list[str]:
    """Return a line if the lanes of a leaf carry less than its ports bring."""
    if not isinstance(spec, DdcSpec):
        return []
    found = speedups(spec, network)
    if found["worst"] >= 1:
        return []
    when = "" if found["net"] < 1 else " while lanes are down or slow"
    return [
        f"the lanes of a leaf carry {found['worst']:.3f} of what its ports bring{when}; expected at"
        " least 1, that is more or faster ddc.lanes, larger cells or fewer ddc.leaf_ports"
    ]


def lane_bytes(ddc: DdcParams, frame: int) -> float:
    """Return the mean bytes on the lanes of a leaf for a byte of frames each way."""
    batch = _batches(ddc.credit_bytes, frame)
    room = ddc.cell_bytes - ddc.cell_header_bytes
    cells = -(-batch * frame // room) if ddc.packing else batch * -(-frame // room)
    header = cells * ddc.cell_header_bytes + batch * frame
    cut = cells * ddc.cell_bytes if ddc.pad_cells else header
    return float(cut.sum() / (batch.sum() * frame) + 2 * ddc.control_cell_bytes / ddc.credit_bytes)


def _batches(credit: int, frame: int) -> Ints:
    """Return the packets that each credit releases, until it all begins again."""
    given = np.arange(frame // gcd(credit, frame) + 1, dtype=np.int64)
    return np.diff(-(-given * credit // frame))


def least_share(spec: DdcSpec, network: Network) -> float:
    """Return the share of its lanes' rate that the worst leaf has at the worst time."""
    leaf = (network.kind == Kind.LEAF)[network.device_of]
    out = np.flatnonzero(leaf & network.carries_cells)
    owner = network.device_of[out]
    rate, up = network.rate_bps.copy(), np.ones(network.n_ports, dtype=np.int64)
    least = _least_bps(owner, rate[out], rate[network.peer[out]])
    for change in network.changes:
        rate[change.ports], up[change.ports] = change.rate_bps, change.up
        now = rate * up
        least = min(least, _least_bps(owner, now[out], now[network.peer[out]]))
    return least / (spec.ddc.lanes * spec.ddc.lane_rate)


def _least_bps(owner: Ints, out: Ints, into: Ints) -> int:
    """Return the least rate of all lanes of a leaf, one way or the other."""
    sums = [np.bincount(owner, rates)[int(owner[0]) :] for rates in (out, into)]
    return int(np.min(sums))
