"""A host: its NIC and scale-up ports, and the queue pairs that end in it (section 3)."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from tests.reference.events import TIMER, Action, Events
from tests.reference.packets import Ack, Data, Item
from tests.reference.port import CONTROL, Port
from tests.reference.result import Message

if TYPE_CHECKING:
    from tests.reference.program_run import ProgramRun
    from tests.reference.queue_pair import QueuePair

OPERATION, RETRANSMISSION = 0, 1  # order of a host's timers at one instant


class HostPort(Port):
    """A port whose data comes straight from queue pairs that take turns."""

    device: Host

    def __init__(
        self, events: Events, device: Host, index: int, rate: int, latency: int, limit: int
    ):
        super().__init__(events, device, index, rate, latency, limit)
        self.ready: deque[QueuePair] = deque()

    def make_ready(self, qp: QueuePair) -> None:
        if qp not in self.ready and qp.next_psn() is not None:
            self.ready.append(qp)

    def enqueue(self, item: Item) -> None:
        """Queue an ACK or NACK until the end of the event; waiting bytes are not counted."""
        self.queues[CONTROL].append(item)

    def next_item(self) -> Item | None:
        if self.queues[CONTROL]:
            return self.queues[CONTROL].popleft()
        while self.ready:
            qp = self.ready.popleft()
            psn = qp.next_psn()
            # an ACK may have come while the queue pair stood in the FIFO
            if psn is not None:
                packet = self.device.send(qp, psn)
                self.make_ready(qp)
                return packet
        return None


class Host:
    program: ProgramRun

    def __init__(self, number: int, seed: int, events: Events, rto: int):
        self.number = number
        self.seed = seed
        self.events = events
        self.rto = rto
        self.ports: list[Port] = []
        self.connections: dict[tuple[int, int], list[QueuePair]] = {}  # by dst, channel
        self.turns: dict[tuple[int, int], int] = {}
        self.retransmits = self.timeouts = self.nacks = self.duplicates = self.discards = 0

    # events

    def receive(self, index: int, item: Item) -> None:
        if isinstance(item, Data):
            self.on_data(index, item)
        elif isinstance(item, Ack):
            self.on_ack(item)
        self.end_event()

    def timer(self, time: int, op: int, action: Action) -> None:
        """Do ``action`` for an operation at ``time``."""
        self.events.at(time, self.number, TIMER, (OPERATION, op), partial(self.on_timer, action))

    def on_timer(self, action: Action) -> None:
        action()
        self.end_event()

    def end_event(self) -> None:
        self.program.drain()
        for port in self.ports:
            port.depart()

    # sender

    def post(self, message: Message) -> None:
        """Give a message to the next queue pair of its connection."""
        connection = (message.dst, message.channel)
        turn = self.turns.get(connection, 0)
        qps = self.connections[connection]
        self.turns[connection] = (turn + 1) % len(qps)
        qps[turn].post(message)
        qps[turn].port.make_ready(qps[turn])

    def send(self, qp: QueuePair, psn: int) -> Data:
        if psn < qp.max:
            self.retransmits += 1
        if self.rto > 0 and qp.deadline is None:
            self.set_deadline(qp)
        return qp.send(psn, self.events.now)

    def set_deadline(self, qp: QueuePair) -> None:
        qp.deadline = self.events.now + self.rto
        self.watch_deadline(qp)

    def watch_deadline(self, qp: QueuePair) -> None:
        if self.rto > 0 and qp.deadline is not None:
            key = (RETRANSMISSION, qp.number)
            self.events.at(qp.deadline, self.number, TIMER, key, partial(self.on_deadline, qp))

    def on_deadline(self, qp: QueuePair) -> None:
        if qp.deadline != self.events.now:
            return  # it was moved or cleared since
        self.timeouts += 1
        qp.nxt = qp.una
        self.set_deadline(qp)
        qp.port.make_ready(qp)
        self.end_event()

    def on_ack(self, ack: Ack) -> None:
        qp = ack.qp
        deadline = qp.deadline
        done = qp.acknowledge(ack, self.events.now)
        if qp.deadline != deadline:
            self.watch_deadline(qp)
        for message in done:
            message.acked = self.events.now
            self.program.acknowledged(message)
        self.program.drain()
        qp.port.make_ready(qp)

    # receiver

    def on_data(self, index: int, packet: Data) -> None:
        receiver = packet.qp.receiver
        before = (receiver.nacks, receiver.duplicates, receiver.discards)
        answer, delivered = receiver.receive(packet)
        self.nacks += receiver.nacks - before[0]
        self.duplicates += receiver.duplicates - before[1]
        self.discards += receiver.discards - before[2]
        if answer is not None:
            self.ports[index].enqueue(answer)
        if delivered:
            stamp(packet, self.events.now)
            self.program.delivered(packet.message)


def stamp(packet: Data, now: int) -> None:
    """Write into its message how the packet that completed it came."""
    message = packet.message
    message.delivered = now
    message.sent = packet.started
    message.completing = packet.psn - message.first_psn
    message.voq_in = packet.voq_in
    message.voq_head = packet.voq_head
    message.voq_out = packet.voq_out
    message.last_cell = packet.last_cell
    message.released = packet.released
