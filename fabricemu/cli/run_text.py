"""Runs as text for people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fabricemu.analysis.summary import Run
from fabricemu.cli.text import amount, duration, percent, table

# Counters that most fabrics do not have, or a file of an older schema.
CONGESTION = {
    "pauses": "pauses",
    "ecn_marks": "packets marked",
    "trims": "trimmed",
    "lost": "lost on links",
}
QUANTILES = {"p999": "p99.9"}  # as people read them


def run_text(run: Run) -> str:
    """Return one run as lines."""
    over = run["jct_s"] / run["bound_s"] if run["bound_s"] else None
    rows = [
        ("fabric", f"{run['fabric']}, seed {run['seed']}"),
        ("job completion", duration(run["jct_s"])),
        ("physical bound", f"{duration(run['bound_s'])}{f', x {over:.3f}' if over else ''}"),
        ("messages", f"{run['messages']}, {amount(run['bytes'], 'B')}"),
        ("acknowledged", spread(run["fct_us"])),
        ("delivered", spread(run["delivered_us"])),
        ("packets", f"{run['packets']}, {run['retransmits']} sent again, {run['drops']} dropped"),
        ("hops", f"{run['packet_hops']} of packets, {run['cell_hops']} of cells"),
    ]
    counts = [f"{run[key]} {name}" for key, name in CONGESTION.items() if run.get(key)]
    if counts:
        rows.append(("congestion", ", ".join(counts)))
    if "sim_s" in run:
        speed = amount(run["packet_hops_per_s"], "packet-hops/s")
        memory = amount(run["peak_rss_bytes"], "B")
        rows.append(("simulated in", f"{duration(run['sim_s'])}, {speed}, {memory}"))
    rows += [("fingerprint", run["fingerprint"]), ("result", run["result"])]
    return lines(rows)


def lines(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and texts below each other."""
    return "\n".join(f"{name + ':':16} {text}" for name, text in rows)


def spread(times_us: dict[str, float | None]) -> str:
    """Return extremes and quantiles of message times."""
    return ", ".join(
        f"{QUANTILES.get(name, name)} {duration(None if value is None else value * 1e-6)}"
        for name, value in times_us.items()
    )


def comparison_text(rows: Sequence[dict[str, Any]], folder: Path) -> str:
    """Return the rows of ``analysis.compare.compare`` as a table."""
    base = rows[0]["fabric"]
    seeds = len({row["seed"] for row in rows}) > 1
    head = ["fabric", "JCT", f"vs {base}", "bound", "JCT/bound", "p50", "p99", "p99.9"]
    head += [f"p99.9 vs {base}", "drops"]
    lines = []
    for row in rows:
        name = f"{row['fabric']} s{row['seed']}" if seeds else row["fabric"]
        over = "-" if row["over_bound"] is None else f"{row['over_bound']:.3f}"
        change = row["change"]
        cells = [name, duration(row["jct_s"]), percent(change["jct_s"]), duration(row["bound_s"])]
        cells.append(over)
        for key in ("fct_p50_us", "fct_p99_us", "fct_p999_us"):
            cells.append(duration(None if row[key] is None else row[key] * 1e-6))
        lines.append([*cells, percent(change["fct_p999_us"]), str(row["drops"])])
    note = "p50 to p99.9: time of a message until its sender has the last acknowledgement"
    return f"{table(head, lines)}\n\n{note}\nresults in {folder}"
