"""The classic event loop agrees with the engine, and the benchmark says what it should."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
from click.testing import CliRunner
from fabricemu.kernels import state as kernel

from benchmarks import (
    acceptance_command,
    assumptions_command,
    cases,
    classic_run,
    classic_state,
    command,
    large,
    stardust_command,
    vendor_claim_command,
)
from benchmarks.cases import Inputs, classic_times, engine_times, inputs, permutation
from benchmarks.measure import ratio, row
from fabricemu.errors import ConfigError, EngineError
from fabricemu.fabrics.network import Choice
from fabricemu.fabrics.transport import Receiver
from fabricemu.workloads.generate import generate
from tests import builders

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "run.py"
compiled = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without the JIT")
ANY_ORDER = builders.transport(any_order=True, ack_every=1)


def spine(**changes):
    """Return a small leaf-spine that sprays."""
    return builders.leaf_spine(4, 3, 3, 2, choice=Choice.SPRAY, **changes)


def test_state_of_the_classic_loop_has_names_of_its_own():
    assert not classic_state.LAYOUT.keys() & kernel.LAYOUT.keys()


@compiled
@pytest.mark.parametrize("hosts", [16, 128])
def test_classic_loop_gives_the_times_of_the_engine(hosts):
    given = inputs("clos", hosts, permutation(hosts, "2MiB"))
    np.testing.assert_array_equal(classic_times(given), engine_times(given))


@pytest.mark.parametrize("seed", [0, 1, 7])
@pytest.mark.parametrize(
    "pairs",
    [
        [(src, (src + 5) % 12, 40_000 + src) for src in range(12)],
        [(src, 0, 30_000) for src in range(1, 12)],
        [(src, dst, 5_000) for src in range(12) for dst in range(12) if src != dst],
        [(0, 11, 1), (3, 4, 4096), (4, 3, 4097), (0, 5, 100_000)],
    ],
    ids=["permutation", "incast", "all-to-all", "odd-sizes"],
)
def test_classic_loop_agrees_on_two_tiers(pairs, seed):
    given = Inputs(spine(), ANY_ORDER, builders.sends(pairs))
    np.testing.assert_array_equal(classic_times(given, seed), engine_times(given, seed))


def test_classic_loop_counts_the_hops_of_data_and_acks():
    flows = np.array([[0, 11, 3 * 4096]])
    assert classic_run.run_classic(spine(), ANY_ORDER, flows).hops == 2 * 3 * 4


@pytest.mark.parametrize(
    ("network", "transport", "flows", "text"),
    [
        (spine(nic_ports=2), ANY_ORDER, [[0, 1, 9]], "one NIC port"),
        (spine(queue_bytes=9000), ANY_ORDER, [[0, 1, 9]], "without limit"),
        (builders.leaf_spine(), ANY_ORDER, [[0, 1, 9]], "oblivious spray"),
        (builders.ddc(4, 3, 6, 2, nic_ports=1), ANY_ORDER, [[0, 1, 9]], "packet switches"),
        (spine(), replace(ANY_ORDER, receiver=Receiver.IN_ORDER), [[0, 1, 9]], "any-order"),
        (spine(), replace(ANY_ORDER, ack_every=2), [[0, 1, 9]], "ACK for each"),
        (spine(), replace(ANY_ORDER, rto_ps=10**9), [[0, 1, 9]], "no time-out"),
        (spine(), ANY_ORDER, [[0, 1, 9], [0, 1, 9]], "each pair"),
        (spine(), ANY_ORDER, [[1, 1, 9]], "to itself"),
    ],
)
def test_classic_loop_refuses_what_it_lacks(network, transport, flows, text):
    with pytest.raises(ConfigError, match=text):
        classic_run.run_classic(network, transport, np.array(flows))


def test_loops_that_disagree_are_not_compared(monkeypatch):
    given = Inputs(spine(), ANY_ORDER, builders.sends([(0, 11, 9000)]))
    monkeypatch.setattr(cases, "classic_times", lambda given: engine_times(given) + 1)
    with pytest.raises(EngineError, match="disagree"):
        cases.demand_equal(given)


def test_figures_are_hops_over_the_median_of_the_wall_times():
    samples = [cases.Sample(30, 10, wall) for wall in (1.0, 8.0, 2.0)]
    figures = row(cases.Case("x", 1, lambda: samples[0]), samples)
    assert figures["hops_per_s"] == 20.0
    assert figures["wall_s"] == {"median": 2.0, "min": 1.0, "max": 8.0}


def test_runs_that_differ_have_no_figures():
    samples = [cases.Sample(30, 10, 1.0), cases.Sample(31, 10, 1.0)]
    with pytest.raises(EngineError, match="not the same run"):
        row(cases.Case("x", 1, lambda: samples[0]), samples)


def test_ratio_is_taken_round_by_round():
    fast = [cases.Sample(1, 0, wall) for wall in (1.0, 2.0, 4.0)]
    slow = [cases.Sample(1, 0, wall) for wall in (3.0, 4.0, 20.0)]
    assert ratio(fast, slow) == {"median": 3.0, "min": 2.0, "max": 5.0}


def script(*options):
    """Run the benchmark as a user does."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_quick_benchmark_prints_json():
    done = script("--quick", "--hosts", "16", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [figures["case"] for figures in found["cases"]] == [
        "clos",
        "classic",
        "ddc",
        "trains",
        "nscc",
    ]
    assert found["cases"][0]["packet_hops"] == found["cases"][1]["packet_hops"]
    assert set(found["packet_cost_over_clos"]) == {"ddc", "trains"}
    assert found["memory"]["clos"]["peak_bytes"] > found["memory"]["clos"]["before_bytes"] > 0


@pytest.mark.slow
def test_quick_benchmark_prints_a_table():
    done = script("--quick", "--hosts", "16")
    assert done.returncode == 0, done.stderr
    assert "M hops/s" in done.stdout
    assert "clos over classic" in done.stdout
    assert "a packet of 4 KB in trains" in done.stdout


def test_hosts_that_do_not_fit_are_one_line():
    done = script("--quick", "--hosts", "1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_large_cases_have_512_ranks_all_to_all_and_a_ring_over_all():
    for case in large.LARGE.values():
        program = generate(case.trace)
        sizes = np.diff(program.group_ptr)
        assert program.n_ranks == case.hosts
        assert sizes[program.collectives.group].tolist() == [512, case.hosts]


@pytest.mark.parametrize("option", [("--hosts", "16"), ("--rounds", "2"), ("--collective",)])
def test_options_that_change_nothing_beside_large_are_refused(option):
    done = script("--large", *option)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option[0]} changes nothing with --large" in done.stderr


@pytest.mark.slow
@compiled
def test_quick_large_benchmark_tells_rate_memory_and_time_to_build():
    done = script("--large", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    for figures in json.loads(done.stdout)["cases"]:
        hops = figures["packet_hops"] + figures["cell_hops"]
        assert hops > large.LARGE[figures["case"]].hosts
        assert figures["hops_per_s"] == pytest.approx(hops / figures["wall_s"])
        assert 2**28 < figures["peak_rss_bytes"] < 2**34
        assert figures["build_s"] > 0
        assert not figures["complete"]


@pytest.mark.parametrize(
    ("module", "work"),
    [
        (command, "measure"),
        (acceptance_command, "read_cases"),
        (assumptions_command, "measure"),
        (stardust_command, "measure"),
        (vendor_claim_command, "compare_all"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize(
    ("allocate", "line"),
    [
        (lambda: np.empty(1 << 50, np.int64), "out of memory: Unable to allocate 8.00 PiB"),
        (lambda: bytearray(1 << 62), "out of memory"),
    ],
    ids=["numpy", "python"],
)
def test_too_little_memory_is_one_line(monkeypatch, module, work, allocate, line):
    monkeypatch.setattr(module, work, lambda *arguments: allocate())
    done = CliRunner().invoke(module.main, [])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"Error: {line}")
    assert len(done.stderr.splitlines()) == 1
