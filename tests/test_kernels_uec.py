"""Ultra Ethernet's packet delivery in the kernels: both ends by themselves, and published runs."""

from dataclasses import replace

import pytest
from fabricemu.kernels.state import AT_ONCE, CE, CONTROL, LAST_HOP, NACK, NONE, TRIMMED
from fabricemu.kernels.transport import uec as protocol

from fabricemu.fabrics.transport import Control
from tests import kernel_state
from tests.builders import line_network, sends, star
from tests.compare import run
from tests.kernel_state import compiled, plain
from tests.reference.examples import MTU, trimming, uec, uec_nic
from tests.test_reference_rc import losing

US = 10**6
RATE = 10**11
QUEUE = 178_450
SIZE = 2_000_000  # 490 packets
T = 332_000  # ps of a full packet
FULL = MTU - 64


def line(hops):
    return trimming(line_network(hops - 1, rate=RATE, latency=US, queue_bytes=QUEUE))


def same_leaf(n, marks=True):
    return trimming(star(n, rate=RATE, latency=US, queue_bytes=QUEUE), marks)


# the receiver


class Receiver:
    """The receiving end of queue pair 0, which gets what a test says."""

    def __init__(self, **changes):
        nic = uec_nic(Control.NSCC, **changes)
        program = sends([(0, 1, 300 * FULL)])
        self.state = kernel_state.build(same_leaf(2), nic, program)
        kernel_state.run_until(self.state, 0)
        self.packet = len(self.state.entries) - 2  # far from what is in flight
        self.fifo = self.state.outs[self.state.config[0]["fifos"] * 1 + CONTROL]

    def get(self, psn, flags=0, kind=0, entropy=0):
        """Take a packet; return the answer as (expected, first psn named, psns named) or None."""
        entry, tag = self.state.entries[self.packet], kernel_state.tag_of(self.state, self.packet)
        entry["qp"], entry["psn"], entry["bytes"], entry["flags"] = 0, psn, MTU, flags
        entry["kind"], entry["sent"] = kind, 1000 + psn
        tag["entropy"] = entropy
        before = int(self.fifo["tail"])
        handle = protocol.receive_trimmed if kind == TRIMMED else protocol.receive
        handle(self.state, 0, self.state.hosts[1], 1, self.packet, 0)
        return self.answer() if self.fifo["tail"] > before else None

    @property
    def last(self):
        """The newest answer: its entry and its tag."""
        packet = kernel_state.newest(self.state, self.fifo)
        return self.state.entries[packet], kernel_state.tag_of(self.state, packet)

    def answer(self):
        entry, tag = self.last
        if entry["kind"] == NACK:
            return "NACK", int(tag["trigger"])
        bits = [k for k in range(64) if int(entry["sent"]) >> k & 1]
        return int(entry["psn"]), int(tag["base"]), [int(tag["base"]) + k for k in bits]


@plain
def test_first_packet_and_every_fourth_are_acknowledged():
    receiver = Receiver()
    answered = [psn for psn in range(13) if receiver.get(psn)]
    assert answered == [0, 4, 8, 12]


@plain
def test_marked_packet_is_acknowledged_at_once_from_itself_on():
    receiver = Receiver()
    for psn in (0, 1, 4):
        receiver.get(psn)
    assert receiver.get(3, CE) == (2, 3, [3, 4])
    assert receiver.last[0]["flags"] & CE
    # the bytes count anew
    assert [receiver.get(psn) is not None for psn in (5, 6, 7, 8)] == [False, False, False, True]


@plain
def test_packet_that_asks_is_answered_now_and_when_no_hole_is_left():
    receiver = Receiver(ack_every=1 << 30)
    receiver.get(0)
    assert receiver.get(3, AT_ONCE) == (1, 3, [3])
    assert receiver.get(1) is None
    assert receiver.get(2) == (4, 5, [])
    assert receiver.get(4) is None


@plain
@pytest.mark.parametrize(("psn", "base"), [(1, 3), (2, 2), (65, 2), (66, 3), (100, 37)])
def test_ack_names_64_packets_up_to_its_own(psn, base):
    receiver = Receiver(ack_every=1)
    receiver.get(0)
    expected = 2 if psn == 1 else 1
    named = [] if psn == 1 else [psn]
    assert receiver.get(psn) == (expected, base, named)


@plain
def test_ack_tells_what_it_answers_and_all_that_came():
    receiver = Receiver(ack_every=1)
    receiver.get(0)
    receiver.get(0)
    receiver.get(5, entropy=23)
    tag = receiver.last[1]
    names = ("trigger", "entropy", "echo", "stamp")
    assert [tag[name] for name in names] == [5, 23, 1005, 2 * MTU]


