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


def test_show_tells_what_was_derived_for_nics_and_switches(capsys):
    arguments = ["fabric", "show", "clos-ecmp", "--hosts", 256]
    content = json.loads(called(capsys, *arguments, "--json"))
    # 8 latencies of NICs, cables and switches and 2 of each fabric cable; 4 packets, 4 ACKs
    rtt = 2 * (2 * 600_000 + 2 * 100_000 + 2 * 500_000 + 3 * 700_000) + 4 * 83_560 + 4 * 1_720
    assert content["nic"]["base_rtt_ps"] == rtt
    assert content["nic"]["bdp_bytes"] == rtt * 400 // 8000
    assert (content["congestion"]["control"], content["congestion"]["ai_bps"]) == ("dcqcn", 80e6)
    assert content["switch"]["buffer_bytes"] == 142_495_016
    to_host, to_switch = content["switch"]["ports"]
    assert (to_host["ports"], to_switch["ports"]) == (256, 512)
    assert (to_switch["ecn_low_bytes"], to_switch["ecn_high_bytes"]) == (150_000, 1_500_000)
    # 50 B/ns: two boxes and cables of 500 ns against a box, a NIC both ways, cables of 100 ns
    further_ns = (2 * 700 + 2 * 500) - (700 + 2 * 600 + 2 * 100)
    assert to_switch["headroom_bytes"] - to_host["headroom_bytes"] == 50 * further_ns
    assert "ecn low 150 kB, ecn high 1.5 MB" in called(capsys, *arguments)


def test_show_tells_slower_limits_of_slower_ports(capsys):
    change = ["--set", "clos.failed_links=1", "--set", "clos.failed_rate=0.5", "--hosts", 256]
    content = json.loads(called(capsys, "fabric", "show", "clos-uec", *change, "--json"))
    _, slow, whole = content["switch"]["ports"]
    assert slow["queue_bytes"] == whole["queue_bytes"] // 2
    assert slow["rate_bps"] == 200 * 10**9


def test_show_of_a_cell_fabric_has_no_packet_switches(capsys):
    content = json.loads(called(capsys, "fabric", "show", "ddc", "--json"))
    assert content["congestion"] == {"control": "none"}
    assert "switch" not in content


def test_topo_needs_a_clos(topo, capsys):
    assert main(["fabric", "show", "ddc", "--topo", topo]) == 2
    error = capsys.readouterr().err
    assert error == "fabricemu: --topo small.topo: wires a Clos, and no fabric here is one\n"


def test_topo_and_its_key_exclude_each_other(topo, capsys):
    arguments = ["fabric", "show", "clos-ecmp", "--topo", topo, "--set", "clos.topology=none"]
    assert main(arguments) == 2
    assert "exclude each other" in capsys.readouterr().err


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
