"""Links and boxes that fail, degrade or come back during a run (docs/ethernet.md, section 11)."""

from collections import deque

import numpy as np

from fabricemu.engine import network_state, switch_state
from fabricemu.fabrics.network import Change, Network
from fabricemu.fabrics.reach import MBIT
from fabricemu.kernels import state as kernel


class Changes:
    """What is still to change, in the order of time."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._left: deque[Change] = deque(network.changes)
        # What leaves know of the lanes into them, in Mbit/s.
        self._live_mbps = np.zeros(0, np.int64)
        if network.ddc is not None and network.changes:
            self._live_mbps = network_state.whole_lane_mbps(network)[0]

    @property
    def next_ps(self) -> int:
        """Time of the next change."""
        return self._left[0].time_ps if self._left else kernel.INF

    def apply_until(self, state: kernel.State, time: int) -> kernel.State:
        """Return the state with all changes up to ``time``, before anything else then."""
        while self.next_ps <= time:
            change = self._left.popleft()
            state = _apply(state, change)
            if self._network.ddc is not None:
                self._tell_leaves(state, change)
        return state

    def _tell_leaves(self, state: kernel.State, change: Change) -> None:
        """Let leaves learn what their lanes and ports carry from now on."""
        if change.lane_mbps is not None:
            self._live_mbps, state.leaves["out_mbps"] = change.lane_mbps
        state.schedulers["interval"] = network_state.tick_intervals(
            self._network, state.limits["rate"], self._live_mbps
        )


def _apply(state: kernel.State, change: Change) -> kernel.State:
    ports = change.ports
    state.limits["rate"][ports] = change.rate_bps
    state.ports["per_byte"][ports] = network_state.per_byte(change.rate_bps)
    state.egress["weight"][ports] = np.maximum(change.rate_bps // MBIT, 1)
    state.egress["down"][ports] = 1 - change.up
    if change.routes is None:
        return state
    return state._replace(**switch_state.routes(change.routes))
