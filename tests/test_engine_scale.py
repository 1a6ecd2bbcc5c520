"""Large fabrics: what is kept follows what a program connects, and a run may stop on its way."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from fabricemu.kernels import bits
from fabricemu.kernels.ddc import voq

from fabricemu.engine import reorder
from fabricemu.engine.run import simulate
from fabricemu.engine.voq_state import FIRST_SPAN
from fabricemu.errors import EngineError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Choice
from fabricemu.fabrics.transport import Balance, Protocol, Receiver
from fabricemu.results.tables import build_tables
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.generate import generate
from tests import builders, ethernet, kernel_state, scheduled
from tests.compare import assert_agrees, assert_same_runs, run
from tests.kernel_state import plain

# Tables of two leaves, or of a leaf and a NIC port: 32 and 4 bytes each.
QUADRATIC = {"sprays", "place_of"}
MIXED = "gen:all-to-all?ranks=8&members=0-7:2&bytes=20kB+all-reduce?bytes=80kB"


@cache
def state_of(hosts):
    """Return a state of the two-stage preset: all hosts send a message, and 16 all to all."""
    network, transport = build(load_fabric("ddc-two-stage", []), hosts)
    members = f"0-{hosts - 1}:{hosts // 16}"
    trace = f"gen:all-to-all?ranks={hosts}&members={members}&bytes=1MB+permutation?bytes=1MB"
    return kernel_state.build(network, transport, generate(trace))


def places_of(state):
    """Return (leaf, NIC port) of each place of VOQs."""
    return list(zip(state.voq_places["leaf"], state.voq_places["address"], strict=True))


def test_voqs_are_those_that_data_and_answers_need():
    network = builders.ddc(leaves=4, leaf_ports=2, nic_ports=1)
    state = kernel_state.build(
        network, program=builders.sends([(0, 5, 1), (5, 6, 1), (0, 1, 1)], 8)
    )
    data = {(0, 5), (2, 6), (0, 1)}
    answers = {(2, 0), (3, 5), (0, 0)}
    assert places_of(state) == sorted(data | answers)
    assert len(state.voqs) == len(state.reassembly) == 2 * len(data | answers)


def test_no_voq_is_kept_for_what_goes_through_a_scale_up_domain():
    network = builders.ddc(leaves=4, leaf_ports=2, nic_ports=1, scale_up=4)
    state = kernel_state.build(network, program=builders.sends([(0, 3, 1), (0, 4, 1)], 8))
    assert places_of(state) == [(0, 4), (2, 0)]


@plain
def test_numbers_of_voqs_lead_back_to_leaf_port_and_level():
    network = builders.ddc(leaves=4, leaf_ports=2, nic_ports=1)
    state = kernel_state.build(network, program=builders.sends([(0, 5, 1), (7, 2, 1)], 8))
    for leaf, address in [(0, 5), (2, 0), (3, 2), (1, 7)]:
        for level in range(2):
            number = voq.number(state, leaf, address, level)
            assert number & 1 == level
            assert voq.source_leaf(state, number) == leaf
            assert voq.address_of(state, number) == address
            assert voq.target_leaf(state, number) == address // 2


def test_voqs_of_a_leaf_lie_together():
    state = state_of(1152)
    leaf = np.repeat(state.voq_places["leaf"], 2)
    for number, record in enumerate(state.leaves):
        assert np.all(leaf[record["first_voq"] : record["end_voq"]] == number)
    assert state.leaves["first_voq"][0] == 0
    assert np.array_equal(state.leaves["first_voq"][1:], state.leaves["end_voq"][:-1])
    assert state.leaves["end_voq"][-1] == len(leaf)


def test_state_is_proportional_to_the_fabric_and_not_to_its_square():
    small, large = state_of(1152), state_of(2304)
    for name, before, after in zip(small._fields, small, large, strict=True):
        most = 4 if name in QUADRATIC else 2
        assert after.nbytes <= 1.1 * most * before.nbytes, name


def test_tables_of_two_leaves_are_small():
    state = state_of(2304)
    leaves, hosts = len(state.leaves), len(state.hosts)
    assert state.sprays.nbytes == 40 * leaves**2
    assert state.place_of.nbytes == 4 * leaves * hosts


@pytest.mark.parametrize("scale_up", [1, 4])
def test_mixed_trace_agrees_with_the_reference(scale_up):
    network = builders.ddc(leaves=4, leaf_ports=2, nic_ports=1, scale_up=scale_up)
    assert_agrees(network, builders.transport(), generate(MIXED))


def test_mixed_trace_agrees_with_the_reference_on_two_stages():
    assert_agrees(scheduled.two_stage(), builders.transport(), generate(MIXED))


@plain
def test_cells_that_wait_keep_their_place_when_the_room_doubles():
    network = builders.ddc(leaves=4, leaf_ports=2, nic_ports=1)
    state = kernel_state.build(network, program=builders.sends([(0, 5, 1), (7, 2, 1)], 8))
    state.reassembly["expected"] = [5, 0, 700, FIRST_SPAN - 2, 40, 0, 0, 1 << 20]
    waiting = {(0, 6), (0, 4 + FIRST_SPAN), (2, 701), (2, 1100), (3, FIRST_SPAN)}
    waiting |= {(3, FIRST_SPAN - 1), (7, (1 << 20) + 33)}
    for stream, seq in waiting:
        bits.put(state.cell_bits, stream * (FIRST_SPAN // 32), FIRST_SPAN - 1, seq)
    state = reorder.grow(reorder.grow(state))
    span = int(state.config[0]["span"])
    found = {
        (stream, seq)
        for stream, first in enumerate(state.reassembly["expected"].tolist())
        for seq in range(first, first + span)
        if bits.test(state.cell_bits, stream * (span // 32), span - 1, seq)
    }
    assert span == 4 * FIRST_SPAN
    assert found == waiting


def run_until(time):
    """Return the outcome of a run that stops at a time, and the (number, time) of its messages."""
    rows = []

    def sink(columns):
        rows.extend(zip(columns["message"].tolist(), columns["acked"].tolist(), strict=True))

    case = scheduled.two_stage(), builders.transport(), generate(MIXED)
    return simulate(*case, sink, seed=1, until_ps=time), sorted(rows)


@pytest.mark.parametrize("bins", [0, 1, 13, 30])
def test_run_that_stops_is_the_beginning_of_the_whole_run(bins):
    whole, messages = run_until(1 << 62)
    time = bins * whole.bin_ps
    part, begun = run_until(time)
    assert not part.complete
    assert set(begun) <= {(number, acked) for number, acked in messages if acked < time}
    assert part.link_bytes.tolist() == whole.series_bytes[:bins].sum(axis=0).tolist()
    assert part.op_start_ps.tolist() == [t if t < time else -1 for t in whole.op_start_ps]


def test_run_that_ends_before_its_stop_is_complete():
    whole, messages = run_until(1 << 62)
    part, same = run_until(10 * whole.end_ps)
    assert part.complete
    assert same == messages
    assert np.array_equal(part.series_bytes, whole.series_bytes)


def test_series_of_a_run_that_stops_hold_all_that_was_sent():
    part, _ = run_until(10_700_000)
    assert np.array_equal(part.series_bytes.sum(axis=0), part.link_bytes)
    assert len(part.series_bytes) == 11


def test_run_that_was_stopped_has_no_tables():
    network, program = scheduled.two_stage(), generate(MIXED)
    outcome = replace(run_until(1 << 62)[0], complete=False)
    with pytest.raises(EngineError, match="stopped before its end"):
        build_tables(network, program, outcome, None)


# packets out of order


def uec(balance=Balance.REPS, **changes):
    """Return UEC with rings of 4096 packets and time-outs."""
    values = {"protocol": Protocol.UEC, "balance": balance, "entropies": 16}
    values |= {"reorder_packets": 4096, "rto_ps": 20_000_000, **ethernet.uec(), **changes}
    return builders.transport(any_order=True, **values)


def test_many_pairs_of_few_packets_have_small_arrays():
    network = ethernet.with_switching(builders.star(64))
    program = generate("gen:all-to-all?ranks=64&bytes=16KiB")  # 4 packets a pair
    state = kernel_state.build(network, uec(), program)
    assert state.sent_at.shape == state.sent_by.shape == (64 * 63, 4)
    assert len(state.known) == len(state.marked) == len(state.lost) == 64 * 63 * 128 // 32


@pytest.mark.parametrize(
    ("balance", "packets", "places", "bits"),
    [
        (Balance.REPS, 63, 63, 128),
        (Balance.REPS, 64, 64, 256),
        (Balance.REPS, 5000, 4096, 4096),
        (Balance.MIXED, 1, 1, 4096),
    ],
)
def test_arrays_hold_what_a_pair_numbers_and_bit_sets_what_is_named(balance, packets, places, bits):
    program = builders.sends([(0, 1, packets * 4096)], 2)
    network = ethernet.with_switching(builders.star(2))
    state = kernel_state.build(network, uec(balance), program)
    assert state.sent_at.shape == state.sent_by.shape == (1, places)
    assert state.config[0]["reorder"] == 32 * len(state.known) == bits


@pytest.mark.parametrize(
    "nic",
    [
        uec(),
        uec(Balance.BITMAP),
        uec(Balance.MIXED),
        builders.transport(any_order=True, reorder_packets=4096, rto_ps=20_000_000),
        builders.transport(receiver=Receiver.WINDOW, reorder_packets=4096, rto_ps=20_000_000),
    ],
    ids=["reps", "bitmap", "mixed", "selective", "window"],
)
def test_more_room_than_the_program_needs_changes_nothing(monkeypatch, nic):
    """Packets are trimmed or dropped, and sent again, up to the end of what fits."""
    network = builders.leaf_spine(3, 2, choice=Choice.SPRAY, queue_bytes=40_000)
    trim = 64 if nic.protocol == Protocol.UEC else 0
    network = ethernet.with_switching(network, trim_bytes=trim)
    program = builders.sends([(src, 0, 63 * 4096) for src in range(1, 6)], 6)
    small = run(network, nic, program)
    monkeypatch.setattr("fabricemu.engine.state.most_packets", lambda program, mtu: 1 << 20)
    assert_same_runs(small, run(network, nic, program))
    assert small.outcome.retransmits > 0
