"""Merging the bins of a series two by two: rows of (bins, things)."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def add_pairs(series: Ints) -> None:
    """Add each second row to the one before, in the first half; the second half is then empty."""
    _keep(series, series[0::2] + series[1::2])


def largest_of_pairs(series: Ints) -> None:
    """Keep the larger of each two rows, in the first half; the second half is then empty."""
    _keep(series, np.maximum(series[0::2], series[1::2]))


def _keep(series: Ints, merged: Ints) -> None:
    series[: len(merged)] = merged
    series[len(merged) :] = 0
