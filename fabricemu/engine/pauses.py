"""The intervals in which classes of ports were paused, taken out of the kernels' logs."""

import numpy as np
from numpy.typing import NDArray

from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]
KEPT = 1_000_000
COLUMNS = {"link": "port", "traffic_class": "traffic_class", "start_ps": "start", "end_ps": "end"}


class PauseLog:
    """All intervals up to ``KEPT``, in the order in which they ended; others are counted."""

    def __init__(self) -> None:
        self._chunks: list[NDArray[np.void]] = []
        self._count = 0
        self.dropped = 0

    def take(self, state: kernel.State) -> None:
        """Empty the logs of all parts."""
        if not state.parts["pauses"].any():
            return
        room = state.pause_log.shape[1]
        found = []
        for share, log in zip(state.parts, state.pause_log, strict=True):
            count = int(share["pauses"])
            found.append(log[: min(count, room)].copy())
            self.dropped += max(count - room, 0)
            share["pauses"] = 0
        rows = np.concatenate(found)
        if not len(rows):
            return
        rows = rows[np.lexsort((rows["traffic_class"], rows["port"], rows["end"]))]
        keep = max(KEPT - self._count, 0)
        self.dropped += len(rows) - len(rows[:keep])
        self._chunks.append(rows[:keep])
        self._count += len(rows)

    def columns(self, state: kernel.State) -> dict[str, Ints]:
        """Return ``Outcome.pauses``; what is paused now has no end."""
        rows = np.concatenate([*self._chunks, _open(state)])
        return {name: rows[field].copy() for name, field in COLUMNS.items()}


def _open(state: kernel.State) -> NDArray[np.void]:
    """Return the intervals that have not ended."""
    classes = max(int(state.config[0]["classes"]), 1)
    paused = np.flatnonzero(state.queues["paused"])
    rows = np.zeros(len(paused), kernel.PAUSE_LOG)
    rows["port"], rows["traffic_class"] = paused // classes, paused % classes
    rows["start"], rows["end"] = state.queues["paused_since"][paused], -1
    return rows


def paused_ps(state: kernel.State, time: int) -> Ints:
    """Return how long each class of each port has been paused up to ``time``, (ports, classes)."""
    queues = state.queues
    total = queues["paused_total"] + np.where(
        queues["paused"] == 1, time - queues["paused_since"], 0
    )
    whole: Ints = total.reshape(-1, max(int(state.config[0]["classes"]), 1))
    return whole
