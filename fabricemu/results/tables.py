"""The tables of a result file from what a run leaves behind."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.errors import EngineError
from fabricemu.fabrics.network import Ints, Network
from fabricemu.results.log import MessageLog
from fabricemu.results.outcome import PAUSE_COLUMNS, QP_SERIES, Outcome
from fabricemu.workloads.program import Collective, Op, Program

Columns = Mapping[str, NDArray[Any]]
FAR = np.iinfo(np.int64).max


def build_tables(
    network: Network, program: Program, outcome: Outcome, log: MessageLog
) -> dict[str, Columns]:
    """Return every table of ``schema.TABLES``, ready for ``writer.publish``.

    Raises
    ------
    EngineError
        The run was stopped before its end, so its tables would say what is not so.
    """
    if not outcome.complete:
        raise EngineError("a run that was stopped before its end has no result")
    return {
        "messages": log.columns(),
        "histograms": log.histograms(),
        "collectives": collectives(program, outcome),
        "jobs": jobs(program, outcome),
        "marks": marks(program, outcome),
        "links": links(network, outcome),
        "pauses": pauses(outcome),
        "qps": queue_pairs(outcome),
        "devices": devices(network, outcome),
        "leaves": leaves(network, outcome),
        "lane_queues": lane_queues(outcome),
    }


def build_labels(network: Network, program: Program) -> dict[str, list[str]]:
    """Return the names of devices, jobs and marks."""
    names = program.names if (program.kind == Op.MARK).any() else []
    return {"device": network.names, "job": program.jobs, "mark": names}


def spans(outcome: Outcome, ops: Ints, key: Ints, number: int) -> tuple[Ints, Ints]:
    """Return first start and last finish of operations by key; -1 where there is none.

    Parameters
    ----------
    outcome : Outcome
    ops : (n,) int64
        Operations; those that never started or finished do not count.
    key : (n,) int64
        Values 0 .. number-1, or less than 0 for none.
    number : int
    """
    started, finished = outcome.op_start_ps[ops], outcome.op_finish_ps[ops]
    first, last = np.full(number, FAR), np.full(number, -1)
    begun, done = (key >= 0) & (started >= 0), (key >= 0) & (finished >= 0)
    np.minimum.at(first, key[begun], started[begun])
    np.maximum.at(last, key[done], finished[done])
    return np.where(first == FAR, -1, first), last


def collectives(program: Program, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a collective instance, with its bandwidths."""
    table, number = program.collectives, len(program.collectives)
    ops = np.flatnonzero(program.kind == Op.COLL)
    start, finish = spans(outcome, ops, program.collective[ops], number)
    ranks = np.diff(program.group_ptr)[table.group]
    with np.errstate(divide="ignore", invalid="ignore"):
        algbw = np.where(finish > start, 8e12 * table.bytes / (finish - start), np.nan)
    return {
        "instance": np.arange(number),
        "job": table.job,
        "kind": table.kind,
        "algorithm": table.algorithm,
        "group": table.group,
        "ranks": ranks,
        "bytes": table.bytes,
        "channels": table.channels,
        "chunks": table.chunks,
        "start_ps": start,
        "finish_ps": finish,
        "algbw_bps": algbw,
        "busbw_bps": algbw * traffic_factor(table.kind, ranks),
    }


def traffic_factor(kind: Ints, ranks: Ints) -> NDArray[np.float64]:
    """Return bus bandwidth over algorithm bandwidth.

    The factors are those of NCCL's tests (nccl-tests, doc/PERFORMANCE.md).
    """
    share = (ranks - 1) / ranks
    once = (kind == Collective.BROADCAST) | (kind == Collective.BARRIER)
    twice = kind == Collective.ALL_REDUCE
    return np.where(once, 1.0, np.where(twice, 2 * share, share))


def jobs(program: Program, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a job, with its completion time."""
    number = len(program.jobs)
    start, finish = spans(outcome, np.arange(program.n_ops), program.job, number)
    whole = (start >= 0) & (finish >= 0)
    return {
        "job": np.arange(number),
        "operations": np.bincount(program.job, minlength=number),
        "start_ps": start,
        "finish_ps": finish,
        "jct_ps": np.where(whole, finish - start, -1),
    }


def marks(program: Program, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a mark."""
    ops = np.flatnonzero(program.kind == Op.MARK)
    return {
        "operation": ops,
        "rank": program.rank_of[ops],
        "job": program.job[ops],
        "name": program.name[ops],
        "time_ps": outcome.op_finish_ps[ops],
    }


def links(network: Network, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a directed link, and the binned series."""
    busy = 8e12 * outcome.link_bytes / network.rate_bps
    return {
        "link": np.arange(network.n_ports),
        "src_device": network.device_of,
        "dst_device": network.device_of[network.peer],
        "rate_bps": network.rate_bps,
        "latency_ps": network.latency_ps,
        "bytes": outcome.link_bytes,
        "packets": outcome.link_packets,
        "drops": outcome.link_drops,
        "ecn_marks": outcome.link_marks,
        "trims": outcome.link_trims,
        "lost": outcome.link_lost,
        "pause_ps": outcome.pause_ps.sum(axis=1),
        "peak_bytes": outcome.link_peak_bytes,
        "utilisation": busy / max(outcome.end_ps, 1),
        "time_ps": np.arange(len(outcome.series_bytes)) * outcome.bin_ps,
        "series_bytes": outcome.series_bytes,
        "series_peak_bytes": outcome.series_peak_bytes,
        "series_ecn_marks": outcome.series_marks,
        "series_pause_ps": outcome.series_pause_ps,
    }


def pauses(outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row an interval in which a class of a link was paused.

    The rows are in the order of their starts, then of links and classes, however they came.
    """
    found = outcome.pauses
    order = np.lexsort([found[name] for name in ("traffic_class", "link", "start_ps")])
    return {"pause": np.arange(len(order))} | {name: found[name][order] for name in PAUSE_COLUMNS}


def queue_pairs(outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a sampled queue pair, and its series."""
    samples = outcome.qp_samples
    fixed = {
        "qp": samples["qp"],
        "src": samples["qp_src"],
        "dst": samples["qp_dst"],
        "channel": samples["qp_channel"],
        "time_ps": samples["time_ps"],
    }
    return fixed | {name: samples[name] for name in QP_SERIES}


def devices(network: Network, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a device, with its counters."""
    fixed = {
        "device": np.arange(network.n_devices),
        "kind": network.kind,
        "first_link": network.port_ptr[:-1],
        "ports": np.diff(network.port_ptr),
    }
    return fixed | outcome.device


def leaves(network: Network, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a leaf of the scheduled fabric, and its series; none without one."""
    ddc = network.ddc
    if ddc is None:
        return {"leaf": np.zeros(0, np.int64)}
    first = ddc.first_leaf
    own = {name: column[first : first + ddc.leaves] for name, column in outcome.device.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        means = {
            "cells_per_packet": own["cells"] / own["cut_packets"],
            "cell_tax": own["cell_bytes"] / own["cut_bytes"],
            "credit_wait_mean_ps": own["credit_wait_ps"] / own["voq_packets"],
        }
    fixed = {"leaf": np.arange(ddc.leaves), "device": first + np.arange(ddc.leaves)}
    time = np.arange(len(outcome.series_bytes)) * outcome.bin_ps
    return fixed | means | {"time_ps": time} | outcome.leaf_series


def lane_queues(outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return one row a bucket of the depth of lanes' queues; none without a scheduled fabric."""
    return outcome.lane_queues or {"lower_bytes": np.zeros(0, np.int64)}
