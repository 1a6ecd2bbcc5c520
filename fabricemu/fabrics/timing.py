"""Exact transmission times of arrays: ``ceil(8e12 * bytes / rate)`` (head of docs/model.md)."""

from math import gcd

import numpy as np
from numpy.typing import ArrayLike

from fabricemu.fabrics.network import Ints

_BIT_PS = 8 * 10**12
_INT64_MAX = 2**63 - 1


def tx_ps(size: ArrayLike, rate_bps: ArrayLike) -> Ints:
    """Return the time of ``size`` bytes at ``rate_bps``, in ps; no time at rate 0.

    Parameters
    ----------
    size, rate_bps : int64, broadcast against each other
    """
    sizes, rates = np.broadcast_arrays(
        np.asarray(size, dtype=np.int64), np.asarray(rate_bps, dtype=np.int64)
    )
    times = np.zeros(sizes.shape, dtype=np.int64)
    for rate in np.unique(rates[rates > 0]):
        where = rates == rate
        times[where] = _at_rate(sizes[where], int(rate))
    return times


def _at_rate(sizes: Ints, rate: int) -> Ints:
    common = gcd(_BIT_PS, rate)
    top, bottom = _BIT_PS // common, rate // common
    if int(sizes.max(initial=0)) * top + bottom > _INT64_MAX:  # beyond int64: Python's integers
        return np.array([-(-int(size) * top // bottom) for size in sizes], dtype=np.int64)
    return -(-sizes * top // bottom)
