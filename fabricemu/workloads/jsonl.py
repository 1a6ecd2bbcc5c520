"""Traces as JSON lines, for people: a header object, then one object for each operation.

``{"r": 0, "id": "c", "op": "calc", "ns": 5000}``; times are exact to the picosecond. ``deps``
and ``starts`` name operations of the same rank, or ``"3:c"`` of rank 3. The k-th ``coll`` of a
rank on a group is that group's instance k, and its members must say the same. ``in`` is the
``bytes`` of ``Collectives``. Collectives are numbered in the order in which the file first names
them; where a program has another order, ``row`` is the number.
"""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from fabricemu.errors import TraceError, nearest
from fabricemu.workloads.build import MAX_RANKS, ProgramBuilder
from fabricemu.workloads.program import (
    ANY,
    NONE,
    Algorithm,
    Collective,
    Gate,
    Op,
    Program,
    SendDone,
)
from fabricemu.workloads.publish import publish
from fabricemu.workloads.schedule import ALGORITHMS

FORMAT, VERSION = "fabricemu-trace", 1
PS_PER_NS = 1000
_LIMIT = 2**62
_HEADER = (
    *("format", "version", "ranks", "send_done", "eager_bytes"),
    *("groups", "jobs", "names", "source", "notes"),
)
_COMMON = ("r", "id", "op", "deps", "starts", "stream", "start_ns", "job", "name")
_OWN: dict[str, tuple[str, ...]] = {
    "calc": ("ns",),
    "send": ("to", "bytes", "tag", "channel"),
    "recv": ("from", "bytes", "tag", "channel"),
    "coll": ("type", "group", "in", "out", "algorithm", "channels", "chunks", "root", "row"),
    "gate": ("mode", "count"),
    "mark": (),
}


def write_jsonl(program: Program, path: Path) -> None:
    """Write a program as JSON lines."""
    with publish(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(_header(program), ensure_ascii=False) + "\n")
        numbered = _in_order(program)
        for rank in range(program.n_ranks):
            for op in range(int(program.rank_ptr[rank]), int(program.rank_ptr[rank + 1])):
                fields = _operation(program, rank, op)
                if program.kind[op] == Op.COLL and not numbered:
                    fields["row"] = str(program.collective[op])
                file.write("{" + ", ".join(f'"{k}": {v}' for k, v in fields.items()) + "}\n")


def _header(program: Program) -> dict[str, Any]:
    ptr = program.group_ptr.tolist()
    members = program.group_ranks.tolist()
    return {
        "format": FORMAT,
        "version": VERSION,
        "ranks": program.n_ranks,
        "send_done": program.send_done.name.lower(),
        "eager_bytes": program.eager_bytes,
        "groups": {f"g{i}": members[ptr[i] : ptr[i + 1]] for i in range(len(ptr) - 1)},
        "jobs": program.jobs,
        "names": program.names,
        "source": program.source,
        "notes": program.notes,
    }


def _in_order(program: Program) -> bool:
    """Return whether collectives are numbered as the operations first name them."""
    rows, first = np.unique(program.collective[program.kind == Op.COLL], return_index=True)
    return bool(np.all(np.diff(first) > 0) and np.array_equal(rows, np.arange(len(rows))))


def _operation(program: Program, rank: int, op: int) -> dict[str, str]:
    """Return the fields of an operation as JSON texts."""
    kind = Op(int(program.kind[op]))
    fields = {"r": str(rank), "id": f'"o{op - program.rank_ptr[rank]}"'}
    fields |= {"op": f'"{kind.name.lower()}"', **_own_fields(program, kind, op)}
    if program.start_ps[op]:
        fields["start_ns"] = _ns(int(program.start_ps[op]))
    if program.stream[op] != NONE:
        fields["stream"] = str(program.stream[op])
    if program.job[op]:
        fields["job"] = _text(program.jobs[program.job[op]])
    if program.name[op] != NONE:
        fields["name"] = _text(program.names[program.name[op]])
    return fields | _edges(program, rank, op)


