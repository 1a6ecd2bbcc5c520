"""Connection matrices of htsim (``.cm``, ``.tm``).

Each connection is a SEND on its source and a RECV on its destination; a SEND is finished when
all of it is acknowledged, as ``send_done_trigger`` means it. Triggers are gates: oneshot ANY,
barrier COUNT, multishot FIFO. Two of the format's traps are refused rather than guessed: the
unit of ``start`` (the programs of htsim disagree: ps or us), and endless flows (size 0).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from fabricemu.errors import TraceError, nearest
from fabricemu.workloads.build import MAX_RANKS, ProgramBuilder
from fabricemu.workloads.program import Gate, Op, Program, SendDone
from fabricemu.workloads.publish import publish

UNITS_PS = {"ps": 1, "us": 10**6}
HEADERS = ("Nodes", "Connections", "Triggers", "Failures")
NUMBERS = ("id", "trigger", "size", "send_done_trigger", "recv_done_trigger", "prio")
FLAGS = ("msg", "addon")
MODES = ("oneshot", "multishot", "barrier")
MAX_TIME_PS = 2**62


@dataclass
class _Flow:
    """One connection line."""

    line: int
    source: int
    destination: int
    start: Decimal | None = None
    reused: bool = False
    numbers: dict[str, int] = field(default_factory=dict)


@dataclass
class _Trigger:
    """One trigger line, and what refers to it."""

    line: int
    mode: str
    count: int
    targets: list[int] = field(default_factory=list)  # flow numbers, in the order of the file
    activators: list[tuple[int, bool]] = field(default_factory=list)  # flow, on receipt


class _Reader:
    """State while a file is read; ``fail`` names the file and the line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.line = 0
        self.header: dict[str, int] = {}
        self.flows: list[_Flow] = []
        self.triggers: dict[int, _Trigger] = {}

    def fail(self, text: str, line: int | None = None) -> TraceError:
        at = f", line {self.line if line is None else line}" if line != 0 else ""
        return TraceError(f"{self.name}{at}: {text}")

    def whole(self, text: str, what: str, least: int = 0) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) < 2**62):
            raise self.fail(f"{what}: expected an integer of at least {least}, got {text!r}")
        return int(text)


def read_cm(path: Path, *, start_unit: str | None = None) -> Program:
    """Return the program of a connection matrix.

    Parameters
    ----------
    path : Path
    start_unit : {"ps", "us"}, optional
        Unit of ``start``; needed as soon as a start is not zero.
    """
    if start_unit not in (None, *UNITS_PS):
        raise TraceError(f"unit of start {start_unit!r}: {nearest(str(start_unit), UNITS_PS)}")
    reader = _Reader(str(path))
    with path.open(encoding="utf-8", errors="replace") as file:
        for reader.line, text in enumerate(file, 1):
            _read_line(reader, text.split("#", 1)[0].split())
    _check_counts(reader)
    _link_triggers(reader)
    return _program(reader, start_unit)


def _read_line(reader: _Reader, words: list[str]) -> None:
    if not words:
        return
    if words[0].capitalize() in HEADERS:
        if len(words) != 2:
            raise reader.fail(f"expected {words[0]} and a number")
        reader.header[words[0].capitalize()] = reader.whole(words[1], words[0])
    elif "Nodes" not in reader.header:
        raise reader.fail(f"expected 'Nodes N' first, got {words[0]!r}")
    elif words[0] == "trigger":
        _read_trigger(reader, words)
    elif words[0] == "failure":
        raise reader.fail("failures are not supported by this reader: set them in the fabric")
    elif "->" in words[0]:
        reader.flows.append(_flow(reader, words))
    else:
        raise reader.fail(f"{words[0]!r}: expected SRC->DST, trigger or failure")


def _read_trigger(reader: _Reader, words: list[str]) -> None:
    if len(words) < 4 or words[1] != "id":
        raise reader.fail("expected 'trigger id N oneshot|multishot|barrier'")
    number = reader.whole(words[2], "trigger id", 1)
    if number in reader.triggers:
        raise reader.fail(f"trigger {number} is declared twice")
    mode, count = words[3], 0
    if mode not in MODES:
        raise reader.fail(f"trigger {mode!r}: {nearest(mode, MODES)}")
    if words[4:]:
        if mode != "barrier" or words[4] != "count" or len(words) != 6:
            raise reader.fail("only 'count N' may follow, after barrier")
        count = reader.whole(words[5], "count", 1)
    elif mode == "barrier":
        raise reader.fail("a barrier needs 'count N'")
    reader.triggers[number] = _Trigger(reader.line, mode, count)


