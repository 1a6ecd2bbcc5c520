"""GOAL traces (LogGOPSim, ATLAHS), the text form; ``goal_binary`` has the other.

calc n cpu c is a CALC of n ns on stream c; ``requires`` is a finish edge, ``irequires`` a start
edge; source or tag -1 is ANY; nic k is channel k of the connection. Only calc holds its cpu: the
overheads o and O of LogGOPS belong to the host. A send of up to ``eager_bytes`` is finished at
once, a larger one when it is acknowledged (LogGOPSim: when its receipt is matched).
"""

import re
from pathlib import Path

import numpy as np

from fabricemu.errors import TraceError
from fabricemu.workloads.build import MAX_RANKS, ProgramBuilder
from fabricemu.workloads.expand import expand
from fabricemu.workloads.program import NONE, Gate, Ints, Op, Program, SendDone
from fabricemu.workloads.publish import publish

EAGER_BYTES = 65_535  # LogGOPSim's default for S
PS_PER_NS = 1000
MAX_NS = 2**62 // PS_PER_NS
_LIMITS = {"tag": 2**32 - 1, "cpu": 256, "nic": 256}

_OPTIONS = r"(?:\s+tag\s+(-1|\d+))?(?:\s+cpu\s+(\d+))?(?:\s+nic\s+(\d+))?"
_LABEL = r"\s*(?:([A-Za-z]\w*)\s*:\s*)?"
_MESSAGE = re.compile(_LABEL + r"(send|recv)\s+(\d+)b\s+(to|from)\s+(-1|\d+)" + _OPTIONS + r"\s*$")
_CALC = re.compile(_LABEL + r"calc\s+(\d+)(?:\s+cpu\s+(\d+))?\s*$")
_NEEDS = re.compile(r"\s*([A-Za-z]\w*)\s+(i?requires)\s+([A-Za-z]\w*)\s*$")
_RANK = re.compile(r"\s*rank\s+(\d+)\s*\{\s*$")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


class _Reader:
    """State while a file is read; one object, for a file may have a hundred million lines."""

    def __init__(self, name: str, n_ranks: int) -> None:
        self.name, self.n_ranks = name, n_ranks
        self.builder = ProgramBuilder(n_ranks)
        self.line = 0
        self.rank = NONE
        self.seen: set[int] = set()
        self.labels: dict[str, int] = {}

    def fail(self, text: str) -> TraceError:
        return TraceError(f"{self.name}, line {self.line}: {text}")

    def check(self, name: str, value: int) -> int:
        if value >= _LIMITS[name]:
            raise self.fail(f"{name} {value}: expected less than {_LIMITS[name]}")
        return value


