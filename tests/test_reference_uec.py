"""UEC in the reference simulator, against published numbers.

Unless said otherwise: 100 Gbit/s, links of 1 us, packets of 4150 B, queues of a round trip.
"""

import pytest

from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Control
from tests.builders import line_network, sends, star
from tests.reference import ReferenceResult, simulate
from tests.reference.congestion.nscc import Nscc
from tests.reference.examples import MTU, trimming, uec, uec_nic
from tests.reference.packets import Data, Packet, Pull, UecAck
from tests.reference.result import Message
from tests.reference.uec.credit import Credit
from tests.reference.uec.sender import UecSender

US = 10**6
RATE = 10**11
QUEUE = 178_450
SIZE = 2_000_000
WMAX = 262_926


def line(hops: int) -> Network:
    return line_network(hops - 1, rate=RATE, latency=US, queue_bytes=QUEUE)


def same_leaf(n: int) -> Network:
    return star(n, rate=RATE, latency=US, queue_bytes=QUEUE)


def acked(result: ReferenceResult) -> list[int]:
    return [message.acked - message.created for message in result.messages]


# derivation


def test_parameters_are_those_of_the_network() -> None:
    given = uec()
    assert (given.target_ps, given.max_window, given.quantum_ps) == (10_517_040, WMAX, 20_686)
    floats = (given.alpha * 1e6, given.fair, given.eta, given.fast_gain)
    assert [round(value, 2) for value in floats] == [1591.58, 23873.68, 716.21, 0.29]


@pytest.mark.parametrize(
    ("rate", "rtt", "window", "quantum"),
    [
        (4 * 10**11, 6_505_680, 487_926, 5171),
        (10**11, 9_348_480, 175_284, 20_686),
        (2 * 10**11, 8_674_240, 325_284, 10_343),
        (8 * 10**11, 8_168_560, 1_225_284, 2585),
    ],
)
def test_window_and_quantum_scale(rate: int, rtt: int, window: int, quantum: int) -> None:
    given = uec(rate, rtt)
    assert (given.max_window, given.quantum_ps) == (window, quantum)


# NSCC alone


def nscc(window: int = 200_000, credited: bool = False) -> Nscc:
    law = Nscc(uec(), credited)
    law.cwnd = window
    law.quick_end = 1 << 60  # no quick adaptation
    return law


@pytest.mark.parametrize(
    ("delay", "earned", "grown"),
    [
        (2 * US, 225_021_957, 1125),
        (5 * US, 145_761_337, 728),
        (10 * US, 13_660_303, 68),
        (10_517_040, 396_303_101, 1981),
    ],
)
def test_ack_earns_by_its_distance_from_the_target(delay: int, earned: int, grown: int) -> None:
    law = nscc()
    law.increase(delay, 16_600)
    assert law.inc == earned
    law.received = 33_201
    law.last_adjust = US
    law.fulfil(2 * US)
    assert (law.cwnd - 200_000, law.inc) == (grown, 0)


def test_window_grows_by_eta_once_a_round_trip() -> None:
    law, rtt = nscc(), uec().rtt_ps
    windows = []
    for now in (rtt, rtt + 1, 2 * rtt + 1, 2 * rtt + 2):
        law.fulfil(now)
        windows.append(law.cwnd)
    assert windows == [200_000, 200_716, 200_716, 201_432]


@pytest.mark.parametrize(("average", "window"), [(12, 180_227), (15, 152_181), (30, 100_000)])
def test_mark_and_delay_cut_by_the_average(average: int, window: int) -> None:
    law = nscc()
    law.average, law.last_adjust = average * US, 20 * US
    law.on_ack(20 * US, True, 11 * US, 0, 0)
    assert law.cwnd == window
    law.on_ack(21 * US, True, 11 * US, 0, 0)
    assert law.cwnd == window  # once a round trip


def test_fast_increase_after_a_window_without_delay() -> None:
    law = nscc(40_000)
    law.test_fast(0, 40_000)
    assert not law.fast
    law.test_fast(0, 16_600)
    assert (law.fast, law.cwnd) == (True, 44_849)
    law.test_fast(US, 16_600)
    assert (law.fast, law.fast_bytes) == (False, 0)


def test_average_takes_sixty_long_samples_to_pass_the_target() -> None:
    law = nscc()
    averages = []
    for _ in range(60):
        law.feed(20 * US, True)
        averages.append(law.average)
    assert round(averages[9] / US, 3) == 2.364
    assert averages[58] < uec().target_ps < averages[59]


def test_nacks_are_samples_of_a_round_trip() -> None:
    law = nscc()
    count = 0
    while law.average <= uec().target_ps:
        law.feed(uec().rtt_ps, True)
        count += 1
    assert count == 111