def _flow(reader: _Reader, words: list[str]) -> _Flow:
    source, _, destination = words[0].partition("->")
    nodes = reader.header["Nodes"]
    ends = [reader.whole(text, "node") for text in (source, destination)]
    for end in ends:
        if end >= nodes:
            raise reader.fail(f"node {end} is not below Nodes {nodes}")
    flow = _Flow(reader.line, ends[0], ends[1])
    rest = iter(words[1:])
    for word in rest:
        _set_option(reader, flow, word, rest)
    if flow.numbers.get("size", 0) == 0:
        raise reader.fail("size is 0 or absent, which is an endless flow: give it a size")
    if (flow.start is None) == ("trigger" not in flow.numbers):
        raise reader.fail("a connection needs one of start and trigger")
    return flow


def _set_option(reader: _Reader, flow: _Flow, word: str, rest: Iterator[str]) -> None:
    if word in FLAGS or (flow.reused and word.isdigit()):
        flow.reused |= word == "msg"
    elif word == "start":
        flow.start = _start(reader, next(rest, ""))
    elif word in NUMBERS:
        least = 0 if word in ("size", "prio") else 1
        if word in flow.numbers:
            raise reader.fail(f"{word} is given twice")
        flow.numbers[word] = reader.whole(next(rest, ""), word, least)
    else:
        raise reader.fail(f"{word!r}: {nearest(word, ['start', *NUMBERS, *FLAGS])}")


def _start(reader: _Reader, text: str) -> Decimal:
    try:
        start = Decimal(text)
    except InvalidOperation:
        start = Decimal(-1)
    if not (start.is_finite() and start >= 0):
        raise reader.fail(f"start: expected a number that is not negative, got {text!r}")
    return start


def _check_counts(reader: _Reader) -> None:
    """Compare the header with what follows, all differences in one line."""
    found = {"Connections": len(reader.flows), "Triggers": len(reader.triggers), "Failures": 0}
    for name in ("Nodes", "Connections"):
        if not reader.header.get(name):
            raise reader.fail(f"the header lacks '{name} N', N > 0", 0)
    if reader.header["Nodes"] > MAX_RANKS:
        raise reader.fail(f"Nodes: expected at most {MAX_RANKS}", 0)
    wrong = [
        f"header says {reader.header.get(name, 0)} {name.lower()}, the file has {count}"
        for name, count in found.items()
        if reader.header.get(name, 0) != count
    ]
    if wrong:
        raise reader.fail("; ".join(wrong), 0)


def _link_triggers(reader: _Reader) -> None:
    """Tell every trigger its targets and activators."""
    for number, flow in enumerate(reader.flows):
        for word in ("trigger", "send_done_trigger", "recv_done_trigger"):
            if word not in flow.numbers:
                continue
            trigger = reader.triggers.get(flow.numbers[word])
            if trigger is None:
                text = f"{word} {flow.numbers[word]} is not declared"
                raise reader.fail(text, flow.line)
            if word == "trigger":
                trigger.targets.append(number)
            else:
                trigger.activators.append((number, word == "recv_done_trigger"))


def _channels(reader: _Reader) -> list[int]:
    """Return the channel of each flow: messages of one id share it, other flows have their own."""
    used: Counter[tuple[int, int]] = Counter()
    shared: dict[tuple[int, int, int], int] = {}
    channels = []
    for flow in reader.flows:
        pair = (flow.source, flow.destination)
        key = (*pair, flow.numbers.get("id", 0))
        if not (flow.reused and key in shared):
            shared[key] = used[pair]
            used[pair] += 1
        channels.append(shared[key])
    return channels


def _start_ps(reader: _Reader, flow: _Flow, unit: str | None) -> int:
    start = flow.start or Decimal(0)
    if start and unit is None:
        raise reader.fail(
            f"start {start}: the format does not say its unit: set the start unit to ps or us",
            flow.line,
        )
    time = start * UNITS_PS[unit or "ps"]
    if time > MAX_TIME_PS:
        raise reader.fail(f"start {start} is out of range", flow.line)
    return round(time)


