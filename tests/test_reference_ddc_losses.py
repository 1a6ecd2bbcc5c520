"""Lost cells in the reference simulator against numbers worked out by hand (section 15)."""

from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from fabricemu.fabrics.network import Change, Network
from tests.builders import ddc, sends, transport
from tests.ethernet import with_switching
from tests.reference import simulate
from tests.reference.examples import ints
from tests.reference.packets import Cell, Data
from tests.reference.stream import Stream
from tests.scheduled import failing

FULL = 4096
FRAME = 4160
T = 83_200
L = 500_000
OUT = T + L + 4 * (5_120 + L)  # when the first credit lets a packet out
CELL = 20_480  # ps of 256 B at 100 Gbit/s
US = 10**6


def losing(at_ps: int, until_ps: int, **changes: Any) -> Network:
    """Return leaves 4 and 5 of which one of four lanes out of 4 is down for a while."""
    network = ddc(**({"lanes": 4, "reassembly_ps": 10 * US} | changes))
    return failing(network, [int(network.port_ptr[4]) + 2], at_ps, until_ps)


@pytest.mark.parametrize("packing", [True, False])
def test_packet_behind_a_lost_cell_waits_for_the_second_look(packing: bool) -> None:
    network = losing(OUT, OUT + 10_000, packing=packing, credit_bytes=FRAME, credit_speedup=1.0)
    nic = transport(any_order=True, rto_ps=50 * US)
    result = simulate(network, nic, sends([(0, 2, FULL), (0, 2, FULL)]), 1)
    first, second = result.messages
    # its cells are there before 5 us; looks at 10 and 20 us
    assert second.last_cell < 5 * US
    assert second.released == 20 * US
    assert second.delivered == 20 * US + T + L
    assert (sum(result.lost), result.incomplete[5]) == (1, 1)
    assert (first.retransmits, second.retransmits) == (1, 0)


def test_packet_that_comes_after_the_gap_was_given_up_waits_for_nothing() -> None:
    network = losing(OUT, OUT + 10_000)
    nic = transport(rto_ps=500 * US)
    result = simulate(network, nic, sends([(0, 2, FULL), (0, 2, FULL, 30 * US)]), 1)
    # the NIC misses the first packet and has both sent again
    assert (result.discards[2], result.nacks[2], result.timeouts[0]) == (1, 1, 0)
    assert result.retransmits[0] == 2
    assert result.incomplete[5] == 1


def test_end_of_a_stream_waits_for_what_is_behind_it() -> None:
    """A look finds no gap where nothing has come after the last cells."""
    network = losing(OUT + 16 * CELL, OUT + 18 * CELL, lanes=1)
    nic = transport(rto_ps=100 * US)
    result = simulate(network, nic, sends([(0, 2, FULL)]), 1)
    message = result.messages[0]
    # at 100 us the packet has 4032 B of credit left, and is there before the look at 110 us
    assert message.voq_out == 100 * US + T + L
    assert message.released == 120 * US
    assert (sum(result.lost), result.incomplete[5]) == (2, 1)


def slow_lane(**changes: Any) -> Network:
    """Return leaves with four lanes, the first of a hundredth of its rate until 25 us."""
    network = with_switching(ddc(**({"lanes": 4, "reassembly_ps": 2 * US} | changes)))
    assert network.ddc is not None
    lane = int(network.port_ptr[network.ddc.first_leaf]) + network.ddc.leaf_ports
    rates = network.rate_bps.copy()
    rates[lane] //= 100
    back = Change(25 * US, ints(lane), network.rate_bps[[lane]], ints(1))
    return replace(network, rate_bps=rates, changes=(back,))


def test_cell_that_comes_after_it_was_given_up_is_late() -> None:
    nic = transport(any_order=True, rto_ps=50 * US)
    result = simulate(slow_lane(), nic, sends([(0, 2, FULL)]), 1)
    # the others have come at 3.7 us and are seen at 4 and 6; of four or five on the slow lane
    # the first comes at 5.7 us, and each 2.048 us later
    assert result.late[5] in (3, 4)
    assert result.incomplete[5] == 1


def test_patient_leaf_takes_all_cells_of_a_slow_lane() -> None:
    result = simulate(slow_lane(reassembly_ps=50 * US), transport(), sends([(0, 2, FULL)]), 1)
    assert (result.late[5], result.incomplete[5]) == (0, 0)


def test_stream_without_a_context_loses_cells_that_are_ahead() -> None:
    nic = transport(any_order=True, rto_ps=150 * US)
    rows = [(0, 2, FULL), (1, 3, FULL, 2 * US)]
    few = simulate(slow_lane(contexts=1, reassembly_ps=50 * US), nic, sends(rows), 1)
    many = simulate(slow_lane(reassembly_ps=50 * US), nic, sends(rows), 1)
    assert (few.gaps[5], many.gaps[5]) == (1, 2)
    assert few.refused[5] > 0
    assert many.refused[5] == 0
    assert few.messages[1].retransmits == 1


# a stream alone


def stream(*sizes: int) -> Stream:
    """Return a stream of packets of so many cells, each with cells of its own."""
    packets: deque[Data] = deque()
    begin = 0
    for size in sizes:
        packet = Data.__new__(Data)
        packet.cells = range(begin, begin + size)
        packets.append(packet)
        begin += size
    return Stream(packets)


def accept(own: Stream, *numbers: int) -> list[bool]:
    """Return whether the packets that are past after these cells are complete."""
    past = []
    for number in numbers:
        past += own.accept(Cell(0, 256, (0, 0, 1), number, [], own.packets), 0)
    return [packet.complete for packet in past]


def look(own: Stream) -> list[bool]:
    return [packet.complete for packet in own.look()]


def test_what_came_after_a_look_is_given_up_at_the_one_after_the_next() -> None:
    own = stream(2, 2, 2, 2)
    accept(own, 1)
    assert look(own) == []
    accept(own, 3)
    # cell 0 goes, cell 2 has been missing for less than a period
    assert look(own) == [False]
    assert own.expected == 2
    assert look(own) == [False]
    assert accept(own, 4, 5) == [True]


def test_gap_that_closes_in_time_costs_nothing() -> None:
    own = stream(2, 2)
    accept(own, 1)
    look(own)
    assert accept(own, 0) == [True]
    accept(own, 3)
    assert look(own) == []
    assert accept(own, 2) == [True]


def test_mark_that_is_passed_gives_up_nothing() -> None:
    own = stream(3, 2)
    accept(own, 1)
    look(own)
    accept(own, 0, 2, 4)
    # what was missing at the first look is there, and 3 has been missing for less than a period
    assert own.look() == []
    assert own.expected == 3
    assert accept(own, 3) == [True]


def test_packet_whose_begin_was_given_up_is_dropped_when_its_end_comes() -> None:
    own = stream(4, 1)
    accept(own, 1)
    look(own)
    assert look(own) == []
    assert own.expected == 2
    assert accept(own, 2, 3, 4) == [False, True]


def test_packets_without_any_cell_are_counted() -> None:
    own = stream(1, 1, 1)
    accept(own, 2)
    look(own)
    assert look(own) == [False, False, True]