def test_shorter_round_trip_lowers_base_and_window() -> None:
    law = nscc()
    assert law.sample(4_674_240, False) == 0
    assert (law.base_rtt, law.wmax) == (4_674_240, 87_642)
    law.clip()
    assert law.cwnd == 87_642


def test_nack_takes_its_packet_off_unless_the_receiver_governs() -> None:
    windows = []
    for credited, last_hop in [(False, True), (True, False), (True, True)]:
        law = nscc(credited=credited)
        law.on_nack(US, MTU, last_hop, 0)
        windows.append(law.cwnd)
    assert windows == [195_850, 195_850, 200_000]


def test_quick_adaptation_falls_to_what_was_achieved() -> None:
    law = nscc()
    law.quick_end, law.trigger, law.achieved = 1, True, 32_864
    assert law.adapt_quickly(2, False, False, 77_000)
    assert (law.cwnd, law.to_ignore, law.trigger, law.achieved) == (32_864, 77_000, False, 0)
    assert law.quick_end == 2 + 24_539_760
    assert law.adapt_quickly(3, True, False, 0)  # marks of before are ignored


def test_quick_adaptation_leaves_who_achieved_enough() -> None:
    law = nscc()
    law.quick_end, law.trigger, law.achieved = 1, True, 32_865
    assert not law.adapt_quickly(2, False, False, 0)
    assert (law.cwnd, law.trigger, law.achieved) == (200_000, True, 0)


# one flow


@pytest.mark.parametrize(
    ("control", "hops", "size", "completion"),
    [
        (Control.NSCC, 6, SIZE, 176_199_520),
        (Control.NSCC, 2, SIZE, 166_851_040),
        (Control.NSCC, 6, 40_860, 17_010_720),
        (Control.NSCC, 6, 408_600, 46_890_720),
        (Control.RCCC, 6, SIZE, 177_367_660),
        (Control.RCCC, 2, SIZE, 167_871_256),
        (Control.RCCC, 6, 40_860, 17_010_720),
        (Control.RCCC, 6, 408_600, 46_890_720),
    ],
)
def test_idle_flow_ends_as_published(
    control: Control, hops: int, size: int, completion: int
) -> None:
    result = simulate(trimming(line(hops)), uec_nic(control), sends([(0, 1, size)]), 1)
    assert acked(result) == [completion]


@pytest.mark.parametrize(("control", "answers"), [(Control.NSCC, 124), (Control.RCCC, 126 + 163)])
def test_answers_are_as_many_as_published(control: Control, answers: int) -> None:
    result = simulate(trimming(line(6)), uec_nic(control), sends([(0, 1, SIZE)]), 1)
    assert result.tx_packets[1] == answers


@pytest.mark.parametrize(
    ("control", "size", "completion"),
    [
        (Control.NSCC, 4096, 6_506_880),
        (Control.NSCC, 1 << 21, 49_022_080),
        (Control.RCCC, 4096, 6_506_880),
        (Control.RCCC, 1 << 21, 49_286_732),
    ],
)
def test_faster_network_ends_as_published(control: Control, size: int, completion: int) -> None:
    network = trimming(line_network(5, queue_bytes=328_640))
    nic = uec_nic(control, uec(4 * RATE, 6_506_880, 4160))
    assert acked(simulate(network, nic, sends([(0, 1, size)]), 1)) == [completion]


def test_opposite_flows_pay_for_the_acks_of_each_other() -> None:
    program = sends([(0, 1, SIZE), (1, 0, SIZE)])
    result = simulate(trimming(line(6)), uec_nic(Control.NSCC), program, 1)
    assert acked(result) == [176_803_680] * 2


# incast


def incast(n: int) -> list[tuple[int, ...]]:
    """Return flows that start 1 ps apart, so that their packets come in the order of the flows."""
    return [(src, 0, SIZE, src) for src in range(1, n + 1)]


def test_two_to_one_under_credit_ends_as_published() -> None:
    network = trimming(same_leaf(3), marks=False)
    result = simulate(network, uec_nic(Control.RCCC), sends(incast(2)), 1)
    assert acked(result) == [328_203_040, 329_359_840 - 1]
    assert (sum(result.trims), sum(result.drops)) == (0, 0)


