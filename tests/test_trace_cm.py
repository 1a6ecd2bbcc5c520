"""htsim connection matrices."""

from pathlib import Path

import numpy as np
import pytest

from fabricemu.errors import TraceError
from fabricemu.workloads.check import check, info
from fabricemu.workloads.cm import read_cm, write_cm
from fabricemu.workloads.generate import generate
from fabricemu.workloads.program import Gate, Op, SendDone

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "traces" / "htsim_cm"
needs_shared = pytest.mark.skipif(not FOLDER.exists(), reason="sample traces are not at hand")

# nodes, connections, gates by mode, bytes
SAMPLES = {
    "csg/outcast_incast.cm": (128, 21, {}, 42_000_000),
    "csg/perm_16n_16c_2MB.cm": (16, 16, {}, 32_000_000),
    "generated/allreduce_butterfly_16n_1g_g16_1MB.cm": (16, 64, {Gate.ANY: 48}, 67_108_864),
    "generated/allreduce_ring_16n_16c_g8_1MB.cm": (16, 240, {Gate.ANY: 224}, 251_658_240),
    "generated/allreduce_ring_32n_32c_g32_64KB_shuffled.cm": (
        *(32, 2016, {Gate.ANY: 1984}, 132_120_576),
    ),
    "generated/alltoall_serial4_16n_16c_g16_p4_250KB.cm": (16, 240, {Gate.FIFO: 48}, 60_000_000),
    "uet/alltoall_serial_16n.cm": (16, 240, {Gate.ANY: 224}, 480_000_000),
    "uet/bidir.cm": (16, 2, {}, 4_000_000),
    "uet/foo2.cm": (128, 12, {Gate.ANY: 8}, 24_000_000),
    "uet/incast.cm": (16, 15, {}, 30_000_000),
    "uet/incast_2-1.tm": (16, 2, {}, 4_000_000),
    "uet/incast_2to1_size4194304B.cm": (128, 2, {}, 8_388_608),
    "uet/one.cm": (16, 1, {}, 2_000_000),
    "uet/perm_1024n_1024c_0u_2000000b.cm": (1024, 1024, {}, 2_048_000_000),
    "uet/perm_1024n_1024c_0u_20000b.cm": (1024, 1024, {}, 20_480_000),
    "uet/perm_128n_128c_2MB.cm": (128, 128, {}, 256_000_000),
    "uet/perm_16n_16c_2MB.cm": (16, 16, {}, 32_000_000),
    "uet/perm_32n_32c_2MB.cm": (32, 32, {}, 64_000_000),
    "uet/test_cr_1f10m10p.cm": (2, 10, {}, 408_600),
    "uet/test_cr_1f10m1p.cm": (2, 10, {}, 40_860),
    "uet/test_cr_1f1m100p.cm": (2, 1, {}, 408_600),
    "uet/test_cr_1f1m10p.cm": (2, 1, {}, 40_860),
}
ENDLESS = ["csg/collateral_incast.cm", "csg/collateral_incast2.cm", "csg/permutation.cm"]


def read(tmp_path, text, **options):
    path = tmp_path / "x.cm"
    path.write_text(text)
    return read_cm(path, **options)


def gates(program):
    found = program.mode[program.kind == Op.GATE]
    return {Gate(int(m)): int(np.count_nonzero(found == m)) for m in np.unique(found)}


@needs_shared
def test_every_sample_is_named_here():
    files = {str(p.relative_to(FOLDER)) for p in FOLDER.rglob("*.[ct]m")}
    assert files == {*SAMPLES, *ENDLESS, "uet/a2a.cm"}


@needs_shared
@pytest.mark.parametrize("name", SAMPLES)
def test_sample_has_its_counts_and_no_problem(name):
    program = read_cm(FOLDER / name)
    found = info(program)
    kinds = found["operations_by_kind"]
    assert kinds["send"] == kinds["recv"]
    assert (program.n_ranks, kinds["send"], gates(program), found["bytes"]) == SAMPLES[name]
    assert check(program) == []


@needs_shared
@pytest.mark.parametrize("name", ENDLESS)
def test_endless_flow_is_refused(name):
    with pytest.raises(TraceError, match=r"line 3: size is 0 or absent, which is an endless flow"):
        read_cm(FOLDER / name)


@needs_shared
def test_broken_sample_says_how_header_and_file_differ():
    text = "header says 3600 connections, the file has 240; header says 3360 triggers, .* has 0"
    with pytest.raises(TraceError, match=text):
        read_cm(FOLDER / "uet" / "a2a.cm")


@needs_shared
def test_messages_of_one_id_share_a_connection():
    program = read_cm(FOLDER / "uet" / "test_cr_1f10m10p.cm")
    assert not np.any(program.channel)


def test_flows_between_the_same_nodes_have_connections_of_their_own(tmp_path):
    flow = "0->1 id {} start 0 size 5\n"
    program = read(tmp_path, "Nodes 2\nConnections 2\n" + flow.format(1) + flow.format(2))
    assert program.channel[program.kind == Op.SEND].tolist() == [0, 1]


