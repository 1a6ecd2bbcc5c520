"""The sweep over what is assumed: that it is complete, what follows by arithmetic, its command."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.assumptions_command import KEYS, main
from benchmarks.assumptions_run import (
    Change,
    Setting,
    Sweep,
    Times,
    across,
    by_weight,
    times_of,
)
from benchmarks.assumptions_values import LEFT_OUT, Variation, variations
from benchmarks.vendor_claim_run import DDC, spec_of
from fabricemu.fabrics.build import build
from fabricemu.spec.ddc import DdcParams
from fabricemu.spec.host import Host, Links
from fabricemu.spec.transport import TransportSpec
from tests import builders
from tests.compare import JIT

compiled = pytest.mark.skipif(not JIT, reason="takes minutes without the JIT")
SMALL = Setting(hosts=18, seeds=1)
TABLES = {"host": Host, "links": Links, "transport": TransportSpec, "ddc": DdcParams}
NS = 1e-3  # us
FAR = (0, 17)  # hosts on two leaves
DDC_MD = Path(__file__).resolve().parents[1] / "docs" / "ddc.md"


def assumed():
    """Return the keys whose descriptions say so, and those of the table in docs/ddc.md."""
    found = {
        f"{table}.{name}"
        for table, model in TABLES.items()
        for name, field in model.model_fields.items()
        if "assumed" in (field.description or "")
    }
    rows = re.findall(r"^\| `(\w+)`.*assumed.*\|$", DDC_MD.read_text(encoding="utf-8"), re.M)
    return found | {f"ddc.{name}" for name in rows}


def test_all_that_is_assumed_is_varied_or_left_out_for_a_reason():
    varied = set(KEYS)
    assert assumed() - varied - set(LEFT_OUT) == set()
    assert not varied & set(LEFT_OUT)


def test_nothing_is_left_out_that_is_not_assumed():
    assert set(LEFT_OUT) <= assumed()


@pytest.mark.parametrize("variation", list(variations()), ids=lambda v: v.title)
def test_each_value_is_accepted_and_another_than_the_default(variation):
    changed, plain = (
        spec_of(DDC, SMALL.boxes, changes=changes)
        for changes in (variation.overrides, variation.beside)
    )
    assert changed != plain
    build(changed, SMALL.hosts)


@pytest.mark.parametrize("hosts", [18, 31, 72])
def test_ring_leaves_the_leaf_at_each_step(hosts):
    network, _ = build(spec_of(DDC, Setting(hosts=hosts).boxes), hosts)
    leaf = network.device_of[network.peer[network.port_ptr[:hosts]]]
    order = leaf[across(hosts)]
    assert sorted(across(hosts)) == list(range(hosts))
    assert (order[1:] != order[:-1]).all()


def lone_us(*changes):
    """Return the time until a lone message of 4 KiB to another leaf is acknowledged."""
    program = builders.sends([(*FAR, 4096)], SMALL.hosts)
    return times_of(DDC, changes, program, SMALL).fct_p99_us


# Message and ACK each are a request, a credit and cells: six ways from leaf to leaf, of two
# fibres and an element; and each once from NIC to NIC. Control cells, four of the six, are sent
# twice a way, at 100 Gb/s: 80 ps a byte.
@pytest.mark.parametrize(
    ("change", "later"),
    [
        ("links.fabric_latency=507ns", 12 * 7 * NS),
        ("ddc.element_latency=607ns", 6 * 7 * NS),
        ("ddc.leaf_ingress_latency=1007ns", 2 * 7 * NS),
        ("ddc.leaf_egress_latency=1007ns", 2 * 7 * NS),
        ("links.host_latency=107ns", 4 * 7 * NS),
        ("host.nic_latency=607ns", 4 * 7 * NS),
        ("ddc.control_cell_bytes=47", 8 * 7 * 0.080 * NS),
        ("transport.ack_every=1", 0),
        ("ddc.ahead=auto", 0),
        ("ddc.choice=adaptive", 0),
    ],
)
def test_lone_message_is_later_by_its_ways(change, later):
    assert round(1e6 * (lone_us(change) - lone_us())) == round(1e6 * later)


def test_padding_costs_a_lone_message_what_its_last_cells_lack():
    """4158 B are eight cells and 318 B with a header; the ACK is 98 B.

    They are sent over nine lanes and more, so that a full cell is as late as a padded one; the
    ACK alone waits for its padding, twice.
    """
    assert round(1e6 * (lone_us("ddc.pad_cells=true") - lone_us())) == 2 * 80 * (512 - 98)


def change(key, jct, value="1"):
    return Change(Variation(key, value), {}, {"lone": jct}, {"lone": 0.0}, [])


def test_what_matters_most_comes_first_whatever_its_sign():
    found = by_weight([change("a", 1), change("b", 0), change("b", -2, "2"), change("c", 0)])
    assert [(c.variation.key, c.variation.value) for c in found] == [
        ("b", "1"),
        ("b", "2"),
        ("a", "1"),
        ("c", "1"),
    ]


def sweep_of(monkeypatch, jct):
    """Return a sweep in which ``jct`` tells the JCT of a preset with some changes."""

    def times(preset, changes, program, setting):
        return Times(jct(preset, changes), 1.0, 0.0)

    monkeypatch.setattr("benchmarks.assumptions_run.times_of", times)
    return Sweep(SMALL, ["lone"], ["clos-ecmp"])


@pytest.mark.parametrize(
    ("variation", "reversals"),
    [
        (Variation("ddc.paced", "true"), [("lone", "clos-ecmp")]),
        (Variation("links.fabric_latency", "1us"), []),  # Ethernet has the same cables
    ],
)
def test_ethernet_changes_with_its_hosts_and_cables_alone(monkeypatch, variation, reversals):
    def jct(preset, changes):
        return (3.0 if preset == DDC else 4.0) + 2.0 * (variation.overrides[-1] in changes)

    found = sweep_of(monkeypatch, jct).change(variation)
    assert found.reversals == reversals
    assert found.jct == {"lone": pytest.approx(100 * 2 / 3)}


def test_change_is_counted_from_where_its_mechanism_is_on(monkeypatch):
    weights = {"on=1": 1.0, "size=2": 0.5}

    def jct(preset, changes):
        return 1.0 + sum(weights.get(text, 0.0) for text in changes)

    found = sweep_of(monkeypatch, jct).change(Variation("size", "2", ("on=1",)))
    assert found.jct == {"lone": pytest.approx(25)}


def run(*options):
    return CliRunner().invoke(main, ["--hosts", "18", "--seeds", "2", "-w", "lone", *options])


@compiled
def test_command_prints_the_same_tables_each_time():
    options = ("-p", "ddc.choice", "-p", "ddc.element_latency", "-f", "clos-ecmp")
    first, second = run(*options), run(*options)
    assert first.exit_code == 0, first.output
    lines = first.stdout.splitlines()
    assert lines[0] == "18 hosts, 160 lanes, 2 seeds"
    assert [line.split("  ")[0] for line in lines if line.startswith("ddc")] == [
        "ddc.element_latency = 400ns",
        "ddc.element_latency = 800ns",
    ]
    assert lines[-2:] == ["order of DDC and Ethernet reversed:", "  none"]
    assert first.stdout == second.stdout


@compiled
def test_what_does_nothing_is_named_without_a_row():
    lines = run("-p", "ddc.llfc_xoff", "-f", "clos-ecmp").stdout.splitlines()
    first = lines.index("below 0.05 %:") + 1
    assert lines[first : first + 3] == [f"  ddc.llfc_xoff = {size}" for size in (2048, 4096, 8192)]


@compiled
def test_command_prints_json():
    done = run("-p", "ddc.element_latency", "-f", "clos-ecmp", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    slower = found["changes"][1]
    assert slower["variation"]["value"] == "800ns"
    before = found["default"][DDC]["lone"]["jct_us"]
    assert slower["jct"]["lone"] == 100 * (slower["times"]["lone"]["jct_us"] / before - 1) > 0
    assert found["left_out"] == LEFT_OUT


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--lanes", "150"), "expected a multiple of 32, as 160"),
        (("--hosts", "17"), "17 is not in the range"),
        (("-p", "ddc.chioce"), "is not one of"),
        (("-f", "ddc"), "expected an Ethernet fabric"),
        (("-f", "clos-sprey"), "did you mean 'clos-spray'"),
    ],
)
def test_bad_option_is_told_before_anything_runs(options, text):
    done = run(*options)
    assert done.exit_code == 2
    assert text in done.stderr
    assert " %" not in done.stderr
