"""Runs side by side: completion and tails, each against the first run."""

from collections.abc import Mapping, Sequence
from typing import Any

from fabricemu.errors import ResultError
from fabricemu.results.reader import Result

# Key of a row, and where it is in a run object.
METRICS = {
    "jct_s": ("jct_s",),
    "bound_s": ("bound_s",),
    "fct_p50_us": ("fct_us", "p50"),
    "fct_p99_us": ("fct_us", "p99"),
    "fct_p999_us": ("fct_us", "p999"),
    "delivered_p50_us": ("delivered_us", "p50"),
    "delivered_p99_us": ("delivered_us", "p99"),
    "delivered_p999_us": ("delivered_us", "p999"),
}
COUNTS = ("messages", "drops", "retransmits")


def compare(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a run.

    Parameters
    ----------
    runs : sequence of run objects
        As ``summary.run_object`` or ``summary.run_of`` returns them.

    Returns
    -------
    list of dict
        The metrics; ``change`` with each of them in per cent against the first run (below 0
        is faster; None where there is nothing to compare); ``over_bound``, the completion
        time over the bound.
    """
    rows = [_row(run) for run in runs]
    for row in rows:
        row["change"] = {name: change_percent(row[name], rows[0][name]) for name in METRICS}
    return rows


def _row(run: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {name: run[name] for name in ("fabric", "seed", *COUNTS)}
    for name, path in METRICS.items():
        value: Any = run
        for key in path:
            value = value[key]
        row[name] = value
    row["over_bound"] = row["jct_s"] / row["bound_s"] if row["bound_s"] else None
    return row


def change_percent(value: float | None, base: float | None) -> float | None:
    """Return by how many per cent a value is above the base."""
    if value is None or not base:
        return None
    return 100 * (value - base) / base


def check_comparable(results: Sequence[Result]) -> None:
    """Raise ``ResultError`` unless the runs are complete and of one trace."""
    for result in results:
        if not result.complete:
            raise ResultError(f"{result.path}: partial, recovered from a killed run")
        first, own = (r.attributes.get("trace_sha256") for r in (results[0], result))
        if first != own:
            raise ResultError(f"{result.path}: of another trace than {results[0].path}")
