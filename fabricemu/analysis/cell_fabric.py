"""What leaves and lanes of a scheduled fabric did, over the whole run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.analysis.summary import SHARES

Columns = Mapping[str, NDArray[Any]]

SUMS = ("unreached", "late", "refused", "incomplete", "renewals", "excess")
PEAKS = (
    "held_peak_bytes",
    "voq_peak_bytes",
    "voq_age_peak_ps",
    "balance_peak_bytes",
    "reorder_peak_cells",
    "contexts_peak",
)


def cell_fabric(tables: Mapping[str, Columns]) -> dict[str, Any] | None:
    """Return means, peaks and sums over all leaves; None without a scheduled fabric.

    Parameters
    ----------
    tables : mapping
        Of a result.
    """
    if not len(tables.get("leaves", {}).get("leaf", ())):
        return None
    rows = tables["leaves"]["device"]
    own = {name: np.asarray(column)[rows] for name, column in tables["devices"].items()}
    ticks = own["credits"].sum() + own["blocked"].sum()
    return {
        "cells_per_packet": _ratio(own["cells"].sum(), own["cut_packets"].sum()),
        "cell_tax": _ratio(own["cell_bytes"].sum(), own["cut_bytes"].sum()),
        "credit_wait_mean_ps": _ratio(own["credit_wait_ps"].sum(), own["voq_packets"].sum()),
        "blocked_share": _ratio(own["blocked"].sum(), ticks),
        "slowed_share": _ratio(own["rci_ticks"].sum(), ticks),
        **{name: int(own[name].max()) for name in PEAKS},
        **{name: int(own[name].sum()) for name in SUMS},
        "lane_queue_bytes": _depths(tables.get("lane_queues", {})),
    }


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _depths(buckets: Columns) -> dict[str, dict[str, int]]:
    """Return quantiles over time of the queue in front of a lane: upper ends of buckets."""
    found = {}
    for name, column in (("leaf", "leaf_ps"), ("element", "element_ps")):
        time = np.cumsum(np.asarray(buckets.get(column, ())))
        if len(time) and time[-1]:
            places = np.searchsorted(time, [share * time[-1] for share in SHARES.values()])
            depths = np.asarray(buckets["upper_bytes"])[places].tolist()
            found[name] = dict(zip(SHARES, depths, strict=True))
    return found
