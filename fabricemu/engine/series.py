"""Binned series of every link and leaf, in bounded memory: full bins are merged two by two."""

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine import bins
from fabricemu.engine.leaf_series import LeafSeries
from fabricemu.engine.pauses import paused_ps
from fabricemu.fabrics.network import Network
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]

MAX_BINS = 128
FIRST_BIN_PS = 1_000_000


class Series:
    """Bytes sent and largest queue of each link per bin of equal width."""

    def __init__(self, network: Network) -> None:
        n_ports, managed = network.n_ports, network.switching is not None
        self.bin_ps = FIRST_BIN_PS
        self.bytes = np.zeros((MAX_BINS, n_ports), np.int64)
        self.peak = np.zeros((MAX_BINS, n_ports), np.int64)
        self.managed = managed
        shape = (MAX_BINS, n_ports) if managed else (0, 0)
        self.marks = np.zeros(shape, np.int64)
        self.pause_ps = np.zeros(shape, np.int64)
        self._marked = np.zeros(n_ports, np.int64)
        self._paused = np.zeros(n_ports, np.int64)
        self.leaves = LeafSeries(network, MAX_BINS)
        self.count = 0  # bins begun, the last of them still open
        self.largest = np.zeros(n_ports, np.int64)  # waiting bytes over all bins
        self._seen = np.zeros(n_ports, np.int64)

    @property
    def end(self) -> int:
        """Time at which the open bin ends."""
        return (self.count + 1) * self.bin_ps

    def close(self, state: kernel.State) -> None:
        """End the open bin."""
        sent = state.ports["sent_bytes"]
        np.subtract(sent, self._seen, out=self.bytes[self.count])
        self._seen[:] = sent
        self.peak[self.count] = state.ports["bin_peak"]
        np.maximum(self.largest, self.peak[self.count], out=self.largest)
        # What waits at the border counts in the next bin too.
        state.ports["bin_peak"] = state.ports["waiting_bytes"]
        if self.managed:
            self._close_switching(state)
        self.leaves.close(state, self.count, self.bin_ps)
        self.count += 1
        if self.count == MAX_BINS:
            self._halve()

    def _close_switching(self, state: kernel.State) -> None:
        marks = state.egress["marks"].copy()
        paused = paused_ps(state, self.end).sum(axis=1)
        self.marks[self.count] = marks - self._marked
        self.pause_ps[self.count] = paused - self._paused
        self._marked, self._paused = marks, paused

    def _halve(self) -> None:
        sums = [self.bytes, self.marks, self.pause_ps] if self.managed else [self.bytes]
        for series in sums:
            bins.add_pairs(series)
        bins.largest_of_pairs(self.peak)
        self.leaves.halve()
        self.bin_ps *= 2
        self.count = MAX_BINS // 2

    def close_until(self, state: kernel.State, time: int) -> None:
        """End bins until ``time`` lies in the open one."""
        while self.end <= time:
            self.close(state)
