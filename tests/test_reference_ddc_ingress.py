"""The buffer of a DDC leaf in the reference simulator, by hand (section 12)."""

from typing import Any

import pytest

from fabricemu.fabrics.network import Network
from tests.builders import ddc, sends, transport
from tests.ethernet import lossless, with_switching
from tests.reference import LosslessDropError, simulate

FULL = 4096
FRAME = 4160
T = 83_200
L = 500_000
FRAME_TIME = 1_280  # ps of a pause frame of 64 B
OUT = T + L + 4 * (5_120 + L)  # when the first credit lets a packet out
ONE = 1 << 16
NIC = transport(ack_every=1, rto_ps=10**8)


def leaves(**changes: Any) -> Network:
    """Return two leaves whose credits are one packet each, at the rate of the port."""
    return ddc(**({"credit_bytes": FRAME, "credit_speedup": 1.0} | changes))


# pause


def test_full_leaf_pauses_the_nic_until_enough_has_left() -> None:
    network = lossless(leaves(), xoff_bytes=6000, xon_bytes=FRAME)
    result = simulate(network, transport(), sends([(0, 2, 30 * FULL)]), 1)
    # the second packet that waits is one too many; 15 are out when the frame has come
    start = 2 * T + L + FRAME_TIME + L
    # packet k leaves at OUT + k T, the 14th at OUT + 13 T: then one waits
    end = OUT + 13 * T + FRAME_TIME + L
    assert result.pauses[0] == (0, 0, start, end)
    assert result.held_peak[4] == 15 * FRAME
    assert sum(result.drops) == 0


def test_pause_takes_effect_after_the_response() -> None:
    network = lossless(leaves(), xoff_bytes=6000, xon_bytes=FRAME, pause_response_ps=7)
    result = simulate(network, transport(), sends([(0, 2, 30 * FULL)]), 1)
    assert result.pauses[0][2] == 2 * T + L + FRAME_TIME + L + 7


def test_frames_go_before_packets_that_leave_for_the_same_host() -> None:
    """Traffic within a leaf fills the port on which the pause frame goes out."""
    network = lossless(leaves(leaves=1, leaf_ports=3), xoff_bytes=6000, xon_bytes=FRAME)
    rows = [(0, 1, 20 * FULL), (2, 1, 20 * FULL), (2, 0, 20 * FULL)]
    result = simulate(network, transport(), sends(rows), 1)
    assert {row[0] for row in result.pauses} == {0, 2}
    assert sum(result.drops) == 0


def test_control_is_never_charged() -> None:
    network = lossless(leaves(), buffer_bytes=20 * FRAME, xoff_bytes=0, headroom=20 * FRAME)
    result = simulate(network, transport(ack_every=1), sends([(2, 0, 3 * FULL)]), 1)
    # three ACKs wait for one credit at leaf 4, data for three at leaf 5
    assert (result.requests[4], result.requests[5]) == (1, 3)
    assert (result.held_peak[4], result.held_peak[5]) == (0, 3 * FRAME)
    assert {row[0] for row in result.pauses} == {2}


# refusals


def test_queue_with_a_limit_drops_what_it_has_no_room_for() -> None:
    network = leaves(voq_bytes=2 * FRAME)
    result = simulate(network, NIC, sends([(0, 2, 3 * FULL)]), 1)
    # the third packet comes before the first has left; it counts at the port to its host
    assert 3 * T + L < OUT
    assert result.drops[network.port_ptr[4]] == sum(result.drops) == 1
    assert (result.timeouts[0], result.retransmits[0]) == (1, 1)


@pytest.mark.parametrize(("buffer", "drops"), [(4 * FRAME, 1), (5 * FRAME, 0)])
def test_lossy_class_has_its_share_of_the_free_buffer(buffer: int, drops: int) -> None:
    network = with_switching(leaves(), buffer_bytes=buffer, alpha_lossy=ONE)
    result = simulate(network, NIC, sends([(0, 2, 3 * FULL)]), 1)
    # the third would make the queue 3 packets, where 2 or 3 are free
    assert sum(result.drops) == drops


def test_buffer_is_that_of_all_queues_of_a_leaf() -> None:
    network = with_switching(leaves(leaf_ports=3), buffer_bytes=4 * FRAME, alpha_lossy=ONE)
    rows = [(0, 3, 2 * FULL), (1, 4, 2 * FULL)]
    result = simulate(network, NIC, sends(rows), 1)
    # second packets find 2 of 4 used: one is taken, the other would want 2 where 1 is free
    assert sum(result.drops) == 1


def test_lossless_class_without_room_ends_the_run() -> None:
    network = lossless(leaves(), buffer_bytes=FRAME, xoff_bytes=10**6, headroom=FRAME)
    with pytest.raises(LosslessDropError) as caught:
        simulate(network, transport(), sends([(0, 2, 9 * FULL)]), 1)
    assert (caught.value.port, caught.value.data_class) == (network.port_ptr[4], 0)


# counters


def test_what_is_beyond_the_chip_counts_as_deep() -> None:
    network = leaves(onchip_bytes=2 * FRAME)
    result = simulate(network, transport(), sends([(0, 2, 5 * FULL)]), 1)
    assert (result.held_peak[4], result.deep[4]) == (5 * FRAME, 3 * FRAME)


def test_packet_that_leaves_at_once_holds_nothing() -> None:
    network = leaves(ahead_bytes=2 * FRAME, onchip_bytes=0)
    rows = [(0, 2, FULL), (0, 2, FULL, 10**7)]
    result = simulate(network, transport(), sends(rows), 1)
    assert result.messages[1].voq_out == result.messages[1].voq_in
    assert result.deep[4] == FRAME
