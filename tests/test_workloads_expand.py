"""The expansion of collectives has the timing of their lazy form.

The judge is a small simulator of section 4 of docs/model.md over a toy network: each rank has
one wire of 1 byte/ps, and every message takes LATENCY on top.
"""

import heapq
from collections import defaultdict, deque
from itertools import count

import numpy as np
import pytest

from fabricemu.errors import TraceError
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.check import check
from fabricemu.workloads.expand import expand
from fabricemu.workloads.generate import generate
from fabricemu.workloads.program import ANY, NONE, Algorithm, Collective, Op, SendDone
from fabricemu.workloads.schedule import ALGORITHMS, schedule_of, total_messages

LATENCY = 1000
WAYS = [(kind, way) for kind, ways in ALGORITHMS.items() for way in ways]


class ToyRun:
    """Runs a program whose gates wait for all and whose edges stay within ranks."""

    def __init__(self, program):
        self.program, self.now = program, 0
        self.order, self.events, self.work = count(), [], deque()
        self.wire_free = defaultdict(int)
        self.waits = np.diff(program.dep_ptr).tolist()
        self.after = [[] for _ in range(program.n_ops)]
        for op in range(program.n_ops):
            for at in range(program.dep_ptr[op], program.dep_ptr[op + 1]):
                self.after[program.dep_idx[at]].append((op, int(program.dep_start[at])))
        self.rank = program.rank_of.tolist()
        self.streams, self.busy = defaultdict(deque), set()
        self.posted, self.waiting = {}, set()
        self.parts, self.steps, self.got = {}, {}, defaultdict(set)
        self.finished = [None] * program.n_ops

    def run(self):
        for op in range(self.program.n_ops):
            if self.waits[op] == 0:
                self.at(int(self.program.start_ps[op]), self.ready, op)
        while self.events:
            self.now, _, call, arguments = heapq.heappop(self.events)
            call(*arguments)
            while self.work:
                action, op = self.work.popleft()
                action(op)
        return self.finished

    def at(self, time, call, *arguments):
        heapq.heappush(self.events, (time, next(self.order), call, arguments))

    def ready(self, op):
        stream = self.program.stream[op]
        key = (self.rank[op], int(stream))
        if stream != NONE and key in self.busy:
            self.streams[key].append(op)
            return
        if stream != NONE:
            self.busy.add(key)
        self.work.append((self.begin, op))

    def activate(self, op):
        self.waits[op] -= 1
        if self.waits[op] == 0:
            start = int(self.program.start_ps[op])
            self.at(start, self.ready, op) if start > self.now else self.ready(op)

    def done(self, op):
        self.work.append((self.finish, op))

    def begin(self, op):
        program, kind = self.program, self.program.kind[op]
        for head, start in self.after[op]:
            if start:
                self.activate(head)
        if kind == Op.CALC and program.duration_ps[op]:
            self.at(self.now + int(program.duration_ps[op]), self.done, op)
        elif kind == Op.SEND:
            key = ("p", self.rank[op], int(program.peer[op]), int(program.tag[op]))
            arrival = self.post(self.rank[op], int(program.peer[op]), int(program.bytes[op]), key)
            if program.send_done == SendDone.LOCAL:
                self.done(op)
            else:
                self.at(arrival + LATENCY, self.done, op)
        elif kind == Op.RECV:
            key = ("p", int(program.peer[op]), self.rank[op], int(program.tag[op]))
            self.done(op) if key in self.waiting else self.posted.update({key: op})
        elif kind == Op.COLL:
            self.begin_collective(op)
        else:
            self.done(op)

    def finish(self, op):
        self.finished[op] = self.now
        key = (self.rank[op], int(self.program.stream[op]))
        if key[1] != NONE:
            if self.streams[key]:
                self.work.append((self.begin, self.streams[key].popleft()))
            else:
                self.busy.discard(key)
        for head, start in self.after[op]:
            if not start:
                self.activate(head)

    def post(self, source, destination, size, key):
        self.wire_free[source] = max(self.wire_free[source], self.now) + size
        arrival = self.wire_free[source] + LATENCY
        self.at(arrival, self.arrive, key)
        return arrival

    def arrive(self, key):
        if key[0] == "c":
            _, row, position, part, step = key
            self.got[row, position, part].add(step)
            self.advance_all(row, position, [part])
        elif key in self.posted:
            self.done(self.posted.pop(key))
        else:
            self.waiting.add(key)

    def begin_collective(self, op):
        row = int(self.program.collective[op])
        position = self.program.members(row).tolist().index(self.rank[op])
        self.parts[row, position] = (op, schedule_of(self.program, row))
        parts = range(self.parts[row, position][1].parts)
        self.steps |= {(row, position, part): 0 for part in parts}
        self.advance_all(row, position, parts)

    def advance_all(self, row, position, parts):
        if (row, position) not in self.parts:
            return
        op, schedule = self.parts[row, position]
        moved = True
        while moved:
            moved = sum(self.advance(schedule, row, position, part) for part in parts) > 0
        ended = [self.steps[row, position, p] > schedule.rounds for p in range(schedule.parts)]
        if all(ended) and self.finished[op] is None:
            self.finished[op] = NONE
            self.done(op)

    def advance(self, schedule, row, position, part):
        """Take one step of a part: the receipt of the step before, then the send."""
        key = (row, position, part)
        step, got = self.steps[key], self.got[key]
        if not schedule.chained:
            return self.advance_at_once(schedule, key)
        if step > schedule.rounds:
            return False
        expects = step and schedule.exchange(step - 1, part).source[position] != NONE
        if expects and step - 1 not in got:
            return False
        if step < schedule.rounds:
            self.send_step(schedule, key, step)
        self.steps[key] += 1
        return True

    def advance_at_once(self, schedule, key):
        if self.steps[key] == 0:
            for step in range(schedule.rounds):
                self.send_step(schedule, key, step)
            self.steps[key] = 1
            return True
        if len(self.got[key]) == schedule.rounds and self.steps[key] <= schedule.rounds:
            self.steps[key] = schedule.rounds + 1
        return False

    def send_step(self, schedule, key, step):
        row, position, part = key
        exchange = schedule.exchange(step, part)
        peer = int(exchange.peer[position])
        if peer != NONE:
            members = self.program.members(row)
            to = ("c", row, peer, part, step)
            size = int(exchange.bytes[position])
            self.post(int(members[position]), int(members[peer]), size, to)


