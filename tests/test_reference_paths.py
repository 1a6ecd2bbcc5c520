"""How switches of the reference simulator choose among ports (section 6), by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from fabricemu.fabrics.network import Choice
from tests.builders import leaf_spine, sends, transport
from tests.ethernet import with_switching
from tests.reference import simulate
from tests.reference.choices import Chooser, Rules
from tests.reference.examples import port
from tests.reference.flowlets import Entry
from tests.reference.hashing import fold

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
L = 500_000  # ps of every link
GBPS = 10**9


@dataclass
class FakeLink:
    rate: int


class FakePort:
    """Has what a choice looks at."""

    def __init__(self, rate: int = 400 * GBPS, waiting: int = 0, busy: bool = False):
        self.link = FakeLink(rate)
        self.waiting_bytes = waiting
        self.busy = busy


def chooser(**rules: Any) -> Any:
    return Chooser(1, Rules(Choice.ADAPTIVE, **rules))


# weights


def test_unequal_ports_share_by_their_rates() -> None:
    rules = chooser(weighted=True)
    ports = [FakePort(350 * GBPS), FakePort(400 * GBPS)]
    places = Counter(rules.place(fold(7, i), ports) for i in range(20_000))
    assert abs(places[0] / 20_000 - 7 / 15) < 0.01


@pytest.mark.parametrize(("quarter", "place"), [(0, 0), (1, 1), (2, 1), (3, 1)])
def test_weighted_place_follows_the_sum_of_rates(quarter: int, place: int) -> None:
    ports = [FakePort(10**6), FakePort(3 * 10**6)]
    assert chooser(weighted=True).place(quarter << 30, ports) == place


def test_rate_below_a_megabit_counts_as_one() -> None:
    ports = [FakePort(1), FakePort(10**6)]
    assert [chooser(weighted=True).place(half << 31, ports) for half in (0, 1)] == [0, 1]


@pytest.mark.parametrize(("weighted", "chosen"), [(False, 0), (True, 1)])
def test_adaptive_load_may_count_by_rate(weighted: bool, chosen: int) -> None:
    ports: Any = [FakePort(100 * GBPS, 5000), FakePort(400 * GBPS, 6000)]
    assert chooser(weighted=weighted).least_loaded(ports, 0, 0) is ports[chosen]


# bands


@pytest.mark.parametrize(("waiting", "band"), [(0, 1), (2999, 1), (3000, 2), (9000, 3)])
def test_band_counts_thresholds_that_are_reached(waiting: int, band: int) -> None:
    assert chooser(bands=(0, 3000, 9000)).band(FakePort(waiting=waiting), 0) == band


def test_ports_of_one_band_are_alike() -> None:
    ports: Any = [FakePort(waiting=2900), FakePort(waiting=0, busy=True), FakePort(waiting=3000)]
    rules = chooser(bands=(3000,))
    assert [rules.least_loaded(ports, first, 0) for first in range(3)] == [
        ports[0],
        ports[1],
        ports[0],
    ]


def test_band_is_kept_until_it_is_old() -> None:
    rules, one = chooser(bands=(3000,), refresh=100), FakePort()
    assert rules.band(one, 50) == 0
    one.waiting_bytes = 3000
    assert [rules.band(one, now) for now in (50, 149, 150)] == [0, 0, 1]


# flowlets


def test_flowlet_lasts_as_long_as_no_gap_is_longer() -> None:
    ports: Any = [FakePort(), FakePort()]
    entry = Entry(gap=1000, port=ports[1], last=5000)
    assert entry.goes_on(ports, 6000)
    assert not entry.goes_on(ports, 6001)
    assert not entry.goes_on(ports[:1], 6000)
    assert not Entry(gap=1000).goes_on(ports, 0)


def uplinks(gap: int, rows: Sequence[tuple[int, ...]], entries: int = 64) -> list[int]:
    """Return the packets that a leaf sends to each of two spines, one by one by rights."""
    network = leaf_spine(choice=Choice.ROUND_ROBIN)
    flowlets = {"flowlet_gap_ps": gap, "flowlet_entries": entries}
    network = with_switching(network, **flowlets)
    result = simulate(network, transport(any_order=True), sends(rows), 1)
    first = port(network, 4, 2)
    return result.tx_packets[first : first + 2]


@pytest.mark.parametrize(("gap", "sent"), [(T - 1, [4, 4]), (T, [8, 0])])
def test_flow_at_line_rate_has_gaps_of_a_packet(gap: int, sent: list[int]) -> None:
    assert uplinks(gap, [(0, 2, 8 * FULL)]) == sent


def test_pause_in_a_flow_lets_it_move() -> None:
    rows = [(0, 2, 3 * FULL), (0, 2, 2 * FULL, 10 * T)]
    assert uplinks(T, rows) == [3, 2]


def test_flows_share_the_entries_of_a_small_table() -> None:
    rows = [(0, 2, 4 * FULL), (1, 3, 4 * FULL)]
    assert uplinks(T, rows, entries=1) == [8, 0]
