"""Several generated programs as one: each on ranks of its own choice, all from time 0."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fabricemu.workloads.build import COLUMNS, ROW_FIELDS, assemble, collectives_table
from fabricemu.workloads.program import NONE, Ints, Op, Program


class Part(NamedTuple):
    """A program, what its job is called, and the ranks that stand for its ranks 0, 1, ..."""

    job: str
    program: Program
    members: Ints


class _Shift(NamedTuple):
    """How much the numbers in a part go up, so that they meet no other part's."""

    ops: int = 0
    stream: int = 0
    tag: int = 0
    collective: int = 0
    name: int = 0
    group: int = 0

    def after(self, program: Program) -> "_Shift":
        """Return the shift of the part that follows ``program``."""
        return _Shift(
            self.ops + program.n_ops,
            self.stream + int(program.stream.max(initial=NONE)) + 1,
            self.tag + int(program.tag.max(initial=NONE)) + 1,
            self.collective + len(program.collectives),
            self.name + len(program.names),
            self.group + len(program.group_ptr) - 1,
        )


def compose(parts: Sequence[Part], n_ranks: int) -> Program:
    """Return the program of all parts on ``n_ranks`` ranks.

    Messages of different parts between the same two ranks share their queue pairs.
    """
    shift = _Shift()
    tables, edges, rows = [], [], []
    for job, part in enumerate(parts):
        tables.append(_operations(part, job, shift))
        edges.append(_edges(part.program, shift))
        rows.append(_rows(part.program, job, shift))
        shift = shift.after(part.program)
    ranks = [part.members[part.program.group_ranks] for part in parts]
    sizes = [np.diff(part.program.group_ptr) for part in parts]
    groups = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]), np.concatenate(ranks)
    program = assemble(
        np.concatenate(tables),
        np.concatenate(edges),
        n_ranks=n_ranks,
        groups=groups,
        collectives=collectives_table(np.concatenate(rows).tolist()),
    )
    program.jobs = [part.job for part in parts]
    program.names = [name for part in parts for name in part.program.names]
    return program


def _operations(part: Part, job: int, shift: _Shift) -> Ints:
    """Return the operations of a part as rows for ``assemble``."""
    program, members = part.program, part.members
    columns = {name: getattr(program, name) for name in COLUMNS if name != "rank"}
    columns["rank"] = members[program.rank_of]
    message = (program.kind == Op.SEND) | (program.kind == Op.RECV)
    columns["peer"] = np.where(message, members[program.peer], program.peer)
    columns["tag"] = np.where(message, program.tag + shift.tag, program.tag)
    for name in ("stream", "collective", "name"):
        number = columns[name]
        columns[name] = np.where(number == NONE, NONE, number + getattr(shift, name))
    columns["job"] = np.full(program.n_ops, job)
    return np.stack([columns[name] for name in COLUMNS], axis=1)


def _edges(program: Program, shift: _Shift) -> Ints:
    """Return (before, after, 1 for a start edge) of each edge."""
    after = np.repeat(np.arange(program.n_ops), np.diff(program.dep_ptr))
    ends = program.dep_idx + shift.ops, after + shift.ops
    return np.stack([*ends, program.dep_start], axis=1)


def _rows(program: Program, job: int, shift: _Shift) -> Ints:
    """Return the collectives of a part as rows for ``collectives_table``."""
    columns = {name: getattr(program.collectives, name) for name in ROW_FIELDS}
    columns["group"] = columns["group"] + shift.group
    columns["job"] = np.full(len(program.collectives), job)
    return np.stack([columns[name] for name in ROW_FIELDS], axis=1)
