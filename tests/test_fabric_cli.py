"""``fabric show`` and ``--topo`` as a user calls them."""

import json

import pytest

from fabricemu.cli import main

TOPO = """\
Nodes 8
Tiers 2
Podsize 8
Tier 0
Downlink_speed_Gbps 100
Radix_Down 4
Radix_Up 2
Downlink_Latency_ns 1000
Tier 1
Downlink_speed_Gbps 100
Radix_Down 2
Downlink_Latency_ns 1000
"""


@pytest.fixture
def topo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.topo").write_text(TOPO, encoding="utf-8")
    return "small.topo"


def called(capsys, *arguments):
    """Return what a command that must succeed prints."""
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_show_takes_hosts_and_boxes_from_a_topology_file(topo, capsys):
    content = json.loads(called(capsys, "fabric", "show", "clos-ecmp", "--topo", topo, "--json"))
    assert content["ranks"] == 8
    assert content["boxes"] == {"leaf": 2, "spine": 2}
    assert content["oversubscription"] == {"leaf": 2.0}
    assert content["bisection_bps"] == 200 * 10**9


def test_show_tells_hops_and_latencies_of_each_distance(capsys):
    content = json.loads(called(capsys, "fabric", "show", "uet-nscc", "--hosts", 16, "--json"))
    assert [(row["switches"], row["hops"], row["latency_ps"]) for row in content["paths"]] == [
        (1, 2, 2_000_000),
        (3, 4, 4_000_000),
        (5, 6, 6_000_000),
    ]


def test_show_cuts_long_lists_in_text_only(capsys):
    arguments = ["fabric", "show", "uet-nscc", "--hosts", 1024, "--set", "clos.failed_links=64"]
    assert "and 44 more" in called(capsys, *arguments)
    assert len(json.loads(called(capsys, *arguments, "--json"))["slow"]) == 64


def test_show_lists_planes_and_what_changes(capsys):
    change = 'changes=[{what="spine1", state="down", at="5us"}]'
    arguments = ["--set", "clos.planes=2", "--set", "host.nic_ports=2", "--set", change]
    arguments += ["--hosts", 256, "--set", "transport.rto=1ms"]
    text = called(capsys, "fabric", "show", "clos-ecmp", *arguments)
    assert "planes: 2" in text
    assert "what spine1, at 5 us, state down" in text


def test_a_mistake_in_a_topology_file_is_one_line(topo, tmp_path, capsys):
    (tmp_path / topo).write_text(TOPO.replace("Radix_Up 2", "Radix_Up"), encoding="utf-8")
    assert main(["fabric", "show", "clos-ecmp", "--topo", topo]) == 2
    error = capsys.readouterr().err
    assert "small.topo: line 7: Radix_Up: ''; expected one whole number" in error
    assert error.count("\n") == 1


def test_replay_runs_on_the_hosts_of_a_topology_file(topo, capsys):
    arguments = ["gen:incast?ranks=3&bytes=10KB", "-f", "clos-ecmp", "--topo", topo]
    found = json.loads(called(capsys, "replay", *arguments, "-o", "out.h5", "--json", "--quiet"))
    assert found["runs"][0]["messages"] == 2


def test_replay_says_when_the_trace_does_not_fit_the_file(topo, capsys):
    arguments = ["replay", "gen:incast?ranks=9&bytes=1KB", "-f", "clos-ecmp", "--topo", topo]
    assert main([*arguments, "-o", "out.h5"]) == 2
    assert "has 9 ranks, more than the 8 hosts" in capsys.readouterr().err
