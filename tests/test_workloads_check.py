"""Problems of programs are found and named."""

import numpy as np
import pytest

from fabricemu.errors import TraceError
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.check import check, info, validate
from fabricemu.workloads.program import ANY, Algorithm, Collective, Gate

RING = (Collective.ALL_REDUCE, Algorithm.RING)


def broken(make):
    builder = ProgramBuilder(4)
    make(builder)
    return builder.build(source="t")


def loop(builder):
    first, second = builder.calc(1, 5), builder.calc(2, 5)
    builder.edge(first, second)
    builder.edge(second, first)


def disagreeing(builder):
    group = builder.group([0, 1])
    rows = [builder.collective(*RING, group, size) for size in (10, 20)]
    for rank, order in ((0, rows), (1, rows[::-1])):
        for row in order:
            builder.coll(rank, row)


def lonely(builder):
    builder.coll(0, builder.collective(*RING, builder.group([0, 1]), 10))


def stranger(builder):
    row = builder.collective(*RING, builder.group([0, 1]), 10)
    for rank in (0, 1, 2):
        builder.coll(rank, row)


BROKEN = [
    (lambda b: b.send(0, 9, 5), r"rank 0 op 0 \(SEND\) has a peer outside 0..3"),
    (lambda b: b.send(0, -1, 5), "sends to no rank"),
    (lambda b: b.calc(2, -5), r"rank 2 op 0 \(CALC\) has a negative duration"),
    (lambda b: b.calc(2, 5, job=3), "unknown job"),
    (lambda b: b.add(0, 17), "unknown kind"),
    (lambda b: b.send(0, 1, 5), "sends more messages than are received"),
    (lambda b: b.recv(0, 1, 5), "receives more messages than are sent"),
    (lambda b: b.recv(0, ANY, 5), "takes 1 messages from any source or of any tag, 0 are left"),
    (loop, r"rank 1 op 0 \(CALC\) -> rank 2 op 0 \(CALC\)|rank 2 op 0 .* -> rank 1 op 0"),
    (disagreeing, "disagrees with its group"),
    (lonely, "is called 1 times by a group of 2"),
    (stranger, r"rank 2 op 0 \(COLL\) is not in the group"),
    (lambda b: b.collective(Collective.BARRIER, Algorithm.RING, b.group([0]), 0), "BARRIER by"),
    (lambda b: b.collective(*RING, b.group([0]), 0, channels=0), "channels and chunks"),
    (lambda b: b.collective(*RING, b.group([0]), 0, root=1), "root 1"),
    (lambda b: b.new_group([1, 1]), "twice"),
    (lambda b: b.new_group([7]), "member outside"),
    (lambda b: b.gate(0, Gate.COUNT, 1), "more activations than it has edges"),
    (lambda b: b.gate(0, Gate.COUNT, 0), "less than 1"),
]


@pytest.mark.parametrize(("make", "text"), BROKEN)
def test_problem_is_found_and_named(make, text):
    program = broken(make)
    assert len(check(program)) >= 1
    with pytest.raises(TraceError, match=text) as caught:
        validate(program)
    assert "\n" not in str(caught.value)


def test_loop_through_messages_is_found_by_check():
    builder = ProgramBuilder(2)
    for rank in (0, 1):
        recv = builder.recv(rank, 1 - rank, 5)
        builder.edge(recv, builder.send(rank, 1 - rank, 5))
    (problem,) = check(builder.build())
    assert problem.startswith("operations wait for each other: ")
    assert problem.count("SEND") == problem.count("RECV") == 2


def test_loop_through_collectives_is_found_by_check():
    builder = ProgramBuilder(2)
    rows = [builder.collective(*RING, builder.new_group([0, 1]), 1) for _ in range(2)]
    for rank in (0, 1):
        first = builder.coll(rank, rows[rank])
        builder.coll(rank, rows[1 - rank], after=first)
    assert "wait for each other" in check(builder.build())[0]


def test_loop_through_a_semaphore_is_no_problem():
    builder = ProgramBuilder(1)
    gate = builder.gate(0, Gate.FIFO)
    builder.edge(builder.calc(0, 1), gate)
    for _ in range(3):
        flow = builder.calc(0, 1)
        builder.edge(gate, flow)
        builder.edge(flow, gate)
    program = builder.build()
    assert check(program) == []
    validate(program)


def test_receipts_from_any_source_take_what_is_left():
    builder = ProgramBuilder(3)
    for rank in (1, 2):
        builder.send(rank, 0, 5, tag=rank)
    builder.recv(0, ANY, 5, tag=ANY)
    builder.recv(0, 2, 5, tag=2)
    assert check(builder.build()) == []


def test_info_counts_messages_and_bytes_of_sends_and_collectives():
    builder = ProgramBuilder(4)
    row = builder.collective(*RING, builder.group(range(4)), 4000)
    for rank in range(4):
        builder.coll(rank, row)
    builder.send(0, 1, 7)
    builder.recv(1, 0, 7)
    found = info(builder.build())
    assert (found["messages"], found["bytes"]) == (4 * 6 + 1, 4 * 6000 + 7)
    assert found["sent_bytes_per_rank"] == {"min": 6000, "max": 6007}
    assert found["operations_by_kind"]["coll"] == 4


def test_critical_path_crosses_ranks_and_waits_for_starts():
    builder = ProgramBuilder(2)
    builder.send(0, 1, 5, after=builder.calc(0, 100))
    builder.calc(1, 30, after=builder.recv(1, 0, 5), start_ps=120)
    assert info(builder.build())["critical_path_ps"] == 150


def test_builder_sorts_by_rank_and_keeps_the_order_within():
    builder = ProgramBuilder(2)
    late, first = builder.calc(1, 10), builder.calc(0, 20)
    last = builder.calc(1, 30, after=first)
    builder.edge(late, last, start=True)
    program = builder.build()
    assert program.duration_ps.tolist() == [20, 10, 30]
    assert program.rank_ptr.tolist() == [0, 1, 3]
    assert program.dep_ptr.tolist() == [0, 0, 0, 2]
    assert (program.dep_idx.tolist(), program.dep_start.tolist()) == ([0, 1], [0, 1])


def test_columns_are_contiguous_int64():
    program = broken(lambda b: b.calc(0, 5))
    columns = [value for value in vars(program).values() if isinstance(value, np.ndarray)]
    assert {c.dtype for c in columns} == {np.dtype(np.int64)}
    assert all(c.flags.c_contiguous for c in columns)
