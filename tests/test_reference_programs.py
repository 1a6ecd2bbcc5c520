"""Programs and collectives in the reference simulator, against numbers worked out by hand."""

import pytest

from fabricemu.fabrics.network import Choice, Network
from fabricemu.workloads.program import ANY, Algorithm, Collective, Gate, Op, SendDone
from tests.builders import (
    ProgramBuilder,
    collective,
    ddc,
    leaf_spine,
    line_network,
    star,
    transport,
)
from tests.reference import DeadlockError, ReferenceResult, simulate

FULL = 4096  # bytes of payload of a full packet
T = 83_200  # ps of a full packet at 400 Gbit/s
A = 1_280  # ps of an ACK at 400 Gbit/s
L = 500_000  # ps of every link


# programs


def run_on_two_hosts(builder: ProgramBuilder) -> ReferenceResult:
    return simulate(line_network(), transport(), builder.build(), 1)


@pytest.mark.parametrize(
    ("mode", "count", "opens"), [(Gate.ALL, 0, 30), (Gate.ANY, 0, 10), (Gate.COUNT, 2, 20)]
)
def test_gate_opens_at_its_activation(mode: Gate, count: int, opens: int) -> None:
    builder = ProgramBuilder(2)
    calcs = [builder.add(0, Op.CALC, duration_ps=time) for time in (30, 10, 20)]
    gate = builder.add(0, Op.GATE, calcs, mode=int(mode), count=count)
    mark = builder.add(0, Op.MARK, [gate])
    result = run_on_two_hosts(builder)
    assert (result.op_start[gate], result.op_finish[mark]) == (opens, opens)


def test_fifo_gate_releases_one_successor_at_a_time() -> None:
    builder = ProgramBuilder(2)
    calcs = [builder.add(0, Op.CALC, duration_ps=time) for time in (30, 10, 20)]
    gate = builder.add(0, Op.GATE, calcs, mode=int(Gate.FIFO))
    marks = [builder.add(0, Op.MARK, [gate]) for _ in calcs]
    result = run_on_two_hosts(builder)
    assert [result.op_start[mark] for mark in marks] == [10, 20, 30]


def test_edge_to_another_rank_takes_the_smallest_latency() -> None:
    builder = ProgramBuilder(2)
    calc = builder.add(0, Op.CALC, duration_ps=10)
    mark = builder.add(1, Op.MARK, [calc])
    assert run_on_two_hosts(builder).op_start[mark] == 10 + L


def test_stream_runs_one_operation_at_a_time_in_order_of_readiness() -> None:
    builder = ProgramBuilder(2)
    for start, duration in ((5, 20), (0, 10), (7, 30)):
        builder.add(0, Op.CALC, start_ps=start, duration_ps=duration, stream=3)
    result = run_on_two_hosts(builder)
    assert result.op_start == [10, 0, 30]
    assert result.op_finish == [30, 10, 60]


def test_start_edge_needs_only_the_start() -> None:
    builder = ProgramBuilder(2)
    calc = builder.add(0, Op.CALC, start_ps=4, duration_ps=50)
    mark = builder.add(0, Op.MARK, after_start=[calc])
    assert run_on_two_hosts(builder).op_finish[mark] == 4


def test_earliest_start_holds_back_an_operation_that_could_begin() -> None:
    builder = ProgramBuilder(2)
    calc = builder.add(0, Op.CALC, duration_ps=50)
    mark = builder.add(0, Op.MARK, [calc], start_ps=80)
    assert run_on_two_hosts(builder).op_start[mark] == 80


def test_recv_posted_late_finishes_at_once() -> None:
    builder = ProgramBuilder(2)
    builder.send(0, 1, FULL)
    calc = builder.add(1, Op.CALC, duration_ps=10**9)
    recv = builder.add(1, Op.RECV, [calc], peer=0)
    result = run_on_two_hosts(builder)
    assert (result.op_start[recv], result.op_finish[recv]) == (10**9, 10**9)


def test_recv_of_any_source_and_tag_takes_the_first_to_arrive() -> None:
    builder = ProgramBuilder(3)
    builder.send(0, 2, FULL, start_ps=90, tag=5)
    builder.send(1, 2, FULL, tag=6)
    first, second = (builder.recv(2, ANY, tag=ANY) for _ in range(2))
    result = simulate(star(3), transport(), builder.build(), 1)
    assert result.op_finish[first] == 2 * (T + L)
    assert result.op_finish[second] == 2 * (T + L) + T


def test_message_goes_to_the_recv_with_its_tag() -> None:
    builder = ProgramBuilder(2)
    builder.send(0, 1, FULL, tag=1)
    builder.send(0, 1, FULL, tag=2)
    two, one = (builder.recv(1, 0, tag=tag) for tag in (2, 1))
    result = run_on_two_hosts(builder)
    assert result.op_finish[two] - result.op_finish[one] == T


