"""A program without COLL: every collective spelled out in SEND, RECV and GATE.

Under the worklist of section 4 of docs/model.md the result has the timing of the lazy form: an
opening gate takes the place of the COLL, all receipts are posted at once, sends follow step by
step, and a closing gate joins them.

A gate cannot hold a stream while its messages move. So the operations of a (rank, stream) that
has a COLL leave the stream and are chained in program order instead; where they become ready
in another order the lazy form would have served them in that order.
"""

import numpy as np

from fabricemu.errors import TraceError
from fabricemu.workloads.build import COLUMNS, assemble, collectives_table
from fabricemu.workloads.program import ANY, NONE, Gate, Ints, Op, Program, SendDone
from fabricemu.workloads.schedule import Schedule, schedule_of

_AT = {name: i for i, name in enumerate(COLUMNS)}


class _Pieces:
    """Operations and edges of the expansion; an operation belongs to the old one it replaces."""

    def __init__(self) -> None:
        self.tables: list[Ints] = []
        self.owners: list[Ints] = []
        self.edges: list[Ints] = []
        self.n_ops = 0

    def add(self, table: Ints, owner: Ints) -> Ints:
        """Append operations and return their numbers."""
        self.tables.append(table)
        self.owners.append(owner)
        first, self.n_ops = self.n_ops, self.n_ops + len(table)
        return np.arange(first, self.n_ops)

    def connect(self, before: Ints, after: Ints, start: Ints | int = 0) -> None:
        """Append edges."""
        self.edges.append(np.stack(np.broadcast_arrays(before, after, start), axis=1))


def expand(program: Program) -> Program:
    """Return an equivalent program whose collectives are messages.

    Each (instance, part, round) has a tag of its own, above all tags in use; the channel is
    that of the part. Where only collectives send, ``send_done`` becomes LOCAL; otherwise the
    program's policy stays, and the sends of a collective follow the start of the one before.
    """
    is_coll = program.kind == Op.COLL
    if not is_coll.any():
        return program
    _check_tags(program)
    table = _unstreamed(program)
    pieces = _Pieces()
    opening = pieces.add(_opening(table, is_coll), np.arange(program.n_ops))
    closing = opening.copy()
    own_sends = bool((program.kind == Op.SEND).any())
    local = not own_sends or program.send_done == SendDone.LOCAL
    _expand_rows(program, pieces, opening, closing, local)
    ends = np.flatnonzero(is_coll)
    after = np.repeat(np.arange(program.n_ops), np.diff(program.dep_ptr))
    begun = program.dep_start == 1
    before = np.where(begun, opening[program.dep_idx], closing[program.dep_idx])
    pieces.connect(before, opening[after], program.dep_start)
    _chain_streams(program, pieces, opening, closing, ends)
    return _finish(program, pieces, local)


def _check_tags(program: Program) -> None:
    """Refuse receipts that would take the messages of collectives."""
    greedy = np.flatnonzero((program.kind == Op.RECV) & (program.tag == ANY))
    if len(greedy):
        raise TraceError(
            f"operation {greedy[0]} receives any tag and would take messages of the "
            "collectives: give it a tag before expanding"
        )


def _streams_with_collectives(program: Program) -> Ints:
    """Return a key per operation, (rank, stream) where that stream has a COLL, else NONE."""
    width = int(program.stream.max(initial=0)) + 1
    key = np.where(program.stream == NONE, NONE, program.rank_of * width + program.stream)
    held = np.isin(key, key[(program.kind == Op.COLL) & (key != NONE)])
    return np.where(held, key, NONE)


def _unstreamed(program: Program) -> Ints:
    """Return the operations as a table, without the streams that a COLL uses."""
    columns = [program.rank_of, *(getattr(program, name) for name in COLUMNS[1:])]
    table = np.stack(columns, axis=1).astype(np.int64)
    table[_streams_with_collectives(program) != NONE, _AT["stream"]] = NONE
    return table


def _opening(table: Ints, is_coll: np.ndarray) -> Ints:
    """Return the table with each COLL turned into the gate that opens it."""
    table[is_coll, _AT["kind"]] = Op.GATE
    table[is_coll, _AT["mode"]] = Gate.ALL
    table[is_coll, _AT["collective"]] = NONE
    return table


def _chain_streams(
    program: Program, pieces: _Pieces, opening: Ints, closing: Ints, ends: Ints
) -> None:
    """Order the operations of each stream that has a COLL."""
    if not len(ends):
        return
    key = _streams_with_collectives(program)
    held = np.flatnonzero(key != NONE)
    held = held[np.argsort(key[held], kind="stable")]
    same = key[held[1:]] == key[held[:-1]]
    pieces.connect(closing[held[:-1][same]], opening[held[1:][same]])


def _expand_rows(
    program: Program, pieces: _Pieces, opening: Ints, closing: Ints, local: bool
) -> None:
    """Add the messages of all instances and set ``closing`` of their COLL operations."""
    colls = np.flatnonzero(program.kind == Op.COLL)
    colls = colls[np.argsort(program.collective[colls], kind="stable")]
    rows = program.collective[colls]
    first_tag = int(program.tag.max(initial=0)) + 1
    for row in np.unique(rows).tolist():
        ops = colls[np.searchsorted(rows, row) : np.searchsorted(rows, row, side="right")]
        members = program.members(row)
        at_rank = np.argsort(members)
        # Operations come sorted by rank; put them in the order of positions.
        ops = ops[np.argsort(at_rank)]
        schedule = schedule_of(program, row)
        instance = _Instance(program, schedule, members, ops, opening[ops], first_tag)
        closing[ops] = instance.expand(pieces, local)
        first_tag += schedule.parts * schedule.rounds


