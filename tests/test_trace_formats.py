"""Traces are recognised by content, and the shipped ones are what their rules make."""

from pathlib import Path

import numpy as np
import pytest

from fabricemu.errors import TraceError
from fabricemu.workloads.formats import FORMATS, load, recognise, save
from fabricemu.workloads.generate import generate
from fabricemu.workloads.shipped import SEED, shipped_traces

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "traces"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="sample traces are not at hand")


def content(program):
    arrays = {n: v.tolist() for n, v in vars(program).items() if isinstance(v, np.ndarray)}
    rows = {n: v.tolist() for n, v in vars(program.collectives).items()}
    rest = {n: v for n, v in vars(program).items() if n not in arrays and n != "collectives"}
    return arrays | rest | {"rows": rows}


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_saved_is_recognised_whatever_its_name(tmp_path, name):
    path = tmp_path / "trace.txt"
    save(generate("gen:permutation?ranks=4&bytes=1KiB"), path, name)
    assert recognise(path) == name
    assert load(path).bytes.sum() == 8 * 1024


@needs_shared
@pytest.mark.parametrize(
    ("folder", "pattern", "name"),
    [
        ("goal", "*.goal", "goal"),
        ("goal", "*.bin", "goal-binary"),
        ("htsim_cm", "**/*.cm", "cm"),
        ("htsim_cm", "**/*.tm", "cm"),
    ],
)
def test_samples_are_recognised(folder, pattern, name):
    found = {recognise(path) for path in (SHARED / folder).glob(pattern)}
    assert found == {name}


def test_jsonl_with_a_very_long_header_is_recognised(tmp_path):
    save(generate("gen:barrier?ranks=20000"), tmp_path / "x", "jsonl")
    assert recognise(tmp_path / "x") == "jsonl"


@pytest.mark.parametrize("data", [b"", b"hello\n", b"\0" * 100, b"{}", b"\x1f\x8b\x08\0"])
def test_unknown_content_lists_the_formats(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(TraceError, match=r"known format: native .*jsonl .*goal .*cm "):
        load(tmp_path / "x")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"trace": "no-such-file"}, "no such file"),
        ({"trace": "."}, "is a folder"),
        ({"trace": "gen:barrier?ranks=4", "start_unit": "ps"}, "start_unit is not an option"),
        ({"trace": "gen:barrier?ranks=4", "ranks": 5}, "5 ranks are asked for"),
        ({"trace": __file__, "format": "gaol"}, "did you mean 'goal'"),
    ],
)
def test_wrong_request_is_one_clear_line(arguments, problem):
    with pytest.raises(TraceError, match=problem):
        load(**arguments)


def test_file_must_have_the_ranks_that_are_asked_for(tmp_path):
    save(generate("gen:barrier?ranks=4"), tmp_path / "x")
    assert load(tmp_path / "x", ranks=4).n_ranks == 4
    with pytest.raises(TraceError, match="has 4 ranks, 5 are asked for"):
        load(tmp_path / "x", ranks=5)


def test_loaded_trace_is_validated(tmp_path):
    (tmp_path / "x").write_text("num_ranks 2\nrank 0 {\nsend 1b to 1\n}\n")
    with pytest.raises(TraceError, match="sends more messages than are received"):
        load(tmp_path / "x")


@pytest.mark.parametrize("name", shipped_traces())
def test_shipped_trace_is_what_its_rule_makes(name):
    made = load(shipped_traces()[name], seed=SEED)
    assert content(load(ROOT / "traces" / name)) == content(made)


def test_shipped_traces_are_all_there_and_small():
    files = {path.name: path.stat().st_size for path in (ROOT / "traces").iterdir()}
    assert set(files) == {*shipped_traces(), "README.md"}
    assert sum(files.values()) < 1_000_000


def test_readme_names_every_shipped_trace_and_its_rule():
    text = (ROOT / "traces" / "README.md").read_text()
    for name, uri in shipped_traces().items():
        assert f"| `{name}` | `{uri}` |" in text
