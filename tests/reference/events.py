"""One heap of events for the whole network, in the order of section 1.

Every latency is positive, so devices do not influence each other at one instant and their
order among themselves is free.
"""

import heapq
from collections.abc import Callable
from itertools import count

DEPARTURE, TIMER, ARRIVAL = 0, 1, 2
NETWORK = -1  # a device before all others: what happens to the network itself

Key = tuple[int, ...]
Action = Callable[[], None]


class Events:
    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, int, Key, int, Action]] = []
        self._number = count()

    def at(self, time: int, device: int, phase: int, key: Key, action: Action) -> None:
        """Do ``action`` at ``time``; ``key`` orders events of one device, phase and instant."""
        assert time >= self.now
        heapq.heappush(self._heap, (time, device, phase, key, next(self._number), action))

    @property
    def left(self) -> bool:
        return bool(self._heap)

    def run(self) -> None:
        while self._heap:
            self.now, _, _, _, _, action = heapq.heappop(self._heap)
            action()
