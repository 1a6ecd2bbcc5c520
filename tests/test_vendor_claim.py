"""The vendor's comparison: its fabrics, what it judges, and what its command prints."""

import json
import math

import numba
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.vendor_claim_command import main
from benchmarks.vendor_claim_run import (
    DDC,
    ETHERNET,
    Condition,
    Setting,
    fabric_of,
    program_of,
)
from benchmarks.vendor_claim_statements import Statement, interval, statements

compiled = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without the JIT")
FABRIC = "clos-ecmp"
TINY = ["--hosts", "32", "--bytes", "64KiB", "-f", FABRIC, "-w", "all-reduce"]


def times(*seeds):
    """Return the same for all conditions."""
    return {condition: list(seeds) for condition in Condition}


def leaves_and_spines(network):
    return [sum(name.startswith(kind) for name in network.names) for kind in ("leaf", "spine")]


@pytest.mark.parametrize("condition", Condition)
def test_full_size_has_the_boxes_of_the_claim(condition):
    clos, _ = fabric_of("clos-spray", Setting(hosts=2000), condition)
    assert leaves_and_spines(clos) == [32, 16]
    ddc, _ = fabric_of(DDC, Setting(hosts=2000), condition)
    assert ddc.ddc.leaves == 56
    assert len(ddc.kind) == 2000 + 56 + 40  # two elements a Ramon3, two of those a box


@pytest.mark.parametrize("preset", [DDC, *ETHERNET])
def test_other_links_have_the_same_capacity(preset):
    steady, other = (
        fabric_of(preset, Setting(), condition)[0]
        for condition in (Condition.STEADY, Condition.OTHER_LINKS)
    )
    inside = [network.rate_bps[network.port_ptr[256] :] for network in (steady, other)]
    assert inside[0].sum() == inside[1].sum()
    assert set(inside[0]) != set(inside[1])


@pytest.mark.parametrize("preset", [DDC, "clos-spray"])
@pytest.mark.parametrize(("every", "slow"), [(1, 16), (4, 4)])
def test_slow_nics_have_half_the_rate_both_ways(preset, every, slow):
    setting = Setting(hosts=64, slow_every=every)
    whole, _ = fabric_of(preset, setting, Condition.STEADY)
    found, _ = fabric_of(preset, setting, Condition.SLOW_NICS)
    changed = np.flatnonzero(whole.rate_bps != found.rate_bps)
    assert len(changed) == 2 * slow
    assert set(found.rate_bps[changed]) == {200 * 10**9}
    assert sorted(found.peer[changed]) == changed.tolist()


@pytest.mark.parametrize(("interleaved", "ranks"), [(True, [1, 5, 9, 13]), (False, [4, 5, 6, 7])])
def test_tenants_are_interleaved_or_in_blocks(interleaved, ranks):
    setting = Setting(hosts=16, interleaved=interleaved, repeats=2)
    program = program_of(setting, "all-reduce")
    assert setting.tenant(1) == ranks
    assert program.members(2).tolist() == ranks
    assert np.bincount(program.job).tolist() == [8] * 4


def test_interval_is_that_of_student():
    # 1, 2, 3: deviation 1, so 4.303 / sqrt(3) on both sides.
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.high - found.mean == pytest.approx(2.4844, abs=1e-4)
    assert found.mean - found.low == pytest.approx(2.4844, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.12, 0.12], "reproduced"),
        ([0.10, 0.10], "reproduced"),
        ([0.05, 0.05], "not reproduced"),
        ([0.05, 0.15], "open"),
        ([0.50], "open"),
    ],
)
def test_verdict_is_by_the_whole_interval(values, verdict):
    assert Statement("", "", "", 0.10, math.inf, values).verdict == verdict


def test_statements_pair_the_runs_of_a_seed():
    runs = {DDC: times([1.0, 1.0], [2.0, 2.0]), FABRIC: times([2.0, 2.0], [2.5, 2.5])}
    runs[FABRIC][Condition.SLOW_NICS] = [[3.0, 3.0], [5.0, 2.5]]
    runs[FABRIC][Condition.OTHER_LINKS] = [[2.2, 2.2], [2.5, 2.5]]
    runs[DDC][Condition.OTHER_LINKS] = [[0.8, 0.8], [2.0, 2.0]]
    found = {(s.what, s.fabric): s.values for s in statements("all-reduce", runs)}
    assert found == {
        ("1: DDC takes less time", FABRIC): pytest.approx([0.5, 0.2]),
        ("2: slow tenant", DDC): [0.0, 0.0],
        ("2: slow tenant", FABRIC): [0.5, 1.0],
        ("2: the others", DDC): [0.0, 0.0],
        ("2: the others", FABRIC): [0.5, 0.0],
        ("3: slower links", DDC): pytest.approx([0.25, 0.0]),
        ("3: slower links", FABRIC): pytest.approx([0.1, 0.0]),
    }


@pytest.mark.parametrize(
    ("what", "fabric", "verdict"),
    [
        ("2: the others", DDC, "reproduced"),
        ("2: the others", FABRIC, "not reproduced"),
        ("3: slower links", DDC, "reproduced"),
        ("3: slower links", FABRIC, "not reproduced"),
    ],
)
def test_what_does_not_slow_is_claimed_of_ddc_alone(what, fabric, verdict):
    runs = {name: times([1.0, 1.0], [1.0, 1.0]) for name in (DDC, FABRIC)}
    found = {(s.what, s.fabric): s.verdict for s in statements("all-reduce", runs)}
    assert found[what, fabric] == verdict


def run(*options):
    return CliRunner().invoke(main, [*TINY, *options])


@compiled
def test_command_prints_the_same_table_each_time():
    first, second = run("--seeds", "2"), run("--seeds", "2")
    assert first.exit_code == 0, first.output
    assert first.stdout.splitlines()[2].startswith("statement")
    assert len(first.stdout.splitlines()) == 3 + 7
    assert first.stdout == second.stdout


@compiled
def test_command_prints_json_without_intervals_for_one_seed():
    done = run("--seeds", "1", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    slow = found["completion_s"]["all-reduce"][DDC]["slow NICs"]
    assert [len(tenants) for tenants in slow] == [4]
    assert max(slow[0]) == slow[0][0]
    assert {row["verdict"] for row in found["statements"]} == {"open"}
    assert {row["low"] for row in found["statements"]} == {None}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--hosts", "35"), "the nearest valid choice is 36"),
        (("-f", "ddc"), "expected an Ethernet fabric"),
        (("-f", "clos-sprey"), "did you mean 'clos-spray'"),
        (("--bytes", "4Mi"), "unit 'Mi' is not known"),
    ],
)
def test_bad_option_is_told_before_anything_runs(options, text):
    done = run(*options)
    assert done.exit_code == 2
    assert text in done.stderr
    assert "seed 0" not in done.stderr
