"""The kernels against the reference simulator: equal to the picosecond, always."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from fabricemu.fabrics.network import Choice, Kind
from fabricemu.workloads.program import Algorithm, Collective, Op
from tests import builders, strategies
from tests.compare import JIT, assert_agrees, examples


@examples(600)
@given(strategies.cases(strategies.send_programs))
def test_messages_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(150)
@given(strategies.cases(strategies.incasts))
def test_incasts_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(400)
@given(strategies.cases(strategies.send_programs, bounded=True))
def test_messages_agree_where_packets_are_lost(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(1000)
@given(strategies.cases(strategies.dags))
def test_programs_of_everything_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(400)
@given(strategies.cases(strategies.collective_programs))
def test_collectives_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(200)
@given(strategies.cases(strategies.collective_programs, bounded=True))
def test_collectives_agree_where_packets_are_lost(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@pytest.mark.parametrize("rto", [500_000, 1_000_000, 1_280_000, 2_560_000])
@pytest.mark.parametrize("any_order", [False, True])
def test_time_outs_of_one_instant_agree(rto, any_order):
    """Queue pairs of one port that time out together get the wire one by one."""
    transport = builders.transport(mtu=256, rto_ps=rto, any_order=any_order)
    rows = [(2, dst, size, start, dst) for dst in (0, 1) for size in (0, 1) for start in (0, rto)]
    later = [(2, dst, 300, 5_000_003, 2 + dst) for dst in (0, 1)]
    assert_agrees(builders.star(3), transport, builders.sends(rows + later, 3))


def test_two_time_outs_and_a_waiting_port_agree():
    """A first time-out is sent, and its queue pair queued again, before the second is handled."""
    builder = builders.ProgramBuilder(3)
    row = builder.collective(Collective.ALL_REDUCE, Algorithm.RING, [0, 2], 1, 1, 2)
    for channel in (1, 2):
        builder.recv(0, 2, channel=channel)
    builder.add(0, Op.COLL, collective=row)
    builder.send(2, 0, 0, channel=1)
    builder.send(2, 0, 0, channel=2, start_ps=5_000_003)
    builder.add(2, Op.COLL, collective=row)
    network = builders.ddc(3, 1, 2, 1, rates=(400 * 10**9,) * 3, packing=False)
    transport = builders.transport(mtu=256, rto_ps=1_000_000)
    assert_agrees(network, transport, builder.build(), seed=0)


@pytest.mark.parametrize("header", [1, 16])
def test_many_arrivals_of_one_window_agree(header):
    """Empty packets are shorter on the wire than acknowledgements."""
    network = builders.star(3, 25 * 10**9, 10_007)
    rows = [(0, 1, 0), (2, 1, 0), (1, 0, 0)] * 60
    transport = builders.transport(header_bytes=header, ack_bytes=64)
    assert_agrees(network, transport, builders.sends(rows, 3))


def test_a_nack_does_not_count_as_an_acknowledgement():
    """Sprayed packets overtake, and a time-out shorter than the round trip repeats them."""
    network = builders.leaf_spine(2, 2, 1, 2, choice=Choice.SPRAY)
    transport = builders.transport(mtu=1000, ack_every=2, rto_ps=1_000_000)
    assert_agrees(network, transport, builders.sends([(0, 2, 2001)], 4))


def test_a_message_to_oneself_arrives_before_its_send_finishes():
    """What follows the RECV and what follows the SEND go out in this order."""
    program = builders.ProgramBuilder(3)
    recv, send = program.recv(0, 0), program.send(0, 0, 100)
    first, second = program.send(0, 1, 5000), program.send(0, 2, 5000)
    program.depend(first, [recv])
    program.depend(second, [send])
    program.recv(1, 0)
    program.recv(2, 0)
    assert_agrees(builders.star(3), builders.transport(), program.build())


# what must grow


@pytest.mark.parametrize("packing", [True, False])
def test_cells_far_out_of_order_agree(packing):
    """A lane of a tenth of the others' rate holds back more cells than there is room for."""
    network = slow_lane(builders.ddc(2, 2, 4, 1, cell_bytes=64, packing=packing))
    program = builders.sends([(0, 2, 400_000 if JIT else 60_000), (1, 3, 10_000)], 4)
    found = assert_agrees(network, builders.transport(), program)
    assert not JIT or found.outcome.device["reorder_peak_cells"].max() > 512


def slow_lane(network):
    """Return the cell fabric with one slow element: both its lanes."""
    rates = network.rate_bps.copy()
    element = int(np.flatnonzero(network.kind == Kind.ELEMENT)[0])
    own = slice(network.port_ptr[element], network.port_ptr[element + 1])
    rates[own] //= 50
    rates[network.peer[own]] = rates[own]
    return replace(network, rate_bps=rates)


@pytest.mark.parametrize("choice", [Choice.ECMP, Choice.SPRAY])
def test_long_queues_agree(choice):
    """Thousands of packets wait at one port, and then drain."""
    network = builders.leaf_spine(3, 3, 2, 1, choice=choice)
    size = 2_000_000 if JIT else 100_000
    program = builders.sends([(src, 0, size) for src in range(1, 9)], 9)
    found = assert_agrees(network, builders.transport(any_order=True, ack_every=16), program)
    assert found.outcome.link_peak_bytes.max() > 2 * size


def test_long_virtual_queues_agree():
    program = builders.sends([(src, 0, 1_000_000 if JIT else 60_000) for src in range(1, 6)], 6)
    assert_agrees(builders.ddc(3, 2, 6, 2), builders.transport(), program)


def test_more_messages_than_are_in_flight_agree(monkeypatch):
    """Records of finished messages are used again."""
    monkeypatch.setattr("fabricemu.engine.state.DRAIN_AT", 5)
    rows = [
        (src, (src + hop) % 6, 500 * hop, hop * 700_000) for hop in range(6) for src in range(6)
    ]
    assert_agrees(builders.leaf_spine(3, 2), builders.transport(qps=2), builders.sends(rows * 8))
