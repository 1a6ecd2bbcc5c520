"""Runs whose answer follows from physics or queueing theory, and other programs' idle fabrics."""

from pathlib import Path

import numpy as np
import pytest

from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Choice
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.formats import load
from fabricemu.workloads.program import Algorithm, Collective
from tests import builders
from tests.compare import JIT, run
from tests.reference import hashing

HTSIM = Path(__file__).resolve().parents[2] / "shared" / "traces" / "htsim_cm" / "uet"
FULL = 4096  # payload of a full packet; with its header 4160 B
TX = 83_200  # ps of a full packet at 400 Gbit/s
ACK = 1_280
L = builders.LATENCY_PS
SEED = 7
NEEDS_JIT = pytest.mark.skipif(not JIT, reason="too many packets for plain Python")


# idle fabrics of uet-htsim: github.com/ultraethernet/uet-htsim, 40ccb05


def completion_us(rows, name="", **changes):
    """Return the largest time until the last acknowledgement, in us, of a matrix on 16 hosts.

    It is read from the file of that name, if the file is there.
    """
    path = HTSIM / name
    program = load(path) if path.is_file() else builders.sends(rows, 16)
    network, transport = build(load_fabric("uet-nscc"), 16)
    columns = run(network, transport, program, **changes).columns
    return (columns["acked"] - columns["created"]).max() / 1e6


@pytest.mark.parametrize(
    ("size", "printed"), [(2_000_000, "176.200"), (40_860, "17.0107"), (408_600, "46.8907")]
)
def test_idle_fabric_takes_the_printed_time(size, printed):
    digits = len(printed.split(".")[1])
    assert f"{completion_us([(0, 13, size)]):.{digits}f}" == printed


def test_idle_fabric_takes_the_printed_time_of_a_matrix():
    assert f"{completion_us([(0, 13, 2_000_000)], 'one.cm'):.3f}" == "176.200"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_opposite_messages_take_the_printed_time(seed):
    found = completion_us([(0, 13, 2_000_000), (13, 0, 2_000_000)], "bidir.cm", seed=seed)
    assert found == pytest.approx(176.804, rel=0.005)


@NEEDS_JIT
def test_incast_of_15_lies_between_the_bound_and_8_percent_above():
    found = completion_us([(src, 15, 2_000_000) for src in range(15)], "incast.cm")
    bound = 15 * 490 * 0.332
    assert bound < found < 1.08 * bound


# closed forms


def alone(packets, hops):
    """Return the time of a message of full packets over equal hops."""
    return (packets + hops - 1) * TX + hops * L


@pytest.mark.parametrize("n", [2, 3, 8, 16])
@pytest.mark.parametrize("packets", [1, 5])
def test_ring_all_reduce_takes_its_steps_one_after_another(n, packets):
    program = builders.collective(Collective.ALL_REDUCE, Algorithm.RING, n, n * packets * FULL)
    found = run(builders.star(n), builders.transport(), program)
    # The ACK of what was received goes out before what is sent on, but for the first step.
    steps = 2 * (n - 1)
    expected = steps * alone(packets, 2) + (steps - 1) * ACK
    assert found.outcome.op_finish_ps.tolist() == [expected] * n


@pytest.mark.parametrize(("n", "depth"), [(4, 2), (7, 3), (8, 3), (16, 4)])
def test_double_binary_tree_in_chunks_pays_for_its_depth_once(n, depth):
    packets = 64
    program = builders.collective(
        Collective.ALL_REDUCE,
        Algorithm.DOUBLE_BINARY_TREE,
        n,
        packets * FULL,
        chunks=packets // 2,  # of a packet for each tree
    )
    found = run(builders.star(n), builders.transport(), program)
    # Who has two children receives half of the buffer from each, from its parent, and as a leaf.
    busiest = 2 * packets * TX
    last = found.outcome.op_finish_ps.max()
    assert busiest < last <= busiest + 2 * depth * alone(1, 2)


