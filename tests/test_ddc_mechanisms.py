"""What flow control, levels, classes, losses and failures do in a scheduled fabric, as one sees it.

That they follow their rules to the picosecond is tested beside the reference simulator. Here a
leaf has two hosts of 400 Gbit/s, and as many lanes of 100 Gbit/s as a test says.
"""

import numpy as np
import pytest

from fabricemu.errors import EngineError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Kind
from fabricemu.spec.presets import load_fabric
from tests import builders
from tests.bottleneck import Case
from tests.compare import JIT, run

FULL, FRAME, CELL = 4096, 4158, 512
WIRE = 83_560  # ps of a full packet at 400 Gbit/s
US = 10**6
RECOVERS = ("transport.rto=200us", "ddc.credit_watchdog=20us", "ddc.reassembly_timeout=10us")
NEEDS_JIT = pytest.mark.skipif(not JIT, reason="too many packets for plain Python")
PACKETS = 200 if JIT else 40


def ddc(lanes, hosts, *overrides):
    """Return network and NICs of the preset with two hosts and ``lanes`` lanes a leaf."""
    shape = ("ddc.leaf_ports=2", f"ddc.lanes={lanes}", "ddc.element_lanes=4")
    return Case(*build(load_fabric("ddc", [*shape, *overrides]), hosts))


def simulate(case, rows):
    """Return the outcome of messages, and how long each took in ps."""
    found = run(case.network, case.transport, builders.sends(rows, case.network.n_ranks))
    return found.outcome, found.columns["delivered"] - found.columns["created"]


def leaf_ports(case, leaf):
    """Return the ports of a leaf."""
    return np.arange(*case.network.port_ptr[case.network.ddc.first_leaf + leaf :][:2])


def into_element(case, fabric):
    """Return the largest queue in front of a lane out of an element, in bytes."""
    kinds = case.network.kind[case.network.device_of]
    return fabric.link_peak_bytes[kinds == Kind.ELEMENT].max()


# lanes: three leaves to one, which has a quarter of the lanes that its ports ask for

BUSY = ((2, 0), (3, 1), (4, 0), (5, 1))


def crowded(*overrides):
    """Return the outcome where lanes into a leaf carry 200 of 800 Gbit/s, and the times."""
    case = ddc(2, 6, "ddc.element_lanes=3", *overrides)
    rows = [(src, dst, PACKETS * FULL) for src, dst in BUSY]
    return case, *simulate(case, rows)


def test_flow_control_keeps_cells_out_of_elements():
    """A paused lane still brings what is on its way: the pause frame's loop and two cells."""
    xoff, response = 4096, 100_000
    case, free, _ = crowded()
    assert into_element(case, free) > 40_000
    case, held, _ = crowded(f"ddc.llfc_xoff={xoff}", f"ddc.llfc_response={response}ps")
    fibres = case.network.latency_ps[case.network.carries_cells]
    under_way = (2 * int(fibres.max()) + response) // 80 + 3 * CELL  # 80 ps a byte
    assert xoff < into_element(case, held) <= 2 * (xoff + under_way)
    paused = case.network.kind[case.network.device_of[held.pauses["link"]]]
    assert set(paused.tolist()) == {Kind.LEAF}
    assert held.link_drops.sum() == held.retransmits == 0


@NEEDS_JIT
def test_levels_slow_the_credits_of_a_leaf_whose_lanes_are_full():
    """A factor of 8 takes the ports below what the lanes carry, so that their queue stays short."""
    case, free, before = crowded()
    case, slowed, after = crowded("ddc.rci_levels=[8192]", "ddc.rci_slow=[8.0]")
    assert into_element(case, slowed) < into_element(case, free) / 2
    assert slowed.link_marks.sum() > 0
    assert free.link_marks.sum() == 0
    assert after.max() < 1.2 * before.max()


# classes and PFC

CLASSES = (
    "switch.class=[{name='a', weight=3, lossless=false}, {name='b', weight=1, lossless=false}]"
)


@NEEDS_JIT
def test_credits_of_classes_follow_their_weights():
    """While both have something to send, a class of weight 3 gets three credits of four."""
    case = ddc(8, 4, CLASSES, "switch.class_of_channel=['a','b']")

    def wires(packets):
        """Return how long the messages of both classes took, in packets at the port."""
        rows = [(2 + channel, 0, packets * FULL, 0, channel) for channel in (0, 1)]
        return simulate(case, rows)[1] / WIRE

    heavy, light = wires(3000) - wires(1000)
    assert heavy == pytest.approx(2000 * 4 / 3, rel=1e-3)
    assert light == pytest.approx(2000 * 2, rel=1e-3)


LOSSLESS = ("switch.class=[{name='a', lossless=true}]", "switch.pfc=true")


