"""Log-linear histograms of times: 128 buckets an octave, exact below 128 ps.

A bucket is at most 1/128 of its lower edge wide, so a quantile read from its middle is within
0.4 per cent.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SUB_BITS = 7
SUB = 1 << SUB_BITS
BUCKETS = SUB * (64 - SUB_BITS)


def bucket_of(values: Ints) -> Ints:
    """Return the bucket of each time; negative ones do not exist."""
    exponent = np.frexp(np.maximum(values, 1).astype(np.float64))[1].astype(np.int64) - 1
    # Above 2**53 the conversion may round up to the next power of two.
    exponent -= (values >> np.minimum(exponent, 62)) == 0
    shift = np.maximum(exponent - SUB_BITS, 0)
    return np.asarray(shift * SUB + (values >> shift))


def lower_edge(buckets: Ints) -> Ints:
    """Return the smallest time of each bucket."""
    shift = np.maximum(buckets // SUB - 1, 0)
    return np.asarray((buckets - shift * SUB) << shift)


def width(buckets: Ints) -> Ints:
    """Return how many times fall into each bucket."""
    return np.asarray(np.int64(1) << np.maximum(buckets // SUB - 1, 0))


class Histogram:
    """Counts of times, with their exact number, sum, smallest and largest."""

    def __init__(self) -> None:
        self.counts = np.zeros(BUCKETS, np.int64)
        self.total = 0
        self.min = 0
        self.max = 0

    @property
    def number(self) -> int:
        """How many times were added."""
        return int(self.counts.sum())

    def add(self, values: Ints) -> None:
        """Count times.

        Parameters
        ----------
        values : (n,) int64, ps
        """
        if not len(values):
            return
        low, high = int(values.min()), int(values.max())
        self.min, self.max = (
            (min(self.min, low), max(self.max, high)) if self.counts.any() else (low, high)
        )
        self.counts += np.bincount(bucket_of(values), minlength=BUCKETS)
        self.total += int(values.sum())

    def quantiles(self, shares: Sequence[float]) -> list[int]:
        """Return the middle of the bucket of each quantile, kept within the extremes."""
        edges = np.cumsum(self.counts)
        ranks = np.maximum(np.ceil(np.asarray(shares) * edges[-1]).astype(np.int64), 1)
        buckets = np.searchsorted(edges, ranks).astype(np.int64)
        middles = lower_edge(buckets) + width(buckets) // 2
        return [int(value) for value in np.clip(middles, self.min, self.max)]
