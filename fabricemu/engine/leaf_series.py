"""What leaves of a scheduled fabric did over time, and how deep the queues of lanes were."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.bins import add_pairs, largest_of_pairs
from fabricemu.fabrics.network import Kind, Network
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]
Columns = dict[str, Ints]

#: Counters of a leaf by name, with the kernels' name of each.
SUMS = {
    "requests": "requests",
    "renewals": "renewals",
    "credits": "credits",
    "excess": "excess",
    "blocked": "blocked",
    "cells": "cells",
    "unreached": "unreached",
    "late": "late",
    "refused": "refused",
    "incomplete": "incomplete",
    "deep_bytes": "deep",
    "voq_packets": "left",
    "credit_wait_ps": "credit_wait",
    "cut_packets": "cut",
    "cut_bytes": "cut_bytes",
    "cell_bytes": "cell_bytes",
}
#: Largest values, with the kernels' names of each and of what holds now; None: nothing does.
PEAKS = {
    "held_peak_bytes": ("held_peak", "held"),
    "voq_peak_bytes": ("voq_peak", None),
    "voq_age_peak_ps": ("voq_age", None),
    "balance_peak_bytes": ("balance_peak", "balance"),
    "reorder_peak_cells": ("depth", None),
    "contexts_peak": ("gaps_peak", "gaps"),
}
LEVELS = "rci_level_ticks"  # ticks of schedulers, each times its level
TICKS = "rci_ticks"  # ticks above level 0
DEPTHS = 32  # buckets of waiting bytes: 0, 1, 2 to 3, 4 to 7, ...


class LeafSeries:
    """Sums and peaks of each bin, (bins, leaves), and time of lanes by the depth of their queue."""

    def __init__(self, network: Network, bins: int) -> None:
        leaves = 0 if network.ddc is None else network.ddc.leaves
        sender = network.kind[network.device_of]
        self.lanes = {
            "leaf_ps": np.flatnonzero((sender == Kind.LEAF) & network.carries_cells),
            "element_ps": np.flatnonzero(sender == Kind.ELEMENT),
        }
        self.depths = {name: np.zeros(DEPTHS, np.int64) for name in self.lanes}
        self.sums = {name: np.zeros((bins, leaves), np.int64) for name in (*SUMS, TICKS, LEVELS)}
        self.peaks = {name: np.zeros((bins, leaves), np.int64) for name in PEAKS}
        self.largest = {name: np.zeros(leaves, np.int64) for name in PEAKS}
        self._seen = {name: np.zeros(leaves, np.int64) for name in self.sums}

    def close(self, state: kernel.State, number: int, bin_ps: int) -> None:
        """End bin ``number``, of ``bin_ps``."""
        if not len(self._seen[LEVELS]):
            return
        now = self._counters(state)
        for name, series in self.sums.items():
            series[number] = now[name] - self._seen[name]
        self._seen = now
        for name, (peak, level) in PEAKS.items():
            found = state.leaves[peak].copy()
            self.peaks[name][number] = found
            self.largest[name] = np.maximum(self.largest[name], found)
            # What holds at the border counts in the next bin too.
            state.leaves[peak] = 0 if level is None else state.leaves[level]
        for name, ports in self.lanes.items():
            self.depths[name] += bin_ps * depths_of(state.ports["waiting_bytes"][ports])

    def halve(self) -> None:
        """Merge bins two by two."""
        for series in self.sums.values():
            add_pairs(series)
        for series in self.peaks.values():
            largest_of_pairs(series)

    def totals(self, state: kernel.State) -> Columns:
        """Return the counters of leaves over the whole run, whose last bin has been closed."""
        return self._counters(state) | self.largest

    def columns(self, count: int) -> Columns:
        """Return the series of the first ``count`` bins."""
        return {name: found[:count].copy() for name, found in (self.sums | self.peaks).items()}

    def histogram(self) -> dict[str, Any]:
        """Return the buckets of depth up to the deepest, and the time of lanes in each."""
        last = max((int(np.flatnonzero(d).max(initial=0)) for d in self.depths.values()), default=0)
        lower = np.append(0, 1 << np.arange(last))
        upper = np.append(0, (1 << np.arange(1, last + 1)) - 1)
        found = {name: depths[: last + 1].copy() for name, depths in self.depths.items()}
        return {"lower_bytes": lower, "upper_bytes": upper} | found

    def _counters(self, state: kernel.State) -> Columns:
        leaves = state.leaves[: len(self._seen[LEVELS])]
        ticks = state.level_ticks[: len(leaves)]
        found = {name: leaves[field].copy() for name, field in SUMS.items()}
        levels = np.arange(ticks.shape[1])
        return found | {TICKS: ticks[:, 1:].sum(axis=1), LEVELS: (ticks * levels).sum(axis=1)}


def depths_of(waiting: Ints) -> Ints:
    """Return how many queues fall into each bucket of depth."""
    bucket = np.frexp(waiting.astype(np.float64))[1]  # bits of the number
    counts: Ints = np.bincount(np.minimum(bucket, DEPTHS - 1), minlength=DEPTHS).astype(np.int64)
    return counts
