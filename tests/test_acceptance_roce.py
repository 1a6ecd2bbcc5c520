"""Lossless RoCE without congestion control, and a ring, beside what other simulators found.

The RoCE figures are those on which htsim and the ns-3 of HPCC agree, or of one of them: three
tiers, 400 Gb/s, 500 ns a link, packets of 4,096 + 64 B, an ACK of 64 B for each, pause above 15
packets and go on at 12.
"""

from dataclasses import replace
from functools import cache
from statistics import median

import numpy as np
import pytest

from benchmarks.acceptance_command import MATRICES
from fabricemu.fabrics.build import build
from fabricemu.replay import read_trace
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.program import Algorithm, Collective, Op, SendDone
from tests import builders
from tests.compare import JIT, run

MIB = 1 << 20
HOSTS = 128
LOSSLESS = (
    *("clos.tiers=3", "clos.radix=auto", "clos.switch_latency=0ns", "host.nic_latency=0ns"),
    *("links.host_latency=500ns", "links.fabric_latency=500ns"),
    *("transport.header_bytes=64", "transport.gap_bytes=0", "transport.ack_bytes=64"),
    *("transport.ack_every=1", "congestion.control=none", "switch.buffer=unbounded"),
    *("switch.xoff=15 packets", "switch.xon=12 packets", "switch.pause_response=1ps"),
)
INCAST = tuple((src, 0, MIB) for src in range(1, 33))
SHIFT = tuple((src, (src + 1) % HOSTS, 2 * MIB) for src in range(HOSTS))
SEEDS = range(10)
compiled = pytest.mark.skipif(not JIT, reason="takes minutes without the JIT")


@cache
def acked_ps(flows, seed=1):
    """Return when the sender of each flow had its last ACK, ascending."""
    network, transport = build(load_fabric("clos-ecmp", LOSSLESS), HOSTS)
    program = builders.sends(flows, HOSTS, SendDone.ACKED)
    return np.sort(run(network, transport, program, seed=seed).columns["acked"])


def spread_us(flows):
    """Return mean, median and largest time of the flows for each seed, (seeds, 3)."""
    times = [acked_ps(flows, seed) / 1e6 for seed in SEEDS]
    return np.array([[one.mean(), np.median(one), one.max()] for one in times])


@pytest.mark.parametrize(
    ("src", "size", "expected_ps"),
    [(64, 4096, 6_506_880), (64, 2 * MIB, 49_022_080), (1, 2 * MIB, 44_684_160)],
    ids=["1 packet, 6 hops", "512 packets, 6 hops", "512 packets, 2 hops"],
)
def test_idle_flow_takes_its_closed_form_to_the_picosecond(src, size, expected_ps):
    assert acked_ps(((src, 0, size),)).tolist() == [expected_ps]


PODS = ((32, 0, 2 * MIB), (64, 0, 2 * MIB))


def test_two_flows_from_other_pods_share_the_last_link_to_the_picosecond():
    assert acked_ps(PODS, seed=0).tolist() == [91_537_280, 91_620_480]


@compiled
@pytest.mark.parametrize("seed", SEEDS)
def test_last_link_is_never_idle_whoever_wins_the_ties(seed):
    assert acked_ps(PODS, seed)[-1] == 91_620_480


@compiled
def test_slowest_of_an_incast_is_equal_to_the_printed_digits():
    assert median(spread_us(INCAST)[:, 2]) == pytest.approx(685.67, abs=0.005)


@compiled
@pytest.mark.parametrize(("column", "theirs_us"), [(0, 543.05), (1, 545.8)], ids=["mean", "median"])
def test_one_incast_of_theirs_lies_among_those_here(column, theirs_us):
    ours_us = spread_us(INCAST)[:, column]
    assert ours_us.min() <= theirs_us <= ours_us.max()
    assert ours_us.mean() == pytest.approx(theirs_us, rel=0.10)


@compiled
def test_ring_shift_has_their_times():
    times_us = acked_ps(SHIFT) / 1e6
    found = [times_us.mean(), np.median(times_us), times_us.max()]
    assert found == pytest.approx([46.03, 45.32, 49.66], rel=5e-4)


@compiled
@pytest.mark.slow
@pytest.mark.skipif(not MATRICES.is_dir(), reason="no ../shared beside the checkout")
def test_permutation_by_hashed_paths_is_within_their_ranges():
    program = read_trace(MATRICES / "perm_128n_128c_2MB.cm").program
    send = program.kind == Op.SEND
    flows = zip(program.rank_of[send].tolist(), program.peer[send].tolist(), strict=True)
    mean, middle, slowest = spread_us(tuple((*flow, 2 * MIB) for flow in flows)).mean(axis=0)
    assert 116 <= mean <= 132
    assert 105 <= middle <= 134
    assert 202 <= slowest <= 280


def test_ring_all_reduce_in_four_chunks_has_the_time_of_astra_sim():
    # 8 ranks, 50 GiB/s, 1 MiB in 4 chunks one after the other; each step 500 ns of wire,
    # 10 ns of endpoint and 983 ns of memory, here one latency; its ring has no switch to wait in.
    network = builders.star(8, rate=50 * 2**30 * 8, latency=1_493_000 // 2)
    network = replace(network, rate_bps=np.where(np.arange(16) < 8, network.rate_bps, 10**18))
    transport = builders.transport(mtu=1 << 15, header_bytes=1, ack_bytes=1)
    program = builders.collective(Collective.ALL_REDUCE, Algorithm.RING, 8, MIB // 4, repeats=4)
    finished_ps = run(network, transport, program).outcome.op_finish_ps.reshape(8, 4)[:, -1]
    assert finished_ps == pytest.approx(117_780_000, rel=1e-4)
