"""Path choice of the NIC in the reference simulator (section 9)."""

from dataclasses import replace

import pytest

from fabricemu.fabrics.network import Choice
from fabricemu.fabrics.transport import Balance as Kind
from tests.builders import leaf_spine, sends, transport
from tests.ethernet import with_switching
from tests.reference import simulate
from tests.reference.balance import balance
from tests.reference.balance.balance import Draws, Word
from tests.reference.balance.bitmap import Bitmap
from tests.reference.balance.mixed import Mixed
from tests.reference.balance.oblivious import Oblivious
from tests.reference.balance.reps import FROZEN_PS, Reps
from tests.reference.hashing import fold, mix

P = 16


def draws() -> Draws:
    return Draws(1)


def test_draws_are_hashes_of_seed_queue_pair_and_count() -> None:
    chooser = balance(transport(balance=Kind.REPS, entropies=P), 5, 7)
    seed = fold(fold(mix(5), 8), 7)
    assert [chooser.choose(0) for _ in range(3)] == [fold(seed, k) * P >> 32 for k in range(3)]


def test_oblivious_visits_every_entropy_once_a_cycle() -> None:
    chooser = Oblivious(draws(), P)
    cycles = [[chooser.choose(0) for _ in range(P)] for _ in range(3)]
    assert all(sorted(cycle) == list(range(P)) for cycle in cycles)
    assert cycles[0] != cycles[1]
    assert [value ^ cycles[0][0] for value in cycles[0]] == list(range(P))


def test_bitmap_passes_over_what_was_marked_until_it_has_paid() -> None:
    chooser = Bitmap(draws(), 4)
    marked = Oblivious(draws(), 4).choose(0)
    chooser.feedback(marked, Word.ECN, 0)
    assert [chooser.choose(0) for _ in range(3)] == [marked ^ i for i in (1, 2, 3)]
    assert chooser.penalty == [0] * 4


@pytest.mark.parametrize(
    ("word", "points"), [(Word.GOOD, 0), (Word.ECN, 1), (Word.NACK, 4), (Word.TIMEOUT, 15)]
)
def test_bitmap_penalties_grow_to_fifteen(word: Word, points: int) -> None:
    chooser = Bitmap(draws(), 4)
    chooser.feedback(2, word, 0)
    assert chooser.penalty[2] == points
    chooser.feedback(2, Word.TIMEOUT, 0)
    assert chooser.penalty[2] == 15


def test_bitmap_gives_in_when_all_are_penalised() -> None:
    chooser = Bitmap(draws(), 4)
    chooser.penalty = [3] * 4
    first = Oblivious(draws(), 4).choose(0)
    chooser.choose(0)
    assert sorted(chooser.penalty) == [2, 3, 3, 3]
    assert chooser.penalty[first] == 2


def test_reps_uses_what_went_well_once_and_oldest_first() -> None:
    chooser = Reps(draws(), P)
    chooser.feedback(9, Word.GOOD, 0)
    chooser.feedback(4, Word.GOOD, 0)
    chooser.feedback(5, Word.ECN, 0)
    assert [chooser.choose(0) for _ in range(3)] == [9, 4, Draws(1).pick(P)]


def test_reps_overwrites_the_oldest_of_eight() -> None:
    chooser = Reps(draws(), 1 << 20)
    for value in range(100, 110):
        chooser.feedback(value, Word.GOOD, 0)
    assert [chooser.choose(0) for _ in range(8)] == list(range(102, 110))


def test_reps_freezes_on_a_timeout_and_explores_after_it() -> None:
    chooser = Reps(draws(), 1 << 20)
    for value in (100, 101, 102):
        chooser.feedback(value, Word.GOOD, 0)
    chooser.feedback(0, Word.TIMEOUT, 5)
    assert [chooser.choose(6) for _ in range(4)] == [100, 101, 102, 100]
    chooser.feedback(103, Word.GOOD, 5 + FROZEN_PS - 1)
    assert chooser.frozen_until == 5 + FROZEN_PS
    chooser.feedback(104, Word.GOOD, 5 + FROZEN_PS)
    expected = Draws(1)
    assert [chooser.choose(0) for _ in range(16)] == [expected.pick(1 << 20) for _ in range(16)]
    assert chooser.choose(0) == 104


def test_reps_that_explores_does_not_freeze() -> None:
    chooser = Reps(draws(), P)
    chooser.explore = 1
    chooser.feedback(0, Word.TIMEOUT, 5)
    assert chooser.frozen_until == 0


def test_mixed_prefers_what_went_well_and_forgets_the_oldest() -> None:
    chooser = Mixed(draws(), P, 2)
    for value in (7, 8, 9):
        chooser.feedback(value, Word.GOOD, 0)
    chooser.feedback(3, Word.ECN, 0)
    assert chooser.bitmap.penalty[3] == 1
    chosen = [chooser.choose(0) for _ in range(3)]
    assert chosen == [8, 9, Oblivious(draws(), P).choose(0)]


@pytest.mark.parametrize(("kind", "ports"), [(Kind.NONE, 1), (Kind.OBLIVIOUS, 4)])
def test_entropy_spreads_a_queue_pair_over_the_uplinks(kind: Kind, ports: int) -> None:
    network = with_switching(leaf_spine(spines=4, choice=Choice.ECMP))
    nic = transport(balance=kind, entropies=64, any_order=True)
    result = simulate(network, nic, sends([(0, 2, 64 * 4096)]), 1)
    first = int(network.port_ptr[4]) + 2
    assert sum(sent > 0 for sent in result.tx_packets[first : first + 4]) == ports


def test_acks_come_back_by_the_entropy_of_what_they_answer() -> None:
    network = with_switching(leaf_spine(spines=4, choice=Choice.ECMP))
    nic = replace(transport(any_order=True), ack_every=1, balance=Kind.OBLIVIOUS, entropies=64)
    result = simulate(network, nic, sends([(0, 2, 64 * 4096)]), 1)
    first = int(network.port_ptr[5]) + 2
    assert min(result.tx_packets[first : first + 4]) > 0