@pytest.mark.parametrize(("unit", "start_ps"), [("ps", 40), ("us", 40_000_000)])
def test_start_is_in_the_unit_that_is_given(tmp_path, unit, start_ps):
    text = "Nodes 2\nConnections 1\n0->1 start 40 size 5\n"
    program = read(tmp_path, text, start_unit=unit)
    assert program.start_ps.tolist() == [start_ps, 0]
    assert program.send_done == SendDone.ACKED


def test_start_without_unit_is_refused(tmp_path):
    with pytest.raises(TraceError, match=r"line 3: start 40: .* unit to ps or us"):
        read(tmp_path, "Nodes 2\nConnections 1\n0->1 start 40 size 5\n")


CHAIN = """Nodes 4
Connections 4
Triggers 1
0->1 id 1 start 0 size 5 send_done_trigger 1
1->2 id 2 start 0 size 5 recv_done_trigger 1
3->0 id 3 trigger 1 size 5
3->1 id 4 trigger 1 size 5
trigger id 1 {}
"""


@pytest.mark.parametrize(
    ("word", "mode", "count"),
    [("oneshot", Gate.ANY, 0), ("multishot", Gate.FIFO, 0), ("barrier count 2", Gate.COUNT, 2)],
)
def test_trigger_is_a_gate_where_its_targets_start(tmp_path, word, mode, count):
    program = read(tmp_path, CHAIN.format(word))
    (gate,) = np.flatnonzero(program.kind == Op.GATE)
    before = program.dep_idx[program.dep_ptr[gate] : program.dep_ptr[gate + 1]]
    assert (program.mode[gate], program.count[gate]) == (mode, count)
    assert program.rank_of[gate] == 3
    kinds = [(int(program.rank_of[op]), Op(int(program.kind[op]))) for op in before]
    assert kinds == [(0, Op.SEND), (2, Op.RECV)]


def test_multishot_over_ranks_releases_in_the_order_of_the_file(tmp_path):
    text = CHAIN.replace("3->1 id 4", "2->1 id 4").format("multishot")
    program = read(tmp_path, text)
    counters = np.flatnonzero(program.kind == Op.GATE)
    ranks = program.rank_of[counters].tolist()
    assert dict(zip(ranks, program.count[counters].tolist(), strict=True)) == {3: 1, 2: 2}


HEAD = "Nodes 2\nConnections 1\n"
WRONG = [
    ("0->1 start 0 size 5\n", "expected 'Nodes N' first"),
    ("Nodes 2\n", "lacks 'Connections N'"),
    ("Nodes 2\nConnections 2\n0->1 start 0 size 5\n", "2 connections, the file has 1"),
    (HEAD + "0->2 start 0 size 5\n", "node 2 is not below Nodes 2"),
    (HEAD + "0->x start 0 size 5\n", "node: expected an integer"),
    (HEAD + "0->1 size 5\n", "one of start and trigger"),
    (HEAD + "0->1 start 0 trigger 1 size 5\n", "one of start and trigger"),
    (HEAD + "0->1 strt 0 size 5\n", "did you mean 'start'"),
    (HEAD + "0->1 start nan size 5\n", "start: expected a number"),
    (HEAD + "0->1 start 0 size\n", "size: expected an integer"),
    (HEAD + "0->1 start 0 size 5 size 5\n", "given twice"),
    (HEAD + "0->1 start 0 size 5 send_done_trigger 3\n", "send_done_trigger 3 is not declared"),
    (HEAD + "failure switch_type TOR switch_id 0 link_id 1\n", "failures are not supported"),
    (HEAD + "0->1 start 0 size 5\ntrigger id 1 onshot\n", "did you mean 'oneshot'"),
    (HEAD + "0->1 start 0 size 5\ntrigger id 1 barrier\n", "needs 'count N'"),
    (HEAD + "hello\n", "expected SRC->DST"),
    (CHAIN.format("multishot").replace(" send_done_trigger 1", ""), "only 1 flows activate it"),
    (CHAIN.format("barrier count 3"), "2 flows activate it"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_wrong_matrix_is_one_clear_line(tmp_path, text, problem):
    with pytest.raises(TraceError, match=problem) as caught:
        read(tmp_path, text)
    assert "x.cm" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_plain_flows_survive_writing(tmp_path):
    path = tmp_path / "y.cm"
    text = "Nodes 3\nConnections 3\n0->1 id 1 msg start 7 size 5\n0->1 id 1 msg start 9 size 6\n"
    program = read(tmp_path, text + "2->1 id 2 start 0 size 1\n", start_unit="ps")
    write_cm(program, path)
    again = read_cm(path, start_unit="ps")
    for name in ("kind", "bytes", "peer", "tag", "channel", "start_ps", "rank_ptr"):
        assert getattr(again, name).tolist() == getattr(program, name).tolist()


def test_what_waits_cannot_be_written(tmp_path):
    with pytest.raises(TraceError, match="only independent messages"):
        write_cm(generate("gen:barrier?ranks=2"), tmp_path / "y.cm")
