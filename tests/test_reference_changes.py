"""Routes by table, changes of the network and deadlock in the reference simulator."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fabricemu.fabrics.network import Change, Choice, Network, Routes
from tests.builders import leaf_spine, line_network, sends, star, transport
from tests.ethernet import with_switching
from tests.reference import DeadlockError, simulate
from tests.reference.examples import ints, port, ring

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
A = 1_280  # ps of an ACK at 400 Gbit/s
L = 500_000  # ps of every link
RATE = 400 * 10**9


def changed(network: Network, *changes: Change) -> Network:
    return replace(network if network.switching else with_switching(network), changes=changes)


def change(time: int, ports: Any = (), rate: int = RATE, up: int = 1, **more: Any) -> Change:
    n = len(ports)
    return Change(time, ints(*ports), ints(*[rate] * n), ints(*[up] * n), **more)


# rates and links


def test_rate_holds_for_what_starts_from_then_on() -> None:
    network = changed(line_network(0), change(T, [0], RATE // 2))
    result = simulate(network, transport(), sends([(0, 1, 3 * FULL)]), 1)
    # the change comes before the second packet, which starts at the same instant
    assert result.messages[0].delivered == 5 * T + L


def test_link_that_is_down_loses_what_starts() -> None:
    network = changed(line_network(0), change(1, [0], up=0), change(2 * T, [0]))
    result = simulate(network, transport(rto_ps=10**7), sends([(0, 1, 3 * FULL)]), 1)
    assert (result.lost, result.tx_packets[0]) == ([1, 0], 5)
    # packet 1 is lost, packet 2 discarded; its NACK brings both again
    assert result.nacks == [0, 1]


def test_what_is_on_the_wire_arrives() -> None:
    network = changed(line_network(0), change(T - 1, [0], up=0))
    result = simulate(network, transport(), sends([(0, 1, FULL)]), 1)
    assert result.messages[0].delivered == T + L


# ways


def routed(network: Network, uplinks: dict[int, list[int]]) -> Network:
    """Return a leaf-spine of two by two with tables; ``uplinks`` are the ports up of a leaf."""
    return replace(with_switching(network), routes=tables(uplinks))


def tables(uplinks: dict[int, list[int]]) -> Routes:
    """Return the tables of hosts 0 .. 3, leaves 4 and 5, and spines 6 and 7."""
    sets = [uplinks[0], uplinks[1], [0], [1]]
    ptr = np.concatenate([[0], np.cumsum([len(members) for members in sets])])
    set_of = np.array([[-1, 0 if uplinks[0] else -1], [1, -1], [2, 3], [2, 3]])
    members = ints(*[member for one in sets for member in one])
    return Routes(ints(0, 0, 1, 1), ints(0, 1, 0, 1), ints(4, 5), set_of, ptr, members)


def test_tables_lead_where_the_numbering_leads() -> None:
    network = with_switching(leaf_spine(choice=Choice.ECMP))
    rows = [(0, 2, 9 * FULL), (1, 3, 9 * FULL), (3, 0, 9 * FULL), (0, 1, FULL)]
    case = transport(qps=4), sends(rows), 3
    assert simulate(routed(network, {0: [2, 3], 1: [2, 3]}), *case) == simulate(network, *case)


def test_packet_without_a_way_is_lost_where_it_came_in() -> None:
    network = routed(leaf_spine(), {0: [], 1: [2, 3]})
    with pytest.raises(DeadlockError):
        simulate(network, transport(), sends([(0, 2, FULL)]), 1)
    later = change(T + L + 1, routes=tables({0: [2], 1: [2]}))
    result = simulate(changed(network, later), transport(rto_ps=10**7), sends([(0, 2, FULL)]), 1)
    assert result.lost[port(network, 4, 0)] == sum(result.lost) == 1
    assert result.messages[0].delivered == 10**7 + 4 * (T + L)


def test_new_ways_hold_from_their_time() -> None:
    network = routed(leaf_spine(), {0: [2], 1: [2]})
    network = changed(network, change(4 * T + L, routes=tables({0: [3], 1: [3]})))
    result = simulate(network, transport(), sends([(0, 2, 8 * FULL)]), 1)
    # packet k comes to the leaf at (k + 1) T + L; packet 3 after the change
    first = port(network, 4, 2)
    assert result.tx_packets[first : first + 2] == [3, 5]


def test_round_robin_counts_by_set() -> None:
    network = routed(leaf_spine(choice=Choice.ROUND_ROBIN), {0: [2, 3], 1: [2, 3]})
    result = simulate(network, transport(any_order=True), sends([(0, 2, 9 * FULL)]), 1)
    first = port(network, 4, 2)
    assert result.tx_packets[first : first + 2] == [5, 4]


# deadlock


def clockwise(rto: int) -> None:
    rules = {"lossless": [1], "pfc": 1, "xoff_bytes": 2 * FRAME, "xon_bytes": 0}
    network = with_switching(ring(3), **rules)
    program = sends([(i, (i + 2) % 3, 200 * FULL) for i in range(3)])
    simulate(network, transport(rto_ps=rto), program, 1)


@pytest.mark.parametrize("rto", [0, 10**8])
def test_flows_around_a_ring_with_pause_wait_for_each_other(rto: int) -> None:
    with pytest.raises(DeadlockError, match=r"circle: 4 .*, 7 .*, 10"):
        clockwise(rto)


def test_pause_without_a_circle_is_no_deadlock() -> None:
    network = star(3, rate=RATE // 10)
    rules = {"lossless": [1], "pfc": 1, "xoff_bytes": 2 * FRAME, "xon_bytes": 0}
    rows = [(r, 0, 2000 * FULL) for r in range(1, 3)]
    result = simulate(with_switching(network, **rules), transport(), sends(rows), 1)
    assert max(message.delivered for message in result.messages) > 3 * 10**9