@plain
@pytest.mark.parametrize(("flags", "base"), [(0, 3), (AT_ONCE, 3), (CE, 1)])
def test_duplicate_is_acknowledged_at_once(flags, base):
    receiver = Receiver(ack_every=1 << 30)
    receiver.get(0)
    receiver.get(1)
    assert receiver.get(1, flags)[:2] == (2, base)
    assert receiver.state.hosts[1]["duplicates"] == 1


@plain
@pytest.mark.parametrize("flags", [0, CE, LAST_HOP])
def test_header_of_what_is_missing_is_refused(flags):
    receiver = Receiver()
    receiver.get(0)
    assert receiver.get(7, flags, TRIMMED, entropy=9) == ("NACK", 7)
    entry, tag = receiver.last
    assert (entry["flags"], tag["entropy"], tag["echo"]) == (flags, 9, 1007)
    assert receiver.state.uec_receivers[0]["total"] == MTU


@plain
def test_header_of_what_is_there_is_acknowledged_without_its_mark():
    receiver = Receiver()
    for psn in range(3):
        receiver.get(psn)
    assert receiver.get(2, CE, TRIMMED) == (3, 4, [])
    assert receiver.last[0]["flags"] == 0
    assert receiver.state.hosts[1]["duplicates"] == receiver.state.hosts[1]["nacks"] == 0
    assert [receiver.get(psn) is not None for psn in (3, 4, 5, 6)] == [False, False, False, True]


# the sender


class Sender:
    """The sending end of queue pair 0 after 21 packets, which hears only what a test says."""

    SENT = 21

    def __init__(self, control=Control.NSCC, **changes):
        nic = uec_nic(control, **changes)
        self.state = kernel_state.build(line(6), nic, sends([(0, 1, 40 * FULL)]))
        self.now = (self.SENT - 1) * T
        kernel_state.run_until(self.state, self.now)
        self.record = self.state.uec_senders[0]
        self.sender = self.state.senders[0]
        self.packet = len(self.state.entries) - 2

    def fill(self, trigger, echo, flags, entropy):
        entry, tag = self.state.entries[self.packet], kernel_state.tag_of(self.state, self.packet)
        entry["qp"], entry["flags"], entry["sent"] = 0, flags, 0
        tag["trigger"], tag["entropy"] = trigger, entropy
        tag["echo"] = trigger * T if echo is None else echo

    def ack(self, trigger, expected, total, named=(), echo=None, flags=0, entropy=0, now=None):
        """Hear an ACK that names packets from ``expected`` on."""
        self.fill(trigger, echo, flags, entropy)
        entry, tag = self.state.entries[self.packet], kernel_state.tag_of(self.state, self.packet)
        entry["psn"], entry["sent"] = expected, sum(1 << (psn - expected) for psn in named)
        tag["base"], tag["stamp"] = expected, total
        protocol.on_ack(self.state, self.state.hosts[0], self.packet, now or self.now)

    def nack(self, psn, echo=None, flags=0, entropy=0):
        self.fill(psn, echo, flags, entropy)
        protocol.on_nack(self.state, self.packet, self.now)

    def take(self):
        """Send what goes next; return its number, and whether it asks for an acknowledgement."""
        psn = protocol.next_packet(self.state, 0)
        return int(psn), bool(protocol.take(self.state, 0, psn, MTU, self.now))

    def counts(self):
        return {name: int(self.record[name]) for name in ("flight", "outstanding", "losses")}


def packets(flight, outstanding, losses):
    return {"flight": flight * MTU, "outstanding": outstanding, "losses": losses}


@plain
def test_flight_follows_what_the_receiver_counts():
    sender = Sender()
    assert sender.counts() == packets(21, 21, 0)
    sender.ack(4, 1, 3 * MTU)
    assert sender.counts() == packets(18, 20, 0)
    sender.ack(4, 1, 2 * MTU)  # an older one
    assert sender.counts() == packets(18, 20, 0)


@plain
def test_ack_names_what_it_knows():
    sender = Sender()
    sender.ack(9, 2, 5 * MTU, named=(4, 7, 9))
    assert sender.counts() == packets(16, 16, 0)
    sent = [psn for psn in range(21) if protocol.is_outstanding(sender.state, 0, psn)]
    assert sent == [psn for psn in range(2, 21) if psn not in (4, 7, 9)]


@plain
def test_lost_packet_goes_first_and_lowest_first():
    sender = Sender()
    for psn in (8, 3, 5):
        sender.nack(psn)
    assert sender.counts() == packets(18, 18, 3)
    sender.record["cwnd"] = 22 * MTU
    assert [sender.take()[0] for _ in range(4)] == [3, 5, 8, 21]


