"""A result file as text."""

import json
from pathlib import Path
from typing import Any

from fabricemu.analysis.cell_fabric import cell_fabric
from fabricemu.analysis.congestion import most_paused_link, worst_qp
from fabricemu.analysis.decomposition import parts_us
from fabricemu.analysis.summary import busiest_links, collectives, jobs, run_of
from fabricemu.cli.cell_fabric_text import cell_fabric_text
from fabricemu.cli.run_text import lines, run_text
from fabricemu.cli.text import amount, duration, table
from fabricemu.errors import OutputError
from fabricemu.results import reader
from fabricemu.results.reader import Result
from fabricemu.results.spill import spill_folder
from fabricemu.results.writer import check_output

Content = dict[str, Any]

CELL_MODES = ("lane_group", "train_cells")  # 1 where exact, None without cells


def show(path: Path, recover: bool, as_json: bool) -> str:
    """Return the content of a result file for people or as JSON."""
    if recover:
        if path.exists():
            raise OutputError(f"{path}: exists already; move it away to recover a run there")
        check_output(path)
        reader.recover(spill_folder(path), path)
    result = Result.open(path)
    content = content_of(result)
    if as_json:
        return json.dumps({"schema": 1, **content})
    return "\n\n".join(_sections(content, result))


def content_of(result: Result) -> Content:
    """Return what is shown of a result, as plain values."""
    run = run_of(result)
    messages = result.tables.get("messages")
    return {
        "complete": result.complete,
        "trace": result.attributes.get("trace"),
        "cells": {name: result.attributes.get(name) for name in CELL_MODES},
        "messages_kept": 0 if messages is None else len(messages["message"]),
        "runs": [run] if run else [],
        "parts_us": {} if messages is None else parts_us(messages),
        "jobs": jobs(result.tables, result.labels),
        "collectives": collectives(result.tables),
        "cell_fabric": cell_fabric(result.tables),
        "links": busiest_links(result.tables, result.labels),
        "most_paused": most_paused_link(result.tables, result.labels),
        "worst_qp": worst_qp(result.tables),
    }


def _sections(content: Content, result: Result) -> list[str]:
    kept = content["messages_kept"]
    partial = f"partial: {kept} messages of a run that did not end ({result.path})"
    found = [f"trace:           {content['trace']}"]
    found[0] += "\n" + (run_text(content["runs"][0]) if content["runs"] else partial)
    lanes, cells = (content["cells"][name] or 1 for name in CELL_MODES)
    if lanes > 1 or cells > 1:
        found[0] += (
            f"\n{lines([('not exact', f'{lanes} lanes are one, up to {cells} cells are one')])}"
        )
    if content["parts_us"]:
        found.append(_parts_text(content["parts_us"]))
    if len(content["jobs"]) > 1:
        found.append(_jobs_text(content["jobs"]))
    if content["collectives"]:
        found.append(_collectives_text(content["collectives"]))
    if content["cell_fabric"]:
        found.append(cell_fabric_text(content["cell_fabric"]))
    if content["links"]:
        found.append(_links_text(content["links"]))
    if content["most_paused"] or content["worst_qp"]:
        found.append(_congestion_text(content["most_paused"], content["worst_qp"]))
    return found


def _parts_text(parts: dict[str, dict[str, float]]) -> str:
    head = ["mean time of a message", *(name.replace("_", " ") for name in parts)]
    names = next(iter(parts.values()))
    rows = [
        [name.replace("_", " "), *(duration(means[name] * 1e-6) for means in parts.values())]
        for name in names
    ]
    whole = [duration(sum(means.values()) * 1e-6) for means in parts.values()]
    return table(head, [*rows, ["until delivery", *whole]])


def _jobs_text(rows: list[Content]) -> str:
    head = ["job", "start", "finish", "JCT"]
    times = ("start_s", "finish_s", "jct_s")
    return table(head, [[row["job"], *(duration(row[name]) for name in times)] for row in rows])


def _collectives_text(rows: list[Content]) -> str:
    head = ["collective", "ranks", "bytes", "count", "mean", "max", "algbw", "busbw"]
    lines = [
        [
            f"{row['kind']} {row['algorithm']}".replace("_", "-"),
            str(row["ranks"]),
            str(row["bytes"]),
            str(row["count"]),
            duration(row["mean_s"]),
            duration(row["max_s"]),
            amount(row["algbw_bps"], "bit/s"),
            amount(row["busbw_bps"], "bit/s"),
        ]
        for row in rows
    ]
    return table(head, lines)


def _links_text(rows: list[Content]) -> str:
    head = ["busiest links", "utilisation", "bytes", "drops", "peak queue"]
    lines = [
        [
            f"{row['from']} > {row['to']}",
            f"{100 * row['utilisation']:.1f} %",
            str(row["bytes"]),
            str(row["drops"]),
            f"{row['peak_bytes']} B",
        ]
        for row in rows
    ]
    return table(head, lines)


def _congestion_text(link: Content | None, qp: Content | None) -> str:
    rows = []
    if link:
        text = f"{link['from']} > {link['to']}, {duration(link['pause_s'])} in all"
        rows.append(("most paused", text))
    if qp:
        way = f"{qp['qp']}, rank {qp['src']} > rank {qp['dst']}, channel {qp['channel']}"
        limits = {"rate": ("mean_rate_bps", "bit/s"), "window": ("mean_window_bytes", "B")}
        means = [
            f", mean {name} {amount(qp[key], unit)}"
            for name, (key, unit) in limits.items()
            if qp[key] is not None
        ]
        rows.append(("worst QP", way + "".join(means)))
    return lines(rows)
