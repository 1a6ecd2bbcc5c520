"""Looks of a leaf at multiples of a period; only those that may find something are made."""

from collections.abc import Callable

from tests.reference.events import TIMER, Events


class Looks:
    """Calls ``look`` at multiples of ``period``, while that returns that it has to look again."""

    def __init__(self, events: Events, device: int, order: int, period: int):
        self.events = events
        self.device = device
        self.order = order  # among the timers of an instant
        self.period = period
        self.look: Callable[[], bool] = lambda: False
        self.waiting = False

    def expect(self) -> None:
        """See to it that there is a next look, if there are looks at all."""
        if self.period and not self.waiting:
            self.waiting = True
            time = (self.events.now // self.period + 1) * self.period
            self.events.at(time, self.device, TIMER, (self.order,), self.ring)

    def ring(self) -> None:
        self.waiting = False
        if self.look():
            self.expect()
