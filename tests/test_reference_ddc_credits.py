"""Credits of the reference simulator against numbers worked out by hand (section 13)."""

from typing import Any

import pytest

from fabricemu.fabrics.network import Network
from tests.builders import ddc, sends, transport
from tests.ethernet import with_switching
from tests.reference import simulate
from tests.reference.congestion_window import CongestionWindow
from tests.reference.credit_scheduler import CreditScheduler
from tests.reference.events import Events
from tests.reference.pacer import Pacer
from tests.reference.packets import CONTROL, DATA, VoqKey
from tests.reference.voq import Voq
from tests.scheduled import failing

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
L = 500_000  # ps of every link
WORD = 5_120  # ps of a control cell at 100 Gbit/s
LOOP = 4 * (WORD + L)  # from a request to its credit
ONE = 1 << 16


def one_lane(**changes: Any) -> Network:
    """Return two leaves with one lane; credits of one packet at the rate of the port."""
    return ddc(**({"lanes": 1, "credit_bytes": FRAME, "credit_speedup": 1.0} | changes))


# asking ahead


def test_short_message_leaves_at_once_if_credit_was_asked_ahead() -> None:
    network = one_lane(credit_bytes=4096, ahead_bytes=4096)
    result = simulate(network, transport(), sends([(0, 2, FULL), (0, 2, FULL, 10**7)]), 1)
    first, second = result.messages
    assert (first.voq_in, first.voq_out) == (T + L, T + L + LOOP)
    assert (second.voq_in, second.voq_out) == (10**7 + T + L, 10**7 + T + L)
    # of 3 credits 8128 B are left; the second takes 4160 of them, and a fourth is asked
    assert (result.requests[4], result.credits[5]) == (2, 4)


def test_credit_above_the_bound_is_lost() -> None:
    network = one_lane(credit_bytes=4096, ahead_bytes=8192, balance_bytes=8192)
    result = simulate(network, transport(), sends([(0, 2, FULL)]), 1)
    # ceil((4160 + 8192) / 4096) = 4 credits leave 4 * 4096 - 4160 = 12,224 B
    assert (result.credits[5], result.excess[4]) == (4, 1)


def test_no_credit_is_lost_while_packets_wait() -> None:
    network = one_lane(credit_bytes=4096, balance_bytes=4096)
    result = simulate(network, transport(), sends([(0, 2, 9 * FULL)]), 1)
    assert result.excess[4] == 0
    assert result.messages[0].delivered > 0


# lost words


@pytest.mark.parametrize("way", ["request", "credit"])
def test_lost_word_is_made_good_at_the_second_look(way: str) -> None:
    network = one_lane(watchdog_ps=10**7)
    first = network.port_ptr
    lane = {"request": first[4] + 2, "credit": first[6]}[way]
    network = failing(network, [int(lane)], 0, 9 * 10**6)
    result = simulate(network, transport(), sends([(0, 2, FULL)]), 1)
    # asked at T + L: not a period ago at 10 us, but at 20 us
    assert result.messages[0].voq_out == 2 * 10**7 + LOOP
    assert (result.requests[4], result.renewals[4]) == (2, 1)
    assert result.credits[5] == {"request": 1, "credit": 2}[way]
    assert sum(result.lost) == 1


def test_early_look_asks_twice_and_the_bound_takes_what_is_too_much() -> None:
    network = one_lane(credit_bytes=4096, watchdog_ps=10**6, balance_bytes=4096)
    result = simulate(network, transport(), sends([(0, 2, FULL)]), 1)
    # two credits asked at T + L are asked again at 2 us and come, the first at T + L + LOOP,
    # before 3 us; two more come then, when 4032 B are left
    assert result.messages[0].voq_out == T + L + LOOP
    assert (result.renewals[4], result.credits[5], result.excess[4]) == (1, 4, 2)


def test_renewal_replaces_what_is_pending_and_keeps_the_place() -> None:
    scheduler = CreditScheduler([0])
    one, other = voq(DATA, 1), voq(DATA, 2)
    scheduler.request(one, 5)
    scheduler.request(other, 1)
    scheduler.renew(one, 2)
    assert [scheduler.grant() for _ in range(3)] == [one, other, one]
    assert not scheduler.pending


def test_queue_that_keeps_asking_remembers_since_when() -> None:
    ddc_values = one_lane(credit_bytes=100).ddc
    assert ddc_values is not None
    own = Voq((0, 2, DATA), ddc_values)
    own.bytes = 150
    assert own.ask(10) == 2
    own.bytes = 250
    assert own.ask(20) == 1
    assert own.since == 10
    for _ in range(3):
        own.credit()
    own.bytes = 400
    assert own.ask(30) == 1
    assert own.since == 30


# classes


def voq(level: int, source: int = 0) -> VoqKey:
    return source, 0, level


def grants(weights: list[int], levels: list[int], n: int) -> list[int]:
    """Return the levels of the first credits where a VOQ of each of ``levels`` wants many."""
    scheduler = CreditScheduler(weights)
    for level in levels:
        scheduler.request(voq(level), 100)
    return [scheduler.grant()[2] for _ in range(n)]


def test_weights_count_credits() -> None:
    assert grants([1, 3], [1, 2], 9) == [1, 2, 2, 2, 1, 2, 2, 2, 1]


def test_control_then_strict_classes_then_weighted_ones() -> None:
    scheduler = CreditScheduler([1, 0])
    for level in (1, 2, CONTROL):
        scheduler.request(voq(level), 2)
    assert [scheduler.grant()[2] for _ in range(6)] == [0, 0, 2, 2, 1, 1]


