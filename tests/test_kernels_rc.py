"""RoCE's reliable connection in the kernels: sizes, times and recovery, in whole runs."""

import pytest

from fabricemu.fabrics.transport import Receiver
from tests import kernel_state
from tests.builders import line_network, sends, star, transport
from tests.compare import run
from tests.ethernet import with_switching
from tests.kernel_state import compiled
from tests.test_reference_rc import losing

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
A = 1_280  # ps of an ACK at 400 Gbit/s
L = 500_000  # ps of every link
RTO = 10**8

# packets and their sizes


@pytest.mark.parametrize(
    ("mtu", "header", "gap", "wire", "efficiency"),
    [
        (4096, 62, 20, 4178, 0.98037),  # RoCEv2 over IPv4
        (1024, 62, 20, 1106, 0.92586),
        (4096, 82, 20, 4198, 0.97570),  # over IPv6
        (4096, 64, 0, 4160, 0.98462),  # as in htsim
        (1000, 48, 0, 1048, 0.95420),  # as in ns-3
    ],
)
def test_wire_carries_headers_and_gaps(mtu, header, gap, wire, efficiency):
    nic = transport(mtu=mtu, header_bytes=header, gap_bytes=gap)
    found = run(with_switching(line_network(0)), nic, sends([(0, 1, 10 * mtu)]))
    assert found.outcome.link_bytes[0] == 10 * wire
    assert found.columns["delivered"].tolist() == [10 * wire * 20 + L]
    assert round(10 * mtu / float(found.outcome.link_bytes[0]), 5) == efficiency


@pytest.mark.parametrize(("gbps", "data", "ack"), [(400, 83_560, 1_720), (800, 41_780, 860)])
def test_packet_and_ack_of_rocev2_take_their_time(gbps, data, ack):
    nic = transport(header_bytes=62, gap_bytes=20, ack_bytes=66)
    found = run(line_network(0, rate=gbps * 10**9), nic, sends([(0, 1, FULL)]))
    assert found.rows("delivered", "acked") == [(data + L, data + L + ack + L)]


@pytest.mark.parametrize(
    ("size", "packets", "last", "wire"),
    [
        (0, 1, 0, 82),
        (1, 1, 1, 83),
        (4096, 1, 4096, 4178),
        (4097, 2, 1, 4261),
        (10_000, 3, 1808, 10_246),
        (1 << 20, 256, 4096, 1_069_568),
    ],
)
def test_message_is_cut_into_full_packets_and_a_rest(size, packets, last, wire):
    nic = transport(header_bytes=62, gap_bytes=20)
    found = run(line_network(0), nic, sends([(0, 1, size)]))
    assert found.columns["packets"].tolist() == [packets]
    assert found.outcome.link_bytes[0] == wire
    # 1 MiB takes 21.391 us
    sent = (packets - 1) * 83_560
    assert found.rows("sent", "delivered") == [(sent, sent + (last + 82) * 20 + L)]


@pytest.mark.parametrize(
    ("packets", "hops", "completion"),
    [(1, 6, 6_506_880), pytest.param(512, 6, 49_022_080, marks=compiled), (512, 2, 44_684_160)],
)
def test_unloaded_message_takes_its_closed_form(packets, hops, completion):
    network = with_switching(line_network(hops - 1))
    found = run(network, transport(ack_every=1), sends([(0, 1, packets * FULL)]))
    assert found.columns["acked"].tolist() == [completion]
    assert completion == (packets + hops - 1) * T + hops * L + hops * (A + L)


# recovery


def recover(packets, lost, **changes):
    """Send packets over a link that loses the first sending of some; return run and counters."""
    nic = transport(**({"ack_every": 1, "rto_ps": RTO} | changes))
    found = run(losing(lost), nic, sends([(0, 1, packets * FULL)]))
    assert found.outcome.link_lost.tolist() == [len(lost), 0]
    device = found.outcome.device
    names = ("retransmits", "timeouts")
    sender = {name: int(device[name][0]) for name in names}
    receiver = {name: int(device[name][1]) for name in ("nacks", "discards", "duplicates")}
    return found, sender | receiver


def answered(psn):
    """Return when the answer to the first sending of a packet is at the sender."""
    return (psn + 1) * T + 2 * L + A


def counted(**counts):
    names = ("retransmits", "timeouts", "nacks", "discards", "duplicates")
    return dict.fromkeys(names, 0) | counts


def test_gap_costs_one_nack_and_all_that_followed_it():
    found, counters = recover(20, {5})
    # the NACK comes while the last of the 20 leaves
    assert 19 * T < answered(6) < 20 * T
    assert counters == counted(retransmits=15, nacks=1, discards=14)
    assert found.outcome.link_packets[0] == 35
    assert found.columns["delivered"].tolist() == [35 * T + L]


