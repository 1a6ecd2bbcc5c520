"""Who suffered most from congestion: the most paused link and the worst queue pair."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
Row = dict[str, Any]

LIMITS = ("rate_bps", "window_bytes")


def most_paused_link(
    tables: Mapping[str, Columns], labels: Mapping[str, Sequence[str]]
) -> Row | None:
    """Return the link that was paused longest, its classes summed; None where none was paused.

    Parameters
    ----------
    tables, labels : mapping
        Of a result; its table ``links`` may be of a schema that knows no pauses.
    """
    links = tables.get("links", {})
    paused = np.asarray(links.get("pause_ps", ()))
    if not paused.any():
        return None
    link = int(paused.argmax())
    return {
        "link": link,
        "from": labels["device"][links["src_device"][link]],
        "to": labels["device"][links["dst_device"][link]],
        "pause_s": int(paused[link]) / 1e12,
    }


def worst_qp(tables: Mapping[str, Columns]) -> Row | None:
    """Return the sampled queue pair that congestion control held back most.

    It is the one with the lowest mean rate over the samples; where no rate was ever below the
    others, the one with the smallest mean window.

    Returns
    -------
    dict or None
        Number, ranks and channel, with the means (None where congestion control sets no such
        limit); None where no queue pair was held back.
    """
    qps = tables.get("qps", {})
    if not qps.keys() >= set(LIMITS):  # no samples
        return None
    means = {name: _means(np.asarray(qps[name])) for name in LIMITS}
    for name, mean in means.items():
        if _varies(np.asarray(qps[name])):
            worst = int(mean.argmin())
            fixed = {key: int(qps[key][worst]) for key in ("qp", "src", "dst", "channel")}
            return fixed | {f"mean_{key}": _known(m[worst]) for key, m in means.items()}
    return None


def _means(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each column over its finite values; infinite without any."""
    finite = np.isfinite(series)
    number = finite.sum(axis=0)
    total = np.where(finite, series, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.inf)


def _varies(series: NDArray[np.float64]) -> bool:
    values = series[np.isfinite(series)]
    return bool(len(values)) and bool(values.min() < values.max())


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
