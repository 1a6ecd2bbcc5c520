"""Where the time of messages went, on the average and in the tail."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.results.schema import PARTS

TAIL = 0.99


def parts_us(messages: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, float]]:
    """Return the mean parts of the time from creation to delivery, in us.

    Parameters
    ----------
    messages : mapping of column name to (n,) array
        The table ``messages`` of a result.

    Returns
    -------
    dict
        ``all`` and ``slowest_1_percent`` messages, each a mean for every part; empty without
        messages.
    """
    whole = messages["delivered_ps"] - messages["created_ps"]
    if not len(whole):
        return {}
    slow = whole >= np.quantile(whole, TAIL, method="inverted_cdf")
    return {
        "all": _means(messages, np.ones(len(whole), bool)),
        "slowest_1_percent": _means(messages, slow),
    }


def _means(messages: Mapping[str, NDArray[Any]], chosen: NDArray[np.bool_]) -> dict[str, float]:
    return {
        part.name.removesuffix("_ps"): float(messages[part.name][chosen].mean()) / 1e6
        for part in PARTS
        if part.name in messages  # a file of an older schema has fewer
    }
