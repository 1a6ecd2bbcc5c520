"""RCCC in the kernels: what senders ask for, what pacers grant, and when."""

import pytest
from fabricemu.kernels import clock
from fabricemu.kernels.state import CONTROL, INF, LOST, PULL, RTS
from fabricemu.kernels.transport import credit

from fabricemu.fabrics.transport import Control
from tests import kernel_state
from tests.builders import line_network, sends, star
from tests.compare import run
from tests.kernel_state import compiled, plain
from tests.reference.examples import MTU, trimming, uec_nic

US = 10**6
RATE = 10**11
QUEUE = 178_450
SIZE = 2_000_000
WMAX = 262_926
QUANTUM = 20_686  # ps of 256 bytes at 0.99 of the rate


def same_leaf(n):
    """Return hosts at one switch that does not mark."""
    return trimming(star(n, rate=RATE, latency=US, queue_bytes=QUEUE), marks=False)


# the sender


class Sender:
    """Queue pair 0 before it has sent anything, with ``backlog`` bytes to send."""

    def __init__(self, control=Control.RCCC, **values):
        self.state = kernel_state.build(same_leaf(2), uec_nic(control))
        self.record = self.state.uec_senders[0]
        for name, value in values.items():
            self.record[name] = value

    def target(self):
        return int(credit.target(self.state, 0))

    def pull(self, granted):
        """Hear a grant; return the credit then."""
        self.state.entries[0]["qp"] = 0
        kernel_state.tag_of(self.state, 0)["stamp"] = granted
        credit.on_pull(self.state, 0)
        return int(self.record["credit"])


@plain
def test_speculating_sender_asks_for_what_it_has_sent():
    sender = Sender(backlog=SIZE)
    assert (sender.record["credit"], sender.record["speculating"]) == (WMAX, 1)
    targets = []
    for _ in range(5):
        sender.record["credit"] -= MTU
        sender.record["backlog"] -= MTU
        targets.append(sender.target())
    assert targets == [17, 33, 49, 65, 82]


