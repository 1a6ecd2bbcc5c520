"""The small parts of the kernels, each against a plain way to the same answer."""

import heapq

import numpy as np
import pytest
from fabricemu.kernels import bits, order, random, work
from fabricemu.kernels._view import attach, handle
from fabricemu.kernels.collectives import table
from fabricemu.kernels.state import INSTANCE
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from fabricemu.engine import state as engine_state
from fabricemu.workloads.program import NONE, Algorithm
from fabricemu.workloads.schedule import Schedule
from tests import builders
from tests.compare import JIT
from tests.reference import hashing
from tests.strategies import RANKED

QUICK = settings(max_examples=100 if JIT else 25, derandomize=True, database=None, deadline=None)
SEED = 20  # of NumPy's generator, wherever a test draws from it
WORDS = 4  # of a bit set of 128


# bit sets


@njit
def bits_test(words, index):
    return bits.test(words, 1, 127, index)


@njit
def bits_put(words, index):
    bits.put(words, 1, 127, index)


@njit
def bits_clear(words, index):
    bits.clear(words, 1, 127, index)


@njit
def bits_window(words, index):
    return bits.window(words, 1, 127, index)


@njit
def bits_merge(words, index, pattern):
    return bits.merge(words, 1, 127, index, pattern)


def words_of(members):
    """Return a set of 128 bits between two words that belong to others."""
    words = np.zeros(WORDS + 2, np.int64)
    words[[0, -1]] = 0x5A5A5A5A
    for member in members:
        bits_put(words, member)
    return words


def members_of(words):
    """Return the set again, having looked at the words of others."""
    assert words[0] == words[-1] == 0x5A5A5A5A
    assert (words[1:-1] >> 32 == 0).all()
    return {index for index in range(128) if bits_test(words, index)}


def signed(value):
    """Return the int64 with the same 64 bits."""
    return value - (1 << 64) if value >> 63 else value


SETS = st.sets(st.integers(0, 127))
INDEXES = st.integers(0, 1000)


@QUICK
@given(SETS, SETS)
def test_bits_are_put_and_cleared(put, cleared):
    words = words_of(put)
    for member in cleared:
        bits_clear(words, member + 128)
    assert members_of(words) == put - cleared


@QUICK
@given(SETS, INDEXES)
def test_window_shows_the_64_bits_from_an_index(members, index):
    expected = sum(1 << k for k in range(64) if (index + k) % 128 in members)
    assert bits_window(words_of(members), index) == signed(expected)


@QUICK
@given(SETS, INDEXES, st.integers(0, 2**64 - 1))
def test_merge_adds_a_pattern_and_says_whether_any_bit_was_new(members, index, pattern):
    words = words_of(members)
    added = {(index + k) % 128 for k in range(64) if pattern >> k & 1}
    assert bool(bits_merge(words, index, np.int64(signed(pattern)))) == bool(added - members)
    assert members_of(words) == members | added


# hashes


@njit
def mix(x):
    return random.mix(x)


@njit
def fold(h, value):
    return random.fold(h, value)


@njit
def pick(h, n):
    return random.pick(h, n)


@njit
def tie(seed, port, time):
    return random.fold(random.at_instant(seed, time), port)


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**62), st.integers(0, 500))
def test_hashes_are_those_of_the_model(seed, time, port):
    expected = seed
    for value in (time, time >> 32, port):
        expected = hashing.mix(expected ^ (value % 2**32))
    assert tie(seed, port, time) == expected
    assert fold(seed, time) == hashing.fold(seed, time)


