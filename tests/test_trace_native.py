"""The project's own trace files, HDF5 and JSON lines."""

import json

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabricemu.errors import OutputError, TraceError
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.generate import generate
from fabricemu.workloads.jsonl import read_jsonl, write_jsonl
from fabricemu.workloads.native import read_native, write_native
from fabricemu.workloads.program import ANY, Algorithm, Collective, Gate, Op, SendDone

FORMS = [(write_native, read_native), (write_jsonl, read_jsonl)]
both_forms = pytest.mark.parametrize(("write", "read"), FORMS, ids=["hdf5", "jsonl"])
TIMES = st.integers(0, 2**50)
KINDS = st.sampled_from([Op.CALC, Op.SEND, Op.RECV, Op.GATE, Op.MARK])


def content(program):
    arrays = {n: v.tolist() for n, v in vars(program).items() if isinstance(v, np.ndarray)}
    rows = {n: v.tolist() for n, v in vars(program.collectives).items()}
    rest = {n: v for n, v in vars(program).items() if n not in arrays and n != "collectives"}
    return arrays | rest | {"rows": rows}


@st.composite
def programs(draw):
    n = draw(st.integers(1, 4))
    builder = ProgramBuilder(n)
    builder.jobs = ["job", "zweiter \u2713"]
    ranks = st.integers(0, n - 1)
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(KINDS)
        values = {"start_ps": draw(TIMES), "stream": draw(st.integers(-1, 2))}
        values["job"] = draw(st.integers(0, 1))
        if draw(st.booleans()):
            values["name"] = builder.name(draw(st.text(max_size=5)))
        if kind == Op.CALC:
            values["duration_ps"] = draw(TIMES)
        if kind in (Op.SEND, Op.RECV):
            wild = kind == Op.RECV and draw(st.booleans())
            values |= {"peer": ANY if wild else draw(ranks), "size": draw(st.integers(0, 2**40))}
            values |= {"tag": ANY if wild else draw(st.integers(0, 99)), "channel": draw(ranks)}
        if kind == Op.GATE:
            mode = draw(st.sampled_from(Gate))
            values |= {"mode": mode, "count": draw(ranks) if mode == Gate.COUNT else 0}
        builder.add(draw(ranks), kind, **values)
    for _ in range(draw(st.integers(0, 3))):
        members = draw(st.permutations(range(n)))[: draw(st.integers(1, n))]
        shape = {"channels": draw(st.integers(1, 3)), "root": draw(st.integers(0, 3))}
        row = builder.collective(
            Collective.BROADCAST, Algorithm.RING, builder.group(members), draw(TIMES), **shape
        )
        for rank in members:
            builder.coll(rank, row)
    last = builder.n_ops - 1
    for _ in range(draw(st.integers(0, 8)) if last >= 0 else 0):
        ends = draw(st.integers(0, last)), draw(st.integers(0, last))
        builder.edge(*ends, start=draw(st.booleans()))
    policy = draw(st.sampled_from(SendDone))
    notes = draw(st.lists(st.text(max_size=4), max_size=2))
    return builder.build(send_done=policy, eager_bytes=draw(ranks), source="here", notes=notes)


@both_forms
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(program=programs())
def test_program_survives_writing_exactly(tmp_path, write, read, program):
    write(program, tmp_path / "x")
    assert content(read(tmp_path / "x")) == content(program)


