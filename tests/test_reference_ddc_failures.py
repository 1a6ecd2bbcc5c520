"""What breaks in a scheduled fabric, in the reference simulator, by hand (section 17)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fabricemu.fabrics.network import Change, Network
from tests.builders import ddc, sends, transport
from tests.ethernet import with_switching
from tests.reference import ReferenceResult, simulate
from tests.reference.examples import ints
from tests.reference.reach import Reach
from tests.scheduled import failing, two_stage

FULL = 4096
T = 83_200
L = 500_000
OUT = T + L + 4 * (5_120 + L)
US = 10**6
NIC = transport(any_order=True, ack_every=1, rto_ps=100 * US)


def both_ways(network: Network, *ports: int) -> list[int]:
    return [end for port in ports for end in (port, int(network.peer[port]))]


def links(network: Network, device: int, first: int = 0) -> list[int]:
    """Return the ports of a device from one on, and their peers."""
    begin, end = network.port_ptr[device : device + 2].tolist()
    return both_ways(network, *range(begin + first, end))


# who may send where


def sets(network: Network, down: list[int], balanced: bool = False) -> dict[tuple[int, int], Any]:
    """Return the ports of devices towards leaves."""
    up = np.ones(network.n_ports, bool)
    up[down] = False
    routes = Reach(network, up, balanced).routes()
    found = {}
    for (row, leaf), number in np.ndenumerate(routes.set_of):
        bounds = routes.set_ptr[[number, number + 1]] if number >= 0 else (0, 0)
        found[row + network.n_ranks, leaf] = routes.set_ports[slice(*bounds)].tolist()
    return found


@pytest.mark.parametrize(("balanced", "lanes"), [(False, [2, 3, 4, 5]), (True, [2, 4, 5])])
def test_no_more_lanes_go_into_an_element_than_come_out(balanced: bool, lanes: list[int]) -> None:
    network = ddc(leaves=3, lanes=4, lanes_per_element=2)
    # element 9 has ports 2 * leaf + strand; one of its two lanes to leaf 2 is dead
    dead = int(network.port_ptr[9]) + 2 * 2
    found = sets(network, both_ways(network, dead), balanced)
    assert found[6, 2] == found[7, 2] == lanes
    assert found[6, 1] == [2, 3, 4, 5]
    assert found[9, 2] == [5]
    # what leaf 2 sends has one lane less whatever the others do
    assert found[8, 0] == [3, 4, 5]


def test_dead_element_is_in_no_set() -> None:
    network = ddc(leaves=2, lanes=4, lanes_per_element=2)
    found = sets(network, links(network, 6))
    assert found[4, 1] == found[5, 0] == [4, 5]
    assert found[6, 0] == found[6, 1] == []


def test_two_stages_go_round_a_lane_that_is_two_hops_away() -> None:
    network = two_stage(pods=2, pod_leaves=2, elements=2, planes=2)
    # leaves 8 to 11, elements 12, 13 of pod 0 and 14, 15 of pod 1, above 16, 17 and 18, 19
    dead = int(network.port_ptr[14])
    found = sets(network, [dead])
    # element 14 no longer reaches leaf 2 (device 10): plane 0 is of no use towards it
    assert found[8, 2] == found[9, 2] == [3]
    assert found[16, 2] == found[12, 2] == []
    assert found[8, 3] == [2, 3]
    assert found[11, 2] == [3]


def test_rates_are_those_of_the_lanes_that_work() -> None:
    network = ddc(leaves=2, lanes=4)
    up = np.ones(network.n_ports, bool)
    up[int(network.port_ptr[4]) + 2] = False
    into, out = Reach(network, up, True).lane_mbps().tolist()
    assert (into, out) == ([400_000, 400_000], [300_000, 400_000])


# what becomes of cells


def one_dead_lane(until_ps: int | None = None) -> tuple[Network, ReferenceResult]:
    """Let a lane of leaf 4 die at 10 us and be known 20 us later, under a long message."""
    network = ddc(lanes=4, lanes_per_element=2, watchdog_ps=50 * US, reassembly_ps=20 * US)
    lane = int(network.port_ptr[4]) + 2
    broken = failing(network, both_ways(network, lane), 10 * US, until_ps, 20 * US)
    return network, simulate(broken, NIC, sends([(0, 2, 1000 * FULL)]), 1)


def test_cells_are_lost_until_the_leaf_knows() -> None:
    network, result = one_dead_lane()
    lane = int(network.port_ptr[4]) + 2
    # a wire that is never idle starts a cell of 20,480 ps about 980 times in 20 us
    assert 700 < result.lost[lane] < 1000
    assert sum(result.lost) - result.lost[lane] <= 400  # words and ACKs on the way back
    assert result.messages[0].delivered > 0
    assert result.unreached == [0] * len(result.unreached)


def test_repaired_lane_is_used_again_when_that_is_known() -> None:
    network, dead = one_dead_lane()
    _, repaired = one_dead_lane(60 * US)
    lane = int(network.port_ptr[4]) + 2
    assert repaired.lost[lane] == dead.lost[lane]
    assert repaired.tx_packets[lane] > 2 * dead.tx_packets[lane]
    assert repaired.messages[0].delivered < dead.messages[0].delivered


def test_leaf_that_cannot_be_reached_gets_what_waits_when_it_is_back() -> None:
    network = ddc(lanes=2, watchdog_ps=10 * US, reassembly_ps=10 * US)
    broken = failing(network, links(network, 5, first=2), 0, 95 * US, 5 * US)
    result = simulate(broken, NIC, sends([(0, 2, FULL)]), 1)
    # the first request is lost on a lane; from 5 us on there is no lane, nor until 100 us a
    # way for the renewals at 20, 30, ... 90 us, for changes come before timers; that at 100
    # us has one
    assert result.unreached[4] == 8
    assert result.messages[0].voq_out == 100 * US + OUT - T - L


def test_credits_follow_the_rate_that_is_known() -> None:
    network = ddc(lanes=8, credit_bytes=4160, credit_speedup=1.0, drm=1 << 16)
    network = with_switching(network)
    none = np.zeros(0, np.int64)
    rates = np.array([[800_000, 200_000], [800_000, 800_000]])
    network = replace(network, changes=(Change(US, none, none, none, lane_mbps=rates),))
    result = simulate(network, transport(), sends([(0, 2, FULL), (1, 2, FULL)]), 1)
    # hosts need 800 Gbit/s, and 200 come in: a quarter of the pace
    assert sorted(m.voq_out for m in result.messages) == [OUT, OUT + 4 * T]


def test_pacer_follows_the_rate_that_is_known() -> None:
    network = with_switching(ddc(lanes=8, paced=True, credit_bytes=4160))
    none = np.zeros(0, np.int64)
    rates = np.array([[800_000, 800_000], [50_000, 800_000]])
    network = replace(network, changes=(Change(US, none, none, none, lane_mbps=rates),))
    result = simulate(network, transport(), sends([(0, 2, FULL), (1, 3, FULL)]), 1)
    # 4448 B of cells at 50 Gbit/s
    assert max(m.voq_out for m in result.messages) == OUT + 711_680


def test_slow_lane_takes_its_turn_unless_cells_look_at_queues() -> None:
    def busiest(least_loaded: bool) -> int:
        network = with_switching(ddc(lanes=8, least_loaded=least_loaded))
        lane = int(network.port_ptr[4]) + 2
        change = Change(0, ints(lane), ints(10**10), ints(1))
        result = simulate(
            replace(network, changes=(change,)), transport(), sends([(0, 2, 90 * FULL)]), 1
        )
        return result.peak[lane]

    assert busiest(least_loaded=True) < busiest(least_loaded=False) // 4


def test_errors_of_a_lane_lose_cells_and_nothing_else() -> None:
    network = with_switching(ddc(lanes=4, watchdog_ps=50 * US, reassembly_ps=20 * US))
    loss = np.where(network.carries_cells, (1 << 32) // 100, 0)
    result = simulate(replace(network, loss=loss), NIC, sends([(0, 2, 100 * FULL)]), 1)
    lossy = [port for port, lost in enumerate(result.lost) if lost]
    assert network.carries_cells[lossy].all()
    assert sum(result.incomplete) > 0
    assert result.messages[0].delivered > 0