def test_pulls_of_two_to_one_come_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    pulls, starts = [], []
    pull, send = UecSender.on_answer, UecSender.send

    def record_pull(self: UecSender, answer: Packet) -> list[Message]:
        if isinstance(answer, Pull) and self.number == 0:
            pulls.append((self.now, answer.granted))
        return pull(self, answer)

    def record_start(self: UecSender, psn: int) -> Data:
        if self.number == 0:
            starts.append(self.now)
        return send(self, psn)

    monkeypatch.setattr(UecSender, "on_answer", record_pull)
    monkeypatch.setattr(UecSender, "send", record_start)
    simulate(trimming(same_leaf(3), marks=False), uec_nic(Control.RCCC), sends(incast(2)), 1)
    start = 1  # of the first flow
    quanta = [(4_679_360, 17), (5_377_564, 33), (6_039_516, 49), (6_701_468, 65)]
    assert pulls[:4] == [(start + time, granted) for time, granted in quanta]
    times = [4_980_000, 5_312_000, 5_644_000, 6_039_516, 6_701_468]
    assert starts[15:20] == [start + time for time in times]


def test_three_to_one_under_credit_ends_as_published() -> None:
    network = trimming(same_leaf(4), marks=False)
    result = simulate(network, uec_nic(Control.RCCC), sends(incast(3)), 1)
    assert acked(result) == [489_887_040, 491_043_840 - 1, 491_868_640 - 2]


def at_once(n: int) -> list[tuple[int, ...]]:
    return [(src, 0, SIZE) for src in range(1, n + 1)]


@pytest.mark.parametrize("seed", range(3))
def test_two_to_one_under_nscc_ends_as_published(seed: int) -> None:
    result = simulate(trimming(same_leaf(3)), uec_nic(Control.NSCC), sends(at_once(2)), seed)
    assert sorted(acked(result)) == [321_895_040, 329_359_840]
    assert 930 <= result.tx_packets[0] <= 970  # published 953 to 960 of 980
    assert sum(result.trims) == 0


def test_first_acks_of_two_to_one_are_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = UecSender.on_ack

    def record(self: UecSender, ack: UecAck) -> None:
        original(self, ack)
        assert self.window is not None
        seen.append((self.now, ack.expected, self.flight, self.window.cwnd))

    monkeypatch.setattr(UecSender, "on_ack", record)
    simulate(trimming(same_leaf(3)), uec_nic(Control.NSCC), sends(at_once(2)), 1)
    assert seen[:4] == [
        (4_674_240, 1, 58_100, 87_642),
        (5_006_240, 1, 62_250, 93_867),
        (7_330_240, 5, 70_550, 87_642),
        (7_662_240, 5, 74_700, 93_867),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_three_to_one_trims_a_dozen(seed: int) -> None:
    result = simulate(trimming(same_leaf(4)), uec_nic(Control.NSCC), sends(at_once(3)), seed)
    first, second, third = sorted(acked(result))
    assert 450 * US < first < 466 * US
    assert 469 * US < second < 484 * US
    assert 491_850_000 < third < 493_300_000
    assert sum(result.trims) == sum(result.nacks) == sum(result.retransmits) == 12


# credit


def test_speculating_sender_asks_for_what_it_has_sent() -> None:
    credit = Credit(WMAX, MTU)
    targets = []
    for packets in range(1, 6):
        credit.bytes -= MTU
        targets.append(credit.target(SIZE - packets * MTU, 0, float("inf")))
    assert targets == [17, 33, 49, 65, 82]


def test_speculating_sender_asks_for_a_packet_at_least() -> None:
    credit = Credit(WMAX, MTU)
    assert credit.target(100, 0, float("inf")) == 17
    assert credit.target(0, 0, float("inf")) == -(WMAX // 256)


def test_want_without_speculation_fills_the_window() -> None:
    credit = Credit(WMAX, MTU)
    credit.bytes = 0
    credit.pull(17)
    credit.bytes = 202
    assert credit.target(SIZE, 0, float("inf")) == 1044


def test_first_feedback_takes_the_speculative_credit_away() -> None:
    credit = Credit(WMAX, MTU)
    credit.pull(3)
    assert (credit.bytes, credit.pulled) == (3 * 256, 3)
    credit.bytes = -5000
    credit.pull(4)
    assert credit.bytes == -5000 + 256


def test_credit_is_never_more_than_a_window() -> None:
    credit = Credit(WMAX, MTU)
    credit.pull(10_000)
    assert credit.bytes == WMAX


def test_second_message_asks_with_an_rts_when_nothing_else_can() -> None:
    # pulls that nobody asked for are the only source of credit but for the RTS
    later = 60 * US
    nic = uec_nic(Control.RCCC)
    program = sends([(0, 1, 40_860), (0, 1, 40_860, later)])
    result = simulate(trimming(line(6)), nic, program, 1)
    assert acked(result)[1] < 30 * US
