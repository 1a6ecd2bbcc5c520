"""``fabricemu replay`` as a user calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fabricemu import replay as replay_module
from fabricemu.cli import main
from fabricemu.cli.fabrics import load_fabrics
from fabricemu.errors import ConfigError
from fabricemu.results.reader import Result, verify
from fabricemu.results.spill import spill_folder
from fabricemu.spec.presets import load_fabric, preset_names

ROOT = Path(__file__).resolve().parents[1]
TINY = "gen:incast?ranks=3&bytes=10KB"
KEYS = [
    "fabric",
    "seed",
    "jct_s",
    "bound_s",
    "messages",
    "bytes",
    "fct_us",
    "delivered_us",
    "packets",
    "packet_hops",
    "cell_hops",
    "drops",
    "retransmits",
    "pauses",
    "ecn_marks",
    "trims",
    "lost",
    "sim_s",
    "compile_s",
    "wall_s",
    "packet_hops_per_s",
    "peak_rss_bytes",
    "fingerprint",
    "result",
]


def replay(*arguments):
    return main(["replay", *map(str, arguments)])


def replayed(capsys, *arguments):
    """Return the runs of a replay that must succeed."""
    assert replay(*arguments, "--json", "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)["runs"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_json_has_exactly_the_promised_keys(folder, capsys):
    run = replayed(capsys, TINY, "-f", "ddc", "-o", "a.h5")[0]
    assert list(run) == KEYS
    assert list(run["fct_us"]) == list(run["delivered_us"]) == ["min", "p50", "p99", "p999", "max"]
    assert (run["fabric"], run["seed"], run["result"]) == ("ddc", 0, "a.h5")


@pytest.mark.parametrize("word", [*KEYS, *preset_names()])
def test_readme_names_every_key_of_a_run_and_every_preset(word):
    assert f"`{word}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_one_run_makes_one_sound_file_and_nothing_else(folder, capsys):
    replayed(capsys, TINY, "-f", "ddc", "-o", "a.h5")
    assert os.listdir(folder) == ["a.h5"]
    assert verify("a.h5")["messages"] == 2


def test_a_fabric_with_too_few_lanes_is_warned_of(folder, capsys):
    assert replay(TINY, "-f", "ddc", "--set", "ddc.lanes=120", "-o", "a.h5") == 0
    assert "ddc: warning: the lanes of a leaf carry 0.7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "modes", "said"),
    [
        ([], (1, 1), False),
        (["ddc.lane_group=4"], (4, 4), True),
        (["ddc.lane_group=4", "ddc.train_cells=1"], (4, 1), True),
    ],
)
def test_what_was_not_exact_is_in_the_file(folder, capsys, overrides, modes, said):
    replayed(capsys, TINY, "-f", "ddc", "-o", "a.h5", *(f"--set={text}" for text in overrides))
    found = Result.open("a.h5").attributes
    assert (found["lane_group"], found["train_cells"]) == modes
    assert main(["show", "a.h5"]) == 0
    assert ("not exact" in capsys.readouterr().out) == said


@pytest.mark.parametrize(
    ("overrides", "warned"),
    [
        ([], False),
        (["lane_group=4"], False),
        (["lane_group=8"], False),
        (["lane_group=2"], True),
        (["lane_group=4", "train_cells=1"], True),
        (["train_cells=4"], True),
    ],
)
def test_a_faster_mode_without_a_bound_is_warned_of(folder, capsys, overrides, warned):
    changes = [f"--set=ddc.{text}" for text in overrides]
    assert replay(TINY, "-f", "ddc", "-o", "a.h5", *changes) == 0
    assert ("has no proven bound" in capsys.readouterr().err) == warned


def test_counts_follow_from_the_trace(folder, capsys):
    run = replayed(capsys, TINY, "-f", "clos-ecmp", "-o", "a.h5")[0]
    # 2 messages of 3 packets, each acknowledged once, over 2 links.
    assert (run["messages"], run["bytes"], run["packets"]) == (2, 20_000, 6)
    assert (run["packet_hops"], run["cell_hops"], run["drops"]) == (2 * (6 + 2), 0, 0)


def test_several_fabrics_make_a_folder_and_a_comparison(folder, capsys):
    assert replay(TINY, "-f", "ddc", "-f", "clos-ecmp", "-o", "out", "--quiet") == 0
    assert sorted(os.listdir("out")) == ["clos-ecmp.h5", "ddc.h5"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["fabric", "ddc", "clos-ecmp"]


def test_several_seeds_make_a_file_each(folder, capsys):
    runs = replayed(capsys, TINY, "-f", "ddc", "-o", "out", "--seeds", "2")
    assert [run["seed"] for run in runs] == [0, 1]
    assert sorted(os.listdir("out")) == ["ddc-s0.h5", "ddc-s1.h5"]


def test_seed_moves_a_generated_permutation(folder, capsys):
    trace = "gen:permutation?ranks=9&bytes=1KB"
    for seed in (0, 8):
        replayed(capsys, trace, "-f", "clos-ecmp", "-o", f"{seed}.h5", "--seed", seed)
    first, second = (Result.open(f"{seed}.h5").attributes["trace_sha256"] for seed in (0, 8))
    assert first != second


def test_hosts_are_the_ranks_of_a_trace_that_does_not_say(folder, capsys):
    replayed(capsys, "gen:barrier", "--hosts", "5", "-f", "ddc", "-o", "a.h5")
    assert Result.open("a.h5").tables["collectives"]["ranks"].tolist() == [5]


def test_trace_may_leave_hosts_idle(folder, capsys):
    replayed(capsys, TINY, "--hosts", "7", "-f", "ddc", "-o", "a.h5")
    names = Result.open("a.h5").labels["device"]
    assert [name for name in names if name.startswith("host")] == [f"host{n}" for n in range(7)]


def test_override_of_one_kind_leaves_the_other_alone(folder, capsys):
    arguments = ["-f", "ddc", "-f", "clos-ecmp", "-o", "out", "--set", "clos.radix=4"]
    runs = replayed(capsys, TINY, *arguments, "--set", "transport.mtu=1000")
    assert [run["packets"] for run in runs] == [20, 20]
    assert "radix = 4" in Result.open("out/clos-ecmp.h5").attributes["config"]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("switch.ecn_max=0.2", ["clos-ecmp", "clos-uec"]),
        ("ddc.packing=false", ["ddc"]),
        ("congestion.dcqcn.g=0.25", ["clos-ecmp"]),
        ("congestion.nscc.target=8us", ["clos-uec"]),
        ("transport.mtu=1000", ["ddc", "clos-ecmp", "clos-uec"]),
    ],
)
def test_override_is_for_the_fabrics_that_have_its_table(override, told):
    names = ["ddc", "clos-ecmp", "clos-uec"]
    changed = load_fabrics(names, [override])
    assert [spec.name for spec in changed if spec != load_fabric(spec.name)] == told


def test_override_of_another_control_brings_its_table():
    overrides = ["congestion.control=swift", "transport.ack_every=1", "congestion.swift.beta=0.5"]
    assert load_fabrics(["clos-ecmp"], overrides)[0].congestion.swift.beta == 0.5


CUT = {
    "host1": '{what="host1", state="down"}',
    "host0": '{what="host0:0", state="down", at="1us"}',
    "host2": '{what="leaf1", state="down", at="1us"}, {what="leaf1", state="up", at="2us"},'
    ' {what="spine0", state="down", at="3us"}',
}


@pytest.mark.parametrize("host", CUT)
def test_run_that_could_not_end_is_refused(host, folder, capsys):
    changes = ["--set", f"changes=[{CUT[host]}]", "--set", "clos.radix=4", "--set", "clos.spines=1"]
    arguments = [*changes, "--set", "transport.rto=1ms", "--hosts", "4", "-o", "a.h5"]
    assert replay(TINY, "-f", "clos-ecmp", *arguments) == 2
    assert f"changes: {host} is cut off for good" in capsys.readouterr().err
    assert os.listdir(folder) == []


def test_python_refuses_a_run_that_could_not_end_too(folder):
    fabric = load_fabric("clos-ecmp", [f"changes=[{CUT['host1']}]", "transport.rto=1ms"])
    trace = replay_module.read_trace(TINY)
    with pytest.raises(ConfigError, match="host1 is cut off for good"):
        replay_module.replay(trace, fabric, folder / "a.h5")
    assert os.listdir(folder) == []


def test_outage_of_a_host_that_ends_is_not_refused(folder, capsys):
    change = 'changes=[{what="host1", state="down", until="5us"}]'
    arguments = ["--set", change, "--set", "transport.rto=10us", "-o", "a.h5"]
    assert replayed(capsys, TINY, "-f", "clos-ecmp", *arguments)[0]["lost"] > 0


def test_reproducible_files_are_equal(folder, capsys):
    for name in ("a.h5", "b.h5"):
        replayed(capsys, TINY, "-f", "ddc", "-o", name, "--reproducible")
    assert Path("a.h5").read_bytes() == Path("b.h5").read_bytes()


def test_ordinary_file_says_how_it_came_about(folder, capsys):
    replayed(capsys, TINY, "-f", "ddc", "-o", "a.h5")
    found = Result.open("a.h5").attributes
    assert found["trace"] == TINY
    assert {"command", "created", "platform", "versions", "measured"} <= found.keys()


def test_file_of_a_trace_is_named_by_its_own_hash(folder, capsys):
    import hashlib

    assert main(["trace", "generate", TINY, "-o", "t.jsonl", "--to", "jsonl"]) == 0
    capsys.readouterr()
    replayed(capsys, "t.jsonl", "-f", "ddc", "-o", "a.h5")
    expected = hashlib.sha256(Path("t.jsonl").read_bytes()).hexdigest()
    assert Result.open("a.h5").attributes["trace_sha256"] == expected


TOPO = """\
Nodes 4
Tiers 2
Podsize 4