@plain
@pytest.mark.parametrize("named", [(), (3,)])
def test_lost_packet_that_came_after_all_is_given_back_to_the_flight(named):
    sender = Sender()
    sender.nack(3)
    sender.ack(4, 0 if named else 5, 5 * MTU, named=named)
    assert sender.counts() == packets(16, 20 if named else 16, 0)


@plain
def test_nack_of_what_is_not_outstanding_is_ignored():
    sender = Sender()
    sender.ack(4, 1, MTU, named=(4,))
    before = sender.record.copy()
    for psn in (0, 4, 21):
        sender.nack(psn)
    assert sender.record == before


@plain
def test_first_ack_over_two_hops_lowers_the_base():
    sender = Sender()
    sender.ack(0, 1, MTU, now=4_674_240)
    names = ("base_rtt", "wmax", "cwnd")
    assert [sender.record[name] for name in names] == [4_674_240, 87_642, 87_642]


@plain
@pytest.mark.parametrize(
    ("trigger", "echo", "base"),
    [(2, None, 5_000_000), (2, 1, 14_022_720), (0, 0, 14_022_720)],
)
def test_round_trip_counts_if_the_packet_is_outstanding_and_was_not_sent_again(trigger, echo, base):
    sender = Sender()
    sender.ack(0, 1, MTU, echo=5)  # of no known packet
    sender.ack(trigger, 1, MTU, echo=echo, now=2 * T + 5_000_000)
    assert sender.record["base_rtt"] == base


@plain
@pytest.mark.parametrize(("follows", "base"), [(True, 5_000_000), (False, 14_022_720)])
def test_nack_may_lower_the_base(follows, base):
    sender = Sender(parameters=replace(uec(), nack_updates_base=follows))
    sender.now = 5_000_000 + 3 * T
    sender.nack(3)
    assert sender.record["base_rtt"] == base


@plain
@pytest.mark.parametrize(
    ("flags", "points", "good"),
    [(0, 4, 0), (CE, 4, 0), (LAST_HOP, 0, 1), (LAST_HOP | CE, 1, 0)],
)
def test_trim_at_the_last_hop_does_not_blame_the_path(flags, points, good):
    sender = Sender()
    sender.nack(3, flags=flags, entropy=11)
    assert sender.state.penalties[0, 11] == points
    assert sender.state.balancers[0]["tail"] == good


@plain
@pytest.mark.parametrize(("flags", "points", "good"), [(0, 0, 1), (CE, 1, 0)])
def test_each_ack_tells_of_one_path(flags, points, good):
    sender = Sender()
    sender.ack(4, 5, 5 * MTU, flags=flags, entropy=11)
    assert sender.state.penalties[0].sum() == sender.state.penalties[0, 11] == points
    assert sender.state.balancers[0]["tail"] == good


@plain
def test_sender_at_its_window_asks_for_acks():
    sender = Sender()
    sender.record["cwnd"] = 24 * MTU
    # after the 23rd packet one more would fill the window
    assert [sender.take() for _ in range(3)] == [(21, False), (22, True), (23, True)]
    assert protocol.next_packet(sender.state, 0) == NONE


@plain
def test_lost_packet_and_the_last_one_ask_for_acks():
    sender = Sender()
    sender.nack(3)
    sender.record["cwnd"] = 1 << 20
    assert [sender.take() for _ in range(20)] == [
        (3, True),
        *((psn, False) for psn in range(21, 39)),
        (39, True),
    ]


@plain
@pytest.mark.parametrize(("cwnd", "may"), [(22 * MTU, True), (22 * MTU - 1, False)])
def test_window_has_room_for_a_whole_packet(cwnd, may):
    sender = Sender()
    sender.record["cwnd"] = cwnd
    assert (protocol.next_packet(sender.state, 0) != NONE) == may


def test_packets_time_out_one_by_one_since_they_were_sent():
    fast = uec(4 * RATE, 6_506_880, 4160)
    nic = uec_nic(Control.NSCC, fast, rto_ps=100 * US, ack_every=1)
    found = run(losing({3, 7}), nic, sends([(0, 1, 20 * 4096)]))
    assert found.outcome.device["timeouts"].tolist() == [2, 0]
    assert found.outcome.link_packets[0] == 22
    assert found.columns["sent"].tolist() == [7 * 83_200 + 100 * US]


# published runs