def chi_square(counts):
    """Return how many standard deviations chi square lies from its mean, for equal shares."""
    expected = counts.sum() / len(counts)
    freedom = len(counts) - 1
    return (((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom)


@pytest.mark.parametrize("n", [2, 3, 7, 16, 64])
@pytest.mark.parametrize("step", [1, 2, 64, 4096])
def test_picks_of_a_counter_are_uniform(n, step):
    seed = fold(mix(SEED), 5)
    picks = [pick(fold(seed, step * k), n) for k in range(200 * n)]
    assert abs(chi_square(np.bincount(picks, minlength=n))) < 5


@pytest.mark.parametrize("bit", range(32))
def test_each_bit_of_the_input_flips_half_of_the_output(bit):
    values = np.random.default_rng(SEED).integers(0, 2**32, 2000)
    flips = [int(mix(int(x)) ^ mix(int(x) ^ (1 << bit))).bit_count() for x in values]
    # 32 bits of variance 1/4 each: standard error 0.063 of a mean of 16
    assert abs(np.mean(flips) - 16) < 5 * np.sqrt(8 / len(flips))


def test_paths_of_one_hash_spread_evenly_at_the_next_device():
    """ECMP must not polarise: those that share an uplink use all uplinks one tier on."""
    first, second = (fold(fold(mix(1), device), 2) for device in (10, 11))
    qps = [qp for qp in range(40_000) if pick(fold(fold(first, qp), 0), 4) == 2]
    counts = np.bincount([pick(fold(fold(second, qp), 0), 4) for qp in qps], minlength=4)
    assert abs(chi_square(counts)) < 5


def test_data_and_acknowledgements_of_a_queue_pair_hash_apart():
    seed = fold(fold(mix(1), 3), 2)
    same = [
        pick(fold(fold(seed, qp), 0), 8) == pick(fold(fold(seed, qp), 1), 8) for qp in range(8000)
    ]
    assert abs(np.mean(same) - 1 / 8) < 5 * np.sqrt(1 / 8 * 7 / 8 / 8000)


# the order of arrivals


@njit
def sort_arrivals(table, count, start, seed):
    order.sort(attach(table), 0, count, start, seed)


def state_of(network, program):
    return engine_state.build(network, builders.transport(), program, 0, 1)


@QUICK
@given(
    st.lists(st.tuples(st.integers(0, 499_999), st.integers(0, 7)), max_size=200),
    st.sampled_from((1, 1000, 499_999)),
    st.integers(0, 2**32 - 1),
)
def test_arrivals_are_ordered_by_time_then_tie_then_port(arrivals, spread, seed):
    start = 7_000_000_000_001
    state = state_of(builders.star(8), builders.sends([(0, 1, 0)], 8))
    rows = [(start + time % spread, port) for time, port in arrivals]
    for place, (time, port) in enumerate(rows):
        state.key_time[0, place] = time
        state.key_slot[0, place] = (place << order.PORT_BITS) | port
    sort_arrivals(handle(state), len(rows), start, seed)
    found = [
        (int(time), int(slot) & order.PORT_MASK)
        for time, slot in zip(state.sort_time[0], state.sort_slot[0], strict=True)
    ][: len(rows)]
    assert found == sorted(rows, key=lambda row: (row[0], tie(seed, row[1], row[0]), row[1]))


def test_arrivals_of_one_port_at_one_instant_keep_their_order():
    state = state_of(builders.star(8), builders.sends([(0, 1, 0)], 8))
    for place in range(40):
        state.key_time[0, place] = 100
        state.key_slot[0, place] = (place << order.PORT_BITS) | 3
    sort_arrivals(handle(state), 40, 0, 9)
    assert (state.sort_slot[0, :40] >> order.PORT_BITS).tolist() == list(range(40))


# timers


@njit
def set_timer(table, time, item):
    state = attach(table)
    work.set_timer(state, state.hosts[1], time, item)


@njit
def pop_timer(table):
    state = attach(table)
    time = work.first_timer(state, state.hosts[1])
    return time, work.pop_timer(state, state.hosts[1])


@QUICK
@given(st.lists(st.none() | st.tuples(st.integers(0, 20), st.integers(0, 99)), max_size=120))
def test_timers_come_in_order_of_time_then_item(steps):
    """None pops; anything else is set."""
    program = builders.sends([(1, 0, 0)] * 120)
    state = state_of(builders.star(2), program)
    state.hosts["timers"] = 0
    table_of_state, expected = handle(state), []
    for step in steps:
        if step is not None:
            set_timer(table_of_state, *step)
            heapq.heappush(expected, step)
        elif expected:
            assert pop_timer(table_of_state) == heapq.heappop(expected)
    assert state.hosts["timers"][1] == len(expected)


# collectives


@njit
def collective_step(instances, position, piece, step):
    return table.step(instances[0], position, piece, step)


@pytest.mark.parametrize(("kind", "algorithm"), RANKED, ids=lambda value: value.name.lower())
@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 8, 13, 16, 33])
@pytest.mark.parametrize("part", [0, 1])
def test_steps_of_the_kernels_are_those_of_the_schedule(kind, algorithm, n, part):
    schedule = Schedule(kind, algorithm, n, bytes=1001, chunks=2, root=n // 3)
    instances = np.zeros(1, INSTANCE)
    for name in ("kind", "algorithm", "n", "parts", "bytes", "root"):
        instances[name] = getattr(schedule, name)
    instances["steps"] = schedule.rounds
    for step in range(schedule.rounds):
        exchange = schedule.exchange(step, part)
        found = [collective_step(instances, position, part, step) for position in range(n)]
        assert [peer for peer, _, _ in found] == exchange.peer.tolist()
        sent = [amount for peer, amount, _ in found if peer != NONE]
        assert sent == exchange.bytes[exchange.peer != NONE].tolist()
        if algorithm != Algorithm.AT_ONCE:
            expects = [bool(expected) for _, _, expected in found]
            assert expects == (exchange.source != NONE).tolist()