def test_class_that_runs_out_loses_its_turn() -> None:
    scheduler = CreditScheduler([2, 2])
    scheduler.request(voq(1), 1)
    scheduler.request(voq(2), 3)
    assert [scheduler.grant()[2] for _ in range(2)] == [1, 2]
    scheduler.request(voq(1), 9)
    assert [scheduler.grant()[2] for _ in range(4)] == [2, 1, 1, 2]


def test_queue_pairs_of_a_strict_class_go_first() -> None:
    network = with_switching(ddc(lanes=16), weight=[0, 0], lossless=[0, 0], qp_class=(0, 1))
    # channel 1 is the lower class; both want host 2 from different hosts at one instant
    rows = [(0, 2, 60 * FULL, 0, 1), (1, 2, 60 * FULL, 0, 0)]
    low, high = simulate(network, transport(), sends(rows), 1).messages
    assert high.delivered + 50 * T < low.delivered


def test_classes_of_equal_weight_share_a_port() -> None:
    network = with_switching(ddc(lanes=16), weight=[1, 1], lossless=[0, 0], qp_class=(0, 1))
    rows = [(0, 2, 60 * FULL, 0, 1), (1, 2, 60 * FULL, 0, 0)]
    one, other = simulate(network, transport(), sends(rows), 1).messages
    assert abs(one.delivered - other.delivered) < 4 * T


# pace


def test_credits_slow_down_with_the_lanes() -> None:
    network = one_lane(lanes=4, drm=ONE)
    rows = [(0, 2, FULL), (1, 2, FULL)]
    result = simulate(network, transport(), sends(rows), 1)
    # hosts need 800 of 400 Gbit/s: the second credit comes after twice the time of a packet
    times = sorted(message.voq_out for message in result.messages)
    assert times == [T + L + LOOP, T + L + LOOP + 2 * T]


def test_credits_keep_their_pace_while_the_lanes_suffice() -> None:
    network = one_lane(lanes=16, drm=ONE)
    result = simulate(network, transport(), sends([(0, 2, FULL), (1, 2, FULL)]), 1)
    assert sorted(m.voq_out for m in result.messages) == [T + L + LOOP, T + L + LOOP + T]


def test_level_lasts_from_one_to_two_periods() -> None:
    window = CongestionWindow(100)
    window.note(2, 150)
    window.note(1, 199)
    assert [window.read(t) for t in (199, 200, 299, 300)] == [2, 2, 2, 0]
    window.note(1, 310)
    assert [window.read(t) for t in (310, 499, 500)] == [1, 1, 0]


def test_pacer_holds_back_what_the_lanes_cannot_carry() -> None:
    rows = [(0, 2, FULL), (1, 3, FULL)]
    free = simulate(one_lane(), transport(), sends(rows), 1)
    paced = simulate(one_lane(paced=True), transport(), sends(rows), 1)
    out = T + L + LOOP
    # 4160 B are 17 full cells and one of 96 B: 4448 B at 100 Gbit/s
    assert sorted(m.voq_out for m in free.messages) == [out, out + WORD]
    assert sorted(m.voq_out for m in paced.messages) == [out, out + 355_840]


def test_pacer_knows_nothing_of_traffic_within_the_leaf() -> None:
    network = ddc(leaves=1, leaf_ports=3, paced=True)
    result = simulate(network, transport(), sends([(0, 1, FULL), (2, 1, FULL)]), 1)
    assert max(m.voq_out for m in result.messages) < T + L + 10**5


def test_pacer_lets_go_all_that_the_balance_allows_by_then() -> None:
    rows = [(0, 2, 4 * FULL), (1, 3, 4 * FULL)]
    result = simulate(one_lane(paced=True), transport(), sends(rows), 1)
    free = simulate(one_lane(), transport(), sends(rows), 1)
    # of one queue pair packets 2 to 4 have their credits before the wire of the first is free
    assert result.cells[4] < free.cells[4]
    assert sum(result.excess) == 0


def test_queue_whose_credit_was_lost_at_the_pacer_asks_again() -> None:
    network = one_lane(paced=True, balance_bytes=FRAME)
    rows = [(0, 2, 9 * FULL), (1, 3, 9 * FULL)]
    result = simulate(network, transport(), sends(rows), 1)
    assert result.excess[4] > 0
    assert result.requests[4] > 18
    assert all(message.delivered > 0 for message in result.messages)


def test_packet_that_finds_the_pacer_busy_holds_buffer() -> None:
    rows = [(0, 2, FULL), (1, 3, FULL), (0, 2, FULL, 10**8), (1, 3, FULL, 10**8)]
    held = {}
    for paced in (False, True):
        network = one_lane(paced=paced, ahead_bytes=3 * FRAME, onchip_bytes=0)
        held[paced] = simulate(network, transport(), sends(rows), 1).deep[4]
    # the first two wait for credit, of the others one for the lane
    assert held == {False: 2 * FRAME, True: 3 * FRAME}


def test_control_goes_before_data_at_the_pacer() -> None:
    ddc_values = one_lane().ddc
    assert ddc_values is not None
    events = Events()
    pacer, sent = Pacer(events, 0, 0), []

    def go(own: Voq) -> int:
        sent.append(own.key)
        return 1000

    pacer.go, pacer.mbps = go, 1000
    keys = [voq(DATA, 1), voq(DATA, 2), voq(DATA + 1, 3), voq(CONTROL, 4)]
    for key in keys:
        pacer.offer(Voq(key, ddc_values))
    events.run()
    assert sent == [keys[0], keys[3], keys[1], keys[2]]
    # 1000 B at 1 Gbit/s are 8 us
    assert events.now == 3 * 8 * 10**6