@pytest.mark.parametrize(
    ("done", "eager", "finish"),
    [
        (SendDone.LOCAL, 0, 0),
        (SendDone.EAGER, FULL, 0),
        (SendDone.EAGER, FULL - 1, 2 * (T + A) + 4 * L),
        (SendDone.ACKED, FULL, 2 * (T + A) + 4 * L),
    ],
)
def test_send_finishes_by_policy(done: SendDone, eager: int, finish: int) -> None:
    builder = ProgramBuilder(2)
    send = builder.send(0, 1, FULL)
    builder.recv(1, 0)
    result = simulate(line_network(), transport(), builder.build(done, eager), 1)
    assert result.op_finish[send] == finish


def test_operations_that_wait_for_ever_are_named() -> None:
    builder = ProgramBuilder(2)
    builder.recv(1, 0)
    with pytest.raises(DeadlockError, match="1 operations cannot finish, first: op 0 of rank 1"):
        run_on_two_hosts(builder)


# collectives


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_ring_all_reduce_takes_two_rounds_less_two_steps(n: int) -> None:
    program = collective(Collective.ALL_REDUCE, Algorithm.RING, n, n * FULL)
    result = simulate(star(n), transport(), program, 1)
    steps = 2 * (n - 1)
    # from the second step on, data waits for the ACK of the step before
    assert set(result.op_finish) == {steps * 2 * (T + L) + (steps - 1) * A}
    assert len(result.messages) == n * steps


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize(
    ("kind", "algorithm", "factor"),
    [
        (Collective.ALL_REDUCE, Algorithm.RING, 2),
        (Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE, 2),
        (Collective.REDUCE_SCATTER, Algorithm.RING, 1),
        (Collective.ALL_GATHER, Algorithm.RING, 1),
        (Collective.ALL_TO_ALL, Algorithm.SHIFT, 1),
        (Collective.ALL_TO_ALL, Algorithm.AT_ONCE, 1),
        (Collective.BROADCAST, Algorithm.RING, 1),
        (Collective.BARRIER, Algorithm.DISSEMINATION, 0),
    ],
)
def test_collective_moves_its_volume(
    n: int, kind: Collective, algorithm: Algorithm, factor: int
) -> None:
    size = 100_003
    program = collective(kind, algorithm, n, size, channels=2, chunks=2, root=n // 2, n_ranks=8)
    result = simulate(leaf_spine(4), transport(qps=2), program, 1)
    assert sum(message.bytes for message in result.messages) == factor * (n - 1) * size


@pytest.mark.parametrize(("n", "buffers"), [(2, 2), (4, 6), (8, 14), (3, 2 + 2), (6, 4 + 6)])
def test_halving_doubling_moves_its_volume(n: int, buffers: int) -> None:
    program = collective(Collective.ALL_REDUCE, Algorithm.HALVING_DOUBLING, n, 4099, n_ranks=8)
    result = simulate(leaf_spine(4), transport(), program, 1)
    assert sum(message.bytes for message in result.messages) == buffers * 4099


def test_broadcast_passes_on_what_has_arrived() -> None:
    program = collective(Collective.BROADCAST, Algorithm.RING, 4, 8 * FULL, root=2)
    result = simulate(star(4), transport(), program, 1)
    # a position sends on after its ACK: 8 packets over two links, three times
    assert max(result.op_finish) == 3 * (9 * T + 2 * L) + 2 * A


def test_broadcast_in_chunks_is_pipelined() -> None:
    program = collective(Collective.BROADCAST, Algorithm.RING, 4, 8 * FULL, chunks=8, root=2)
    result = simulate(star(4), transport(), program, 1)
    first = 2 * (T + L)  # arrival of the first chunk at the second position
    second = first + A + 2 * (T + L)  # and at the third: the ACK goes before the chunk
    # the third position then sends 8 ACKs and 8 chunks without a pause
    assert max(result.op_finish) == second + 8 * (A + T) + L + T + L


def test_collectives_in_a_row_keep_apart() -> None:
    program = collective(Collective.BARRIER, Algorithm.DISSEMINATION, 4, 0, repeats=3)
    result = simulate(star(4), transport(), program, 1)
    assert len(result.messages) == 3 * 4 * 2
    assert len({(m.collective, m.src, m.step) for m in result.messages}) == 24


@pytest.mark.parametrize("network", [leaf_spine(scale_up=2, choice=Choice.SPRAY), ddc()])
def test_same_seed_gives_the_same_run(network: Network) -> None:
    program = collective(Collective.ALL_TO_ALL, Algorithm.AT_ONCE, 4, 40_000, channels=2)
    nic = transport(any_order=True, ack_every=4)
    assert simulate(network, nic, program, 3) == simulate(network, nic, program, 3)
