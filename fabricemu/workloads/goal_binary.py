"""GOAL traces, the binary form of LogGOPSim's txt2bin; meaning as in ``goal``."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fabricemu.errors import TraceError
from fabricemu.workloads.build import COLUMNS, ProgramBuilder
from fabricemu.workloads.goal import EAGER_BYTES, MAX_NS, PS_PER_NS, writable
from fabricemu.workloads.program import ANY, NONE, Ints, Op, Program, SendDone
from fabricemu.workloads.publish import publish

MAGIC, UNLINKED = 4223, 2342
_WILD = 2**32 - 1
_HEAD = 14  # magic, number of ranks, highest cpu and nic
_BASE = 8  # offsets of ranks count from here
_KINDS = {1: Op.SEND, 2: Op.RECV, 3: Op.CALC}
_NODE = np.dtype(
    [
        ("waits", "<u4"),
        ("kind", "u1"),
        ("peer", "<u4"),
        ("size", "<u8"),
        ("tag", "<u4"),
        ("cpu", "u1"),
        ("nic", "u1"),
        ("n_after", "<u4"),
        ("after", "<u4"),
        ("n_begun", "<u4"),
        ("begun", "<u4"),
    ]
)


def read_goal_binary(path: Path, *, eager_bytes: int = EAGER_BYTES) -> Program:
    """Return the program of a binary GOAL file; ``eager_bytes`` as in ``read_goal``."""
    data = path.read_bytes()
    if len(data) < _HEAD:
        raise TraceError(f"{path}: shorter than the header of binary GOAL")
    magic, n_ranks = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:12], "little")
    if magic == UNLINKED:
        raise TraceError(f"{path}: was used up by a run with --save-mem; convert it again")
    if magic != MAGIC:
        raise TraceError(f"{path}: magic number {magic}, expected {MAGIC}")
    if not 0 < n_ranks <= (len(data) - _HEAD) // 16:
        raise TraceError(f"{path}: {n_ranks} ranks do not fit into {len(data)} bytes")
    spans = np.frombuffer(data, "<u8", 2 * n_ranks, _HEAD).reshape(n_ranks, 2)
    builder = ProgramBuilder(n_ranks)
    for rank in range(n_ranks):
        first, last = int(spans[rank, 0]) + _BASE, int(spans[rank, 1]) + _BASE
        if not _HEAD <= first <= last <= len(data):
            raise TraceError(f"{path}: rank {rank} lies outside the file")
        try:
            table, edges = _rank(data[first:last], rank, n_ranks)
        except ValueError as error:
            raise TraceError(f"{path}: rank {rank}: {error}") from None
        edges[:, :2] += builder.n_ops
        builder.extend(table, edges)
    return builder.build(send_done=SendDone.EAGER, eager_bytes=eager_bytes, source=str(path))


def _rank(data: bytes, rank: int, n_ranks: int) -> tuple[Ints, Ints]:
    """Return operations and edges of one rank, numbered from 0."""
    if len(data) < 8:
        raise ValueError("no room for its counts")
    n, roots = np.frombuffer(data, "<u4", 2).tolist()
    at = 8 + 4 * roots
    if at + n * _NODE.itemsize > len(data):
        raise ValueError(f"{n} operations do not fit into {len(data)} bytes")
    nodes = np.frombuffer(data, _NODE, n, at)
    rest = data[at + n * _NODE.itemsize :]
    appendix = np.frombuffer(rest, "<u4", len(rest) // 4).astype(np.int64)
    edges = [
        _edges(nodes[count].astype(np.int64), nodes[first].astype(np.int64), appendix, start)
        for count, first, start in (("n_after", "after", 0), ("n_begun", "begun", 1))
    ]
    return _table(nodes, rank, n_ranks), np.concatenate(edges)


def _edges(count: Ints, first: Ints, appendix: Ints, start: int) -> Ints:
    """Return the edges to the successors that the appendix lists."""
    if np.any(first[count > 0] + count[count > 0] > len(appendix)):
        raise ValueError("an operation's successors lie outside the file")
    before = np.repeat(np.arange(len(count)), count)
    offset = np.arange(len(before)) - np.repeat(np.cumsum(count) - count, count)
    after = appendix[np.repeat(first, count) + offset]
    if np.any(after >= len(count)):
        raise ValueError("an edge leads to no operation")
    return np.stack([before, after, np.full_like(before, start)], axis=1)


def _table(nodes: NDArray[np.void], rank: int, n_ranks: int) -> Ints:
    """Return the operations of one rank as rows of the builder."""
    kind = nodes["kind"]
    if not np.isin(kind, list(_KINDS)).all():
        raise ValueError("an operation is neither send, recv nor calc")
    calc, recv = kind == 3, kind == 2
    peer, tag = nodes["peer"].astype(np.int64), nodes["tag"].astype(np.int64)
    wild = recv & (peer == _WILD)
    if np.any(~calc & ~wild & (peer >= n_ranks)):
        raise ValueError(f"a peer is not below {n_ranks}")
    if np.any((kind == 1) & (tag == _WILD)):
        raise ValueError("a send has no tag of its own")
    size = nodes["size"]
    if np.any(size > np.where(calc, np.uint64(MAX_NS), np.uint64(2**62))):
        raise ValueError("a size or a duration is out of range")
    size = size.astype(np.int64)
    columns = dict.fromkeys(COLUMNS, np.zeros(len(nodes), np.int64))
    none = np.full(len(nodes), NONE)
    columns |= {
        "rank": np.full(len(nodes), rank),
        "kind": np.array([0, *_KINDS.values()])[kind],
        "stream": np.where(calc, nodes["cpu"].astype(np.int64), NONE),
        "duration_ps": np.where(calc, size * PS_PER_NS, 0),
        "bytes": np.where(calc, 0, size),
        "peer": np.where(calc | wild, ANY, peer),
        "tag": np.where(calc, 0, np.where(tag == _WILD, ANY, tag)),
        "channel": np.where(calc, 0, nodes["nic"].astype(np.int64)),
        "collective": none,
        "name": none,
    }
    return np.stack([columns[name] for name in COLUMNS], axis=1)


def write_goal_binary(program: Program, path: Path) -> None:
    """Write a program as binary GOAL."""
    program = writable(program)
    parts = [_rank_bytes(program, rank) for rank in range(program.n_ranks)]
    ends = np.cumsum([len(part) for part in parts]) + _HEAD - _BASE + 16 * program.n_ranks
    starts = ends - [len(part) for part in parts]
    message = np.isin(program.kind, [Op.SEND, Op.RECV])
    cpu = max(0, int(program.stream.max(initial=0)))
    nic = int(program.channel[message].max(initial=0))
    with publish(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC.to_bytes(8, "little") + program.n_ranks.to_bytes(4, "little"))
        file.write(bytes([cpu, nic]))
        file.write(np.stack([starts, ends], axis=1).astype("<u8").tobytes())
        file.writelines(parts)


def _rank_bytes(program: Program, rank: int) -> bytes:
    """Return the block of one rank: counts, roots, operations, successors."""
    first, last = (int(at) for at in program.rank_ptr[rank : rank + 2])
    n, ops = last - first, slice(first, last)
    waits = np.diff(program.dep_ptr[first : last + 1])
    after = np.repeat(np.arange(n), waits)
    deps = slice(int(program.dep_ptr[first]), int(program.dep_ptr[last]))
    before, start = program.dep_idx[deps] - first, program.dep_start[deps]
    # Finish successors of an operation come before its start successors.
    order = np.lexsort((after, start, before))
    counts = np.bincount(2 * before + start, minlength=2 * n)
    firsts = np.cumsum(counts) - counts
    kind = program.kind[ops]
    message = np.isin(kind, [Op.SEND, Op.RECV])
    nodes = np.zeros(n, _NODE)
    nodes["waits"] = waits
    nodes["kind"] = np.where(kind == Op.SEND, 1, np.where(kind == Op.RECV, 2, 3))
    nodes["peer"] = np.where(message, program.peer[ops] % (_WILD + 1), 0)
    nodes["size"] = np.where(message, program.bytes[ops], program.duration_ps[ops] // PS_PER_NS)
    nodes["tag"] = np.where(message, program.tag[ops] % (_WILD + 1), 0)
    nodes["cpu"] = np.maximum(program.stream[ops], 0)
    nodes["nic"] = np.where(message, program.channel[ops], 0)
    nodes["n_after"], nodes["n_begun"] = counts[0::2], counts[1::2]
    nodes["after"], nodes["begun"] = firsts[0::2], firsts[1::2]
    roots = np.flatnonzero(waits == 0).astype("<u4")
    head = np.array([n, len(roots)], "<u4").tobytes()
    return head + roots.tobytes() + nodes.tobytes() + after[order].astype("<u4").tobytes()
