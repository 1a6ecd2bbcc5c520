"""Cells and lanes of the reference simulator against numbers worked out by hand (section 14)."""

from collections import deque
from dataclasses import dataclass
from typing import Any, cast

import pytest

from fabricemu.fabrics.network import Choice, Network
from tests.builders import ddc, sends, transport
from tests.reference import ReferenceResult, simulate
from tests.reference.choices import Chooser, Rules
from tests.reference.cutting import payloads
from tests.reference.element import Element
from tests.reference.element_port import ElementPort
from tests.reference.events import Events
from tests.reference.hashing import fold
from tests.reference.packets import Cell, ControlCell, Word
from tests.reference.port import Link, Port
from tests.reference.scheduler import Scheduler
from tests.reference.spray import Lanes, Spray

FULL = 4096
FRAME = 4160
T = 83_200
L = 500_000
CELL = 20_480  # ps of 256 B at 100 Gbit/s
WORD = 5_120  # ps of a control cell
OUT = T + L + 4 * (WORD + L)  # when the first credit lets a packet out
ONE = 1 << 16


# trains


@pytest.mark.parametrize(
    ("pad", "last_bytes"),
    [(False, 560 + 3 * 16), (True, 3 * 256)],
)
def test_trains_have_a_header_for_each_cell_begun(pad: bool, last_bytes: int) -> None:
    network = ddc(lanes=1, train_cells=3, pad_cells=pad)
    result = simulate(network, transport(), sends([(0, 2, FULL)]), 1)
    message = result.messages[0]
    # 4160 B are 18 cells, the last of 80 B; its train waits in the element for the one before
    last = last_bytes * 80
    assert result.cells[4] == 6
    assert message.last_cell - message.voq_out == 6 * 3 * CELL + last + 2 * L


@pytest.mark.parametrize(
    ("cells", "trains"),
    [(1, [1]), (4, [4]), (5, [3, 2]), (9, [3, 3, 3]), (10, [4, 3, 3])],
)
def test_cells_are_dealt_evenly_to_the_fewest_trains(cells: int, trains: list[int]) -> None:
    own = ddc(train_cells=4).ddc
    assert own is not None
    full = [240 * train for train in trains]
    assert payloads(240 * cells, own) == full
    assert payloads(240 * cells - 239, own) == [*full[:-1], full[-1] - 239]


def test_full_train_on_a_fast_lane_takes_the_time_of_a_cell() -> None:
    """Three cells as one on a lane of three times the rate: only the control cells are faster."""
    rates = (400 * 10**9, 300 * 10**9, 800 * 10**9)
    fast = simulate(
        ddc(lanes=1, rates=rates, train_cells=3, credit_bytes=720),
        transport(mtu=720 - 64),
        sends([(0, 2, 720 - 64)]),
        1,
    ).messages[0]
    assert fast.last_cell - fast.voq_out == 2 * (CELL + L)