class _Instance:
    """One collective while its messages are laid out; arrays are over positions."""

    def __init__(
        self,
        program: Program,
        schedule: Schedule,
        members: Ints,
        ops: Ints,
        opening: Ints,
        first_tag: int,
    ) -> None:
        self.schedule, self.members, self.ops, self.opening = schedule, members, ops, opening
        self.first_tag = first_tag
        self.blank = np.zeros((schedule.n, len(COLUMNS)), np.int64)
        self.blank[:, _AT["rank"]] = members
        self.blank[:, _AT["job"]] = program.job[ops]
        self.blank[:, _AT["name"]] = program.name[ops]
        for name in ("stream", "peer", "collective"):
            self.blank[:, _AT[name]] = NONE

    def expand(self, pieces: _Pieces, local: bool) -> Ints:
        """Add all rounds and the closing gate; return the gate of each position."""
        schedule = self.schedule
        sent = np.full((schedule.parts, schedule.n), NONE)
        unused: list[list[Ints]] = [[] for _ in range(schedule.parts)]
        made_sends, made_recvs = [], []
        for step, part in self._order():
            recv, send = self._round(pieces, step, part)
            if schedule.chained:
                self._after(pieces, send, sent[part], start=not local)
                unused[part] = [*self._after_all(pieces, send, unused[part]), recv]
            sent[part] = np.where(send == NONE, sent[part], send)
            made_sends.append(send)
            made_recvs.append(recv)
        gate = self.blank.copy()
        gate[:, _AT["kind"]] = Op.GATE
        closing = pieces.add(gate, self.ops)
        pieces.connect(self.opening, closing)
        for send, recv in zip(made_sends, made_recvs, strict=True):
            self._after(pieces, closing, send, start=not local)
            self._after(pieces, closing, recv)
        return closing

    def _order(self) -> list[tuple[int, int]]:
        """Return the rounds in the order in which the model sends them at its begin."""
        steps, parts = range(self.schedule.rounds), range(self.schedule.parts)
        if self.schedule.chained:
            return [(step, part) for step in steps for part in parts]
        return [(step, part) for part in parts for step in steps]

    def _round(self, pieces: _Pieces, step: int, part: int) -> tuple[Ints, Ints]:
        """Add one round; return its RECV and SEND of every position, or NONE."""
        schedule = self.schedule
        exchange = schedule.exchange(step, part)
        tag = self.first_tag + part * schedule.rounds + step
        expected = np.where(exchange.source == NONE, 0, exchange.bytes[exchange.source])
        recv = self._messages(pieces, Op.RECV, exchange.source, expected, (tag, part))
        send = self._messages(pieces, Op.SEND, exchange.peer, exchange.bytes, (tag, part))
        return recv, send

    def _messages(
        self, pieces: _Pieces, kind: Op, peer: Ints, size: Ints, key: tuple[int, int]
    ) -> Ints:
        """Add a SEND or RECV where there is a peer, after the opening gate."""
        has = np.flatnonzero(peer != NONE)
        table = self.blank[has]
        table[:, _AT["kind"]] = kind
        table[:, _AT["peer"]] = self.members[peer[has]]
        table[:, _AT["bytes"]] = size[has]
        table[:, _AT["tag"]] = key[0]
        table[:, _AT["channel"]] = key[1] // self.schedule.channel_parts
        made = np.full(self.schedule.n, NONE)
        made[has] = pieces.add(table, self.ops[has])
        pieces.connect(self.opening[has], made[has])
        return made

    def _after_all(self, pieces: _Pieces, send: Ints, unused: list[Ints]) -> list[Ints]:
        """Let a SEND wait for the receipts since the last one; return those left for the next."""
        for recv in unused:
            self._after(pieces, send, recv)
        left = [np.where(send == NONE, recv, NONE) for recv in unused]
        return [recv for recv in left if np.any(recv != NONE)]

    def _after(self, pieces: _Pieces, after: Ints, before: Ints, start: bool = False) -> None:
        """Let ``after`` wait for ``before`` where both are."""
        both = (after != NONE) & (before != NONE)
        pieces.connect(before[both], after[both], int(start))


def _finish(program: Program, pieces: _Pieces, local: bool) -> Program:
    """Put the pieces in order: by replaced operation, then as they were made."""
    table, owner = np.concatenate(pieces.tables), np.concatenate(pieces.owners)
    order = np.argsort(owner, kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    edges = np.concatenate(pieces.edges)
    edges[:, :2] = number[edges[:, :2]]
    expanded = assemble(
        table[order],
        edges,
        n_ranks=program.n_ranks,
        groups=(np.zeros(1, np.int64), np.zeros(0, np.int64)),
        collectives=collectives_table([]),
    )
    expanded.send_done = SendDone.LOCAL if local else program.send_done
    expanded.eager_bytes = 0 if local else program.eager_bytes
    expanded.jobs, expanded.names = list(program.jobs), list(program.names)
    expanded.source, expanded.notes = program.source, list(program.notes)
    return expanded
