"""The program: operations become ready, begin and finish (section 4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fabricemu.workloads.program import ANY, NONE, Gate, Op, Program, SendDone
from tests.reference.collective_run import Participant
from tests.reference.events import Events
from tests.reference.result import Message

if TYPE_CHECKING:
    from tests.reference.host import Host


class ProgramRun:
    def __init__(self, program: Program, events: Events, hosts: list[Host], gate_latency: int):
        self.program = program
        self.events = events
        self.hosts = hosts
        self.gate_latency = gate_latency
        n = program.n_ops
        self.rank: list[int] = program.rank_of.tolist()
        self.kind: list[int] = program.kind.tolist()
        self.start_edges: list[list[int]] = [[] for _ in range(n)]
        self.finish_edges: list[list[int]] = [[] for _ in range(n)]
        self.missing = [0] * n  # activations until it may begin
        self.activations = [0] * n
        self.started = [NONE] * n
        self.finished = [NONE] * n
        self.work: deque[Callable[[], None]] = deque()
        self.busy: set[tuple[int, int]] = set()  # (rank, stream)
        self.waiting: dict[tuple[int, int], deque[int]] = {}
        self.messages: list[Message] = []
        self.posted: list[list[int]] = [[] for _ in hosts]  # RECVs without a message
        self.arrived: list[list[Message]] = [[] for _ in hosts]  # messages without a RECV
        self.participants = {
            (instance, rank): Participant(program, instance, rank)
            for instance in range(len(program.collectives))
            for rank in program.members(instance).tolist()
        }
        self.link()

    def link(self) -> None:
        """Turn the lists of predecessors into lists of successors and counts."""
        program = self.program
        for op in range(program.n_ops):
            edges = range(program.dep_ptr[op], program.dep_ptr[op + 1])
            for edge in edges:
                successors = self.start_edges if program.dep_start[edge] else self.finish_edges
                successors[program.dep_idx[edge]].append(op)
            self.missing[op] = len(edges)
            if len(edges) and self.kind[op] == Op.GATE:
                needed = {Gate.ANY: 1, Gate.COUNT: int(program.count[op])}
                self.missing[op] = needed.get(Gate(program.mode[op]), len(edges))

    def connections(self) -> set[tuple[int, int, int]]:
        """Return every (src, dst, channel) that carries packets."""
        program = self.program
        used = {
            (self.rank[op], int(program.peer[op]), int(program.channel[op]))
            for op in range(program.n_ops)
            if self.kind[op] == Op.SEND
        }
        for participant in self.participants.values():
            used |= participant.connections()
        return {(src, dst, channel) for src, dst, channel in used if src != dst}

    # the life of an operation

    def launch(self) -> None:
        """Set the timers of the operations without predecessors."""
        for op in range(self.program.n_ops):
            if self.program.dep_ptr[op] == self.program.dep_ptr[op + 1]:
                time = int(self.program.start_ps[op])
                self.hosts[self.rank[op]].timer(time, op, partial(self.ready, op))

    def drain(self) -> None:
        while self.work:
            self.work.popleft()()

    def activate_all(self, source: int, ops: list[int]) -> None:
        for op in ops:
            if self.rank[op] == self.rank[source]:
                self.activate(op)
            else:
                time = self.events.now + self.gate_latency
                self.hosts[self.rank[op]].timer(time, op, partial(self.activate, op))

    def activate(self, op: int) -> None:
        if self.kind[op] == Op.GATE and self.program.mode[op] == Gate.FIFO:
            self.pass_on(op)
            return
        self.missing[op] -= 1
        if self.missing[op] != 0:
            return  # more to come, or a gate that is open already
        time = int(self.program.start_ps[op])
        if time > self.events.now:
            self.hosts[self.rank[op]].timer(time, op, partial(self.ready, op))
        else:
            self.ready(op)

    def pass_on(self, gate: int) -> None:
        """Let a FIFO gate activate its next successor; it lasts from first to last activation."""
        if self.started[gate] == NONE:
            self.started[gate] = self.events.now
        successors = sorted(self.start_edges[gate] + self.finish_edges[gate])
        turn = self.activations[gate]
        self.activations[gate] += 1
        self.missing[gate] -= 1
        if self.missing[gate] == 0:
            self.finished[gate] = self.events.now
        self.activate_all(gate, successors[turn : turn + 1])

    def ready(self, op: int) -> None:
        stream = self.stream(op)
        if stream is not None:
            if stream in self.busy:
                self.waiting.setdefault(stream, deque()).append(op)
                return
            self.busy.add(stream)
        self.work.append(partial(self.begin, op))

    def stream(self, op: int) -> tuple[int, int] | None:
        stream = int(self.program.stream[op])
        return (self.rank[op], stream) if stream >= 0 else None

    def begin(self, op: int) -> None:
        self.started[op] = self.events.now
        self.activate_all(op, self.start_edges[op])
        match self.kind[op]:
            case Op.CALC:
                self.begin_calc(op)
            case Op.SEND:
                self.begin_send(op)
            case Op.RECV:
                self.begin_recv(op)
            case Op.COLL:
                instance = int(self.program.collective[op])
                self.participants[instance, self.rank[op]].begin(op, self)
            case _:
                self.queue_finish(op)

    def queue_finish(self, op: int) -> None:
        self.work.append(partial(self.finish, op))

    def finish(self, op: int) -> None:
        self.finished[op] = self.events.now
        stream = self.stream(op)
        if stream is not None:
            if self.waiting.get(stream):
                self.work.append(partial(self.begin, self.waiting[stream].popleft()))
            else:
                self.busy.remove(stream)
        self.activate_all(op, self.finish_edges[op])

    # by kind

    def begin_calc(self, op: int) -> None:
        duration = int(self.program.duration_ps[op])
        if duration == 0:
            self.queue_finish(op)
        else:
            time = self.events.now + duration
            self.hosts[self.rank[op]].timer(time, op, partial(self.queue_finish, op))

    def begin_send(self, op: int) -> None:
        program = self.program
        size = int(program.bytes[op])
        peer, channel = int(program.peer[op]), int(program.channel[op])
        self.post(Message(self.rank[op], peer, channel, size, op=op))
        if self.finishes_at_once(size):
            self.queue_finish(op)

    def finishes_at_once(self, size: int) -> bool:
        policy = self.program.send_done
        eager = policy == SendDone.EAGER and size <= self.program.eager_bytes
        return policy == SendDone.LOCAL or eager

    def begin_recv(self, op: int) -> None:
        arrived = self.arrived[self.rank[op]]
        message = next((m for m in arrived if self.fits(op, m)), None)
        if message is None:
            self.posted[self.rank[op]].append(op)
        else:
            arrived.remove(message)
            self.queue_finish(op)

    def fits(self, recv: int, message: Message) -> bool:
        source, tag = int(self.program.peer[recv]), int(self.program.tag[recv])
        return source in (ANY, message.src) and tag in (ANY, int(self.program.tag[message.op]))

    # messages

    def post(self, message: Message) -> None:
        message.created = self.events.now
        self.messages.append(message)
        if message.src != message.dst:
            self.hosts[message.src].post(message)
            return
        now = self.events.now
        message.first_tx = message.sent = message.first_pass = now
        message.delivered = message.acked = now
        self.delivered(message)
        self.acknowledged(message)

    def delivered(self, message: Message) -> None:
        if message.collective != NONE:
            self.participants[message.collective, message.dst].receive(message, self)
            return
        posted = self.posted[message.dst]
        recv = next((op for op in posted if self.fits(op, message)), None)
        if recv is None:
            self.arrived[message.dst].append(message)
        else:
            posted.remove(recv)
            self.queue_finish(recv)

    def acknowledged(self, message: Message) -> None:
        if message.collective == NONE and not self.finishes_at_once(message.bytes):
            self.queue_finish(message.op)