def _own_fields(program: Program, kind: Op, op: int) -> dict[str, str]:
    """Return what only this kind of operation has."""
    if kind == Op.CALC:
        return {"ns": _ns(int(program.duration_ps[op]))}
    if kind == Op.GATE:
        mode = Gate(int(program.mode[op]))
        count = {"count": str(program.count[op])} if mode == Gate.COUNT else {}
        return {"mode": f'"{mode.name.lower()}"', **count}
    if kind == Op.COLL:
        return _coll_fields(program, int(program.collective[op]))
    if kind == Op.MARK:
        return {}
    return {
        "to" if kind == Op.SEND else "from": _wild(int(program.peer[op])),
        "bytes": str(program.bytes[op]),
        "tag": _wild(int(program.tag[op])),
        "channel": str(program.channel[op]),
    }


def _coll_fields(program: Program, row: int) -> dict[str, str]:
    table = program.collectives
    kind = Collective(int(table.kind[row]))
    return {
        "type": _text(kind.name.lower()),
        "group": f'"g{table.group[row]}"',
        # What an all-gather takes in is an n-th of this, which need not be whole.
        "out" if kind == Collective.ALL_GATHER else "in": str(table.bytes[row]),
        "algorithm": _text(Algorithm(int(table.algorithm[row])).name.lower()),
        "channels": str(table.channels[row]),
        "chunks": str(table.chunks[row]),
        "root": str(table.root[row]),
    }


def _edges(program: Program, rank: int, op: int) -> dict[str, str]:
    found: dict[str, list[str]] = {"deps": [], "starts": []}
    first = int(program.rank_ptr[rank])
    last = int(program.rank_ptr[rank + 1])
    for at in range(int(program.dep_ptr[op]), int(program.dep_ptr[op + 1])):
        before = int(program.dep_idx[at])
        if first <= before < last:
            label = f"o{before - first}"
        else:
            owner = int(np.searchsorted(program.rank_ptr, before, side="right")) - 1
            label = f"{owner}:o{before - int(program.rank_ptr[owner])}"
        found["starts" if program.dep_start[at] else "deps"].append(label)
    return {key: json.dumps(labels) for key, labels in found.items() if labels}


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _wild(value: int) -> str:
    return '"any"' if value == ANY else str(value)


def _ns(time_ps: int) -> str:
    whole, rest = divmod(time_ps, PS_PER_NS)
    return f"{whole}.{rest:03}".rstrip("0") if rest else str(whole)