def test_one_loss_costs_what_the_line_carries_in_a_round_trip():
    found, counters = recover(100, {5})
    wasted = -(-answered(6) // T) - 5
    assert counters == counted(retransmits=wasted, nacks=1, discards=wasted - 1)
    assert found.columns["delivered"].tolist() == [(100 + wasted) * T + L]


def test_loss_of_the_last_packet_waits_for_the_timeout():
    found, counters = recover(20, {19})
    assert counters == counted(retransmits=1, timeouts=1)
    # the clock began anew when the packet before was acknowledged
    assert found.rows("first_pass", "sent") == [(19 * T, answered(18) + RTO)]


def test_loss_of_the_only_packet_waits_from_its_start():
    found, counters = recover(1, {0})
    assert counters == counted(retransmits=1, timeouts=1)
    assert found.rows("first_tx", "sent") == [(0, RTO)]


@pytest.mark.parametrize("receiver", [Receiver.IN_ORDER, Receiver.ANY_ORDER, Receiver.WINDOW])
def test_duplicate_is_acknowledged_again(receiver):
    # the time-out comes before the ACK
    nic = transport(receiver=receiver, rto_ps=2 * 10**6)
    network = with_switching(line_network(2))
    found = run(network, nic, sends([(0, 1, FULL)]))
    assert found.columns["acked"].tolist() == [3 * T + 3 * A + 6 * L]
    assert found.outcome.device["duplicates"][1] == 1
    assert found.outcome.link_packets[network.port_ptr[1]] == 2


def test_two_holes_cost_two_packets():
    found, counters = recover(20, {5, 9}, any_order=True, loss_distance=1)
    assert counters == counted(retransmits=2)
    assert found.columns["delivered"].tolist() == [answered(10) + T + L]


@pytest.mark.parametrize(("distance", "sent"), [(1, 20 * T), (2, answered(7)), (3, answered(8))])
def test_hole_is_not_a_loss_before_enough_have_passed_it(distance, sent):
    found, counters = recover(20, {5}, any_order=True, loss_distance=distance)
    assert (found.columns["sent"].tolist(), counters) == ([sent], counted(retransmits=1))


def test_loss_too_near_the_end_waits_for_the_timeout():
    _, counters = recover(20, {18}, any_order=True, loss_distance=3)
    assert counters == counted(retransmits=1, timeouts=1)


def test_hole_that_is_lost_again_waits_for_the_timeout():
    found, counters = recover(20, {5, 20}, any_order=True, loss_distance=1)
    # the second sending of packet 5 is the 21st that starts
    assert counters == counted(retransmits=2, timeouts=1)
    assert found.columns["sent"].tolist() == [answered(19) + RTO]


def test_window_takes_what_is_near_and_goes_back_for_the_rest():
    found, counters = recover(140, {1}, receiver=Receiver.WINDOW, reorder_packets=128)
    # 2 .. 128 are kept, and 129 is refused; the NACK names 2 .. 65, so after 1 follow 66 .. 78
    # till the ACK of 1 comes, and then 129 .. 139
    first = answered(129)
    assert 13 * T < answered(0) < 14 * T
    assert counters == counted(retransmits=25, nacks=1, discards=11, duplicates=13)
    assert found.columns["delivered"].tolist() == [first + 25 * T + L]


# acknowledgement and turns


@pytest.mark.parametrize(("every", "acks"), [(3 * FRAME, 7), (3 * FRAME + 1, 5), (1, 20)])
def test_acks_may_count_bytes(every, acks):
    nic = transport(ack_every=every, ack_in_bytes=True)
    found = run(with_switching(line_network(0)), nic, sends([(0, 1, 20 * FULL)]))
    assert found.outcome.link_packets[1] == acks


@pytest.mark.parametrize(("every", "acks"), [(1, 20), (3, 7), (16, 2), (1000, 1)])
def test_last_packet_is_acknowledged_at_once(every, acks):
    found = run(line_network(0), transport(ack_every=every), sends([(0, 1, 20 * FULL)]))
    assert found.outcome.link_packets[1] == acks


def test_window_is_what_is_outstanding():
    nic = transport(ack_every=1, window_packets=3)
    found = run(with_switching(line_network(0)), nic, sends([(0, 1, 7 * FULL)]))
    # three a round trip
    assert found.columns["sent"].tolist() == [2 * answered(0)]


def test_each_queue_pair_takes_its_turn():
    rows = [(0, 1, 40 * FULL, 0, channel) for channel in range(4)] + [(0, 2, 4 * FULL)]
    found = run(star(3), transport(), sends(rows))
    one = found.columns["dst"] == 2
    # one packet leaves before the others are posted; then four rounds of five
    assert found.columns["sent"][one].tolist() == [20 * T]


def test_ack_of_a_queue_pair_restarts_its_clock():
    state = kernel_state.build(
        losing({19}), transport(ack_every=1, rto_ps=RTO), sends([(0, 1, 20 * FULL)])
    )
    kernel_state.run_until(state, answered(4) - 1)
    assert (state.senders[0]["una"], state.senders[0]["deadline"]) == (4, answered(3) + RTO)
    kernel_state.run_until(state, answered(4))
    assert (state.senders[0]["una"], state.senders[0]["deadline"]) == (5, answered(4) + RTO)
