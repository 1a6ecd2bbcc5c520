"""What congestion control and path choice did over time, of some queue pairs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.queue_pair_state import QueuePairs
from fabricemu.fabrics.transport import Balance, Control, Dcqcn, Protocol, Transport
from fabricemu.kernels import state as kernel

SAMPLED = 256
MAX_SAMPLES = 128
PACED = (Control.DCQCN, Control.HPCC)
WINDOWED = (Control.DCTCP, Control.SWIFT, Control.HPCC)


class Sampler:
    """Rate, window and entropy of up to ``SAMPLED`` queue pairs at the end of each bin."""

    def __init__(self, transport: Transport, pairs: QueuePairs, seed: int) -> None:
        count = len(pairs)
        chosen = np.arange(count)
        if count > SAMPLED:
            chosen = np.sort(np.random.default_rng(seed).choice(count, SAMPLED, replace=False))
        controlled = transport.control != Control.NONE or transport.balance != Balance.NONE
        self.qps = chosen if controlled else chosen[:0]
        self.transport, self.pairs = transport, pairs
        self.rows: list[tuple[int, Any, Any, Any]] = []

    def take(self, state: kernel.State, time: int) -> None:
        """Take a sample; when there are too many, every second one stays."""
        if not len(self.qps):
            return
        self.rows.append((time, self._rate(state), self._window(state), self._entropy(state)))
        if len(self.rows) == MAX_SAMPLES:
            self.rows = self.rows[1::2]

    def _nothing(self) -> NDArray[np.float64]:
        return np.full(len(self.qps), np.nan)

    def _rate(self, state: kernel.State) -> NDArray[np.float64]:
        if self.transport.control not in PACED:
            return self._nothing()
        rate: NDArray[np.float64] = state.paces["rate"][self.qps]
        return rate

    def _window(self, state: kernel.State) -> NDArray[np.float64]:
        if self.transport.protocol == Protocol.UEC:
            window = state.uec_senders["cwnd"][self.qps].astype(np.float64)
            return window if self.transport.has_window else self._nothing()
        parameters = self.transport.parameters
        windowed = isinstance(parameters, Dcqcn) and parameters.window_bytes > 0
        if not windowed and self.transport.control not in WINDOWED:
            return self._nothing()
        found: NDArray[np.float64] = state.paces["window"][self.qps]
        return found

    def _entropy(self, state: kernel.State) -> NDArray[np.int64]:
        if self.transport.balance == Balance.NONE:
            return np.where(state.senders["max"][self.qps] > 0, 0, -1)
        entropy: NDArray[np.int64] = state.balancers["entropy"][self.qps]
        return entropy

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the samples as ``Outcome.qp_samples``."""
        if not self.rows:
            return {}
        time, rate, window, entropy = zip(*self.rows, strict=True)
        return {
            "time_ps": np.array(time, np.int64),
            "qp": self.qps,
            "qp_src": self.pairs.source[self.qps],
            "qp_dst": self.pairs.target[self.qps],
            "qp_channel": self.pairs.channel[self.qps],
            "rate_bps": np.stack(rate),
            "window_bytes": np.stack(window),
            "entropy": np.stack(entropy),
        }
