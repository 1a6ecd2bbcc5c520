"""How switches of the kernels choose among ports (section 6, Path choice)."""

from collections import Counter

import numpy as np
import pytest
from fabricemu.kernels.paths import adaptive, choose
from fabricemu.kernels.random import fold, mix, pick
from numba import njit

from fabricemu.fabrics.network import Choice
from tests import kernel_state
from tests.builders import leaf_spine, sends, star, transport
from tests.compare import JIT, run
from tests.ethernet import with_switching
from tests.kernel_state import plain
from tests.reference.examples import port

FULL = 4096  # bytes of payload of a full packet
T = 83_200  # ps of a full packet at 400 Gbit/s
GBPS = 10**9
FIRST = 2  # port of the switch that joins two hosts


def pair(rates=(400 * GBPS, 400 * GBPS), **rules):
    """Return a state whose switch has ports of these rates as candidates."""
    network = star(2, slow=dict(enumerate(rates)))
    return kernel_state.build(with_switching(network, **rules))


# weights


def place(state, h):
    return int(choose.place(state, h, FIRST, 0, -1, 2))


@plain
@pytest.mark.parametrize(("quarter", "chosen"), [(0, 0), (1, 1), (2, 1), (3, 1)])
def test_weighted_place_follows_the_sum_of_rates(quarter, chosen):
    assert place(pair((10**6, 3 * 10**6), weighted=True), quarter << 30) == chosen


@plain
def test_rate_below_a_megabit_counts_as_one():
    state = pair((1, 10**6), weighted=True)
    assert [place(state, half << 31) for half in (0, 1)] == [0, 1]


@plain
def test_unequal_ports_share_seven_to_eight():
    state = pair((350 * GBPS, 400 * GBPS), weighted=True)
    places = Counter(place(state, fold(7, k)) for k in range(20_000))
    assert places[0] / 20_000 == pytest.approx(7 / 15, abs=0.01)


@plain
@pytest.mark.parametrize(("weighted", "chosen"), [(False, False), (True, True)])
def test_adaptive_load_may_count_by_rate(weighted, chosen):
    state = pair((100 * GBPS, 400 * GBPS), weighted=weighted)
    state.ports["waiting_bytes"][FIRST : FIRST + 2] = 5000, 6000
    assert bool(adaptive.better(state, FIRST + 1, FIRST, 0)) == chosen


@plain
def test_port_in_service_is_behind_one_that_is_free():
    state = pair()
    state.ports["free_at"][FIRST] = 10
    assert adaptive.better(state, FIRST + 1, FIRST, 9)
    assert not adaptive.better(state, FIRST + 1, FIRST, 10)


# bands


@plain
@pytest.mark.parametrize(("waiting", "band"), [(0, 1), (2999, 1), (3000, 2), (8999, 2), (9000, 3)])
def test_band_counts_thresholds_that_are_reached(waiting, band):
    state = pair(bands=[0, 3000, 9000])
    state.ports["waiting_bytes"][FIRST] = waiting
    assert adaptive.load(state, FIRST, 0) == band


@plain
def test_ports_of_one_band_are_alike():
    state = pair(bands=[3000])
    state.ports["waiting_bytes"][FIRST : FIRST + 2] = 2999, 0
    assert not adaptive.better(state, FIRST + 1, FIRST, 0)


@plain
def test_band_is_kept_until_it_is_old():
    state = pair(bands=[3000], refresh_ps=100)
    assert adaptive.load(state, FIRST, 50) == 0
    state.ports["waiting_bytes"][FIRST] = 3000
    assert [int(adaptive.load(state, FIRST, now)) for now in (50, 149, 150)] == [0, 0, 1]


# flowlets


def uplinks(gap, rows, entries=64):
    """Return the packets that a leaf sends to each of two spines, one by one by rights."""
    flowlets = {"flowlet_gap_ps": gap, "flowlet_entries": entries}
    network = with_switching(leaf_spine(choice=Choice.ROUND_ROBIN), **flowlets)
    packets = run(network, transport(True, ack_every=1), sends(rows)).outcome.link_packets
    first = port(network, 4, 2)
    return packets[first : first + 2].tolist()


@pytest.mark.parametrize(("gap", "sent"), [(T - 1, [4, 4]), (T, [8, 0])])
def test_flow_at_line_rate_has_gaps_of_a_packet(gap, sent):
    assert uplinks(gap, [(0, 2, 8 * FULL)]) == sent


@pytest.mark.parametrize(("start", "sent"), [(4 * T, [5, 0]), (4 * T + 1, [3, 2])])
def test_pause_longer_than_the_gap_lets_a_flow_move(start, sent):
    rows = [(0, 2, 3 * FULL), (0, 2, 2 * FULL, start)]
    assert uplinks(2 * T, rows) == sent


def test_flows_share_the_entries_of_a_small_table():
    assert uplinks(T, [(0, 2, 4 * FULL), (1, 3, 4 * FULL)], entries=1) == [8, 0]


# hashes


@njit
def links_of(trial, flows, links):
    """Return the loads of links that so many flows hash to, at a device of its own."""
    seed = fold(mix(5), trial)
    loads = np.zeros(links, np.int64)
    for flow in range(flows):
        loads[pick(fold(fold(seed, flow), 0), links)] += 1
    return loads


@pytest.mark.parametrize(
    ("links", "busiest", "throughput"),
    [(8, 2.60, 0.658), (16, 3.09, 0.642), (64, 3.92, 0.634)],
)
def test_flows_fall_on_links_like_balls_into_bins(links, busiest, throughput):
    trials = 2000 if JIT else 200
    loads = np.array([links_of(trial, links, links) for trial in range(trials)])
    # standard errors of 200 trials are below 0.06 and 0.006
    assert loads.max(axis=1).mean() == pytest.approx(busiest, abs=0.2)
    assert (loads > 0).mean() == pytest.approx(throughput, abs=0.02)
