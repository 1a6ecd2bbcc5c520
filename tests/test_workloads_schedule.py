"""Each collective computes what it says, with the messages that the model's table gives."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.generate import generate
from fabricemu.workloads.program import NONE, Algorithm, Collective, Op
from fabricemu.workloads.schedule import (
    ALGORITHMS,
    Schedule,
    connections,
    most_packets,
    schedule_of,
    total_messages,
    traffic,
)
from tests import builders

SIZES = range(2, 18)
WAYS = [(kind, way) for kind, ways in ALGORITHMS.items() for way in ways]
every_way = pytest.mark.parametrize(("kind", "way"), WAYS, ids=lambda value: value.name)
every_size = pytest.mark.parametrize("n", SIZES)


def run(schedule, held, merge, part=0):
    """Move segments of a part along all rounds; ``held[i][segment]`` is a set of contributions."""
    for step in range(schedule.rounds):
        exchange = schedule.exchange(step, part)
        sent = {}
        for i in range(schedule.n):
            if exchange.peer[i] != NONE:
                span = range(int(exchange.lo[i]), int(exchange.hi[i]))
                key = (i, int(exchange.peer[i]))
                sent[key] = {segment: held[i][segment] for segment in span}
        expected = {(int(s), i) for i, s in enumerate(exchange.source) if s != NONE}
        assert expected == set(sent)
        for (_, i), segments in sent.items():
            for segment, value in segments.items():
                held[i][segment] = merge(held[i][segment], value)
    return held


@every_size
@pytest.mark.parametrize("way", ALGORITHMS[Collective.ALL_REDUCE], ids=lambda way: way.name)
@pytest.mark.parametrize("part", [0, 1])
def test_all_reduce_leaves_every_contribution_everywhere(way, n, part):
    schedule = Schedule(Collective.ALL_REDUCE, way, n, 1000, chunks=2)
    held = [[{i}] * schedule.segments for i in range(n)]
    held = run(schedule, held, set.union, part)
    assert all(segment == set(range(n)) for position in held for segment in position)


@every_size
@pytest.mark.parametrize("way", ALGORITHMS[Collective.ALL_REDUCE], ids=lambda way: way.name)
@pytest.mark.parametrize("part", [0, 1])
def test_all_reduce_adds_no_contribution_twice(way, n, part):
    schedule = Schedule(Collective.ALL_REDUCE, way, n, 1000, chunks=2)

    def add_or_replace(old, new):
        # Disjoint sets are partial sums to add, a full sum replaces; all else counts twice.
        assert not old & new or new == set(range(n))
        return old | new

    run(schedule, [[{i}] * schedule.segments for i in range(n)], add_or_replace, part)


@every_size
def test_reduce_scatter_leaves_each_position_one_full_segment(n):
    schedule = Schedule(Collective.REDUCE_SCATTER, Algorithm.RING, n, 1000)
    held = run(schedule, [[{i}] * n for i in range(n)], set.union)
    full = [[s for s in range(n) if held[i][s] == set(range(n))] for i in range(n)]
    assert full == [[(i + 1) % n] for i in range(n)]


@every_size
def test_all_gather_leaves_every_segment_everywhere(n):
    schedule = Schedule(Collective.ALL_GATHER, Algorithm.RING, n, 1000)
    held = [[{i} if s == i else set() for s in range(n)] for i in range(n)]
    held = run(schedule, held, set.union)
    assert held == [[{s} for s in range(n)]] * n


@every_size
@pytest.mark.parametrize("root", [0, 1])
def test_broadcast_reaches_every_position(n, root):
    schedule = Schedule(Collective.BROADCAST, Algorithm.RING, n, 1000, root=root)
    held = [[{"data"} if i == root else set()] for i in range(n)]
    assert run(schedule, held, set.union) == [[{"data"}]] * n


@every_size
def test_barrier_tells_everyone_of_everyone(n):
    schedule = Schedule(Collective.BARRIER, Algorithm.DISSEMINATION, n, 0)
    known = [{i} for i in range(n)]
    for step in range(schedule.rounds):
        source = schedule.exchange(step).source
        known = [known[i] | known[source[i]] for i in range(n)]
    assert known == [set(range(n))] * n


@every_size
@pytest.mark.parametrize("way", ALGORITHMS[Collective.ALL_TO_ALL], ids=lambda way: way.name)
def test_all_to_all_sends_each_segment_to_its_position_once(way, n):
    schedule = Schedule(Collective.ALL_TO_ALL, way, n, 16 * n)
    pairs = set()
    for step in range(schedule.rounds):
        exchange = schedule.exchange(step)
        assert np.array_equal(exchange.lo, exchange.peer)
        assert set(exchange.bytes) == {16}
        pairs |= set(enumerate(exchange.peer.tolist()))
    assert pairs == {(i, j) for i in range(n) for j in range(n) if i != j}


@every_way
@every_size
def test_message_count_is_what_the_rounds_send(kind, way, n):
    schedule = Schedule(kind, way, n, 10_000, channels=2, chunks=3)
    rounds = product(range(schedule.rounds), range(schedule.parts))
    sent = sum(np.count_nonzero(schedule.exchange(*where).peer != NONE) for where in rounds)
    assert schedule.messages == sent


@every_way
@every_size
@pytest.mark.parametrize("part", [0, 1])
def test_who_sends_is_expected_by_its_peer(kind, way, n, part):
    schedule = Schedule(kind, way, n, 10_000, chunks=2)
    for step in range(schedule.rounds):
        exchange = schedule.exchange(step, part)
        sender = np.flatnonzero(exchange.peer != NONE)
        assert np.array_equal(exchange.source[exchange.peer[sender]], sender)


@pytest.mark.parametrize("parts", [(1, 1), (2, 1), (3, 5)])
def test_parts_sum_to_the_buffer(parts):
    schedule = Schedule(Collective.ALL_REDUCE, Algorithm.RING, 4, 1_000_003, *parts)
    assert sum(map(schedule.part_bytes, range(schedule.parts))) == 1_000_003


@pytest.mark.parametrize("way", ["ring", "halving-doubling"])
def test_all_reduce_of_a_power_of_two_sends_twice_the_buffer_less_one_share(way):
    sent, received = traffic(generate(f"gen:all-reduce?ranks=16&bytes=16MiB&algorithm={way}"))
    assert set(sent) == set(received) == {2 * 15 * (1 << 20)}


def test_halving_doubling_of_other_sizes_folds_in_and_out():
    schedule = Schedule(Collective.ALL_REDUCE, Algorithm.HALVING_DOUBLING, 11, 800)
    first, last = schedule.exchange(0), schedule.exchange(schedule.rounds - 1)
    assert schedule.rounds == 8
    assert first.peer.tolist() == [-1] * 8 + [0, 1, 2]
    assert last.peer.tolist() == [8, 9, 10] + [-1] * 8
    assert set(first.bytes[8:]) == set(last.bytes[:3]) == {800}


def trees(n):
    """Return the parent of every position in both trees, NONE of a root."""
    schedule = Schedule(Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE, n, 100)
    upwards = range(schedule.rounds // 2)
    return [np.max([schedule.exchange(s, tree).peer for s in upwards], axis=0) for tree in (0, 1)]


def test_second_tree_is_mirrored_for_an_even_number():
    first, second = trees(14)
    assert first.tolist() == [-1, 2, 4, 2, 8, 6, 4, 6, 0, 10, 12, 10, 8, 12]
    assert second.tolist() == [1, 5, 3, 1, 3, 13, 7, 9, 7, 5, 11, 9, 11, -1]


def test_second_tree_is_shifted_for_an_odd_number():
    first, second = trees(7)
    assert first.tolist() == [-1, 2, 4, 2, 0, 6, 4]
    assert second.tolist() == [5, -1, 3, 5, 3, 1, 0]


@every_size
def test_leaf_of_one_tree_is_inside_the_other(n):
    inside = sum(np.isin(np.arange(n), parents).astype(int) for parents in trees(n))
    # Among an odd number one position is inside both.
    assert inside.tolist() == [1 + n % 2] + [1] * (n - 1)


@every_size
def test_double_binary_tree_sends_and_receives_twice_the_buffer_at_most(n):
    schedule = Schedule(Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE, n, 4000)
    sent, received = schedule.traffic()
    assert sent.tolist() == received.tolist()
    assert sent.sum() == 2 * (n - 1) * 4000
    assert sent.max() <= 2 * 4000


def test_all_at_once_is_one_step():
    assert Schedule(Collective.ALL_TO_ALL, Algorithm.AT_ONCE, 9, 9).steps == 1


def test_connections_of_1024_ranks_all_to_all_are_all_pairs():
    source, destination, channel = connections(generate("gen:all-to-all?ranks=1024&bytes=1KiB"))
    assert len(source) == 1024 * 1023
    assert not np.any(source == destination)
    assert not np.any(channel)


def test_connections_are_sorted_and_distinct_over_sends_and_collectives():
    builder = ProgramBuilder(3)
    builder.send(2, 0, 5, channel=1)
    builder.send(2, 0, 5, channel=1)
    ring = (Collective.ALL_REDUCE, Algorithm.RING, builder.group([2, 0]), 10)
    for _ in range(2):
        row = builder.collective(*ring, channels=2)
        for rank in (0, 2):
            builder.coll(rank, row)
    found = list(zip(*(c.tolist() for c in connections(builder.build())), strict=True))
    assert found == [(0, 2, 0), (0, 2, 1), (2, 0, 0), (2, 0, 1)]


@pytest.mark.parametrize("chunks", [1, 4])
def test_total_messages_of_a_ring(chunks):
    program = generate(f"gen:all-reduce?ranks=8&bytes=1MB&chunks={chunks}")
    assert total_messages(program) == 8 * 14 * chunks


def packets_by_connection(schedule, mtu):
    """Return how many packets each (position, position, channel) carries, one by one."""
    found = Counter()
    for part, step in product(range(schedule.parts), range(schedule.rounds)):
        exchange = schedule.exchange(step, part)
        for i in np.flatnonzero(exchange.peer != NONE).tolist():
            where = (i, int(exchange.peer[i]), part // schedule.channel_parts)
            found[where] += max(1, -(-int(exchange.bytes[i]) // mtu))
    return found


@every_way
@every_size
@pytest.mark.parametrize("size", [0, 10_000, 10_240])
def test_no_connection_of_a_collective_exceeds_most_packets(kind, way, n, size):
    program = builders.collective(kind, way, n, size, channels=2, chunks=3)
    most = max(packets_by_connection(schedule_of(program, 0), 100).values())
    assert most <= most_packets(program, 100) <= 2 * most


@pytest.mark.parametrize(
    "trace", ["all-reduce?ranks=16&bytes=16MiB", "all-to-all?ranks=16&bytes=1MiB"]
)
def test_most_packets_of_even_shares_are_exact(trace):
    program = generate(f"gen:{trace}")
    counts = packets_by_connection(schedule_of(program, 0), 4096)
    assert most_packets(program, 4096) == max(counts.values())


def test_most_packets_add_up_over_messages_and_collectives():
    builder = builders.ProgramBuilder(4)
    rows = [
        builder.collective(Collective.ALL_TO_ALL, Algorithm.SHIFT, [0, 1], size)
        for size in (2000, 2000, 6000)
    ]
    for rank in (0, 1):
        for row in rows:
            builder.add(rank, Op.COLL, collective=row)
    for peer, size in [(1, 0), (1, 1001), (2, 7000), (0, 10**6)]:
        builder.send(0, peer, size)
    assert most_packets(builder.build(), 1000) == (1 + 1 + 3) + (1 + 2)


def test_nothing_is_the_most_of_an_empty_program():
    assert most_packets(builders.ProgramBuilder(2).build(), 1000) == 0
