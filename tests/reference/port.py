"""A port: its FIFOs and a wire (section 1; pause, classes and loss of section 6)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.reference.events import ARRIVAL, DEPARTURE, Action, Events
from tests.reference.hashing import LOSS, at_instant, fold, tie
from tests.reference.packets import CONTROL, DATA, PauseFrame
from tests.reference.pause_clock import PauseClock
from tests.reference.scheduler import Scheduler

if TYPE_CHECKING:
    from tests.reference.build import Device
    from tests.reference.packets import Item


def transmission(size: int, rate: int) -> int:
    """Return the ps that ``size`` bytes take, rounded up."""
    return -(-8 * 10**12 * size // rate)


@dataclass
class Link:
    """One direction of a cable; ``limit`` is that of the queue in front of it."""

    rate: int
    latency: int
    limit: int
    loss: int = 0  # probability, in units of 2^-32
    up: bool = True


class Port:
    """Sends what its device gives it to ``peer``: pause frames, control, then data."""

    peer: Port
    number: int  # within the network

    def __init__(
        self, events: Events, device: Device, index: int, link: Link, scheduler: Scheduler
    ):
        self.events = events
        self.device = device
        self.index = index
        self.link = link
        self.scheduler = scheduler
        self.free_at = 0
        self.in_service: Item | PauseFrame | None = None
        levels = DATA + scheduler.classes
        self.frames: deque[PauseFrame] = deque()
        self.queues: list[deque[Item]] = [deque() for _ in range(levels)]
        self.waiting = [0] * levels  # bytes
        self.pauses = PauseClock(levels)
        self.tx_bytes = self.tx_packets = self.drops = self.peak = 0
        self.lost = self.marks = self.trims = 0

    @property
    def busy(self) -> bool:
        return self.free_at > self.events.now

    @property
    def waiting_bytes(self) -> int:
        return sum(self.waiting)

    def queued(self, level: int) -> int:
        """Return the bytes of a level that wait or are on their way out."""
        served = self.in_service if self.busy else None
        return self.waiting[level] + (served.frame if served and served.level == level else 0)

    # what comes in from the device

    def enqueue(self, item: Item) -> None:
        """Start the item, queue it, or refuse it."""
        if not self.busy and not self.pauses.paused[item.level]:
            self.start(item)
        elif item.level != CONTROL and not self.admits(item):
            self.refuse(item)
        else:
            self.wait(item)

    def admits(self, item: Item) -> bool:
        limit = self.link.limit
        return limit < 0 or self.queued(item.level) + item.frame <= limit

    def refuse(self, item: Item) -> None:
        self.drops += 1

    def wait(self, item: Item) -> None:
        self.queues[item.level].append(item)
        self.waiting[item.level] += item.frame
        self.peak = max(self.peak, self.waiting_bytes)

    def send_pause(self, frame: PauseFrame) -> None:
        """Send a pause frame as soon as the wire is free."""
        if self.busy or self.frames:
            self.frames.append(frame)
        else:
            self.start(frame)

    # what goes out

    def depart(self) -> None:
        """If the wire is free, let the next item start."""
        if self.busy:
            return
        item = self.next_item()
        if item is not None:
            self.start(item)
            self.departed(item)

    def next_item(self) -> Item | PauseFrame | None:
        if self.frames:
            return self.frames.popleft()
        if self.queues[CONTROL]:
            return self.leave(CONTROL)
        heads = [queue[0].frame if queue else None for queue in self.queues[DATA:]]
        choice = self.scheduler.choose(heads, self.pauses.paused[DATA:])
        if choice is None:
            return None
        item = self.leave(DATA + choice)
        if not self.queues[DATA + choice]:
            self.scheduler.emptied(choice)
        return item

    def leave(self, level: int) -> Item:
        """Take the first item of a level out of its queue."""
        item = self.queues[level].popleft()
        self.waiting[level] -= item.frame
        return item

    def departed(self, item: Item | PauseFrame) -> None:
        """Do what follows when an item has started after a wait: here nothing."""

    def start(self, item: Item | PauseFrame) -> None:
        now = self.events.now
        self.free_at = now + transmission(item.wire, self.link.rate)
        self.in_service = item
        self.tx_bytes += item.wire
        self.tx_packets += 1
        self.events.at(self.free_at, self.device.number, DEPARTURE, (self.index,), self.depart)
        time = self.free_at + self.link.latency
        if isinstance(item, PauseFrame):
            self.arrive(time + item.response, partial(self.peer.obey, item))
        elif self.loses():
            self.lost += 1
        else:
            there = self.peer
            self.arrive(time, partial(there.device.receive, there.index, item))

    def arrive(self, time: int, action: Action) -> None:
        there, index = self.peer.device, self.peer.index
        key = (tie(there.seed, index, time), index)
        self.events.at(time, there.number, ARRIVAL, key, action)

    def loses(self) -> bool:
        """Return whether what starts now is lost on the way."""
        if not self.link.up:
            return True
        seed = fold(self.device.seed, LOSS)
        return fold(at_instant(seed, self.events.now), self.index) < self.link.loss

    # what the neighbour wants

    def obey(self, frame: PauseFrame) -> None:
        """Stop a class, or let it go on."""
        self.pauses.set(frame.target, frame.stop, self.events.now)
        self.depart()