@both_forms
def test_same_program_gives_the_same_bytes(tmp_path, write, read):
    program = generate("gen:training?ranks=3")
    for name in "ab":
        write(program, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@both_forms
def test_nothing_else_is_left_in_the_folder(tmp_path, write, read):
    write(generate("gen:barrier?ranks=2"), tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@both_forms
def test_missing_folder_is_an_output_error(tmp_path, write, read):
    with pytest.raises(OutputError, match="cannot be created"):
        write(generate("gen:barrier?ranks=2"), tmp_path / "no" / "x")


def replace(name, data, **options):
    def damage(file):
        del file[name]
        file.create_dataset(name, data=data, **options)

    return damage


def attribute(name, value):
    def damage(file):
        file["meta"].attrs[name] = np.bytes_(value) if isinstance(value, str) else value

    return damage


def remove(name):
    def damage(file):
        del file[name]

    return damage


def link(file):
    del file["ops/bytes"]
    file["ops/bytes"] = h5py.ExternalLink("other.h5", "/x")


def hole(file):
    del file["groups/ranks"]
    file.create_dataset("groups/ranks", shape=(10**9,), dtype="i8", chunks=(1000,))
    file["groups/ptr"][:] = [0, 10**9]


DAMAGE = [
    (remove("ops/bytes"), "dataset /ops/bytes is missing"),
    (remove("meta"), "not a trace of this project"),
    (link, "dataset /ops/bytes is missing"),
    (hole, "that are not stored"),
    (replace("ops/bytes", np.zeros(4)), "one dimension of integers"),
    (replace("ops/bytes", np.zeros((2, 2), int)), "one dimension of integers"),
    (replace("ops/bytes", ["a", "b"]), "one dimension of integers"),
    (replace("ops/bytes", np.zeros(3, int)), "has 3 values, expected 4"),
    (replace("ops/bytes", np.full(4, 2**64 - 1, "u8")), r"above 2\^63 - 1"),
    (replace("rank_ptr", [0, 3, 2, 3, 4]), "never fall"),
    (replace("deps/ptr", [0, 0, 0, 0, 9]), "/deps/idx has 0 values, expected 9"),
    (replace("collectives/root", [0, 0]), "columns of /collectives differ"),
    (replace("names", [300]), "not text"),
    (replace("names", [91]), "not a JSON list"),
    (attribute("format", "other"), "not a trace of this project"),
    (attribute("version", 2), "version 2, expected 1"),
    (attribute("world_size", -1), "world_size of /meta"),
    (attribute("world_size", 2**40), "world_size of /meta"),
    (attribute("time_unit", "us"), "time_unit of /meta is 'us'"),
    (attribute("send_done", "locl"), "did you mean 'local'"),
]


@pytest.mark.parametrize(("damage", "problem"), DAMAGE)
def test_damaged_file_is_one_clear_line(tmp_path, damage, problem):
    path = tmp_path / "x.ftr.h5"
    write_native(generate("gen:all-reduce?ranks=4&bytes=8"), path)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(TraceError, match=problem) as caught:
        read_native(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(200)])
def test_what_is_not_hdf5_is_one_clear_line(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(TraceError, match="cannot be read as HDF5"):
        read_native(tmp_path / "x")


def test_file_cut_short_is_one_clear_line(tmp_path):
    path = tmp_path / "x"
    write_native(generate("gen:all-reduce?ranks=400&bytes=8"), path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(TraceError, match="cannot be read as HDF5"):
        read_native(path)


def test_times_in_ns_are_read_as_ps(tmp_path):
    builder = ProgramBuilder(1)
    builder.calc(0, 5, start_ps=7)
    write_native(builder.build(), tmp_path / "x")
    with h5py.File(tmp_path / "x", "r+") as file:
        file["meta"].attrs["time_unit"] = np.bytes_("ns")
        file.move("ops/dur_ps", "ops/dur_ns")
        file.move("ops/t0_ps", "ops/t0_ns")
    program = read_native(tmp_path / "x")
    assert (program.duration_ps.tolist(), program.start_ps.tolist()) == ([5000], [7000])


HEADER = {"format": "fabricemu-trace", "version": 1, "ranks": 8, "groups": {"dp0": [0, 4]}}


def lines(*items, **header):
    return "\n".join(json.dumps(item) for item in (HEADER | header, *items))


def read_text(tmp_path, text):
    (tmp_path / "x.jsonl").write_text(text)
    return read_jsonl(tmp_path / "x.jsonl")


def test_hand_written_lines_are_read(tmp_path):
    coll = {"op": "coll", "type": "all_reduce", "group": "dp0", "in": 33554432}
    program = read_text(
        tmp_path,
        lines(
            {"r": 0, "id": "c0", "op": "calc", "ns": 5000},
            {"r": 0, "id": "a", "deps": ["c0"]} | coll,
            {"r": 0, "id": "s", "op": "send", "to": 4, "bytes": 2097152, "tag": 77, "deps": ["a"]},
            {"r": 4} | coll,
            {"r": 4, "op": "recv", "from": "any", "bytes": 2097152, "tag": 77, "starts": ["0:s"]},
        ),
    )
    assert program.kind.tolist() == [Op.CALC, Op.COLL, Op.SEND, Op.COLL, Op.RECV]
    assert program.collectives.bytes.tolist() == [33554432]
    assert program.dep_idx.tolist() == [0, 1, 2]
    assert program.dep_start.tolist() == [0, 0, 1]
    assert program.peer.tolist()[-1] == ANY


@pytest.mark.parametrize(
    ("kind", "field", "buffer"),
    [
        ("all_reduce", {"in": 1000}, 1000),
        ("reduce_scatter", {"in": 1000}, 1000),
        ("all_gather", {"in": 1000}, 2000),
        ("all_gather", {"out": 1001}, 1001),
        ("all_to_all", {"in": 1000}, 1000),
    ],
)
def test_in_is_what_one_rank_puts_in(tmp_path, kind, field, buffer):
    coll = {"op": "coll", "type": kind, "group": "dp0"} | field
    program = read_text(tmp_path, lines({"r": 0} | coll, {"r": 4} | coll))
    assert program.collectives.bytes.tolist() == [buffer]


@pytest.mark.parametrize(("text", "time_ps"), [("0.001", 1), ("123456789012.345", 123456789012345)])
def test_ns_are_exact_to_the_picosecond(tmp_path, text, time_ps):
    operation = f'{{"r": 0, "op": "calc", "ns": {text}}}'
    assert read_text(tmp_path, lines() + "\n" + operation).duration_ps.tolist() == [time_ps]


COLL = {"op": "coll", "type": "all_reduce", "group": "dp0", "in": 5}
WRONG = [
    ("", "empty"),
    ("{", "line 1: not JSON"),
    ("[]", "expected a JSON object"),
    ("{}", 'expected "format"'),
    (lines(ranks=0), "ranks: expected an integer"),
    (lines(rank=3), "did you mean 'ranks'"),
    (lines(groups={"a": [9]}), "9 is not a rank below 8"),
    (lines(send_done="loca"), "did you mean 'local'"),
    (lines({"r": 0, "op": "clc"}), "line 2: op 'clc'; did you mean 'calc'"),
    (lines({"r": 8, "op": "calc"}), "r 8 is not below ranks 8"),
    (lines({"r": 0, "op": "calc", "nss": 5}), "did you mean 'ns'"),
    (lines({"r": 0, "op": "calc", "ns": 0.0001}), "whole number of ps"),
    (lines({"r": 0, "op": "calc", "ns": -1}), "expected a time in ns"),
    (lines({"r": 0, "op": "calc", "ns": True}), "expected a time in ns"),
    (lines({"r": 0, "op": "calc", "ns": float("nan")}), "expected a time in ns"),
    (lines({"r": 0, "op": "send", "to": 1}), "bytes: expected an integer"),
    (lines({"r": 0, "op": "calc", "deps": ["z"]}), "no operation 'z' on rank 0"),
    (lines({"r": 0, "op": "calc", "deps": "z"}), "deps: expected a list"),
    (lines({"r": 0, "op": "calc", "deps": ["x:z"]}), "expected an id, or rank:id"),
    (lines({"r": 0, "op": "calc", "id": "a:b"}), "id: expected a text without ':'"),
    (lines(*[{"r": 0, "op": "calc", "id": "a"}] * 2), "used twice on rank 0"),
    (lines({"r": 0, "op": "gate", "mode": "al"}), "did you mean 'all'"),
    (lines({"r": 0} | COLL | {"group": "dp"}), "did you mean 'dp0'"),
    (lines({"r": 0} | COLL | {"algorithm": "shift"}), "algorithm 'shift'"),
    (lines({"r": 0} | COLL, {"r": 4} | COLL | {"in": 6}), "collective 0 of group 'dp0' has size 6"),
    (lines({"r": 0} | COLL | {"row": 3}), "no collective has row 0"),
    (lines({"r": 0, "op": "calc", "job": "b"}), "job 'b'"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_wrong_lines_are_one_clear_line(tmp_path, text, problem):
    with pytest.raises(TraceError, match=problem) as caught:
        read_text(tmp_path, text)
    assert "x.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)