class _Reader:
    """State while a file is read; ``fail`` names the file and the line."""

    def __init__(self, name: str) -> None:
        self.name, self.line = name, 0
        self.builder = ProgramBuilder(1)
        self.groups: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.members: dict[str, set[int]] = {}
        self.labels: dict[tuple[int, str], int] = {}
        self.calls: Counter[tuple[int, str]] = Counter()
        self.instances: dict[tuple[str, int], tuple[int, dict[str, Any]]] = {}
        self.rows: dict[int, dict[str, Any]] = {}
        self.edges: list[tuple[int, int, str, int, bool]] = []

    def fail(self, text: str) -> TraceError:
        return TraceError(f"{self.name}, line {self.line}: {text}")

    def object(self, line: str) -> dict[str, Any]:
        try:
            found = json.loads(line, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise self.fail(f"not JSON: {error}") from None
        if not isinstance(found, dict):
            raise self.fail("expected a JSON object")
        return found

    def known(self, item: dict[str, Any], keys: tuple[str, ...]) -> None:
        for key in item:
            if key not in keys:
                raise self.fail(f"unknown key {key!r}; {nearest(key, keys)}")

    def whole(self, item: dict[str, Any], key: str, default: int | None, least: int = 0) -> int:
        value = item.get(key, default)
        if type(value) is not int or not least <= value < _LIMIT:
            raise self.fail(f"{key}: expected an integer of at least {least}, got {value!r}")
        return value

    def wild(self, item: dict[str, Any], key: str, default: int | None) -> int:
        return ANY if item.get(key) == "any" else self.whole(item, key, default)

    def time(self, item: dict[str, Any], key: str) -> int:
        value = item.get(key, 0)
        if type(value) not in (int, Decimal) or not 0 <= value < _LIMIT // PS_PER_NS:
            raise self.fail(f"{key}: expected a time in ns, got {value!r}")
        time = Decimal(value) * PS_PER_NS
        if time != int(time):
            raise self.fail(f"{key}: {value} is not a whole number of ps (3 decimals)")
        return int(time)

    def named(self, item: dict[str, Any], key: str, names: Any, default: str | None = None) -> str:
        value = item.get(key, default)
        if not isinstance(value, str) or value not in names:
            raise self.fail(f"{key} {value!r}; {nearest(str(value), names)}")
        return value

    def texts(self, item: dict[str, Any], key: str, default: list[str]) -> list[str]:
        value = item.get(key, default)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise self.fail(f"{key}: expected a list of texts")
        return value


def read_jsonl(path: Path) -> Program:
    """Return the program of a JSON-lines trace."""
    reader, header = _Reader(str(path)), None
    try:
        with path.open(encoding="utf-8") as file:
            for reader.line, line in enumerate(file, 1):
                if line.isspace():
                    continue
                item = reader.object(line)
                if header is None:
                    header = item
                    _read_header(reader, header)
                else:
                    _read_operation(reader, item)
    except UnicodeDecodeError as error:
        raise reader.fail(f"not UTF-8: {error.reason}") from None
    if header is None:
        raise TraceError(f"{path}: the file is empty")
    _link(reader)
    policies = [policy.name.lower() for policy in SendDone]
    reader.line = 1
    return reader.builder.build(
        send_done=SendDone[reader.named(header, "send_done", policies, "local").upper()],
        eager_bytes=reader.whole(header, "eager_bytes", 0),
        source=str(header.get("source", path)),
        notes=reader.texts(header, "notes", []),
    )


def _read_header(reader: _Reader, header: dict[str, Any]) -> None:
    reader.known(header, _HEADER)
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise reader.fail(f'expected "format": "{FORMAT}", "version": {VERSION}')
    ranks = reader.whole(header, "ranks", None, 1)
    if ranks > MAX_RANKS:
        raise reader.fail(f"ranks: expected at most {MAX_RANKS}, got {ranks}")
    reader.builder = builder = ProgramBuilder(ranks)
    builder.jobs = list(reader.texts(header, "jobs", ["job"]))
    for name in reader.texts(header, "names", []):
        builder.name(name)
    groups = header.get("groups", {})
    if not isinstance(groups, dict):
        raise reader.fail("groups: expected an object of lists of ranks")
    for name, members in groups.items():
        if not isinstance(members, list) or not members:
            raise reader.fail(f"group {name!r}: expected a list of ranks")
        for rank in members:
            if type(rank) is not int or not 0 <= rank < ranks:
                raise reader.fail(f"group {name!r}: {rank!r} is not a rank below {ranks}")
        reader.groups[name] = builder.new_group(members)
        reader.sizes[name] = len(members)


def _read_operation(reader: _Reader, item: dict[str, Any]) -> None:
    word = reader.named(item, "op", _OWN)
    reader.known(item, _COMMON + _OWN[word])
    rank = reader.whole(item, "r", None)
    if rank >= reader.builder.n_ranks:
        raise reader.fail(f"r {rank} is not below ranks {reader.builder.n_ranks}")
    common: dict[str, int] = {
        "start_ps": reader.time(item, "start_ns"),
        "stream": reader.whole(item, "stream", NONE, NONE),
        "job": reader.builder.jobs.index(
            reader.named(item, "job", reader.builder.jobs, next(iter(reader.builder.jobs), None))
        ),
    }
    if "name" in item:
        common["name"] = reader.builder.name(str(item["name"]))
    common |= dict(_own_values(reader, word, rank, item, common["job"]))
    op = reader.builder.add(rank, Op[word.upper()], **common)
    _read_edges(reader, item, rank, op)


def _own_values(
    reader: _Reader, word: str, rank: int, item: dict[str, Any], job: int
) -> Iterator[tuple[str, int]]:
    """Yield the arguments of ``ProgramBuilder.add`` that only this kind of operation has."""
    if word == "calc":
        yield "duration_ps", reader.time(item, "ns")
    elif word == "gate":
        yield (
            "mode",
            Gate[reader.named(item, "mode", [g.name.lower() for g in Gate], "all").upper()],
        )
        yield "count", reader.whole(item, "count", 0)
    elif word == "coll":
        yield "collective", _instance(reader, rank, item, job)
    elif word in ("send", "recv"):
        yield "peer", reader.wild(item, "to" if word == "send" else "from", None)
        yield "size", reader.whole(item, "bytes", None)
        yield "tag", reader.wild(item, "tag", 0)
        yield "channel", reader.whole(item, "channel", 0)


def _instance(reader: _Reader, rank: int, item: dict[str, Any], job: int) -> int:
    """Return the row of the collective that this call belongs to."""
    group = reader.named(item, "group", reader.groups)
    kind = Collective[reader.named(item, "type", [k.name.lower() for k in Collective]).upper()]
    ways = [way.name.lower() for way in ALGORITHMS[kind]]
    values: dict[str, Any] = {
        "kind": kind,
        "algorithm": Algorithm[reader.named(item, "algorithm", ways, ways[0]).upper()],
        "size": _buffer(reader, item, kind, group),
        "channels": reader.whole(item, "channels", 1, 1),
        "chunks": reader.whole(item, "chunks", 1, 1),
        "root": reader.whole(item, "root", 0),
    }
    call = reader.calls[rank, group]
    reader.calls[rank, group] += 1
    if (group, call) not in reader.instances:
        row = reader.whole(item, "row", len(reader.rows))
        if row in reader.rows:
            raise reader.fail(f"row {row} is used by another collective")
        reader.rows[row] = values | {"group": reader.groups[group], "job": job}
        reader.instances[group, call] = (row, values)
    row, first = reader.instances[group, call]
    for key, value in values.items():
        if value != first[key]:
            raise reader.fail(
                f"collective {call} of group {group!r} has {key} {value} on rank {rank}, "
                f"but {first[key]} on another"
            )
    return row


def _buffer(reader: _Reader, item: dict[str, Any], kind: Collective, group: str) -> int:
    """Return the bytes of a collective: a rank's input, of an all-gather the gathered total."""
    if kind == Collective.ALL_GATHER and "out" in item:
        if "in" in item:
            raise reader.fail("an all_gather has 'in' (of one rank) or 'out' (gathered), not both")
        return reader.whole(item, "out", None)
    if "out" in item:
        raise reader.fail(f"out: only an all_gather has it, {kind.name.lower()} has 'in'")
    size = reader.whole(item, "in", 0 if kind == Collective.BARRIER else None)
    return size * reader.sizes[group] if kind == Collective.ALL_GATHER else size


def _read_edges(reader: _Reader, item: dict[str, Any], rank: int, op: int) -> None:
    """Note the label of an operation and the labels it waits for."""
    if "id" in item:
        label = item["id"]
        if not isinstance(label, str) or not label or ":" in label:
            raise reader.fail(f"id: expected a text without ':', got {label!r}")
        if (rank, label) in reader.labels:
            raise reader.fail(f"id {label!r} is used twice on rank {rank}")
        reader.labels[rank, label] = op
    for key in ("deps", "starts"):
        for text in reader.texts(item, key, []):
            owner, colon, label = text.rpartition(":")
            if colon and not (owner.isascii() and owner.isdigit()):
                raise reader.fail(f"{key}: {text!r}: expected an id, or rank:id")
            home = int(owner) if colon else rank
            reader.edges.append((reader.line, home, label, op, key == "starts"))


def _link(reader: _Reader) -> None:
    """Add collectives and edges, now that all are known."""
    for number, row in enumerate(sorted(reader.rows)):
        if row != number:
            raise TraceError(f"{reader.name}: no collective has row {number}")
        reader.builder.collective(**reader.rows[row])
    for line, rank, label, op, start in reader.edges:
        before = reader.labels.get((rank, label))
        if before is None:
            reader.line = line
            raise reader.fail(f"no operation {label!r} on rank {rank}")
        reader.builder.edge(before, op, start)
