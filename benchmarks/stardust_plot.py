"""The curve of the paper: the rate of each flow, the slowest first."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from benchmarks.stardust_run import RATE_GBPS, SCHEMES

COLOURS = {
    "ddc": "#0b6e4f",
    "ddc-no-speed-up": "#6fb89b",
    "rccc": "#7a4fa3",
    "nscc": "#3d6fb6",
    "dctcp": "#c8553d",
}


def draw(found: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    """Write the curves of all schemes; the ending of ``path`` says in which format."""
    mpl.use("agg")
    mpl.rcParams.update({"svg.hashsalt": "fabricemu", "svg.fonttype": "none", "font.size": 9})
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for name, rates in found.items():
        scheme = SCHEMES[name]
        axis.plot(np.arange(1, len(rates) + 1), rates, color=COLOURS[name], label=scheme.title)
        if scheme.published:
            axis.axhline(scheme.published[0], color=COLOURS[name], lw=0.8, ls=":")
    axis.set_xlabel("flow, the slowest first")
    axis.set_ylabel("Gb/s (dotted: published means)")
    axis.set_ylim(0, RATE_GBPS * 1.05)
    axis.legend(loc="lower right", fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
