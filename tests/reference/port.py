"""A port: two FIFOs and a wire (section 1)."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from tests.reference.events import ARRIVAL, DEPARTURE, Events
from tests.reference.hashing import tie

if TYPE_CHECKING:
    from tests.reference.packets import Item
    from tests.reference.simulator import Device

CONTROL, DATA = 0, 1


def transmission(size: int, rate: int) -> int:
    """Return the ps that ``size`` bytes take, rounded up."""
    return -(-8 * 10**12 * size // rate)


class Port:
    """Sends what its device gives it to ``peer``, control first."""

    peer: Port

    def __init__(
        self, events: Events, device: Device, index: int, rate: int, latency: int, limit: int
    ):
        self.events = events
        self.device = device
        self.index = index
        self.rate = rate
        self.latency = latency
        self.limit = limit
        self.free_at = 0
        self.queues: tuple[deque[Item], deque[Item]] = (deque(), deque())
        self.waiting = [0, 0]  # bytes, per class
        self.tx_bytes = self.tx_packets = self.drops = self.peak = 0

    @property
    def busy(self) -> bool:
        return self.free_at > self.events.now

    @property
    def waiting_bytes(self) -> int:
        return sum(self.waiting)

    def enqueue(self, item: Item) -> None:
        """Start the item, queue it, or drop it."""
        if not self.busy and not any(self.queues):
            self.start(item)
            return
        level = CONTROL if item.control else DATA
        if level == DATA and 0 <= self.limit < self.waiting[DATA] + item.frame:
            self.drops += 1
            return
        self.queues[level].append(item)
        self.waiting[level] += item.frame
        self.peak = max(self.peak, self.waiting_bytes)

    def depart(self) -> None:
        """If the wire is free, let the next item start."""
        if self.busy:
            return
        item = self.next_item()
        if item is not None:
            self.start(item)

    def next_item(self) -> Item | None:
        for level in (CONTROL, DATA):
            if self.queues[level]:
                item = self.queues[level].popleft()
                self.waiting[level] -= item.frame
                return item
        return None

    def start(self, item: Item) -> None:
        self.free_at = self.events.now + transmission(item.wire, self.rate)
        self.tx_bytes += item.wire
        self.tx_packets += 1
        self.events.at(self.free_at, self.device.number, DEPARTURE, (self.index,), self.depart)
        time = self.free_at + self.latency
        there, index = self.peer.device, self.peer.index
        key = (tie(there.seed, index, time), index)
        self.events.at(time, there.number, ARRIVAL, key, partial(there.receive, index, item))
