"""A run in numbers: the object of ``replay --json``, and the tables that people read.

Views of jobs, collectives and links take the tables of ``results.schema``, as they are in
memory after a run or as a ``Result`` returns them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Network
from fabricemu.results.log import MessageLog, combine
from fabricemu.results.outcome import Outcome
from fabricemu.results.reader import Result
from fabricemu.results.schema import TABLES

Columns = Mapping[str, NDArray[Any]]
Run = dict[str, Any]

SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
SPREAD = ("min", *SHARES, "max")
# What two runs of the same do not share.
MEASURED = ("sim_s", "compile_s", "wall_s", "packet_hops_per_s", "peak_rss_bytes")


def run_object(
    fabric: str,
    seed: int,
    network: Network,
    outcome: Outcome,
    log: MessageLog,
    bound_ps: int,
    wall_s: float,
    peak_rss_bytes: int,
    result: str,
) -> Run:
    """Return one entry of ``runs`` of ``replay --json``.

    Parameters
    ----------
    fabric, result : str
        Name of the fabric; path of the result file.
    seed, bound_ps, peak_rss_bytes : int
    network : Network
    outcome : Outcome
    log : MessageLog
        Still with its rows.
    wall_s : float
        From the reading of the trace on.
    """
    cells = network.carries_cells
    packet_hops = int(outcome.link_packets[~cells].sum())
    return {
        "fabric": fabric,
        "seed": seed,
        "jct_s": completion_ps(outcome) / 1e12,
        "bound_s": bound_ps / 1e12,
        "messages": log.count,
        "bytes": log.bytes,
        "fct_us": spread_us(log, "fct"),
        "delivered_us": spread_us(log, "delivered"),
        "packets": outcome.packets,
        "packet_hops": packet_hops,
        "cell_hops": int(outcome.link_packets[cells].sum()),
        "drops": int(outcome.link_drops.sum()),
        "retransmits": outcome.retransmits,
        "pauses": outcome.n_pauses,
        "ecn_marks": int(outcome.link_marks.sum()),
        "trims": int(outcome.link_trims.sum()),
        "lost": int(outcome.link_lost.sum()),
        "sim_s": outcome.sim_s,
        "compile_s": outcome.compile_s,
        "wall_s": wall_s,
        "packet_hops_per_s": packet_hops / outcome.sim_s if outcome.sim_s else 0.0,
        "peak_rss_bytes": peak_rss_bytes,
        "fingerprint": combine(log.fingerprint, outcome),
        "result": result,
    }


def completion_ps(outcome: Outcome) -> int:
    """Return the time from the first start of an operation to the last finish."""
    started = outcome.op_start_ps[outcome.op_start_ps >= 0]
    if not len(started):
        return 0
    return int(outcome.op_finish_ps.max() - started.min())


def spread_us(log: MessageLog, name: str) -> dict[str, float | None]:
    """Return extremes and quantiles of ``fct`` or ``delivered`` in us; None without messages."""
    if not log.count:
        return dict.fromkeys(SPREAD)
    times = log.times[name]
    middle = log.quantiles(name, list(SHARES.values()))
    values = [times.min, *middle, times.max]
    return {key: value / 1e6 for key, value in zip(SPREAD, values, strict=True)}


def attributes_of(run: Run, reproducible: bool = False) -> dict[str, str]:
    """Return a run object as attributes of its result file.

    Parameters
    ----------
    run : dict
    reproducible : bool
        Leave out what was measured with a clock, so that the file's bytes do not depend on it.
    """
    fixed = {k: v for k, v in run.items() if k not in (*MEASURED, "result")}
    found = {"summary": json.dumps(fixed)}
    if not reproducible:
        found["measured"] = json.dumps({name: run[name] for name in MEASURED})
    return found


def run_of(result: Result) -> Run:
    """Return the run object that a result file keeps; empty for a partial one."""
    texts = (result.attributes.get(name, "{}") for name in ("summary", "measured"))
    found: Run = {}
    for text in texts:
        found |= json.loads(str(text))
    return found | ({"result": str(result.path)} if found else {})


def jobs(tables: Mapping[str, Columns], labels: Mapping[str, Sequence[str]]) -> list[Run]:
    """Return name, start, finish and completion time of each job, in seconds."""
    columns = tables.get("jobs", {})
    return [
        {
            "job": labels["job"][row["job"]],
            "start_s": _seconds(row["start_ps"]),
            "finish_s": _seconds(row["finish_ps"]),
            "jct_s": _seconds(row["jct_ps"]),
        }
        for row in _rows(columns)
    ]


def collectives(tables: Mapping[str, Columns]) -> list[Run]:
    """Return collectives of one shape as one row: how many, time and bandwidth.

    Bandwidths are means over the instances, in bit/s.
    """
    columns = tables.get("collectives", {})
    if not columns:
        return []
    shape = ("kind", "algorithm", "ranks", "bytes")
    keys = np.stack([np.asarray(columns[name]) for name in shape], axis=1)
    distinct, member = np.unique(keys, axis=0, return_inverse=True)
    return [
        _collective_row(distinct[i], columns, np.flatnonzero(member.ravel() == i))
        for i in range(len(distinct))
    ]


def _collective_row(shape: NDArray[np.int64], columns: Columns, rows: NDArray[np.int64]) -> Run:
    kind, algorithm, ranks, size = (int(value) for value in shape)
    table = TABLES["collectives"]
    duration = np.asarray(columns["finish_ps"])[rows] - np.asarray(columns["start_ps"])[rows]
    return {
        "kind": table.column("kind").flags[kind],
        "algorithm": table.column("algorithm").flags[algorithm],
        "ranks": ranks,
        "bytes": size,
        "count": len(rows),
        "mean_s": float(duration.mean()) / 1e12,
        "max_s": float(duration.max()) / 1e12,
        "algbw_bps": float(np.asarray(columns["algbw_bps"])[rows].mean()),
        "busbw_bps": float(np.asarray(columns["busbw_bps"])[rows].mean()),
    }


def busiest_links(
    tables: Mapping[str, Columns], labels: Mapping[str, Sequence[str]], number: int = 10
) -> list[Run]:
    """Return the links with the highest utilisation, ties in the order of their numbers."""
    columns = tables.get("links", {})
    if not columns:
        return []
    order = np.argsort(-np.asarray(columns["utilisation"]), kind="stable")[:number]
    plain = {name: data for name, data in columns.items() if len(data) and data.ndim == 1}
    plain.pop("time_ps", None)
    names = labels["device"]
    return [
        {
            "link": row["link"],
            "from": names[row["src_device"]],
            "to": names[row["dst_device"]],
            "utilisation": row["utilisation"],
            "bytes": row["bytes"],
            "drops": row["drops"],
            "peak_bytes": row["peak_bytes"],
        }
        for row in _rows({name: np.asarray(data)[order] for name, data in plain.items()})
    ]


def _rows(columns: Columns) -> list[Run]:
    names = list(columns)
    values = zip(*(np.asarray(columns[name]).tolist() for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in values] if names else []


def _seconds(time_ps: int) -> float | None:
    return None if time_ps < 0 else time_ps / 1e12
