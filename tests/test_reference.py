"""The reference simulator against numbers worked out by hand."""

import numpy as np
import pytest

from fabricemu.fabrics.network import Choice, Network
from tests.builders import (
    ddc,
    leaf_spine,
    line_network,
    sends,
    star,
    transport,
)
from tests.reference import ReferenceResult, simulate

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
A = 1_280  # ps of an ACK at 400 Gbit/s
L = 500_000  # ps of every link
SLOW = 200 * 10**9  # half the rate: a full packet takes 2 T, an ACK 2 A


def delivered(result: ReferenceResult) -> list[int]:
    return [message.delivered for message in result.messages]


# one message alone


@pytest.mark.parametrize(
    ("packets", "hops", "completion"),
    [(1, 6, 6_506_880), (512, 6, 49_022_080), (512, 2, 44_684_160), (1, 1, 2 * L + T + A)],
)
def test_message_over_equal_hops_takes_its_closed_form(
    packets: int, hops: int, completion: int
) -> None:
    result = simulate(line_network(hops - 1), transport(), sends([(0, 1, packets * FULL)]), 1)
    message = result.messages[0]
    assert message.acked - message.created == completion
    assert message.delivered == (packets + hops - 1) * T + hops * L


def test_last_packet_is_short_and_times_round_up() -> None:
    network = line_network(0, rate=3 * 10**9)
    result = simulate(network, transport(gap_bytes=20), sends([(0, 1, FULL + 1)]), 1)
    # 4180 B and 85 B at 3 Gbit/s: 11,146,666.7 ps and 226,666.7 ps, each rounded up
    assert delivered(result) == [11_146_667 + 226_667 + L]
    assert result.tx_bytes == [4180 + 85, 84]


def test_empty_message_is_one_packet() -> None:
    result = simulate(line_network(0), transport(), sends([(0, 1, 0)]), 1)
    assert result.tx_packets == [1, 1]
    assert delivered(result) == [1_280 + L]


def test_message_to_itself_takes_no_time_and_no_packets() -> None:
    result = simulate(line_network(), transport(), sends([(0, 0, FULL, 7)]), 1)
    message = result.messages[0]
    assert (message.created, message.delivered, message.acked, message.packets) == (7, 7, 7, 0)
    assert sum(result.tx_packets) == 0


def test_window_of_one_packet_waits_for_every_ack() -> None:
    nic = transport(window_packets=1, ack_every=1)
    result = simulate(line_network(0), nic, sends([(0, 1, 5 * FULL)]), 1)
    assert result.messages[0].acked == 5 * (T + L + A + L)


# sharing a port


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_incast_leaves_the_switch_back_to_back(seed: int) -> None:
    result = simulate(star(5), transport(), sends([(r, 0, FULL) for r in range(1, 5)]), seed)
    assert sorted(delivered(result)) == [2 * (T + L) + k * T for k in range(4)]
    assert max(result.peak) == 3 * FRAME


def test_tie_at_one_instant_depends_on_the_seed() -> None:
    program = sends([(r, 0, FULL) for r in range(1, 5)])
    orders = {
        tuple(np.argsort(delivered(simulate(star(5), transport(), program, s)))) for s in range(8)
    }
    assert len(orders) > 1


def test_queue_pairs_of_one_port_take_turns() -> None:
    result = simulate(star(3), transport(), sends([(0, 1, 3 * FULL), (0, 2, 3 * FULL)]), 1)
    # the first has sent and stands in the FIFO again when the second message is posted
    assert delivered(result) == [5 * T + 2 * L, 7 * T + 2 * L]


def test_ack_overtakes_data_that_waits() -> None:
    rows = [(0, 1, FULL), (2, 0, 8 * FULL), (3, 0, 8 * FULL)]
    result = simulate(star(4), transport(), sends(rows), 1)
    # the port to host 0 starts a packet at T + L + k T; the ACK comes at 2 T + 3 L + A
    boundary = T + L + 14 * T
    assert boundary - T < 2 * T + 3 * L + A < boundary
    assert result.messages[0].acked == boundary + A + L


