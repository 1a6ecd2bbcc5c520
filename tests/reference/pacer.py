"""No leaf puts more on its lanes than they carry: the VOQs take turns (section 13)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tests.reference.events import TIMER, Events
from tests.reference.packets import CONTROL
from tests.reference.voq import Voq

MBIT = 10**6


class Pacer:
    """Calls ``go(voq)``, which returns the bytes of its batch; ``mbps`` is what lanes carry."""

    def __init__(self, events: Events, device: int, order: int):
        self.events = events
        self.device = device
        self.order = order  # among the timers of an instant
        self.go: Callable[[Voq], int] = lambda voq: 0
        self.mbps = 1
        self.free_at = 0
        self.control: deque[Voq] = deque()
        self.data: deque[Voq] = deque()

    @property
    def free(self) -> bool:
        return self.free_at <= self.events.now  # then none waits: its timer came first

    @property
    def waits(self) -> bool:
        return bool(self.control or self.data)

    def offer(self, voq: Voq) -> None:
        """Let the VOQ send a batch, now or in its turn."""
        if voq in self.control or voq in self.data:
            return
        if self.free:
            self.send(voq)
            return
        if not self.waits:
            self.set_timer()
        (self.control if voq.key[2] == CONTROL else self.data).append(voq)

    def send(self, voq: Voq) -> None:
        size = self.go(voq)
        self.free_at = self.events.now + -(-8 * MBIT * size // max(1, self.mbps))

    def set_timer(self) -> None:
        self.events.at(self.free_at, self.device, TIMER, (self.order,), self.ring)

    def ring(self) -> None:
        voq = (self.control or self.data).popleft()
        self.send(voq)
        if self.waits:
            self.set_timer()