def read_goal(path: Path, *, eager_bytes: int = EAGER_BYTES) -> Program:
    """Return the program of a GOAL text.

    Parameters
    ----------
    path : Path
    eager_bytes : int
        Largest send that is finished at once (S of LogGOPSim).
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if "/" in text:  # comments become blanks of as many lines
        text = _COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)
    lines = text.split("\n")
    first, n_ranks = _ranks(str(path), lines)
    reader = _Reader(str(path), n_ranks)
    for reader.line, line in enumerate(lines[first:], first + 1):
        if not line or line.isspace():
            continue
        if reader.rank == NONE:
            _open_rank(reader, line)
        elif line.strip() == "}":
            reader.rank = NONE
        else:
            _read_line(reader, line)
    if reader.rank != NONE:
        raise TraceError(f"{path}: rank {reader.rank} is not closed with '}}'")
    return reader.builder.build(send_done=SendDone.EAGER, eager_bytes=eager_bytes, source=str(path))


def _ranks(name: str, lines: list[str]) -> tuple[int, int]:
    """Return the line after ``num_ranks N``, and N."""
    for number, line in enumerate(lines):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or words[0] != "num_ranks" or not words[1].isdigit():
            raise TraceError(f"{name}, line {number + 1}: expected 'num_ranks N', got {line!r}")
        if not 0 < int(words[1]) <= MAX_RANKS:
            raise TraceError(f"{name}, line {number + 1}: num_ranks must be 1..{MAX_RANKS}")
        return number + 1, int(words[1])
    raise TraceError(f"{name}: the file is empty; expected 'num_ranks N'")


def _open_rank(reader: _Reader, line: str) -> None:
    found = _RANK.match(line)
    if found is None:
        raise reader.fail(f"expected 'rank N {{', got {line.strip()!r}")
    rank = int(found[1])
    if rank >= reader.n_ranks:
        raise reader.fail(f"rank {rank} is not below num_ranks {reader.n_ranks}")
    if rank in reader.seen:
        raise reader.fail(f"rank {rank} appears twice")
    reader.seen.add(rank)
    reader.rank, reader.labels = rank, {}


def _read_line(reader: _Reader, line: str) -> None:
    """Read an operation or an edge."""
    if found := _NEEDS.match(line):
        _edge(reader, *found.groups())
        return
    if found := _MESSAGE.match(line):
        op = _message(reader, found)
    elif found := _CALC.match(line):
        duration = int(found[2])
        if duration > MAX_NS:
            raise reader.fail(f"calc {duration} is out of range")
        cpu = reader.check("cpu", int(found[3] or 0))
        op = reader.builder.calc(reader.rank, duration * PS_PER_NS, stream=cpu)
    else:
        raise reader.fail(f"expected send, recv, calc or requires, got {line.strip()!r}")
    if found[1] is not None:
        if found[1] in reader.labels:
            raise reader.fail(f"label {found[1]!r} is defined twice")
        reader.labels[found[1]] = op


def _edge(reader: _Reader, after: str, word: str, before: str) -> None:
    for label in (after, before):
        if label not in reader.labels:
            raise reader.fail(f"{label!r} is not defined before this line")
    reader.builder.edge(reader.labels[before], reader.labels[after], word == "irequires")


def _message(reader: _Reader, found: re.Match[str]) -> int:
    _, word, size, way, peer, tag, cpu, nic = found.groups(default="0")
    if (word == "send") != (way == "to"):
        raise reader.fail(f"{word} {way}: expected send ... to or recv ... from")
    if int(peer) >= reader.n_ranks or (word == "send" and int(peer) < 0):
        raise reader.fail(f"peer {peer} is not below num_ranks {reader.n_ranks}")
    if word == "send" and tag == "-1":
        raise reader.fail("a send needs a tag of its own, not -1")
    if int(size) >= 2**62:
        raise reader.fail(f"size {size} is out of range")
    reader.check("cpu", int(cpu))
    add = reader.builder.send if word == "send" else reader.builder.recv
    label, channel = reader.check("tag", int(tag)), reader.check("nic", int(nic))
    return add(reader.rank, int(peer), int(size), label, channel)


def writable(program: Program) -> Program:
    """Return the program with messages for collectives, if GOAL can say it; else raise.

    Gates that wait for all, and marks, become ``calc 0``.
    """
    program = expand(program)
    after = np.repeat(np.arange(program.n_ops), np.diff(program.dep_ptr))
    rank = program.rank_of
    gate = (program.kind == Op.GATE) & (program.mode != Gate.ALL)
    limits: list[tuple[bool, str]] = [
        (bool(gate.any()), "gates that do not wait for all"),
        (bool(np.any(program.start_ps)), "start times"),
        (bool(np.any(program.duration_ps % PS_PER_NS)), "parts of a nanosecond"),
        (bool(np.any(rank[after] != rank[program.dep_idx])), "edges between ranks"),
        (bool(np.any(program.stream >= 256)), "streams above 255"),
        (bool(np.any(program.channel >= 256)), "channels above 255"),
        (bool(np.any(program.tag >= 2**32 - 1)), "tags above 32 bits"),
        (bool(np.any((program.kind != Op.CALC) & (program.stream >= 0))), "streams of messages"),
    ]
    for wrong, what in limits:
        if wrong:
            raise TraceError(f"GOAL has no way to write {what}")
    return program


def write_goal(program: Program, path: Path) -> None:
    """Write a program as GOAL text; the policy of sends is not part of the format."""
    program = writable(program)
    with publish(path) as temporary, temporary.open("w", encoding="ascii") as file:
        file.write(f"num_ranks {program.n_ranks}\n")
        for rank in range(program.n_ranks):
            first, last = (int(at) for at in program.rank_ptr[rank : rank + 2])
            file.write(f"\nrank {rank} {{\n")
            file.writelines(_lines(program, first, last))
            file.write("}\n")


def _lines(program: Program, first: int, last: int) -> list[str]:
    """Return the lines of the operations of one rank, then of its edges."""
    lines = []
    for op in range(first, last):
        label = f"l{op - first + 1}"
        if program.kind[op] in (Op.SEND, Op.RECV):
            word = "send {}b to" if program.kind[op] == Op.SEND else "recv {}b from"
            nic = f" nic {program.channel[op]}" if program.channel[op] else ""
            text = f"{word.format(program.bytes[op])} {program.peer[op]} tag {program.tag[op]}{nic}"
        else:
            cpu = max(0, int(program.stream[op]))
            text = f"calc {program.duration_ps[op] // PS_PER_NS} cpu {cpu}"
        lines.append(f"{label}: {text}\n")
    lo, hi = program.dep_ptr[first], program.dep_ptr[last]
    after = np.repeat(np.arange(first, last), np.diff(program.dep_ptr[first : last + 1]))
    edges: list[Ints] = [after, program.dep_idx[lo:hi], program.dep_start[lo:hi]]
    for op, before, start in zip(*(column.tolist() for column in edges), strict=True):
        word = "irequires" if start else "requires"
        lines.append(f"l{op - first + 1} {word} l{before - first + 1}\n")
    return lines