def two_in_turn(kind, way, n, channels=1, chunks=1, stream=NONE):
    """Return unequal computes, a collective, computes, another on a turned group, marks."""
    builder = ProgramBuilder(n)
    turned = [*range(1, n), 0]
    rows = [
        builder.collective(
            kind, way, builder.group(ranks), size, channels=channels, chunks=chunks, root=n // 2
        )
        for ranks, size in ((range(n), 40_001), (turned, 999))
    ]
    for rank in range(n):
        op = builder.calc(rank, 1 + rank * rank * 777 % 5000)
        for row in rows:
            op = builder.coll(rank, row, after=op, stream=stream)
            op = builder.calc(rank, 1 + rank * 313 % 700, after=op)
        builder.mark(rank, "end", after=op)
    return builder.build()


def times(program, kind):
    finished = ToyRun(program).run()
    return [finished[op] for op in np.flatnonzero(program.kind == kind)]


@pytest.mark.parametrize("cut", [(1, 1), (2, 3)], ids=["whole", "cut"])
@pytest.mark.parametrize("n", [2, 3, 4, 7, 8])
@pytest.mark.parametrize(("kind", "way"), WAYS, ids=lambda value: value.name)
def test_expanded_program_has_the_timing_of_the_lazy_one(kind, way, n, cut):
    program = two_in_turn(kind, way, n, *cut)
    lazy = times(program, Op.MARK)
    assert None not in lazy
    assert times(expand(program), Op.MARK) == lazy


def test_expanded_training_step_overlaps_as_the_lazy_one():
    program = generate("gen:training?ranks=4&steps=2&tflops=5000")
    assert times(expand(program), Op.MARK) == times(program, Op.MARK)


@pytest.mark.parametrize("stream", [NONE, 3])
def test_start_edges_of_a_collective_move_to_its_opening_gate(stream):
    builder = ProgramBuilder(2)
    row = builder.collective(Collective.ALL_REDUCE, Algorithm.RING, builder.group([0, 1]), 5000)
    for rank in (0, 1):
        coll = builder.coll(rank, row, after=builder.calc(rank, 100), stream=stream)
        mark = builder.mark(rank, "begun")
        builder.edge(coll, mark, start=True)
    program = builder.build()
    assert times(program, Op.MARK) == times(expand(program), Op.MARK) == [100, 100]


@pytest.mark.parametrize("policy", [SendDone.ACKED, SendDone.EAGER])
def test_collective_sends_finish_locally_whatever_the_policy_of_other_sends(policy):
    builder = ProgramBuilder(4)
    row = builder.collective(Collective.ALL_REDUCE, Algorithm.RING, builder.group(range(4)), 9000)
    for rank in range(4):
        send = builder.send(rank, (rank + 1) % 4, 100, tag=7)
        builder.recv(rank, (rank - 1) % 4, 100, tag=7)
        builder.mark(rank, "end", after=builder.coll(rank, row, after=send))
    program = builder.build(send_done=policy)
    expanded = expand(program)
    assert expanded.send_done == policy
    assert times(expanded, Op.MARK) == times(program, Op.MARK)


@pytest.mark.parametrize(("kind", "way"), WAYS, ids=lambda value: value.name)
def test_expanded_program_is_whole_and_has_all_messages(kind, way):
    program = two_in_turn(kind, way, 5, 2, 2, stream=1)
    expanded = expand(program)
    assert check(expanded) == []
    assert total_messages(expanded) == total_messages(program)
    assert not np.any(expanded.kind == Op.COLL)


def test_tags_of_messages_are_unique_and_channels_follow_parts():
    expanded = expand(generate("gen:all-reduce?ranks=4&bytes=1MB&channels=2&chunks=3"))
    send = np.flatnonzero(expanded.kind == Op.SEND)
    rank, tag = expanded.rank_of[send], expanded.tag[send]
    assert len(set(zip(rank.tolist(), tag.tolist(), strict=True))) == len(send)
    assert np.bincount(expanded.channel[send]).tolist() == [4 * 6 * 3] * 2


def test_all_at_once_posts_to_the_next_position_first():
    expanded = expand(generate("gen:all-to-all?ranks=5&bytes=1KiB&schedule=at-once"))
    sends = (expanded.kind == Op.SEND) & (expanded.rank_of == 3)
    assert expanded.peer[sends].tolist() == [4, 0, 1, 2]


def test_program_without_collectives_stays_as_it_is():
    program = generate("gen:incast?ranks=3&bytes=1KiB")
    assert expand(program) is program


def test_receipt_of_any_tag_beside_collectives_is_refused():
    builder = ProgramBuilder(2)
    row = builder.collective(Collective.BARRIER, Algorithm.DISSEMINATION, builder.group([0, 1]), 0)
    for rank in (0, 1):
        builder.coll(rank, row)
    builder.recv(0, 1, 1, tag=ANY)
    with pytest.raises(TraceError, match="receives any tag"):
        expand(builder.build())
