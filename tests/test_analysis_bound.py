"""Times that no run can beat, in a network of made-up round numbers."""

import itertools

import numpy as np
import pytest

from fabricemu.analysis.bound import bound_ps, busiest_nic_ps, traffic
from fabricemu.analysis.ideal import ideal_ps
from fabricemu.fabrics.build import build
from fabricemu.fabrics.paths import Paths
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.expand import expand
from fabricemu.workloads.generate import generate
from fabricemu.workloads.program import ANY, Algorithm, Collective, Gate, SendDone


class Net:
    """Hosts with one NIC port that takes 1 ps a byte."""

    lookahead_ps = 10
    nic_ports = 1

    def __init__(self, n_ranks, scale_up=1):
        self.n_ranks, self.scale_up = n_ranks, scale_up


class Stub:
    """Paths on which every message takes 100 ps and 2 ps a byte, nothing to itself."""

    def __init__(self, n_ranks, scale_up=1):
        self.network = Net(n_ranks, scale_up)

    def unloaded_ps(self, src, dst, size, rail=0, acked=False):
        return np.where(src == dst, 0, 100 + 2 * size + 40 * acked)

    def wire_bytes(self, size):
        return size + 10

    def busiest_rate_ps(self, bytes_out, bytes_in):
        return int(np.maximum(bytes_out, bytes_in).max(initial=0))

    def uplink_rate_ps(self, src, dst, size):
        return 0


def nic_ps(program, paths):
    return busiest_nic_ps(traffic(program, paths), paths)


def collective(kind, algorithm, ranks, size, starts=None, **cut):
    builder = ProgramBuilder(ranks)
    row = builder.collective(kind, algorithm, builder.group(range(ranks)), size, **cut)
    for rank in range(ranks):
        builder.coll(rank, row, start_ps=starts[rank] if starts else 0)
    return builder.build()


CASES = [
    (Collective.ALL_REDUCE, Algorithm.RING),
    (Collective.ALL_REDUCE, Algorithm.HALVING_DOUBLING),
    (Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE),
    (Collective.ALL_GATHER, Algorithm.RING),
    (Collective.REDUCE_SCATTER, Algorithm.RING),
    (Collective.ALL_TO_ALL, Algorithm.SHIFT),
    (Collective.ALL_TO_ALL, Algorithm.AT_ONCE),
    (Collective.BROADCAST, Algorithm.RING),
    (Collective.BARRIER, Algorithm.DISSEMINATION),
]


@pytest.mark.parametrize(("kind", "algorithm"), CASES)
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("chunks", [1, 3])
def test_collective_and_its_expansion_take_the_same_time(kind, algorithm, ranks, late, chunks):
    starts = [37 * rank % 5 * 1000 for rank in range(ranks)] if late else None
    root = {"root": ranks - 1} if kind == Collective.BROADCAST else {}
    # Cut in six, only every third part has the odd byte.
    program = collective(kind, algorithm, ranks, 1202, starts, chunks=chunks, **root)
    assert ideal_ps(program, Stub(ranks)) == ideal_ps(expand(program), Stub(ranks))


def test_ring_all_reduce_takes_its_steps():
    program = collective(Collective.ALL_REDUCE, Algorithm.RING, 8, 8000)
    assert ideal_ps(program, Stub(8)) == 14 * (100 + 2 * 1000)


@pytest.mark.parametrize(("ranks", "depth"), [(2, 1), (3, 2), (8, 3), (9, 4), (100, 7)])
def test_double_binary_tree_takes_twice_its_depth(ranks, depth):
    program = collective(Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE, ranks, 2000)
    assert ideal_ps(program, Stub(ranks)) == 2 * depth * (100 + 2 * 1000)


def test_largest_part_decides():
    program = collective(Collective.ALL_REDUCE, Algorithm.RING, 4, 4003, channels=2, chunks=2)
    # The largest part has 1,001 bytes; its segment of 251 takes all six steps.
    assert ideal_ps(program, Stub(4)) == 6 * (100 + 2 * 251)


def test_chain_of_messages_adds_up():
    builder = ProgramBuilder(3)
    first = builder.calc(0, 1000)
    builder.send(0, 1, 50, after=first)
    got = builder.recv(1, 0, 50)
    builder.send(1, 2, 70, after=got)
    builder.calc(2, 5, after=builder.recv(2, 1, 70))
    assert ideal_ps(builder.build(), Stub(3)) == 1000 + 200 + 240 + 5


@pytest.mark.parametrize(
    ("done", "expected"),
    [(SendDone.LOCAL, 0), (SendDone.ACKED, 240), (SendDone.EAGER, 240)],
)
def test_send_finishes_as_the_policy_says(done, expected):
    builder = ProgramBuilder(2)
    builder.send(0, 1, 50)
    program = builder.build(send_done=done, eager_bytes=49)
    assert ideal_ps(program, Stub(2)) == expected


def test_earliest_start_does_not_count_as_time():
    builder = ProgramBuilder(1)
    builder.calc(0, 30, start_ps=5000)
    assert ideal_ps(builder.build(), Stub(1)) == 30