# loss


def bottleneck() -> Network:
    """Return a line on which the fourth packet of a burst of five is the only one dropped."""
    return line_network(1, queue_bytes=2 * FRAME, last_rate=SLOW)


def test_go_back_n_sends_from_the_gap_again() -> None:
    result = simulate(bottleneck(), transport(), sends([(0, 1, 5 * FULL)]), 1)
    # packet 4 is discarded at 9 T + 2 L, its NACK takes 3 A + 2 L, packets 3 and 4 come again
    assert delivered(result) == [9 * T + 2 * L + 3 * A + 2 * L + T + 2 * 2 * T + 2 * L]
    assert (sum(result.drops), result.retransmits, result.nacks) == (1, [2, 0], [0, 1])
    assert (result.discards, result.timeouts) == ([0, 1], [0, 0])
    assert result.messages[0].retransmits == 2


def test_lost_tail_is_sent_again_after_the_timeout() -> None:
    rto = 100_000_000
    nic = transport(ack_every=1, rto_ps=rto)
    result = simulate(bottleneck(), nic, sends([(0, 1, 4 * FULL)]), 1)
    last_ack = 7 * T + 2 * L + 3 * A + 2 * L
    assert delivered(result) == [last_ack + rto + 3 * T + 2 * L]
    assert (result.timeouts, result.retransmits) == ([1, 0], [1, 0])
    assert result.messages[0].sent == last_ack + rto
    assert result.messages[0].completing == 3


def test_any_order_receiver_needs_only_the_lost_packet_again() -> None:
    rto = 100_000_000
    nic = transport(ack_every=1, rto_ps=rto, any_order=True)
    result = simulate(bottleneck(), nic, sends([(0, 1, 5 * FULL)]), 1)
    last_ack = 9 * T + 2 * L + 3 * A + 2 * L
    assert delivered(result) == [last_ack + rto + 3 * T + 2 * L]
    assert (result.retransmits, result.duplicates, result.discards) == ([1, 0], [0, 0], [0, 0])
    assert result.qp_reorder == [1]


def test_any_order_sender_skips_what_is_known_received() -> None:
    rto = 100_000_000
    network = line_network(1, queue_bytes=2 * FRAME, last_rate=SLOW)
    nic = transport(ack_every=1, rto_ps=rto, any_order=True)
    result = simulate(network, nic, sends([(0, 1, 7 * FULL)]), 1)
    # packets 3 and 5 are lost; packets 4 and 6 stay where they are
    assert (sum(result.drops), result.retransmits, result.duplicates) == (2, [2, 0], [0, 0])


def test_window_shorter_than_the_ack_interval_lives_on_timeouts() -> None:
    nic = transport(window_packets=2, ack_every=4, rto_ps=10_000_000)
    result = simulate(line_network(0), nic, sends([(0, 1, 4 * FULL)]), 1)
    assert (result.timeouts, result.duplicates) == ([1, 0], [0, 2])


# paths


@pytest.mark.parametrize("seed", range(4))
def test_adaptive_choice_avoids_the_busy_uplink(seed: int) -> None:
    network = leaf_spine(choice=Choice.ADAPTIVE)
    result = simulate(network, transport(), sends([(0, 2, FULL), (1, 3, FULL)]), seed)
    assert delivered(result) == [4 * (T + L)] * 2


def test_hashed_choice_collides_for_some_seed() -> None:
    program = sends([(0, 2, FULL), (1, 3, FULL)])
    results = [simulate(leaf_spine(), transport(), program, seed) for seed in range(8)]
    assert {max(delivered(r)) for r in results} == {4 * (T + L), 4 * (T + L) + T}


def test_round_robin_uses_all_uplinks_alike() -> None:
    network = leaf_spine(spines=2, bundle=2, choice=Choice.ROUND_ROBIN)
    result = simulate(network, transport(), sends([(0, 2, 8 * FULL)]), 1)
    uplinks = network.port_ptr[4] + 2
    assert result.tx_packets[uplinks : uplinks + 4] == [2, 2, 2, 2]


