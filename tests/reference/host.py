"""A host: its ports, the queue pairs that end in it, and its part of the program (section 3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.reference.events import TIMER, Action, Events
from tests.reference.host_port import HostPort
from tests.reference.packets import Data, Item, Packet, Rts
from tests.reference.queue_pair import QueuePair
from tests.reference.result import Message
from tests.reference.uec.receiver import UecReceiver

if TYPE_CHECKING:
    from tests.reference.program_run import ProgramRun

OPERATION, QUEUE_PAIR, PACER = 0, 1, 2  # order of a host's timers at one instant


class Host:
    program: ProgramRun

    def __init__(self, number: int, seed: int, events: Events):
        self.number = number
        self.seed = seed
        self.events = events
        self.ports: list[HostPort] = []
        self.connections: dict[tuple[int, int], list[QueuePair]] = {}  # by dst, channel
        self.turns: dict[tuple[int, int], int] = {}

    # events

    def receive(self, index: int, item: Item) -> None:
        match item:
            case Data():
                self.on_data(index, item)
            case Rts(qp=QueuePair(receiver=UecReceiver() as receiver)):
                receiver.on_rts(item)
            case Packet():
                self.on_answer(item)
        self.end_event()

    def timer(self, time: int, op: int, action: Action) -> None:
        """Do ``action`` for an operation at ``time``."""
        self.events.at(time, self.number, TIMER, (OPERATION, op), partial(self.on_timer, action))

    def queue_pair_timer(self, time: int, number: int, kind: int, action: Action) -> None:
        key = (QUEUE_PAIR, number, kind)
        self.events.at(time, self.number, TIMER, key, partial(self.on_timer, action))

    def pacer_timer(self, time: int, port: int, action: Action) -> None:
        self.events.at(time, self.number, TIMER, (PACER, port), partial(self.on_timer, action))

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

    def on_answer(self, answer: Packet) -> None:
        qp = answer.qp
        for message in qp.on_answer(answer):
            message.acked = self.events.now
            self.program.acknowledged(message)
        self.program.drain()
        qp.port.make_ready(qp)

    # receiver

    def on_data(self, index: int, packet: Data) -> None:
        answers, complete = packet.qp.receiver.receive(packet, self.events.now)
        for answer in answers:
            self.ports[index].enqueue(answer)
        if complete:
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
    message.pause = packet.pause
    message.paused_host = packet.paused_host
