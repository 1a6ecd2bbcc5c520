"""Leaves and lanes of a scheduled fabric as text for people."""

from typing import Any

from fabricemu.cli.run_text import QUANTILES, lines
from fabricemu.cli.text import amount, duration

# Counts that most runs do not have.
LOSSES = {
    "unreached": "cells without a lane",
    "late": "late",
    "refused": "without a context",
    "incomplete": "packets lost a cell",
    "renewals": "requests said again",
    "excess": "credits too much",
}


def cell_fabric_text(found: dict[str, Any]) -> str:
    """Return what ``analysis.cell_fabric`` found as lines."""
    rows = [
        ("cells", _cells(found)),
        ("virtual queues", _queues(found)),
        ("credits", _credits(found)),
    ]
    if found["cell_tax"] is not None:
        depths = found["lane_queue_bytes"]
        rows.append(("reassembly", _reassembly(found)))
        rows += [(f"{name} lanes", f"queue {_depths(depths[name])}") for name in depths]
    losses = [f"{found[key]} {name}" for key, name in LOSSES.items() if found[key]]
    if losses:
        rows.append(("losses", ", ".join(losses)))
    return lines(rows)


def _cells(found: dict[str, Any]) -> str:
    if found["cell_tax"] is None:
        return "none: all traffic stayed within leaves"
    tax = 100 * (found["cell_tax"] - 1)
    return f"{found['cells_per_packet']:.3f} a packet, {tax:.2f} % more bytes than packets"


def _queues(found: dict[str, Any]) -> str:
    deepest = amount(found["voq_peak_bytes"], "B")
    oldest = duration(found["voq_age_peak_ps"] / 1e12)
    held = amount(found["held_peak_bytes"], "B")
    return f"deepest {deepest}, longest wait {oldest}, most in a leaf {held}"


def _credits(found: dict[str, Any]) -> str:
    wait = found["credit_wait_mean_ps"]
    texts = [f"mean wait {duration(None if wait is None else wait / 1e12)}"]
    texts.append(f"most kept in a leaf {amount(found['balance_peak_bytes'], 'B')}")
    for key, name in (("blocked_share", "held back"), ("slowed_share", "slowed by levels")):
        if found[key]:
            texts.append(f"{100 * found[key]:.1f} % {name}")
    return ", ".join(texts)


def _reassembly(found: dict[str, Any]) -> str:
    ahead, streams = found["reorder_peak_cells"], found["contexts_peak"]
    return f"cells up to {ahead} ahead, up to {streams} streams with a gap in a leaf"


def _depths(depths: dict[str, int]) -> str:
    return ", ".join(
        f"{QUANTILES.get(name, name)} up to {amount(size, 'B')}" for name, size in depths.items()
    )
