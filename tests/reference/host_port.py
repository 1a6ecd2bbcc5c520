"""A port of a host: its data comes straight from queue pairs that take turns (sections 3, 7)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tests.reference.packets import CONTROL, DATA, Item, PauseFrame
from tests.reference.port import Port

if TYPE_CHECKING:
    from tests.reference.events import Events
    from tests.reference.host import Host
    from tests.reference.port import Link
    from tests.reference.queue_pair import QueuePair
    from tests.reference.scheduler import Scheduler


class HostPort(Port):
    device: Host

    def __init__(self, events: Events, device: Host, index: int, link: Link, scheduler: Scheduler):
        super().__init__(events, device, index, link, scheduler)
        self.ready: list[deque[QueuePair]] = [deque() for _ in range(scheduler.classes)]

    def paused_time(self, data_class: int) -> int:
        return self.pauses.read(DATA + data_class, self.events.now)

    def make_ready(self, qp: QueuePair) -> None:
        qp.note_stall()
        fifo = self.ready[qp.data_class]
        if qp not in fifo and self.able(qp):
            fifo.append(qp)

    def able(self, qp: QueuePair) -> bool:
        """Return whether a queue pair may send now; one that only has to wait is woken later."""
        if qp.next_psn() is None:
            return False
        if qp.next_at > self.events.now:
            qp.wake()
            return False
        return True

    def enqueue(self, item: Item) -> None:
        """Queue a control packet until the end of the event; waiting bytes are not counted."""
        self.queues[CONTROL].append(item)

    def next_item(self) -> Item | PauseFrame | None:
        if self.queues[CONTROL]:
            return self.queues[CONTROL].popleft()
        heads = [self.head(fifo) for fifo in self.ready]
        choice = self.scheduler.choose(heads, self.pauses.paused[DATA:])
        if choice is None:
            return None
        qp = self.ready[choice].popleft()
        psn = qp.next_psn()
        assert psn is not None
        packet = qp.send(psn)
        self.make_ready(qp)
        if self.scheduler.classes > 1 and self.head(self.ready[choice]) is None:
            self.scheduler.emptied(choice)
        return packet

    def head(self, fifo: deque[QueuePair]) -> int | None:
        """Return the frame bytes of the first packet; those at the head that may not send go."""
        while fifo:
            psn = fifo[0].next_psn()
            if psn is not None and self.able(fifo[0]):
                return fifo[0].frame(psn)
            fifo.popleft()
        return None
