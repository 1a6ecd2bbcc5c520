"""The timers of a queue pair: one of each kind, which can be moved or switched off (section 7)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reference.host import Host


class Kind(IntEnum):
    """In the order of what goes off at one instant."""

    RETRANSMIT = 0
    PACE = 1
    ALPHA = 2
    DECREASE = 3
    INCREASE = 4


class Timers:
    """Calls ``action(kind)`` at the time of each kind; its time is then gone."""

    def __init__(self, host: Host, number: int, action: Callable[[Kind], None]):
        self.host = host
        self.number = number  # of the queue pair
        self.action = action
        self.times: dict[Kind, int] = {}

    def set(self, kind: Kind, time: int) -> None:
        if self.times.get(kind) != time:
            self.times[kind] = time
            self.host.queue_pair_timer(time, self.number, kind, partial(self.ring, kind))

    def off(self, kind: Kind) -> None:
        self.times.pop(kind, None)

    def follow(self, times: dict[Kind, int], kinds: tuple[Kind, ...]) -> None:
        """Let ``kinds`` go off at ``times`` and at no other."""
        for kind in kinds:
            if kind in times:
                self.set(kind, times[kind])
            else:
                self.off(kind)

    def ring(self, kind: Kind) -> None:
        if self.times.get(kind) == self.host.events.now:  # else it was moved since
            del self.times[kind]
            self.action(kind)