Tier 0
Downlink_speed_Gbps 100
Radix_Down 2
Radix_Up 2
Downlink_Latency_ns 500

Tier 1
Downlink_speed_Gbps 100
Radix_Down 2
Downlink_Latency_ns 500
"""


def test_topology_file_is_named_by_the_hash_of_its_content(folder, capsys):
    import hashlib

    for content in (TOPO, TOPO.replace("500", "600")):
        Path("two.topo").write_text(content)
        options = ("--topo", "two.topo", "-o", "a.h5", "--force", "--reproducible")
        replayed(capsys, TINY, "-f", "clos-ecmp", *options)
        found = Result.open("a.h5").attributes
        assert found["topology"] == "two.topo"
        assert found["topology_sha256"] == hashlib.sha256(content.encode()).hexdigest()


def test_fabric_without_a_file_names_none(folder, capsys):
    replayed(capsys, TINY, "-f", "clos-ecmp", "-o", "a.h5")
    assert not [name for name in Result.open("a.h5").attributes if "topology" in name]


BAD = {
    "nothing.jsonl -f ddc -o a.h5": "nothing.jsonl",
    "gen:incest?ranks=3&bytes=1 -f ddc -o a.h5": "incast",
    "gen:incast?ranks=3&bytes=1 -f dcd -o a.h5": "ddc",
    "gen:incast?ranks=3&bytes=1 -f ddc -o a.h5 --set ddc.lane=3": "ddc.lanes",
    "gen:incast?ranks=3&bytes=1 -f ddc -o a.h5 --set transport.mtu=0": "transport.mtu",
    "gen:incast?ranks=3&bytes=1 -f ddc -o a.h5 --hosts 2": "3 ranks",
    "gen:incast?ranks=3&bytes=1 -f ddc -o a.h5 --seed -1": "--seed",
    "gen:incast?ranks=3&bytes=1 -f ddc -o a.h5 --seed 1 --seeds 2": "--seeds",
    "gen:incast?ranks=3&bytes=1 -f ddc -f ddc -o out": "two fabrics",
    "gen:incast?ranks=3&bytes=1 -f ddc -f clos-uec -o out --set switch.ecn_mx=1": "switch.ecn_max",
    "gen:incast?ranks=3&bytes=1 -f ddc -f clos-uec -o out --set switch.ecn_max": "key.path=value",
    "gen:incast?ranks=3&bytes=1 -f ddc -f clos-uec -o out --set congestion.hpcc.eta=1": "hpcc",
    "gen:incast?ranks=3&bytes=1 -f ddc -o a.h5 --topo a.topo": "--topo a.topo",
    "gen:incast?ranks=3&bytes=1 -f ddc": "--output",
    "gen:incast?ranks=3&bytes=1 -o a.h5": "--fabric",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_exit_code_2_and_no_file(line, folder, capsys):
    assert replay(*line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("fabricemu: ")
    assert BAD[line] in captured.err
    assert os.listdir(folder) == []


@pytest.mark.parametrize("output", ["missing/a.h5", "here.h5", "."])
def test_output_is_checked_before_the_run(output, folder, capsys, monkeypatch):
    monkeypatch.setattr(replay_module, "simulate", None)
    Path("here.h5").write_text("mine")
    assert replay(TINY, "-f", "ddc", "-o", output) == 73
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert Path("here.h5").read_text() == "mine"


def test_file_where_a_folder_is_needed_is_refused(folder, capsys):
    Path("out").write_text("mine")
    assert replay(TINY, "-f", "ddc", "-f", "clos-ecmp", "-o", "out") == 73
    assert "not a folder" in capsys.readouterr().err


def test_force_replaces_a_file(folder, capsys):
    Path("a.h5").write_text("old")
    replayed(capsys, TINY, "-f", "ddc", "-o", "a.h5", "--force")
    assert verify("a.h5")


def test_run_that_beats_its_bound_is_an_error_without_file(folder, capsys, monkeypatch):
    monkeypatch.setattr(replay_module, "bound_ps", lambda program, paths: 10**15)
    assert replay(TINY, "-f", "ddc", "-o", "a.h5", "--quiet") == 1
    assert "invariant" in capsys.readouterr().err
    assert os.listdir(folder) == []


def test_full_disk_is_exit_code_74_and_leaves_nothing(folder, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replay_module, "publish", full)
    assert replay(TINY, "-f", "ddc", "-o", "a.h5", "--quiet") == 74
    assert capsys.readouterr().err == "fabricemu: No space left on device\n"
    assert os.listdir(folder) == []


def test_folder_made_for_a_run_that_failed_is_removed(folder, capsys, monkeypatch):
    monkeypatch.setattr(replay_module, "bound_ps", lambda program, paths: 10**15)
    assert replay(TINY, "-f", "ddc", "-f", "clos-ecmp", "-o", "out", "--quiet") == 1
    assert os.listdir(folder) == []


SLOW_RUN = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from fabricemu.cli import main
from fabricemu.cli.fabrics import load_fabrics
from fabricemu.errors import ConfigError
from fabricemu.cli.reporter import Reporter
from fabricemu.results.log import MessageLog

number, when = int(sys.argv[1]), sys.argv[2]

def tell(self, *rest, own=getattr(Reporter, when)):
    os.kill(os.getpid(), number)
    own(self, *rest)

setattr(Reporter, when, tell)
sys.exit(main(["replay", {TINY!r}, "-f", "ddc", "-o", "a.h5", "--quiet"]))
"""


