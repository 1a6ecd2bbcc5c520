"""Leaves and lanes over time: bins, their merging, and what they add up to."""

import numpy as np
import pytest

from fabricemu.analysis.cell_fabric import cell_fabric
from fabricemu.cli.cell_fabric_text import cell_fabric_text
from fabricemu.engine.leaf_series import PEAKS, SUMS, LeafSeries, depths_of
from fabricemu.engine.series import MAX_BINS
from fabricemu.fabrics.build import build
from fabricemu.results import tables
from fabricemu.spec.presets import load_fabric
from tests import builders, kernel_state
from tests.compare import JIT, run

FULL = 4096
SHAPE = ("ddc.leaf_ports=2", "ddc.lanes=8", "ddc.element_lanes=4")
PACKETS = 1000 if JIT else 30


@pytest.fixture(scope="module")
def crowd():
    """Return network and outcome where three hosts of two leaves send to one."""
    network, nic = build(load_fabric("ddc", SHAPE), 6)
    rows = [(src, 0, PACKETS * FULL) for src in (1, 2, 4)]
    return network, run(network, nic, builders.sends(rows, 6)).outcome


def of_leaves(network, outcome, name):
    first = network.ddc.first_leaf
    return outcome.device[name][first : first + network.ddc.leaves]


@pytest.mark.parametrize("name", SUMS)
def test_bins_add_up_to_the_counters(crowd, name):
    network, outcome = crowd
    series = outcome.leaf_series[name]
    assert series.shape == (len(outcome.series_bytes), network.ddc.leaves)
    assert series.sum(axis=0).tolist() == of_leaves(network, outcome, name).tolist()


@pytest.mark.parametrize("name", PEAKS)
def test_largest_value_of_a_bin_is_that_of_the_run(crowd, name):
    network, outcome = crowd
    series = outcome.leaf_series[name]
    assert series.max(axis=0).tolist() == of_leaves(network, outcome, name).tolist()
    assert series.max() > 0


def test_what_waits_over_the_end_of_a_bin_counts_in_the_next(crowd):
    """The senders' queues are full from the first round of credits until the last packets."""
    _, outcome = crowd
    held = outcome.leaf_series["held_peak_bytes"][:, 1]
    last = int(outcome.end_ps // outcome.bin_ps)
    assert (held[3 : last - 3] > 0).all()


def test_every_lane_has_a_depth_at_all_times(crowd):
    _, outcome = crowd
    buckets = outcome.lane_queues
    time = len(outcome.series_bytes) * outcome.bin_ps
    assert buckets["leaf_ps"].sum() == buckets["element_ps"].sum() == 3 * 8 * time
    assert (buckets["upper_bytes"][:-1] + 1).tolist() == buckets["lower_bytes"][1:].tolist()


def test_depths_fall_into_powers_of_two():
    counts = depths_of(np.array([0, 0, 1, 2, 3, 4, 2**40]))
    assert {k: int(counts[k]) for k in np.flatnonzero(counts)} == {0: 2, 1: 1, 2: 2, 3: 1, 31: 1}


def test_bins_merge_two_by_two():
    network, _ = build(load_fabric("ddc", SHAPE), 6)
    series = LeafSeries(network, MAX_BINS)
    state = kernel_state.build(network)
    for number in range(MAX_BINS):
        state.leaves["credits"] += number
        state.leaves["depth"] = number
        series.close(state, number, 10)
    series.halve()
    found = series.columns(MAX_BINS // 2)
    assert found["credits"][:3, 0].tolist() == [0 + 1, 2 + 3, 4 + 5]
    assert found["reorder_peak_cells"][:3, 0].tolist() == [1, 3, 5]


def test_no_leaves_nothing_recorded():
    network, nic = build(load_fabric("clos-ecmp"), 4)
    outcome = run(network, nic, builders.sends([(0, 1, FULL)], 4)).outcome
    assert outcome.leaf_series == outcome.lane_queues == {}


def test_tables_say_what_a_lone_packet_cost():
    """Its 4158 B are nine cells with 32 B of header each, and the 66 B of the ACK one more."""
    network, nic = build(load_fabric("ddc", SHAPE), 6)
    outcome = run(network, nic, builders.sends([(0, 5, FULL)], 6)).outcome
    found = cell_fabric(
        {
            "leaves": tables.leaves(network, outcome),
            "devices": tables.devices(network, outcome),
            "lane_queues": tables.lane_queues(outcome),
        }
    )
    assert found["cells_per_packet"] == (9 + 1) / 2
    assert found["cell_tax"] == 1 + 10 * 32 / (4158 + 66)
    assert found["credit_wait_mean_ps"] > 2 * 1_600_000  # a round of the fabric
    assert found["lane_queue_bytes"]["element"]["p50"] == 0
    assert "5.000 a packet" in cell_fabric_text(found)
