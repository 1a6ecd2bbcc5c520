"""The same run is the same whatever the threads, the chunks and the form of the program."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabricemu.engine import run as engine
from fabricemu.fabrics.network import Choice
from fabricemu.workloads.expand import expand
from fabricemu.workloads.program import Algorithm, Collective
from tests import builders, strategies
from tests import strategies_ethernet as ethernet
from tests import strategies_scheduled as scheduled
from tests.compare import JIT, assert_same, assert_same_runs, run

TIMES = (
    *("created", "first_tx", "sent", "delivered", "acked"),
    *("voq_in", "voq_head", "voq_out", "last_cell", "released"),
)
FEW = settings(
    max_examples=60 if JIT else 8,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
KINDS = strategies.RANKED
PERMUTATION = [(src, (src + 5) % 12, 40_000 + src) for src in range(12)]


def networks():
    """Return a Clos and a cell fabric of 12 hosts, both with choices by hash."""
    clos = builders.leaf_spine(4, 3, 3, 2, choice=Choice.SPRAY, scale_up=2)
    return [clos, builders.ddc(4, 3, 6, 2, nic_ports=1)]


@pytest.fixture
def any_size_threads(monkeypatch):
    """Let small fabrics run on as many threads as asked."""
    monkeypatch.setattr(engine, "THREAD_PORTS", 1)


@pytest.mark.parametrize("network", networks(), ids=["clos", "ddc"])
@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.usefixtures("any_size_threads")
def test_threads_do_not_change_a_run(network, threads):
    transport = builders.transport(any_order=True, qps=2, ack_every=4)
    program = builders.sends(PERMUTATION * 3)
    one = run(network, transport, program)
    assert_same_runs(one, run(network, transport, program, threads=threads))


@FEW
@given(strategies.cases(strategies.dags))
def test_threads_do_not_change_any_program(case):
    network, transport, program, seed = case
    before, engine.THREAD_PORTS = engine.THREAD_PORTS, 1
    try:
        runs = [attempt(network, transport, program, seed, threads) for threads in (1, 2)]
    finally:
        engine.THREAD_PORTS = before
    same_or_both_fail(*runs)


@FEW
@given(st.data())
def test_threads_do_not_change_a_scheduled_fabric(data):
    """With classes and pauses, and with lanes that fail and lose cells."""
    network = data.draw(scheduled.with_classes(data.draw(scheduled.networks())))
    if data.draw(st.booleans()):
        network = data.draw(scheduled.losing(network))
    transport = data.draw(strategies.transports(network, bounded=True))
    program = data.draw(strategies.collective_programs(network.n_ranks, transport))
    before, engine.THREAD_PORTS = engine.THREAD_PORTS, 1
    try:
        runs = [attempt(network, transport, program, 1, threads) for threads in (1, 3)]
    finally:
        engine.THREAD_PORTS = before
    same_or_both_fail(*runs)


@FEW
@given(strategies.cases(strategies.collective_programs, bounded=True))
def test_threads_do_not_change_lossy_collectives(case):
    network, transport, program, seed = case
    before, engine.THREAD_PORTS = engine.THREAD_PORTS, 1
    try:
        runs = [attempt(network, transport, program, seed, threads) for threads in (1, 2)]
    finally:
        engine.THREAD_PORTS = before
    same_or_both_fail(*runs)


@FEW
@given(st.data())
def test_threads_do_not_change_what_switches_and_controls_do(data):
    paused = ethernet.cases(ethernet.pausing_fabrics(), ethernet.rc_transports, ethernet.crowds)
    trimmed = ethernet.cases(ethernet.trimmed(), ethernet.uec_transports, ethernet.crowds, True)
    network, transport, program, seed = data.draw(paused | trimmed)
    before, engine.THREAD_PORTS = engine.THREAD_PORTS, 1
    try:
        runs = [attempt(network, transport, program, seed, threads) for threads in (1, 2)]
    finally:
        engine.THREAD_PORTS = before
    same_or_both_fail(*runs)


def attempt(network, transport, program, seed, threads):
    """Return a run, or the error of a program that cannot finish."""
    try:
        return run(network, transport, program, seed=seed, threads=threads)
    except engine.EngineError as error:
        return str(error)


def same_or_both_fail(first, second):
    if isinstance(first, str) or isinstance(second, str):
        assert first == second
    else:
        assert_same_runs(first, second)


@pytest.mark.slow
def test_a_fabric_of_many_ports_uses_threads_and_stays_the_same():
    network = builders.leaf_spine(34, 16, 16, 1, choice=Choice.ADAPTIVE)
    assert network.n_ports >= engine.THREAD_PORTS
    n = network.n_ranks
    rows = [(src, (src * 7 + 3) % n, 9000 if JIT else 0) for src in range(n)]
    program = builders.sends([row for row in rows if row[0] != row[1]], n)
    transport = builders.transport(any_order=True, ack_every=16)
    one = run(network, transport, program)
    assert_same_runs(one, run(network, transport, program, threads=2))


@pytest.mark.parametrize("network", networks(), ids=["clos", "ddc"])
@pytest.mark.parametrize("windows", [1, 7, 1 << 20])
def test_windows_of_a_call_do_not_change_a_run(network, windows):
    transport = builders.transport(any_order=True, ack_every=16)
    program = builders.collective(
        Collective.ALL_TO_ALL, Algorithm.AT_ONCE, 12, 120_000, channels=2, n_ranks=12
    )
    adaptive = run(network, transport, program)
    assert_same_runs(adaptive, run(network, transport, program, windows=windows))


def test_many_finished_messages_are_taken_away_in_between(monkeypatch):
    network, transport = builders.star(4), builders.transport()
    program = builders.sends([(src, (src + 1) % 4, 100) for src in range(4)] * 40)
    whole = run(network, transport, program)
    monkeypatch.setattr("fabricemu.engine.state.DRAIN_AT", 3)
    assert_same_runs(whole, run(network, transport, program))


def test_a_seed_changes_a_sprayed_run_and_repeats_it():
    network = networks()[0]
    program = builders.sends(PERMUTATION)
    transport = builders.transport(any_order=True, ack_every=16)
    first, again, other = (run(network, transport, program, seed=s) for s in (1, 1, 2))
    assert_same_runs(first, again)
    assert (first.columns["delivered"] != other.columns["delivered"]).any()


# lazy and expanded collectives


@pytest.mark.parametrize(("kind", "algorithm"), KINDS, ids=lambda value: value.name.lower())
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 12])
@pytest.mark.parametrize("network", networks(), ids=["clos", "ddc"])
def test_lazy_collective_equals_its_expansion(kind, algorithm, n, network):
    program = builders.collective(
        kind, algorithm, n, 50_000, channels=2, chunks=2, root=n // 2, repeats=2, n_ranks=12
    )
    assert_same_as_expanded(network, program)


@pytest.mark.parametrize(("kind", "algorithm"), KINDS, ids=lambda value: value.name.lower())
@pytest.mark.parametrize("n", [24, pytest.param(64, marks=pytest.mark.slow)] if JIT else [24])
def test_large_lazy_collective_equals_its_expansion(kind, algorithm, n):
    network = builders.leaf_spine(8, n // 8, 4, 1, choice=Choice.SPRAY)
    program = builders.collective(kind, algorithm, n, 4096 * n if JIT else n)
    assert_same_as_expanded(network, program)


def assert_same_as_expanded(network, program):
    """Fail unless the lazy form and its expansion have the same messages and counters."""
    transport = builders.transport(any_order=True, ack_every=16)
    lazy = run(network, transport, program)
    whole = run(network, transport, expand(program))
    names = ("src", "dst", "bytes", *TIMES)
    assert_same("messages", sorted(lazy.rows(*names)), sorted(whole.rows(*names)))
    assert lazy.outcome.end_ps == whole.outcome.end_ps
    for name in ("link_bytes", "link_packets", "link_peak_bytes"):
        assert_same(name, getattr(lazy.outcome, name), getattr(whole.outcome, name))


# metamorphic


def halved(network):
    """Return a network with twice the rate and half the latency everywhere."""
    assert not (network.latency_ps % 2).any()
    return replace(network, rate_bps=2 * network.rate_bps, latency_ps=network.latency_ps // 2)


@pytest.mark.parametrize("kind", ["star", "clos", "ddc"])
def test_twice_the_rate_and_half_the_latency_halve_every_time(kind):
    """All sizes are multiples of 64 B and rates divide 8e12, so that nothing is rounded.

    Ties are broken by a hash of the time, so no two arrivals may meet: one message at a time
    in each direction.
    """
    rates, size = (200 * 10**9, 50 * 10**9, 200 * 10**9), 64 * 1000
    network = {
        "star": lambda: builders.star(4, rates[0]),
        "clos": lambda: builders.leaf_spine(2, 2, 1, 1, rates=rates),
        "ddc": lambda: builders.ddc(2, 2, 1, 1, rates=rates, credit_speedup=1.0),
    }[kind]()
    program = builders.sends([(0, 3, size), (0, 3, size // 2)], 4)
    transport = builders.transport()
    slow = run(network, transport, program)
    fast = run(halved(network), transport, program)
    for name in TIMES:
        assert_same(name, slow.columns[name], 2 * fast.columns[name])
    assert_same("finish", slow.outcome.op_finish_ps, 2 * fast.outcome.op_finish_ps)


def test_relabelled_hosts_of_a_star_permute_the_results():
    network, transport = builders.star(6), builders.transport()
    order = np.array([3, 0, 5, 1, 4, 2])
    rows = [(0, 1, 30_000), (2, 3, 20_000), (4, 1, 10_000, 10_000_000)]
    renamed = [(int(order[src]), int(order[dst]), *rest) for src, dst, *rest in rows]
    first = run(network, transport, builders.sends(rows, 6))
    second = run(network, transport, builders.sends(renamed, 6))
    names = ("bytes", *TIMES)
    assert sorted(first.rows(*names)) == sorted(second.rows(*names))
