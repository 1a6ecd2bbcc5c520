"""GOAL, text and binary."""

import struct
from pathlib import Path

import numpy as np
import pytest

from fabricemu.errors import TraceError
from fabricemu.workloads.check import check, info
from fabricemu.workloads.generate import generate
from fabricemu.workloads.goal import read_goal, write_goal
from fabricemu.workloads.goal_binary import read_goal_binary, write_goal_binary
from fabricemu.workloads.program import ANY, Op, SendDone

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "traces" / "goal"
needs_shared = pytest.mark.skipif(not FOLDER.exists(), reason="sample traces are not at hand")

# ranks, sends = receipts, calcs, bytes, edges
SAMPLES = {
    "binary_tree_16": (16, 15, 0, 15, 11),
    "dissemination_16": (16, 64, 0, 64, 48),
    "schedgen2_binomial_bcast_8": (8, 7, 0, 56, 4),
    "synthetic_ring_allreduce_8r_1MiB": (8, 112, 64, 14_680_064, 280),
}
EXAMPLE = """// a comment
num_ranks 2
rank 0 {
c: calc 5 cpu 3 /* over
two lines */
s: send 70000b to 1 tag 4 cpu 1 nic 2
s requires c
}
rank 1 {
r: recv 70000b from -1 tag -1
calc 7
k: calc 9
k irequires r
}
"""


def content(program):
    arrays = {n: v.tolist() for n, v in vars(program).items() if isinstance(v, np.ndarray)}
    return arrays | {"n_ranks": program.n_ranks, "eager": program.eager_bytes}


def read(tmp_path, text, **options):
    path = tmp_path / "x.goal"
    path.write_text(text)
    return read_goal(path, **options)


@needs_shared
@pytest.mark.parametrize("name", SAMPLES)
def test_sample_has_its_counts_and_no_problem(name):
    program = read_goal(FOLDER / f"{name}.goal")
    found = info(program)
    kinds = found["operations_by_kind"]
    counts = (found["ranks"], kinds["send"], kinds["calc"], found["bytes"], found["edges"])
    assert counts == SAMPLES[name]
    assert kinds["recv"] == kinds["send"]
    assert check(program) == []


@needs_shared
@pytest.mark.parametrize("name", SAMPLES)
def test_text_and_binary_are_the_same_program(name):
    text, binary = (FOLDER / f"{name}.{end}" for end in ("goal", "bin"))
    assert content(read_goal(text)) == content(read_goal_binary(binary))


@needs_shared
@pytest.mark.parametrize("name", [name for name in SAMPLES if "synthetic" not in name])
def test_written_binary_is_that_of_txt2bin(name, tmp_path):
    # The other sample puts messages on cpus, which a program does not keep.
    write_goal_binary(read_goal(FOLDER / f"{name}.goal"), tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == (FOLDER / f"{name}.bin").read_bytes()


def test_operations_keep_their_meaning(tmp_path):
    program = read(tmp_path, EXAMPLE)
    assert program.kind.tolist() == [Op.CALC, Op.SEND, Op.RECV, Op.CALC, Op.CALC]
    assert program.duration_ps.tolist() == [5000, 0, 0, 7000, 9000]
    assert program.stream.tolist() == [3, -1, -1, 0, 0]
    assert program.peer[1:3].tolist() == [1, ANY]
    assert program.tag[1:3].tolist() == [4, ANY]
    assert program.channel[1] == 2
    assert program.dep_idx.tolist() == [0, 2]
    assert program.dep_start.tolist() == [0, 1]
    assert (program.send_done, program.eager_bytes) == (SendDone.EAGER, 65_535)


def test_eager_limit_can_be_set(tmp_path):
    assert read(tmp_path, EXAMPLE, eager_bytes=1).eager_bytes == 1


@pytest.mark.parametrize(
    ("writer", "reader"), [(write_goal, read_goal), (write_goal_binary, read_goal_binary)]
)
def test_program_survives_writing(tmp_path, writer, reader):
    program = read(tmp_path, EXAMPLE)
    writer(program, tmp_path / "y")
    assert content(reader(tmp_path / "y")) == content(program)


def test_collectives_are_written_as_messages(tmp_path):
    write_goal(generate("gen:all-reduce?ranks=4&bytes=1MB"), tmp_path / "y")
    program = read_goal(tmp_path / "y")
    assert info(program)["messages"] == 4 * 6
    assert check(program) == []


HEAD = "num_ranks 2\nrank 0 {\n"
WRONG = [
    ("", "empty"),
    ("rank 0 {\n", "line 1: expected 'num_ranks N'"),
    ("num_ranks 0\n", "num_ranks must be"),
    (HEAD, "not closed"),
    (HEAD + "}\nrank 0 {\n}\n", "rank 0 appears twice"),
    ("num_ranks 2\nrank 2 {\n}\n", "rank 2 is not below"),
    (HEAD + "snd 1b to 1\n}\n", "line 3: expected send, recv, calc or requires"),
    (HEAD + "send 1b to 2\n}\n", "peer 2 is not below"),
    (HEAD + "send 1b from 1\n}\n", "send from: expected"),
    (HEAD + "send 1b to 1 tag -1\n}\n", "needs a tag"),
    (HEAD + "calc 1 cpu 256\n}\n", "cpu 256"),
    (HEAD + "a: calc 1\na: calc 1\n}\n", "defined twice"),
    (HEAD + "a: calc 1\na requires b\n}\n", "'b' is not defined before"),
    (HEAD + "calc 99999999999999999999\n}\n", "out of range"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_wrong_text_is_one_clear_line(tmp_path, text, problem):
    with pytest.raises(TraceError, match=problem) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def damaged(at, form, value):
    def damage(data):
        struct.pack_into(form, data, at, value)
        return data

    return damage


# Of EXAMPLE: the block of rank 0 starts at 46, its first operation at 58.
DAMAGE = [
    (lambda data: data[:10], "shorter than the header"),
    (damaged(0, "<Q", 2342), "save-mem"),
    (damaged(0, "<Q", 1), "magic number 1"),
    (damaged(8, "<I", 10**9), "do not fit"),
    (damaged(14, "<Q", 10**9), "rank 0 lies outside"),
    (damaged(46, "<I", 10**9), "operations do not fit"),
    (damaged(62, "<B", 9), "neither send, recv nor calc"),
    (damaged(58 + 23, "<I", 10**6), "lie outside"),
    (damaged(58 + 39 + 5, "<I", 7), "peer is not below"),
    (lambda data: data[:-20], "outside"),
]


@pytest.mark.parametrize(("damage", "problem"), DAMAGE)
def test_damaged_binary_is_one_clear_line(tmp_path, damage, problem):
    path = tmp_path / "x.bin"
    write_goal_binary(read(tmp_path, EXAMPLE), path)
    path.write_bytes(damage(bytearray(path.read_bytes())))
    with pytest.raises(TraceError, match=problem):
        read_goal_binary(path)
