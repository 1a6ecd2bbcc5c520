"""Receivers, recovery and classes of RC in the reference simulator, by hand."""

from dataclasses import replace
from typing import Any

import pytest

from fabricemu.fabrics.network import Change, Network
from fabricemu.fabrics.transport import Receiver
from tests.builders import line_network, sends, star, transport
from tests.ethernet import dcqcn, with_switching
from tests.reference import ReferenceResult, simulate
from tests.reference.examples import ints

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
A = 1_280  # ps of an ACK at 400 Gbit/s
L = 500_000  # ps of every link
SLOW = 200 * 10**9  # half the rate: a full packet takes 2 T
RTO = 10**8


def losing(lost: set[int]) -> Network:
    """Return a link that loses the first sending of some packets of a burst."""
    network = with_switching(line_network(0))
    changes = [
        Change(number * T + after, ints(0), network.rate_bps[:1], ints(after))
        for number in sorted(lost)
        for after in (0, 1)  # down when the packet starts, up 1 ps later
    ]
    return replace(network, changes=tuple(changes))


def run(packets: int, lost: set[int], **changes: Any) -> ReferenceResult:
    nic = transport(**({"ack_every": 1, "rto_ps": RTO} | changes))
    result = simulate(losing(lost), nic, sends([(0, 1, packets * FULL)]), 1)
    assert result.lost == [len(lost), 0]
    return result


def answered(psn: int) -> int:
    """Return when the answer to the first sending of a packet is at the sender."""
    return (psn + 1) * T + 2 * L + A


# recovery


def test_gap_costs_one_nack_and_all_that_followed_it() -> None:
    result = run(20, {5})
    # the NACK comes while the last of the 20 leaves
    assert 19 * T < answered(6) < 20 * T
    assert (result.tx_packets[0], result.nacks, result.timeouts) == (35, [0, 1], [0, 0])
    assert (result.discards, result.duplicates) == ([0, 14], [0, 0])


def test_two_holes_cost_two_packets() -> None:
    result = run(20, {5, 9}, any_order=True, loss_distance=1)
    assert (result.retransmits, result.timeouts, result.duplicates) == ([2, 0], [0, 0], [0, 0])
    assert result.messages[0].delivered == answered(10) + T + L


@pytest.mark.parametrize(("distance", "sent"), [(1, 20 * T), (2, answered(7)), (3, answered(8))])
def test_hole_is_not_a_loss_before_enough_have_passed_it(distance: int, sent: int) -> None:
    result = run(20, {5}, any_order=True, loss_distance=distance)
    assert result.messages[0].sent == sent
    assert result.retransmits == [1, 0]


def test_loss_too_near_the_end_waits_for_the_timeout() -> None:
    result = run(20, {18}, any_order=True, loss_distance=3)
    assert (result.timeouts, result.retransmits) == ([1, 0], [1, 0])


def test_window_takes_what_is_near_and_goes_back_for_the_rest() -> None:
    result = run(8, {1}, receiver=Receiver.WINDOW, reorder_packets=4)
    # 2, 3, 4 are kept; 5, 6, 7 are too far; then 1, 5, 6, 7 come again
    assert (result.nacks, result.discards) == ([0, 1], [0, 3])
    assert (result.retransmits, result.duplicates) == ([4, 0], [0, 0])
    assert result.messages[0].delivered == answered(5) + 4 * T + L


def test_first_pass_is_that_of_the_last_packet() -> None:
    message = run(20, {19}).messages[0]
    assert (message.first_pass, message.sent) == (19 * T, answered(18) + RTO)


# acknowledgement


@pytest.mark.parametrize(("every", "acks"), [(3 * FRAME, 7), (3 * FRAME + 1, 5), (1, 20)])
def test_acks_may_count_bytes(every: int, acks: int) -> None:
    result = run(20, set(), ack_every=every, ack_in_bytes=True)
    assert result.tx_packets[1] == acks


def test_cnps_keep_their_distance() -> None:
    network = with_switching(line_network(1, last_rate=SLOW), ecn_low=0, ecn_high=0)
    control = dcqcn(cnp_interval_ps=10 * T, min_bps=400e9)
    result = simulate(network, transport(**control), sends([(0, 1, 30 * FULL)]), 1)
    # packets 2 .. 28 have others behind them; they come 2 T apart
    assert result.messages[0].marks == 27
    assert result.cnps == [0, 6]


# classes


def test_pause_stops_one_class_only() -> None:
    network = star(3, slow={1: SLOW})
    rules = {"weight": [0, 0], "lossless": [1, 0], "qp_class": (0, 1)}
    pausing = {"pfc": 1, "xoff_bytes": FRAME, "xon_bytes": 0}
    program = sends([(0, 1, 40 * FULL, 0, 0), (0, 2, 9 * FULL, 0, 1)])
    result = simulate(with_switching(network, **rules, **pausing), transport(), program, 1)
    first, second = result.messages
    # class 0 is strictly first until it is paused, while packet 16 leaves
    assert result.pauses[0] == (0, 0, 4 * T + 2 * L + A, 33 * T + 2 * L + A)
    assert (second.first_tx, second.delivered) == (17 * T, 27 * T + 2 * L)
    assert first.paused_host > 0
    assert second.paused_host == 0