def interrupted(number, when):
    command = [sys.executable, "-c", SLOW_RUN, str(number), when]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(1, 129), (2, 130), (15, 143)])
def test_signal_during_a_run_ends_it_with_one_line(number, code, folder):
    found = interrupted(number, "progress")
    assert (found.returncode, found.stdout) == (code, "")
    assert len(found.stderr.splitlines()) == 1
    assert not Path("a.h5").exists()


@pytest.mark.slow
def test_signal_before_the_run_leaves_nothing(folder):
    assert interrupted(2, "begin").returncode == 130
    assert os.listdir(folder) == []


def test_interrupt_keeps_finished_messages_and_show_recovers_them(folder, capsys, monkeypatch):
    monkeypatch.setattr(replay_module, "publish", interrupt)
    assert replay(TINY, "-f", "ddc", "-o", "a.h5", "--quiet") == 130
    assert "fabricemu show a.h5 --recover" in capsys.readouterr().err
    assert spill_folder(Path("a.h5")).is_dir()
    assert main(["show", "a.h5", "--recover", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["complete"], content["messages_kept"]) == (False, 2)


def interrupt(*arguments):
    from fabricemu.cli.interrupts import Interrupted

    raise Interrupted(2)


def test_without_terminal_progress_is_a_line(folder, capsys, monkeypatch):
    monkeypatch.setattr("fabricemu.cli.reporter.LINE_S", 0.0)
    assert replay(TINY, "-f", "ddc", "-o", "a.h5") == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("ddc: ")
    assert last.endswith("s left") or last.endswith("unknown")


def test_on_a_terminal_progress_is_a_bar(folder, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert replay(TINY, "-f", "ddc", "-o", "a.h5") == 0
    assert "simulated" in capsys.readouterr().err


def test_first_run_says_that_it_compiles_and_how_long_it_took(capsys):
    from fabricemu.cli.interrupts import Interrupts
    from fabricemu.cli.reporter import Reporter

    reporter = Reporter(Interrupts(), quiet=False)
    reporter.compiling()
    reporter.compiled(12.34)
    reporter.compiled(0.0)
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "compiling",
        "compiled",
    ]
