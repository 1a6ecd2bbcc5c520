"""What one run leaves behind besides its messages, in memory."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

PAUSE_COLUMNS = ("link", "traffic_class", "start_ps", "end_ps")
QP_COLUMNS = ("time_ps", "qp", "qp_src", "qp_dst", "qp_channel")
QP_SERIES = ("rate_bps", "window_bytes", "entropy")


def _no_pauses() -> dict[str, Ints]:
    return {name: np.zeros(0, np.int64) for name in PAUSE_COLUMNS}


def _no_samples() -> dict[str, NDArray[Any]]:
    return {name: np.zeros(0, np.int64) for name in (*QP_COLUMNS, *QP_SERIES)}


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass
class Outcome:
    """Counters and times of a run.

    Attributes
    ----------
    end_ps : int
        Time of the last event of the program.
    op_start_ps, op_finish_ps : (n_ops,) int64, ps
        -1 where it did not happen.
    link_bytes, link_packets, link_drops, link_peak_bytes : (n_ports,) int64
        Per directed link (= sending port): wire bytes and packets (or cells) sent, packets
        dropped before it, largest waiting bytes.
    bin_ps : int
        Width of the bins of all series but that of ``qp_samples``.
    series_bytes, series_peak_bytes : (n_bins, n_ports) int64
        Wire bytes whose transmission started in the bin; largest waiting bytes in it.
    device : dict of (n_devices,) int64
        Named counters of a device, zero where they do not apply.
    packets, retransmits : int
        Data packets sent by NICs, and those of them sent again.
    windows : int
        Windows of the engine's loop.
    compile_s, sim_s : float
        Wall time of compiling and of simulating.
    leaf_series : dict of (n_bins, leaves) int64
        Sums and peaks of the leaves of a scheduled fabric, by bin; empty without one.
    lane_queues : dict of (buckets,) int64
        ``lower_bytes``, ``upper_bytes``, and how long lanes out of leaves (``leaf_ps``) and out
        of elements (``element_ps``) had so much waiting, as sampled at the ends of bins;
        empty without a scheduled fabric.
    link_marks, link_trims, link_lost : (n_ports,) int64
        Data packets marked and trimmed at the queue of a port, packets lost on its link; zeros
        if not given.
    pause_ps : (n_ports, classes) int64
        Time for which a class of a port was paused; zeros of one class if not given.
    series_marks, series_pause_ps : (n_bins, n_ports) int64
        Packets marked, and time paused summed over the classes, in the bin; empty if not given.
    pauses : dict of (n_pauses,) int64
        ``PAUSE_COLUMNS`` of intervals in which a class of a port was paused; ``end_ps`` -1
        where it still was at the end.
    pauses_dropped : int
        Intervals beyond those in ``pauses``.
    qp_samples : dict of arrays
        ``time_ps`` (n_samples,); ``qp``, ``qp_src``, ``qp_dst``, ``qp_channel`` (n_qps,); and
        (n_samples, n_qps) ``rate_bps`` and ``window_bytes`` (float64, NaN where congestion
        control sets none) and ``entropy`` (int64, of the packet sent last, -1 before the first).
    complete : bool
        Whether the program came to its end; else the run was stopped before.
    """

    end_ps: int
    op_start_ps: Ints
    op_finish_ps: Ints
    link_bytes: Ints
    link_packets: Ints
    link_drops: Ints
    link_peak_bytes: Ints
    bin_ps: int
    series_bytes: Ints
    series_peak_bytes: Ints
    device: dict[str, Ints]
    packets: int
    retransmits: int
    windows: int
    compile_s: float
    sim_s: float
    leaf_series: dict[str, Ints] = field(default_factory=dict)
    lane_queues: dict[str, Ints] = field(default_factory=dict)
    link_marks: Ints = field(default_factory=_none)
    link_trims: Ints = field(default_factory=_none)
    link_lost: Ints = field(default_factory=_none)
    pause_ps: Ints = field(default_factory=_none)
    series_marks: Ints = field(default_factory=_none)
    series_pause_ps: Ints = field(default_factory=_none)
    pauses: dict[str, Ints] = field(default_factory=_no_pauses)
    pauses_dropped: int = 0
    qp_samples: dict[str, NDArray[Any]] = field(default_factory=_no_samples)
    complete: bool = True

    def __post_init__(self) -> None:
        """Count zero on every link for what was not given."""
        for name in ("link_marks", "link_trims", "link_lost"):
            if not len(getattr(self, name)):
                setattr(self, name, np.zeros_like(self.link_bytes))
        if not len(self.pause_ps):
            self.pause_ps = np.zeros((len(self.link_bytes), 1), np.int64)

    @property
    def n_pauses(self) -> int:
        """Number of intervals in which a class of a port was paused."""
        return len(self.pauses["start_ps"]) + self.pauses_dropped