def _program(reader: _Reader, unit: str | None) -> Program:
    builder = ProgramBuilder(reader.header["Nodes"])
    sends, receipts = [], []
    for tag, (flow, channel) in enumerate(zip(reader.flows, _channels(reader), strict=True)):
        size, start = flow.numbers["size"], _start_ps(reader, flow, unit)
        source, destination = flow.source, flow.destination
        sends.append(builder.send(source, destination, size, tag, channel, start_ps=start))
        receipts.append(builder.recv(destination, source, size, tag, channel))
    for number, trigger in reader.triggers.items():
        _add_trigger(builder, reader, number, trigger, (sends, receipts))
    return builder.build(send_done=SendDone.ACKED, source=reader.name)


def _add_trigger(
    builder: ProgramBuilder,
    reader: _Reader,
    number: int,
    trigger: _Trigger,
    ops: tuple[list[int], list[int]],
) -> None:
    """Add the gates of one trigger, on the rank where most of its targets start."""
    if not trigger.targets:
        return
    if not trigger.activators:
        raise reader.fail(f"nothing activates trigger {number}", trigger.line)
    if trigger.count > len(trigger.activators):
        text = f"barrier counts to {trigger.count}, {len(trigger.activators)} flows activate it"
        raise reader.fail(text, trigger.line)
    if trigger.mode == "multishot" and len(trigger.targets) > len(trigger.activators):
        text = (
            f"trigger {number} has {len(trigger.targets)} targets, but only "
            f"{len(trigger.activators)} flows activate it: the rest would never start"
        )
        raise reader.fail(text, trigger.line)
    ranks = [reader.flows[target].source for target in trigger.targets]
    home = Counter(ranks).most_common(1)[0][0]
    for mode, rank, count, targets in _gates(trigger, ranks, home):
        gate = builder.gate(rank, mode, count)
        for flow, on_receipt in trigger.activators:
            builder.edge(ops[on_receipt][flow], gate)
        for target in targets:
            builder.edge(gate, ops[0][target])


def _gates(
    trigger: _Trigger, ranks: list[int], home: int
) -> Iterator[tuple[Gate, int, int, list[int]]]:
    """Yield mode, rank, count and targets of the gates of a trigger."""
    if trigger.mode == "oneshot":
        yield Gate.ANY, home, 0, trigger.targets
    elif trigger.mode == "barrier":
        yield Gate.COUNT, home, trigger.count, trigger.targets
    elif len(set(ranks)) == 1:
        yield Gate.FIFO, home, 0, trigger.targets
    else:
        # A FIFO releases by operation number, which sorts by rank and would lose the order of
        # the file; the k-th target opens at the k-th activation all the same.
        for k, (target, rank) in enumerate(zip(trigger.targets, ranks, strict=True), 1):
            yield Gate.COUNT, rank, k, [target]


def write_cm(program: Program, path: Path) -> None:
    """Write a program of plain flows: sends with starts in ps, nothing that waits."""
    plain = np.isin(program.kind, [Op.SEND, Op.RECV])
    if not plain.all() or len(program.dep_idx) or np.any(program.stream >= 0):
        raise TraceError("only independent messages can be written as a connection matrix")
    if np.any(program.start_ps[program.kind == Op.RECV]):
        raise TraceError("a connection matrix has no start for a receipt")
    sends = np.flatnonzero(program.kind == Op.SEND)
    # Flows were numbered by tag when a matrix was read: keep that order.
    sends = sends[np.argsort(program.tag[sends], kind="stable")]
    columns = (program.rank_of, program.peer, program.channel, program.start_ps, program.bytes)
    rows = list(zip(*(column[sends].tolist() for column in columns), strict=True))
    shared = Counter(row[:3] for row in rows)
    ids = {connection: number for number, connection in enumerate(shared, 1)}
    lines = [f"Nodes {program.n_ranks}", f"Connections {len(sends)}"]
    for source, destination, channel, start, size in rows:
        connection = (source, destination, channel)
        msg = " msg" if shared[connection] > 1 else ""
        lines.append(f"{source}->{destination} id {ids[connection]}{msg} start {start} size {size}")
    with publish(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
