"""Entropies that the kernels' NIC chooses (section 9), one choice after the other."""

import pytest
from fabricemu.kernels.balance import reps, table
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import ECN, GOOD, NACKED, TIMEOUT

from fabricemu.fabrics.network import Choice
from fabricemu.fabrics.transport import Balance
from tests import kernel_state
from tests.builders import leaf_spine, sends, star, transport
from tests.compare import run
from tests.ethernet import with_switching
from tests.kernel_state import plain
from tests.reference.examples import port

P = 16
MANY = 1 << 20
FULL = 4096  # bytes of payload of a full packet


class Chooser:
    """The path choice of queue pair 0."""

    def __init__(self, balance, entropies=P, room=128):
        nic = transport(True, balance=balance, entropies=entropies, reorder_packets=room)
        self.state = kernel_state.build(with_switching(star(2)), nic)
        self.record = self.state.balancers[0]
        self.entropies = entropies

    def choose(self, times=1):
        return [int(table.choose(self.state, 0)) for _ in range(times)]

    def tell(self, kind, *values, now=0):
        for value in values:
            table.feedback(self.state, 0, value, kind, now)

    def draw(self, k):
        """Return the k-th draw of the queue pair."""
        return int(pick(fold(self.state.balance_seeds[0], k), self.entropies))

    @property
    def penalties(self):
        return self.state.penalties[0].tolist()


@plain
def test_oblivious_visits_every_entropy_once_a_cycle():
    chooser = Chooser(Balance.OBLIVIOUS)
    cycles = [chooser.choose(P) for _ in range(3)]
    flips = [chooser.draw(k) for k in range(3)]
    assert cycles == [[step ^ flip for step in range(P)] for flip in flips]
    assert len(set(flips)) > 1


@plain
def test_bitmap_passes_over_what_was_marked_until_it_has_paid():
    chooser = Chooser(Balance.BITMAP, 4)
    marked = chooser.draw(0)
    chooser.tell(ECN, marked)
    assert chooser.choose(3) == [marked ^ step for step in (1, 2, 3)]
    assert chooser.penalties == [0] * 4


@plain
@pytest.mark.parametrize(("kind", "points"), [(GOOD, 0), (ECN, 1), (NACKED, 4), (TIMEOUT, 15)])
@pytest.mark.parametrize("balance", [Balance.BITMAP, Balance.MIXED])
def test_penalties_grow_to_fifteen(balance, kind, points):
    chooser = Chooser(balance, 4)
    chooser.tell(kind, 2)
    assert chooser.penalties == [0, 0, points, 0]
    chooser.tell(TIMEOUT, 2)
    assert chooser.penalties == [0, 0, 15, 0]


@plain
def test_only_the_first_that_is_passed_over_pays():
    chooser = Chooser(Balance.BITMAP, 4)
    first = chooser.draw(0)
    chooser.tell(NACKED, first, first ^ 1)
    assert chooser.choose() == [first ^ 2]
    assert [chooser.penalties[first ^ step] for step in range(4)] == [3, 4, 0, 0]


@plain
def test_bitmap_gives_in_when_all_are_penalised():
    chooser = Chooser(Balance.BITMAP, 4)
    chooser.tell(NACKED, 0, 1, 2, 3)
    first = chooser.draw(0)
    # four steps on, the walk is at the beginning of its second cycle
    assert chooser.choose() == [chooser.draw(1)]
    assert [chooser.penalties[first ^ step] for step in range(4)] == [3, 4, 4, 4]


@plain
def test_reps_begins_with_draws_and_uses_what_went_well_once_and_oldest_first():
    chooser = Chooser(Balance.REPS)
    assert chooser.choose(3) == [chooser.draw(k) for k in range(3)]
    chooser.tell(GOOD, 9, 4)
    chooser.tell(ECN, 5)
    chooser.tell(NACKED, 6)
    assert chooser.choose(3) == [9, 4, chooser.draw(3)]


@plain
def test_reps_overwrites_the_oldest_of_eight():
    chooser = Chooser(Balance.REPS, MANY)
    chooser.tell(GOOD, *range(100, 110))
    assert chooser.choose(9) == [*range(102, 110), chooser.draw(0)]


@plain
def test_reps_freezes_on_a_timeout_and_explores_after_it():
    chooser = Chooser(Balance.REPS, MANY)
    thaw = 5 + 10**10
    chooser.tell(GOOD, 100, 101, 102)
    chooser.tell(TIMEOUT, 0, now=5)
    assert chooser.choose(4) == [100, 101, 102, 100]
    chooser.tell(TIMEOUT, 0, now=6)  # changes nothing while frozen
    chooser.tell(GOOD, 103, now=thaw - 1)
    assert chooser.record["frozen_until"] == thaw == 5 + reps.FREEZE
    assert chooser.choose(3) == [101, 102, 103]
    chooser.tell(GOOD, 104, now=thaw)
    assert chooser.choose(16) == [chooser.draw(k) for k in range(16)]
    assert chooser.choose(2) == [104, chooser.draw(16)]


@plain
def test_frozen_reps_that_knows_nothing_draws():
    chooser = Chooser(Balance.REPS, MANY)
    chooser.tell(TIMEOUT, 0, now=5)
    assert chooser.choose(2) == [chooser.draw(0), chooser.draw(1)]


@plain
def test_reps_that_explores_does_not_freeze():
    chooser = Chooser(Balance.REPS)
    chooser.record["explore"] = 1
    chooser.tell(TIMEOUT, 0, now=5)
    assert chooser.record["frozen_until"] == 0


@plain
def test_mixed_prefers_what_went_well_and_falls_back_on_the_bitmap():
    chooser = Chooser(Balance.MIXED)
    bad = chooser.draw(0)
    chooser.tell(NACKED, bad)
    chooser.tell(GOOD, 8, 9)
    assert chooser.choose(3) == [8, 9, bad ^ 1]
    assert chooser.penalties[bad] == 3


@plain
def test_mixed_forgets_the_oldest_when_it_knows_too_many():
    chooser = Chooser(Balance.MIXED, MANY)
    chooser.tell(GOOD, *range(130))
    assert chooser.choose(128) == list(range(2, 130))
    assert chooser.choose() == [chooser.draw(0)]


@pytest.mark.parametrize(
    ("balance", "ports"), [(Balance.NONE, 1), (Balance.OBLIVIOUS, 4), (Balance.REPS, 4)]
)
def test_entropy_spreads_a_queue_pair_over_the_uplinks_both_ways(balance, ports):
    network = with_switching(leaf_spine(spines=4, choice=Choice.ECMP))
    nic = transport(True, balance=balance, entropies=64, ack_every=1)
    packets = run(network, nic, sends([(0, 2, 64 * FULL)])).outcome.link_packets
    for leaf in (4, 5):  # of data, and of what answers it
        first = port(network, leaf, 2)
        assert (packets[first : first + 4] > 0).sum() == ports
