"""Final message columns from the raw times of the engine, and where each message's time went.

The parts are taken along the packet that completed the message and sum exactly to
``delivered_ps - created_ps``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.errors import EngineError
from fabricemu.fabrics.paths import Paths

Ints = NDArray[np.int64]
Rows = Mapping[str, Ints]

SCALE_UP = -1  # values of the raw column ``rail`` where no NIC port was used
SELF = -2

SAME = (
    "message",
    "job",
    "collective",
    "part",
    "step",
    "src",
    "dst",
    "bytes",
    "packets",
    "retransmits",
    "out_of_order",
    "trims",
)
RENAMED = {
    "created_ps": "created",
    "first_byte_ps": "first_tx",
    "delivered_ps": "delivered",
    "acked_ps": "acked",
    "ecn_marks": "marks",
}


def derive(raw: Rows, paths: Paths) -> dict[str, NDArray[Any]]:
    """Return the columns of ``results.schema.MESSAGES``.

    Parameters
    ----------
    raw : mapping of str to (n,) int64
        What the engine notes of each finished message; times in ps. Those of ``docs/ethernet.md``
        section 10 may be absent: nothing was paused, marked, trimmed or sent again.
    paths : Paths
        Latencies and transmission times of the network.

    Raises
    ------
    EngineError
        A part is negative: the message was faster than the network allows.
    """
    raw = _filled(raw)
    whole = raw["delivered"] - raw["created"]
    rail = np.maximum(raw["rail"], 0)
    ideal = np.asarray(paths.unloaded_ps(raw["src"], raw["dst"], raw["bytes"], rail))
    columns: dict[str, NDArray[Any]] = {name: raw[name] for name in SAME}
    columns |= {name: raw[source] for name, source in RENAMED.items()}
    columns["way"] = np.select([raw["rail"] == SCALE_UP, raw["rail"] == SELF], [1, 2], 0)
    columns["rail"] = np.maximum(raw["rail"], -1)
    columns["ideal_ps"] = ideal
    columns["slowdown"] = np.where(ideal > 0, whole / np.maximum(ideal, 1), 1.0)
    return columns | _parts(raw, paths)


def _filled(raw: Rows) -> dict[str, Ints]:
    """Return the raw columns with neutral values for those that are absent."""
    zero = np.zeros_like(raw["created"])
    absent = dict.fromkeys(("pause", "paused_host", "marks", "trims"), zero)
    return absent | {"first_pass": raw["sent"]} | dict(raw)


def _parts(raw: Rows, paths: Paths) -> dict[str, Ints]:
    """Return the parts of the time from creation to delivery, in ps."""
    moved = raw["rail"] != SELF
    parts = {name: np.where(moved, part, 0) for name, part in _fixed(raw, paths).items()}
    parts |= _waits(raw)
    parts |= _host_parts(raw, parts["host_wait_ps"])
    whole = raw["delivered"] - raw["created"]
    parts["queue_ps"] = whole - np.sum(list(parts.values()), axis=0)
    _check(raw, parts)
    return parts


def _fixed(raw: Rows, paths: Paths) -> dict[str, Ints]:
    """Return the parts that the network alone decides, and the wait in the host."""
    src, dst, last = raw["src"], raw["dst"], raw["completing"]
    rail, mtu = np.maximum(raw["rail"], 0), paths.transport.mtu
    payload = np.where(last == raw["packets"] - 1, raw["bytes"] - last * mtu, mtu)
    own_tx = paths.nic_tx_ps(src, dst, payload, rail)
    at_nic = last * paths.nic_tx_ps(src, dst, mtu, rail) + own_tx
    cells = raw["last_cell"] > 0
    cell_tx = np.where(cells, paths.cell_tx_ps(src, dst, raw["last_cell_bytes"], rail), 0)
    cell_latency = np.where(cells, paths.cell_latency_ps(src, dst, rail), 0)
    flight = raw["last_cell"] - raw["voq_out"] - cell_tx - cell_latency
    return {
        "serialisation_ps": at_nic + paths.serialisation_ps(src, dst, payload, rail) + cell_tx,
        "propagation_ps": paths.latency_ps(src, dst, rail) + cell_latency,
        "host_wait_ps": raw["sent"] + own_tx - raw["created"] - at_nic,
        "cell_queue_ps": np.where(cells, flight, 0),
    }


def _waits(raw: Rows) -> dict[str, Ints]:
    """Return the parts between two times of the engine; zero where there were no cells."""
    return {
        "voq_wait_ps": raw["voq_head"] - raw["voq_in"],
        "credit_wait_ps": raw["voq_out"] - raw["voq_head"],
        "reorder_wait_ps": raw["released"] - raw["last_cell"],
    }


def _host_parts(raw: Rows, wait: Ints) -> dict[str, Ints]:
    """Part the wait in the host (docs/ethernet.md, section 10); switches' pauses are added.

    Parameters
    ----------
    wait : (n,) int64, ps
        All of it; one below zero, which is an error, stays as it is.
    """
    room = np.maximum(wait, 0)
    paused = np.minimum(room, raw["paused_host"])
    again = np.minimum(room - paused, np.maximum(raw["sent"] - raw["first_pass"], 0))
    return {
        "host_wait_ps": wait - paused - again,
        "retransmission_ps": again,
        "pause_ps": raw["pause"] + paused,
    }


def _check(raw: Rows, parts: Mapping[str, Ints]) -> None:
    for name, part in parts.items():
        if len(part) and part.min() < 0:
            row = int(part.argmin())
            where = f"message {raw['message'][row]}, rank {raw['src'][row]} to {raw['dst'][row]}"
            raise EngineError(f"{where}: {name} is {part[row]}: faster than the network allows")