@plain
@pytest.mark.parametrize(("backlog", "target"), [(100, 17), (0, -(WMAX // 256))])
def test_speculating_sender_asks_for_a_packet_at_least(backlog, target):
    assert Sender(backlog=backlog).target() == target


@plain
def test_want_without_speculation_fills_the_window():
    sender = Sender(backlog=SIZE, speculating=0, credit=202, pulled=17)
    assert sender.target() == 1044


@plain
def test_what_is_sent_again_is_asked_for_again():
    sender = Sender(backlog=1000, again=2 * MTU, speculating=0, credit=0)
    assert sender.target() == -(-(1000 + 2 * MTU) // 256)


@plain
@pytest.mark.parametrize(("control", "want"), [(Control.RCCC, SIZE), (Control.BOTH, 50_000 + MTU)])
def test_want_of_both_is_a_packet_more_than_the_window(control, want):
    sender = Sender(control, backlog=SIZE, speculating=0, credit=0, cwnd=50_000)
    assert sender.target() == -(-min(want, WMAX) // 256)


@plain
def test_first_grant_takes_the_speculative_credit_away():
    sender = Sender()
    assert sender.pull(3) == 3 * 256
    assert (sender.record["pulled"], sender.record["speculating"]) == (3, 0)


@plain
def test_debt_of_speculation_stays():
    sender = Sender(credit=-5000)
    assert sender.pull(4) == -5000 + 4 * 256


@plain
def test_older_grant_gives_nothing():
    sender = Sender()
    sender.pull(10)
    assert (sender.pull(7), sender.record["pulled"]) == (2560, 10)


@plain
def test_credit_is_never_more_than_a_window():
    assert Sender().pull(10_000) == WMAX


# the receiver


class Pacer:
    """The pacer of host 0, to which two queue pairs send."""

    def __init__(self):
        nic = uec_nic(Control.RCCC)
        program = sends([(1, 0, 4096), (2, 0, 4096)])
        self.state = kernel_state.build(same_leaf(3), nic, program)
        self.host = self.state.hosts[0]
        self.fifo = self.state.outs[CONTROL]
        self.now = 0

    def ask(self, qp, target, at_any_rate=False):
        credit.listen(self.state, self.host, 0, qp, target, at_any_rate, self.now)

    @property
    def due(self):
        """When the pacer ticks next, None while it sleeps."""
        time = int(clock.first(self.state, self.host))
        return None if time == INF else time

    def tick(self):
        """Tick when due; return the grant as (queue pair, quanta in all), or None."""
        self.now = self.due
        clock.cancel(self.state, self.host, clock.top(self.state, self.host))
        before = self.fifo["tail"]
        credit.tick(self.state, 0, self.host, 0, self.now)
        if self.fifo["tail"] == before:
            return None
        packet = kernel_state.packet_at(self.state, self.fifo, before)
        assert self.state.entries[packet]["kind"] == PULL
        granted = kernel_state.tag_of(self.state, packet)["stamp"]
        return int(self.state.entries[packet]["qp"]), int(granted)

    def slow_pulls(self):
        """Return the grants till the pacer sleeps."""
        grants = []
        while self.due is not None:
            grants.append(self.tick())
        assert grants.pop() is None
        return grants


@plain
def test_pacer_sleeps_until_it_is_asked_and_grants_at_once():
    pacer = Pacer()
    assert pacer.due is None
    pacer.now = 5 * US
    pacer.ask(0, 17)
    assert pacer.due == 5 * US
    assert pacer.tick() == (0, 17)
    assert pacer.due == 5 * US + 17 * QUANTUM


@plain
def test_grant_is_64_quanta_at_most():
    pacer = Pacer()
    pacer.ask(0, 150)
    grants, times = [], []
    for _ in range(3):
        grants.append(pacer.tick())
        times.append(pacer.now)
    assert grants == [(0, 64), (0, 128), (0, 150)]
    assert times == [0, 1_323_904, 2 * 1_323_904]
    assert pacer.due == 2 * 1_323_904 + 22 * QUANTUM


@plain
def test_those_who_ask_take_turns():
    pacer = Pacer()
    pacer.ask(0, 130)
    pacer.ask(1, 70)
    assert [pacer.tick() for _ in range(5)] == [(0, 64), (1, 64), (0, 128), (1, 70), (0, 130)]


@plain
def test_idle_queue_pair_gets_seventeen_slow_grants():
    pacer = Pacer()
    pacer.ask(0, 17)
    pacer.tick()
    # until it is 1027 quanta, a window, ahead of what it asked for
    assert pacer.slow_pulls() == [(0, 17 + 64 * k) for k in range(1, 18)]
    assert pacer.now == (17 + 17 * 64) * QUANTUM


@plain
@pytest.mark.parametrize(("ahead", "pulls"), [(1026 - 64, 2), (1027 - 64, 1)])
def test_idle_queue_pair_stops_a_window_ahead(ahead, pulls):
    pacer = Pacer()
    pacer.ask(0, 17)
    pacer.tick()
    pacer.state.uec_receivers[0]["granted"] = 17 + ahead
    assert len(pacer.slow_pulls()) == pulls


@plain
def test_demand_comes_before_idle_ones():
    pacer = Pacer()
    pacer.ask(0, 17)
    pacer.tick()
    pacer.tick()
    pacer.ask(1, 20)
    assert [pacer.tick() for _ in range(3)] == [(1, 20), (0, 145), (1, 84)]


@plain
def test_target_that_is_not_new_asks_for_nothing():
    pacer = Pacer()
    pacer.ask(0, 17)
    pacer.tick()
    pacer.slow_pulls()
    pacer.ask(0, 17)
    assert pacer.due is None
    pacer.ask(0, 16, at_any_rate=True)
    # nothing to grant takes the time of four quanta
    assert pacer.tick() == (0, 17 + 17 * 64)
    assert pacer.due == pacer.now + 4 * QUANTUM


@plain
def test_grants_count_their_entropies_up_to_127():
    pacer = Pacer()
    pacer.ask(0, 64 * 130)
    entropies = []
    for _ in range(130):
        pacer.tick()
        packet = kernel_state.newest(pacer.state, pacer.fifo)
        entropies.append(int(kernel_state.tag_of(pacer.state, packet)["entropy"]))
    assert entropies == [*range(128), 0, 1]


# at work

LATER = 60 * US
RTO = 100_656_000


def apart(n):
    """Return flows that start 1 ps apart, so that their packets come in the order of the flows."""
    return [(src, 0, SIZE, src) for src in range(1, n + 1)]


@compiled
def test_two_to_one_ends_as_published():
    found = run(same_leaf(3), uec_nic(Control.RCCC), sends(apart(2)))
    times = (found.columns["acked"] - found.columns["created"]).tolist()
    assert times == [328_203_040, 329_359_840 - 1]
    assert found.outcome.link_trims.sum() == found.outcome.link_drops.sum() == 0


@compiled
def test_three_to_one_ends_as_published():
    found = run(same_leaf(4), uec_nic(Control.RCCC), sends(apart(3)))
    times = (found.columns["acked"] - found.columns["created"]).tolist()
    assert times == [489_887_040, 491_043_840 - 1, 491_868_640 - 2]


def test_grants_of_two_to_one_come_as_published():
    state = kernel_state.build(same_leaf(3), uec_nic(Control.RCCC), sends(apart(2)))
    sender, record = state.senders[0], state.uec_senders[0]
    start = 1  # of the first flow
    pulls = [(4_679_360, 17), (5_377_564, 33), (6_039_516, 49), (6_701_468, 65)]
    for time, granted in pulls:
        kernel_state.run_until(state, start + time - 1)
        assert record["pulled"] < granted
        kernel_state.run_until(state, start + time)
        assert record["pulled"] == granted
    assert sender["nxt"] == 20


def test_packets_of_two_to_one_start_as_published():
    state = kernel_state.build(same_leaf(3), uec_nic(Control.RCCC), sends(apart(2)))
    starts = [4_980_000, 5_312_000, 5_644_000, 6_039_516, 6_701_468]
    for psn, time in enumerate(starts, 15):
        kernel_state.run_until(state, time)  # 1 ps before its start
        assert state.senders["nxt"][0] == psn
    kernel_state.run_until(state, starts[-1] + 1)
    assert state.senders["nxt"][0] == 20


def second_message():
    """Return a state in which a second message is about to be posted without any credit."""
    network = trimming(line_network(5, rate=RATE, latency=US, queue_bytes=QUEUE))
    program = sends([(0, 1, 40_860), (0, 1, 40_860, LATER)])
    state = kernel_state.build(network, uec_nic(Control.RCCC), program)
    kernel_state.run_until(state, LATER - 1)
    assert state.senders[0]["una"] == state.senders[0]["end"] == 10
    state.uec_senders[0]["credit"] = 0
    return state


def newest_control(state):
    """Return how many control packets host 0 has sent, and the kind of the last."""
    fifo = state.outs[CONTROL]
    kind = state.entries[kernel_state.newest(state, fifo)]["kind"]
    return int(fifo["tail"]), int(kind)


def test_second_message_asks_with_an_rts_when_nothing_else_can():
    state = second_message()
    kernel_state.run_until(state, LATER)
    assert newest_control(state) == (1, RTS)
    kernel_state.run_until(state, LATER + 30 * US)
    assert state.senders[0]["una"] == 20


def test_lost_rts_is_sent_again_after_a_timeout():
    state = second_message()
    state.config["lossy"], state.egress["down"][0] = 1, 1
    kernel_state.run_until(state, LATER)
    state.egress["down"][0] = 0
    kernel_state.run_until(state, LATER + RTO - 1)
    assert newest_control(state) == (1, LOST)
    kernel_state.run_until(state, LATER + RTO)
    assert newest_control(state) == (2, RTS)
    kernel_state.run_until(state, LATER + RTO + 30 * US)
    assert state.senders[0]["una"] == 20
