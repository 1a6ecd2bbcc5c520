"""The other commands, and what holds for all of them."""

import json
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from fabricemu import __version__
from fabricemu.cli import cli, main
from fabricemu.cli.text import amount, duration, outline, percent, table
from fabricemu.results.reader import Result
from fabricemu.results.writer import publish
from fabricemu.spec.presets import load_fabric, preset_names

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"numpy", "numba", "h5py", "rich", "pydantic"}
TINY = "gen:incast?ranks=3&bytes=10KB"


def called(capsys, *arguments):
    """Return what a command that must succeed prints."""
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def in_a_process(*arguments, code="from fabricemu.cli import main; code = main()"):
    script = f"import sys\n{code}\nprint(*sorted(sys.modules), file=sys.stderr)\nsys.exit(code)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.mark.parametrize(
    "line", ["--help", "--version", "replay --help", "show --help", "trace info --help", "fabric"]
)
def test_help_and_version_import_nothing_heavy(line):
    found = in_a_process(*line.split())
    assert not HEAVY & set(found.stderr.split())
    assert found.stdout or "Usage" in found.stderr


def test_module_and_version():
    command = [sys.executable, "-m", "fabricemu", "--version"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout == f"fabricemu {__version__}\n"


def commands(group, path=()):
    """Yield the path of every command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(cli)), ids=" ".join)
def test_every_command_has_help(path, capsys):
    assert called(capsys, *path, "--help").startswith("Usage: fabricemu ")


@pytest.mark.parametrize("line", ["frob", "replay", "trace", "show", "trace convert a", "show a b"])
def test_wrong_usage_is_exit_code_2(line, capsys):
    assert main(line.split()) == 2
    assert capsys.readouterr().out == ""


def test_closed_pipe_ends_without_a_word():
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from fabricemu.cli import main; "
    script += "sys.exit(main(['config', 'schema'] ))"
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", script, str(ROOT)]
    found = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (found.returncode, found.stderr) == (1, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_names_the_program(shell, capsys):
    assert "_FABRICEMU_COMPLETE" in called(capsys, "completion", shell)


def test_fabric_list_names_every_preset(capsys):
    lines = called(capsys, "fabric", "list").splitlines()
    assert [line.split()[0] for line in lines] == preset_names()
    assert sorted(json.loads(called(capsys, "fabric", "list", "--json"))["presets"]) == [
        line.split()[0] for line in lines
    ]


def test_fabric_show_counts_boxes(capsys):
    content = json.loads(called(capsys, "fabric", "show", "ddc", "--hosts", "72", "--json"))
    assert content["boxes"]["leaf"] == 2
    assert "leaf: 2" in called(capsys, "fabric", "show", "ddc", "--hosts", "72")


def test_config_presets_prints_a_file_that_loads_to_the_same(tmp_path, capsys):
    path = tmp_path / "copy.toml"
    path.write_text(called(capsys, "config", "presets", "ddc"))
    assert load_fabric(path) == load_fabric("ddc")


def test_config_schema_is_json(capsys):
    assert "$defs" in json.loads(called(capsys, "config", "schema"))


def test_trace_goes_through_formats_unchanged(tmp_path, capsys):
    first, second = tmp_path / "a.goal", tmp_path / "a.ftr.h5"
    called(capsys, "trace", "convert", TINY, "-o", first, "--to", "goal")
    called(capsys, "trace", "import", first, "-o", second)
    content = json.loads(called(capsys, "trace", "info", second, "--json"))
    assert (content["ranks"], content["messages"], content["bytes"]) == (3, 2, 20_000)


def test_start_unit_reaches_the_reader_of_connection_matrices(tmp_path, capsys):
    path = tmp_path / "a.cm"
    path.write_text("Nodes 2\nConnections 1\n0->1 id 1 start 5 size 1000\n")
    assert main(["trace", "info", str(path)]) == 2
    assert "unit" in capsys.readouterr().err
    called(capsys, "trace", "info", path, "--cm-start-unit", "us")


def test_trace_generate_takes_a_rule_with_or_without_its_scheme(tmp_path, capsys):
    for name, rule in {"a": TINY, "b": TINY.removeprefix("gen:")}.items():
        called(capsys, "trace", "generate", rule, "-o", tmp_path / name, "--to", "jsonl")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_trace_check_finds_operations_that_wait_for_each_other(tmp_path, capsys):
    path = tmp_path / "a.goal"
    rank = "rank {0} {{\nr: recv 8b from {1} tag 1\ns: send 8b to {1} tag 1\ns requires r\n}}\n"
    path.write_text("num_ranks 2\n" + rank.format(0, 1) + rank.format(1, 0))
    assert main(["trace", "check", str(path)]) == 1
    assert "wait for each other" in capsys.readouterr().out


def test_trace_check_of_a_good_trace_is_exit_code_0(capsys):
    assert json.loads(called(capsys, "trace", "check", TINY, "--json"))["problems"] == []


def test_unknown_format_names_the_nearest(tmp_path, capsys):
    assert main(["trace", "convert", TINY, "-o", str(tmp_path / "a"), "--to", "jsnl"]) == 2
    assert "'jsonl'" in capsys.readouterr().err


def test_trace_of_another_program_is_not_overwritten(tmp_path, capsys):
    path = tmp_path / "a"
    path.write_text("mine")
    assert main(["trace", "generate", TINY, "-o", str(path)]) == 73
    assert path.read_text() == "mine"


@pytest.fixture
def result(tmp_path, capsys):
    path = tmp_path / "a.h5"
    called(capsys, "replay", "gen:all-reduce?ranks=4&bytes=64KB", "-f", "ddc", "-o", path)
    return path


def test_show_tells_where_the_time_went(result, capsys):
    text = called(capsys, "show", result)
    for word in ("job completion", "physical bound", "credit wait", "all-reduce ring", "host0"):
        assert word in text


def test_parts_of_show_sum_to_the_mean_time(result, capsys):
    content = json.loads(called(capsys, "show", result, "--json"))
    for means in content["parts_us"].values():
        assert min(means.values()) >= 0
    assert content["runs"][0]["messages"] == content["messages_kept"] == 24


def rewritten(path, change):
    """Write a result again after a change of its tables and its run object."""
    found = Result.open(path)
    run = json.loads(found.attributes["summary"])
    change(found.tables, run)
    attributes = found.attributes | {"summary": json.dumps(run)}
    publish(path, found.tables, found.labels, attributes)


def congest(tables, run):
    run |= {"pauses": 4, "ecn_marks": 3, "trims": 0, "lost": 2}
    tables["links"]["pause_ps"][:2] = [5_000_000, 1]
    tables["qps"] = {
        **{"qp": np.array([6, 8]), "src": np.array([0, 1]), "dst": np.array([1, 0])},
        **{"channel": np.zeros(2), "time_ps": np.zeros(1), "entropy": np.zeros((1, 2))},
        **{"rate_bps": np.array([[4e11, 1e11]]), "window_bytes": np.full((1, 2), np.nan)},
    }


def test_show_tells_what_congestion_did(result, capsys):
    assert "congestion" not in called(capsys, "show", result)
    rewritten(result, congest)
    lines = called(capsys, "show", result).splitlines()
    assert "congestion:      4 pauses, 3 packets marked, 2 lost on links" in lines
    assert "most paused:     host0 > leaf0, 5 us in all" in lines
    assert "worst QP:        8, rank 1 > rank 0, channel 0, mean rate 100 Gbit/s" in lines
    assert json.loads(called(capsys, "show", result, "--json"))["worst_qp"]["qp"] == 8


def forget(tables, run):
    """Leave what schema 1.0 has."""
    del run["trims"], run["lost"]
    for name in ("ecn_marks", "trims", "pause_ps", "retransmission_ps"):
        del tables["messages"][name]
    for name in ("ecn_marks", "trims", "lost", "pause_ps"):
        del tables["links"][name]


def test_show_of_an_older_schema_tells_what_it_has(result, capsys):
    before = json.loads(called(capsys, "show", result, "--json"))["parts_us"]["all"]
    rewritten(result, forget)
    after = json.loads(called(capsys, "show", result, "--json"))["parts_us"]["all"]
    assert before == after | {"pause": 0, "retransmission": 0}
    assert "pause" not in called(capsys, "show", result)


@pytest.mark.parametrize("name", ["missing.h5", "text.h5"])
def test_show_of_no_result_is_exit_code_2(name, tmp_path, capsys):
    (tmp_path / "text.h5").write_text("no")
    assert main(["show", str(tmp_path / name)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_show_does_not_recover_over_a_result(result, capsys):
    before = result.read_bytes()
    assert main(["show", str(result), "--recover"]) == 73
    assert "move it away" in capsys.readouterr().err
    assert result.read_bytes() == before


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0 s"), (1.5, "1.5 s"), (2e-3, "2 ms"), (3e-6, "3 us"), (1e-12, "1 ps")],
)
def test_duration_has_a_fitting_unit(seconds, text):
    assert duration(seconds) == text


def test_amount_percent_and_table():
    assert amount(4e11, "bit/s") == "400 Gbit/s"
    assert amount(None, "B") == percent(None) == "-"
    assert percent(-12.34) == "-12.3 %"
    assert table(["a", "b"], [["xx", "1"]]) == "a   b\nxx  1"


def test_outline_indents_what_is_nested():
    assert outline({"a_b": {"c": 1}, "d": [{"e": 2}], "f": []}) == [
        "a b:",
        "  c: 1",
        "d:",
        "  e 2",
        "f: -",
    ]


def readme_blocks(language):
    """Return the blocks of the README in a language."""
    blocks = (ROOT / "README.md").read_text().split("```")[1::2]
    return [b.removeprefix(f"{language}\n") for b in blocks if b.startswith(f"{language}\n")]


def readme_lines():
    """Return the commands of the README that call the program."""
    lines = [line for block in readme_blocks("sh") for line in block.splitlines()]
    lines = [line for line in lines if "fabricemu " in line]
    return [line[line.index("fabricemu ") :].split("  #")[0] for line in lines]


def test_commands_of_the_readme_but_replay_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    for line in readme_lines():
        name, *arguments = shlex.split(line)
        assert name == "fabricemu"
        if arguments[0] in {"fabric", "config", "trace"}:
            called(capsys, *arguments)


@pytest.mark.slow
def test_readme_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    for line in readme_lines():
        called(capsys, *shlex.split(line)[1:])
    for block in readme_blocks("python"):
        subprocess.run(
            [sys.executable, "-c", block],
            check=True,
            capture_output=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )


def test_readme_test_command_is_the_one_that_ci_runs():
    readme, script = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    assert "pip install -q -e '.[test]' && .venv/bin/pytest" in readme
    assert "\npytest\n" in script


def test_fabric_file_of_the_readme_loads(tmp_path):
    text = readme_blocks("toml")[0]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert load_fabric(path).name == tomllib.loads(text).get("name", "mine")