@pytest.mark.parametrize("sources", [2, 7])
def test_incast_keeps_the_last_wire_busy_from_first_to_last_packet(sources):
    packets = 50
    rows = [(src, 0, packets * FULL) for src in range(1, sources + 1)]
    found = run(builders.star(8), builders.transport(), builders.sends(rows, 8))
    last = found.columns["delivered"].max()
    assert last == TX + L + sources * packets * TX + L
    assert found.outcome.link_drops.sum() == 0


@pytest.mark.parametrize("choice", list(Choice), ids=lambda choice: choice.name.lower())
def test_incast_over_a_clos_keeps_the_last_wire_busy(choice):
    network = builders.leaf_spine(3, 4, 4, 1, choice=choice)
    packets, sources = 60, range(1, 12)
    rows = [(src, 0, packets * FULL) for src in sources]
    transport = builders.transport(any_order=True, ack_every=16)
    found = run(network, transport, builders.sends(rows, 12))
    # Ranks 1 to 3 are on the leaf of rank 0, so their packets fill its wire from the start.
    assert found.columns["delivered"].max() == TX + L + len(sources) * packets * TX + L


@pytest.mark.parametrize("seed", range(5))
def test_slowest_hashed_flow_shares_the_fullest_uplink(seed):
    """Balls in bins: as many uplinks as flows, and each flow on the one its hash gives."""
    hosts, packets = 8, 40
    network = builders.leaf_spine(2, hosts, hosts, 1, choice=Choice.ECMP)
    rows = [(src, hosts + src, packets * FULL) for src in range(hosts)]
    found = run(network, builders.transport(), builders.sends(rows), seed=seed)
    leaf = hashing.path_seed(hashing.device_seed(seed, 2 * hosts))
    uplinks = [hashing.pick(hashing.fold(hashing.fold(leaf, qp), 0), hosts) for qp in range(hosts)]
    fullest = np.bincount(uplinks).max()
    assert found.columns["delivered"].max() == fullest * packets * TX + 3 * TX + 4 * L


# one queue with Poisson arrivals: M/D/1


def poisson_waits(load, count):
    """Return the waits of one-packet messages before one slow link, in units of its service.

    The hosts' own links are a hundred times as fast, so that nothing else is waited for.
    """
    hosts, service = 64, 100 * TX
    generator = np.random.default_rng(SEED)
    starts = np.cumsum(generator.exponential(service / load, count)).astype(np.int64)
    sources = generator.integers(1, hosts, count)
    builder = builders.ProgramBuilder(hosts)
    for source, start in zip(sources.tolist(), starts.tolist(), strict=True):
        builder.send(source, 0, FULL, start_ps=start)
    network = builders.star(hosts, slow={0: builders.RATE_BPS // 100})
    columns = run(network, builders.transport(), builder.build()).columns
    order = np.argsort(columns["created"], kind="stable")
    fixed = TX + L + service + L
    return ((columns["delivered"] - columns["created"])[order] - fixed) / service


def batch_mean(values, batches=40):
    """Return the mean and its standard error from the means of long batches (correlated)."""
    means = values[: len(values) // batches * batches].reshape(batches, -1).mean(axis=1)
    return means.mean(), means.std(ddof=1) / np.sqrt(batches)


@NEEDS_JIT
@pytest.mark.parametrize("load", [0.5, 0.7, 0.9])
def test_poisson_arrivals_wait_as_in_an_m_d_1_queue(load):
    """Mean wait rho / (2 (1 - rho)) services; P(W <= t) = (1 - rho) exp(rho t) for t < 1."""
    waits = poisson_waits(load, 60_000)[6_000:]
    mean, error = batch_mean(waits)
    assert error < 0.08 * mean
    assert abs(mean - load / (2 * (1 - load))) < 4 * error
    share, error = batch_mean(waits <= 0.5)
    assert error < 0.02
    assert abs(share - (1 - load) * np.exp(load / 2)) < 4 * error
