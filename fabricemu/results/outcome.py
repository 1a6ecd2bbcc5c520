"""What one run leaves behind besides its messages, in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass
class Outcome:
    """Counters and times of a finished run.

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
        Width of the bins of the two series below.
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