def test_later_message_may_meet_the_first_receipt():
    builder = ProgramBuilder(2)
    builder.send(0, 1, 1000)
    builder.send(0, 1, 10)
    builder.calc(1, 7000, after=builder.recv(1, 0, 10))
    builder.recv(1, 0, 1000)
    assert ideal_ps(builder.build(), Stub(2)) == 120 + 7000


def test_receipt_from_any_source_waits_for_nothing():
    builder = ProgramBuilder(2)
    builder.send(0, 1, 1000)
    builder.calc(1, 10, after=builder.recv(1, ANY, 1000))
    assert ideal_ps(builder.build(), Stub(2)) == 10


@pytest.mark.parametrize(
    ("mode", "count", "expected"),
    [(Gate.ALL, 0, 300), (Gate.ANY, 0, 100), (Gate.COUNT, 2, 200)],
)
def test_gate_opens_by_its_mode(mode, count, expected):
    builder = ProgramBuilder(1)
    parts = [builder.calc(0, length) for length in (300, 100, 200)]
    gate = builder.gate(0, mode, count)
    builder.edges(parts, gate)
    builder.calc(0, 1000, after=gate)
    assert ideal_ps(builder.build(), Stub(1)) == expected + 1000


def test_gate_in_order_opens_one_successor_at_a_time():
    builder = ProgramBuilder(1)
    parts = [builder.calc(0, length) for length in (300, 100)]
    gate = builder.gate(0, Gate.FIFO)
    builder.edges(parts, gate)
    for length in (10, 20):
        builder.calc(0, length, after=gate)
    assert ideal_ps(builder.build(), Stub(1)) == 300 + 20


def test_edge_between_ranks_takes_the_gate_latency():
    builder = ProgramBuilder(2)
    builder.calc(1, 5, after=builder.calc(0, 100))
    assert ideal_ps(builder.build(), Stub(2)) == 115


def test_incast_is_bound_by_the_receiver():
    program = generate("gen:incast?ranks=33&bytes=1MiB")
    assert nic_ps(program, Stub(33)) == 32 * (2**20 + 10)
    assert bound_ps(program, Stub(33)) == 32 * (2**20 + 10)


def test_collective_counts_in_the_nic_bound():
    program = collective(Collective.ALL_TO_ALL, Algorithm.SHIFT, 8, 8000, channels=2)
    assert nic_ps(program, Stub(8)) == 7 * (1000 + 2 * 10)


def test_traffic_inside_a_domain_does_not_count():
    program = collective(Collective.ALL_TO_ALL, Algorithm.SHIFT, 8, 8000)
    assert nic_ps(program, Stub(8, scale_up=8)) == 0
    assert nic_ps(program, Stub(8, scale_up=4)) == 4 * 1010


def test_messages_that_nobody_awaits_do_not_count():
    builder = ProgramBuilder(2)
    builder.send(0, 1, 5000)
    assert nic_ps(builder.build(), Stub(2)) == 0
    assert nic_ps(builder.build(send_done=SendDone.ACKED), Stub(2)) == 5010


def test_collectives_in_a_row_add_up():
    builder = ProgramBuilder(4)
    group = builder.group(range(4))
    rows = [
        builder.collective(Collective.ALL_REDUCE, Algorithm.RING, group, 4000) for _ in range(3)
    ]
    last = dict.fromkeys(range(4), -1)
    for row, rank in itertools.product(rows, range(4)):
        last[rank] = builder.coll(rank, row, after=last[rank])
    assert ideal_ps(builder.build(), Stub(4)) == 3 * 6 * (100 + 2000)


FABRICS = ["clos-ecmp", "clos-spray", "ddc"]


def paths_of(fabric, ranks, *settings):
    return Paths(*build(load_fabric(fabric, settings), ranks))


@pytest.mark.parametrize("fabric", FABRICS)
def test_message_in_a_chain_takes_its_unloaded_time(fabric):
    builder = ProgramBuilder(64)
    got = builder.send(0, 63, 10_000, after=builder.calc(0, 777))
    got = builder.recv(63, 0, 10_000)
    builder.calc(63, 5, after=got)
    paths = paths_of(fabric, 64)
    assert bound_ps(builder.build(), paths) == 782 + int(paths.unloaded_ps(0, 63, 10_000))


@pytest.mark.parametrize("fabric", FABRICS)
def test_permutation_of_large_messages_is_bound_by_more_than_the_wire(fabric):
    program = generate("gen:permutation?ranks=64&bytes=2MiB")
    paths = paths_of(fabric, 64)
    wire = int(paths.wire_bytes(2**21))
    assert bound_ps(program, paths) > wire * 20  # 400 Gbit/s are 20 ps a byte


def test_several_ports_share_the_bytes():
    program = generate("gen:incast?ranks=17&bytes=1MiB")
    one, two = (paths_of("clos-ecmp", 17, f"host.nic_ports={ports}") for ports in (1, 2))
    assert nic_ps(program, one) in (2 * nic_ps(program, two), 2 * nic_ps(program, two) - 1)