def test_pauses_keep_a_leaf_from_losing_what_credits_hold_back():
    """Two hosts send to one, so half of what they send must wait in their NICs."""
    case = ddc(8, 4, *LOSSLESS, "switch.xoff=60000", "switch.xon=40000")
    sent = PACKETS * FULL
    fabric, _ = simulate(case, [(2, 0, sent), (3, 0, sent)])
    assert fabric.link_drops.sum() == fabric.retransmits == 0
    held = fabric.device["held_peak_bytes"][case.network.ddc.first_leaf + 1]
    room = 2 * (60_000 + 0.05 * 2 * 1_700_000 + 3 * FRAME)
    assert 60_000 < held <= room
    assert set(fabric.pauses["link"].tolist()) == {2, 3}  # ports of the hosts that send


def test_buffer_without_pauses_loses_and_the_nic_repeats():
    case = ddc(8, 4, "ddc.onchip_buffer=20kB", "ddc.deep_buffer=30kB", "transport.rto=100us")
    fabric, _ = simulate(case, [(2, 0, 40 * FULL), (3, 0, 40 * FULL)])
    assert fabric.link_drops[leaf_ports(case, 1)[:2]].sum() > 0
    assert fabric.retransmits > 0
    assert fabric.device["deep_bytes"].sum() > 0
    assert fabric.device["held_peak_bytes"].max() <= 50_000


def test_lossless_class_without_room_ends_the_run():
    case = ddc(
        8, 4, *LOSSLESS, "switch.headroom=100", "ddc.onchip_buffer=20kB", "ddc.deep_buffer=30kB"
    )
    with pytest.raises(EngineError, match=r"leaf1 dropped .* class 0 .* ddc\.deep_buffer"):
        simulate(case, [(2, 0, 40 * FULL), (3, 0, 40 * FULL)])


# losses and failures


def failing(*changes, more=()):
    rows = ", ".join(f"{{{row}}}" for row in changes)
    return ddc(8, 4, *RECOVERS, *more, f"changes=[{rows}]")


def test_a_lost_cell_loses_its_packets_and_the_nic_recovers():
    case = ddc(8, 4, *RECOVERS, "links.loss_rate=0.002")
    fabric, times = simulate(case, [(2, 0, PACKETS * FULL), (3, 1, PACKETS * FULL)])
    assert fabric.link_lost.sum() > 0
    assert fabric.device["incomplete"].sum() > 0
    assert fabric.retransmits > 0
    assert len(times) == 2


def test_few_contexts_refuse_cells_and_all_is_delivered():
    """Two streams of cells by lanes of two speeds come out of order; one of them may."""
    slow = "what='leaf1:element0', state='25Gbps'"
    case = failing(slow, more=("ddc.contexts=1",))
    fabric, times = simulate(case, [(2, 0, 40 * FULL), (3, 1, 40 * FULL)])
    assert fabric.device["refused"].sum() > 0
    assert fabric.device["contexts_peak"].max() == 1
    assert len(times) == 2


def test_nothing_is_lost_once_all_know_of_a_dead_element():
    """Cells are lost at the dead lanes for the time of detection, and from then on nowhere."""
    at, detection = 3 * US, 20 * US
    dead = f"what='element0', state='down', at='{at}ps'"
    early = failing(dead, more=(f"ddc.detection={detection}ps",))
    lost = [
        simulate(early, [(2, 0, 20 * FULL, start), (3, 1, 20 * FULL, start)])[0].link_lost.sum()
        for start in (0, at + detection)
    ]
    assert lost[0] > 0
    assert lost[1] == 0


@NEEDS_JIT
@pytest.mark.parametrize("down", [1, 2])
def test_dead_lanes_take_their_share_of_throughput(down):
    """Of four elements with two lanes to each leaf some are dead from the start and known.

    Eight lanes have less than the 800 Gbit/s that two hosts bring once cells have headers. Lanes
    that are always full queue like a random walk whose steps are cells: two deviations of either
    end are allowed for. It must not outrun reassembly, nor the NIC.
    """
    patient = ("ddc.reassembly_timeout=1ms", "transport.rto=10ms")
    shape = ("ddc.lanes_per_element=2", "ddc.paced=true", *patient)

    def steady(*changes):
        """Return the time of four thousand packets more."""
        case = failing(*changes, more=shape)
        sizes = (2000 * FULL, 6000 * FULL)
        rows = [[(2, 0, size, 200 * US), (3, 1, size, 200 * US)] for size in sizes]
        few, many = (simulate(case, pair) for pair in rows)
        assert many[0].link_lost.sum() == many[0].retransmits == 0
        return many[1].max() - few[1].max()

    whole = steady("what='element0', state='up'")
    less = steady(*(f"what='element{k}', state='down'" for k in range(down)))
    assert whole > 4000 * WIRE
    cells = 6000 * 9 / 4  # of a lane, twice
    assert whole / less == pytest.approx((4 - down) / 4, rel=2 * 2 / np.sqrt(cells))