@pytest.mark.parametrize(
    ("control", "hops", "size", "completion"),
    [
        (Control.NSCC, 6, SIZE, 176_199_520),
        pytest.param(Control.NSCC, 2, SIZE, 166_851_040, marks=compiled),
        (Control.NSCC, 6, 40_860, 17_010_720),
        (Control.NSCC, 6, 408_600, 46_890_720),
        pytest.param(Control.RCCC, 6, SIZE, 177_367_660, marks=compiled),
        pytest.param(Control.RCCC, 2, SIZE, 167_871_256, marks=compiled),
        (Control.RCCC, 6, 40_860, 17_010_720),
        (Control.RCCC, 6, 408_600, 46_890_720),
    ],
)
def test_idle_flow_ends_as_published(control, hops, size, completion):
    found = run(line(hops), uec_nic(control), sends([(0, 1, size)]))
    assert found.columns["acked"].tolist() == [completion]


@pytest.mark.parametrize(
    ("control", "every", "answers"),
    [
        (Control.NSCC, 16_384, 124),
        pytest.param(Control.NSCC, 4_000, 490, marks=compiled),
        pytest.param(Control.RCCC, 16_384, 126 + 163, marks=compiled),  # ACKs and PULLs
    ],
)
def test_answers_are_as_many_as_published(control, every, answers):
    network = line(6)
    outcome = run(network, uec_nic(control, ack_every=every), sends([(0, 1, SIZE)])).outcome
    assert outcome.link_packets[:2].tolist() == [490, answers]
    assert outcome.link_bytes[0] == 2_031_360


@pytest.mark.parametrize(
    ("control", "hops", "size", "completion"),
    [
        (Control.NSCC, 6, 4096, 6_506_880),
        pytest.param(Control.NSCC, 6, 1 << 21, 49_022_080, marks=compiled),
        pytest.param(Control.NSCC, 2, 1 << 21, 44_684_160, marks=compiled),
        (Control.RCCC, 6, 4096, 6_506_880),
        pytest.param(Control.RCCC, 6, 1 << 21, 49_286_732, marks=compiled),
    ],
)
def test_faster_network_ends_as_published(control, hops, size, completion):
    network = trimming(line_network(hops - 1, queue_bytes=328_640))
    nic = uec_nic(control, uec(4 * RATE, 6_506_880, 4160))
    found = run(network, nic, sends([(0, 1, size)]))
    assert found.columns["acked"].tolist() == [completion]


@compiled
def test_opposite_flows_pay_for_the_acks_of_each_other():
    program = sends([(0, 1, SIZE), (1, 0, SIZE)])
    found = run(line(6), uec_nic(Control.NSCC), program)
    assert found.columns["acked"].tolist() == [176_803_680] * 2


@compiled
def test_two_to_one_under_nscc_ends_as_published():
    program = sends([(src, 0, SIZE) for src in (1, 2)])
    found = run(same_leaf(3), uec_nic(Control.NSCC), program)
    assert sorted(found.columns["acked"]) == [321_895_040, 329_359_840]
    assert 930 <= found.outcome.link_packets[0] <= 970  # published 953 to 960 ACKs of 980
    assert found.outcome.link_trims.sum() == 0


def test_first_acks_of_two_to_one_are_as_published():
    program = sends([(src, 0, SIZE) for src in (1, 2)])
    state = kernel_state.build(same_leaf(3), uec_nic(Control.NSCC), program)
    seen = []
    for time in (4_674_240, 5_006_240, 7_330_240, 7_662_240):
        kernel_state.run_until(state, time - 1)
        before = state.senders.copy()
        kernel_state.run_until(state, time)
        (qp,) = (state.senders["una"] != before["una"]).nonzero()[0]
        started = state.senders["nxt"][qp] - before["nxt"][qp]  # after the ACK, at once
        flight = state.uec_senders["flight"][qp] - started * MTU
        seen.append((state.senders["una"][qp], flight, state.uec_senders["cwnd"][qp]))
    assert seen == [
        (1, 58_100, 87_642),
        (1, 62_250, 93_867),
        (5, 70_550, 87_642),
        (5, 74_700, 93_867),
    ]


@compiled
@pytest.mark.parametrize("seed", range(2))
def test_three_to_one_trims_a_dozen(seed):
    program = sends([(src, 0, SIZE) for src in (1, 2, 3)])
    found = run(same_leaf(4), uec_nic(Control.NSCC), program, seed=seed)
    first, second, third = sorted(found.columns["acked"])
    assert 450 * US < first < 466 * US
    assert 469 * US < second < 484 * US
    assert 491_850_000 < third < 493_300_000
    outcome = found.outcome
    assert outcome.link_trims.sum() == outcome.device["nacks"][0] == outcome.retransmits == 12