def test_trains_on_fast_lanes_take_as_long_as_cells_on_many() -> None:
    """The faster mode: a third of the lanes, three times as fast, three cells at a time."""

    def finish(k: int) -> int:
        rates = (400 * 10**9, k * 100 * 10**9, 800 * 10**9)
        shape = {"leaves": 4, "leaf_ports": 4, "lanes": 18 // k, "lanes_per_element": 6 // k}
        network = ddc(**shape, rates=rates, train_cells=k)
        rows = [(src, (5 * src + 7) % 16, 40 * FULL) for src in range(16)]
        return max(m.delivered for m in simulate(network, transport(), sends(rows), 1).messages)

    assert abs(finish(3) - finish(1)) < finish(1) // 100


# spray


@dataclass
class Lane:
    """A port with a queue."""

    waiting_bytes: int
    busy: bool = False


def spray(loads: list[Lane]) -> Spray:
    own = ddc(lanes=len(loads), least_loaded=True).ddc
    assert own is not None
    return Spray(7, cast(list[Port], loads), own)


def cell() -> Cell:
    return Cell(0, 60, (0, 0, 1), 0, [], deque())


def word() -> ControlCell:
    return ControlCell(0, 64, (0, 0, 1), Word.REQUEST, 1)


def test_least_loaded_lane_is_taken() -> None:
    lanes = [Lane(512), Lane(256, busy=True), Lane(256), Lane(512)]
    own = spray(lanes)
    assert all(own.choose(1, cell()) is cast(Port, lanes[2]) for _ in range(9))


def test_equal_lanes_take_turns_as_the_permutation_has_it() -> None:
    lanes = [Lane(0) for _ in range(5)]
    own = spray(lanes)
    turns = Lanes(fold(own.seed, 1), 5)
    chosen = [own.choose(1, cell()) for _ in range(15)]
    assert chosen == [cast(Port, lanes[turns.walk(set(range(5)), cell())[0]]) for _ in range(15)]


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_each_usable_lane_has_one_cell_of_each_cycle(n: int) -> None:
    lanes = Lanes(5, n)
    usable = set(range(0, n, 2))
    taken = [lanes.walk(usable, cell())[0] for _ in range(4 * len(usable))]
    for cycle in range(4):
        own = taken[cycle * len(usable) : (cycle + 1) * len(usable)]
        assert set(own) == usable


def test_lanes_that_are_passed_over_leave_the_others_their_order() -> None:
    every, some = Lanes(5, 8), Lanes(5, 8)
    usable = {0, 3, 4, 7}
    whole = [every.walk(set(range(8)), cell())[0] for _ in range(24)]
    order = [lane for lane in whole if lane in usable]
    assert [some.walk(usable, cell())[0] for _ in range(12)] == order


def test_words_as_many_as_a_train_has_cells_use_up_one_turn() -> None:
    trains, mixed = Lanes(5, 7, 3), Lanes(5, 7, 3)
    usable = set(range(7))
    turns = [trains.walk(usable, cell())[0] for _ in range(4)]
    items = [word(), cell(), word(), word(), cell(), cell()]
    chosen = [mixed.walk(usable, item)[0] for item in items]
    assert chosen == [turns[k] for k in (0, 0, 1, 1, 2, 3)]


@pytest.mark.parametrize("train_cells", [1, 4])
def test_an_element_counts_turns_as_a_leaf_does(train_cells: int) -> None:
    rules = Rules(Choice.ROUND_ROBIN, train_cells=train_cells)
    ports = cast(list[Port], [Lane(k) for k in range(3)])
    chooser = Chooser(5, rules)
    chosen = [ports.index(chooser.choose(0, ports, word(), 0)) for _ in range(3 * train_cells)]
    assert chosen == sorted(chosen)
    assert set(chosen) == {0, 1, 2}
    assert chooser.choose(0, ports, cell(), 0) is ports[0]


# what an element says


def merge(packets: int = 1, **changes: Any) -> tuple[Network, ReferenceResult]:
    """Let hosts of leaves 0 and 1 send to host 4 of leaf 2, through one lane of each leaf."""
    network = ddc(leaves=3, lanes=1, **changes)
    rows = [(0, 4, packets * FULL), (2, 4, packets * FULL)]
    return network, simulate(network, transport(), sends(rows), 1)


@pytest.mark.parametrize(("xoff", "cells"), [(600, 5), (767, 5), (768, 7)])
def test_lane_whose_cells_wait_too_much_is_paused(xoff: int, cells: int) -> None:
    network, result = merge(llfc_xoff_bytes=xoff, llfc_xon_bytes=256, llfc_response_ps=11)
    # Credits come 78,020 ps apart, and the first two go to one leaf, for its request comes WORD
    # earlier. From the other's first cell on both queues grow by a cell in 2 CELL. The first to
    # have three waiting is that of the other, with its fifth cell; with its seventh it has four.
    first = OUT + L + 2 * 78_020 + cells * CELL + WORD + L + 11
    lanes = [int(network.port_ptr[6 + leaf]) + 2 for leaf in (0, 1)]
    port, level, start, _ = min(result.pauses, key=lambda row: row[2])
    assert port in lanes
    assert (level, start) == (0, first)


@pytest.mark.parametrize(("xon", "cells"), [(352, 15), (351, 16)])
def test_paused_lane_goes_on_when_little_waits(xon: int, cells: int) -> None:
    _, result = merge(llfc_xoff_bytes=600, llfc_xon_bytes=xon)
    # All 36 cells are on their way before the off cell has come. They leave without a break, the
    # other leaf's last: 96 B wait from its 17th on (the lane's 35th start), 352 B from its 16th.
    # A short cell between takes 7,680 ps.
    begin = CELL
    start = begin + (17 + cells) * CELL + 7_680
    end = OUT + L + start + WORD + L
    assert min(result.pauses, key=lambda row: row[2])[3] == end


def test_paused_lanes_bound_the_queue_of_an_element() -> None:
    free_network, free = merge(packets=30)
    _, held = merge(packets=30, llfc_xoff_bytes=1024, llfc_xon_bytes=512)
    exit_lane = int(free_network.port_ptr[9]) + 2
    # after an off cell: what starts until it has come, and what is on the wire
    late = (WORD + L + CELL + L) // CELL * 256
    assert held.peak[exit_lane] <= 2 * (1024 + 256 + late)
    assert free.peak[exit_lane] > 2 * held.peak[exit_lane]
    assert sum(held.drops) == 0


def test_cell_notes_the_longest_queue_that_it_left_behind() -> None:
    network, result = merge(rci_bytes=(256,), rci_slow=(ONE,), rci_period_ps=10**6)
    exit_lane = int(network.port_ptr[9]) + 2
    # The other leaf's cells come from 2 * 78,020 + CELL on, and find the ninth cell in service:
    # 8 cells start at once, and of the other 28 the first and the last two leave less behind.
    assert result.marks[exit_lane] == 28 - 3
    assert sum(result.marks) == result.marks[exit_lane]


def test_level_slows_the_credits_of_the_leaf() -> None:
    levels: dict[str, Any] = {"rci_bytes": (2048, 8192), "rci_period_ps": 10**7}
    _, free = merge(packets=60, rci_slow=(ONE, ONE), **levels)
    _, slow = merge(packets=60, rci_slow=(2 * ONE, 8 * ONE), **levels)
    assert max(slow.peak) < max(free.peak)
    assert slow.credits == free.credits
    assert sum(m.delivered for m in slow.messages) > sum(m.delivered for m in free.messages)


def test_cell_keeps_the_largest_level() -> None:
    ddc_values = ddc(rci_bytes=(0, 100), rci_slow=(ONE, ONE), rci_period_ps=1).ddc
    assert ddc_values is not None
    element = Element.__new__(Element)
    element.ddc = ddc_values
    port = ElementPort(Events(), element, 0, Link(1, 1, -1), Scheduler())
    levels = [2, 0, 0]
    cells = [Cell(0, 60, (0, 0, 1), 0, [], deque(), congestion=level) for level in levels]
    port.queues[1] += cells
    port.waiting[1] = 180
    for _ in cells:
        port.leave(1)
    # 120, 60 and 0 B wait behind them
    assert [cell.congestion for cell in cells] == [2, 1, 1]
    assert port.marks == 2