def test_queue_pairs_alternate_between_nic_ports() -> None:
    network = leaf_spine(nic_ports=2, hosts_per_leaf=1)
    result = simulate(network, transport(qps=2), sends([(0, 1, FULL)] * 4), 1)
    assert result.tx_packets[:2] == [2, 2]


def test_scale_up_traffic_uses_its_own_switch() -> None:
    result = simulate(leaf_spine(scale_up=2), transport(), sends([(0, 1, FULL)]), 1)
    assert delivered(result) == [2 * (T // 2 + L)]


# cells


CELL = 20_480  # ps of 256 B at 100 Gbit/s
CONTROL_CELL = 5_120


def test_cells_of_one_packet_take_the_closed_form() -> None:
    result = simulate(ddc(lanes=1), transport(), sends([(0, 2, FULL)]), 1)
    message = result.messages[0]
    # request and credit cross two lanes each; 17 full cells and one of 96 B follow
    out = T + L + 4 * (CONTROL_CELL + L)
    last = out + 18 * CELL + 7_680 + 2 * L
    assert (message.voq_in, message.voq_head, message.voq_out) == (T + L, T + L, out)
    assert (message.last_cell, message.released) == (last, last)
    assert message.delivered == last + T + L


@pytest.mark.parametrize(
    ("packing", "pad", "cells", "last_ps"),
    [(True, True, 18, CELL), (False, False, 18, 7_680)],
)
def test_short_cell_is_padded_if_asked(packing: bool, pad: bool, cells: int, last_ps: int) -> None:
    network = ddc(lanes=1, packing=packing, pad_cells=pad)
    result = simulate(network, transport(), sends([(0, 2, FULL)]), 1)
    message = result.messages[0]
    assert message.last_cell - message.voq_out == 18 * CELL + last_ps + 2 * L
    assert result.cells[4] == cells


@pytest.mark.parametrize(("packing", "cells"), [(True, 35), (False, 36)])
def test_packing_cuts_a_batch_as_one_stream(packing: bool, cells: int) -> None:
    network = ddc(packing=packing, credit_bytes=8192)
    result = simulate(network, transport(), sends([(0, 2, 2 * FULL)]), 1)
    assert result.cells[4] == cells


def test_traffic_within_a_leaf_is_credited_and_takes_no_cells() -> None:
    result = simulate(ddc(), transport(), sends([(0, 1, FULL)]), 1)
    message = result.messages[0]
    stamps = (message.voq_in, message.voq_out, message.last_cell, message.released)
    assert stamps == (T + L,) * 4
    assert message.delivered == 2 * (T + L)
    assert sum(result.cells) == 0


def test_scheduler_paces_an_incast_at_the_rate_of_the_port() -> None:
    network = ddc(leaves=1, leaf_ports=5, credit_bytes=FRAME, credit_speedup=1.0)
    result = simulate(network, transport(), sends([(r, 0, FULL) for r in range(1, 5)]), 1)
    assert sorted(m.voq_out for m in result.messages) == [T + L + k * T for k in range(4)]
    assert result.peak[network.port_ptr[5]] == 0


def test_full_egress_port_blocks_credits() -> None:
    network = ddc(lanes=16, credit_speedup=4.0, egress_threshold_bytes=FRAME)
    result = simulate(network, transport(), sends([(0, 2, 200 * FULL), (1, 2, 200 * FULL)]), 1)
    assert result.blocked[5] > 0
    assert sum(result.drops) == 0


@pytest.mark.parametrize("seed", range(3))
def test_sprayed_cells_are_put_back_in_order(seed: int) -> None:
    network = ddc(lanes=8, lanes_per_element=2)
    rows = [(0, 2, 9 * FULL), (1, 2, 9 * FULL), (3, 1, 9 * FULL)]
    result = simulate(network, transport(), sends(rows), seed)
    assert max(result.reorder) > 0
    assert (sum(result.discards), sum(result.retransmits)) == (0, 0)
