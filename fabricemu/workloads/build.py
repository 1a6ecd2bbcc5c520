"""Programs out of single operations: append in any order of ranks, number once at the end."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fabricemu.workloads.program import (
    NONE,
    Algorithm,
    Collective,
    Collectives,
    Gate,
    Ints,
    Op,
    Program,
    SendDone,
)

# Order of the values of one operation; every name but "rank" is a column of Program.
COLUMNS = (
    "rank",
    "kind",
    "stream",
    "duration_ps",
    "start_ps",
    "bytes",
    "peer",
    "tag",
    "channel",
    "collective",
    "mode",
    "count",
    "job",
    "name",
)
MAX_RANKS = 1 << 22  # a number in a header must not take all memory
ROW_FIELDS = ("kind", "algorithm", "group", "bytes", "channels", "chunks", "root", "job")


def assemble(
    table: Ints,
    edges: Ints,
    *,
    n_ranks: int,
    groups: tuple[Ints, Ints],
    collectives: Collectives,
) -> Program:
    """Return a program of unordered operations and edges.

    Parameters
    ----------
    table : (n_ops, len(COLUMNS)) int64
        One operation a row; the order within a rank is kept.
    edges : (n_edges, 3) int64
        Predecessor row, successor row, 1 for a start edge.
    n_ranks : int
    groups : (n_groups + 1,) and (n_members,) int64
        Pointers and members.
    collectives : Collectives
    """
    order = np.argsort(table[:, 0], kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    before, after, start = number[edges[:, 0]], number[edges[:, 1]], edges[:, 2]
    by_op = np.lexsort((start, before, after))
    columns: dict[str, Any] = {
        name: np.ascontiguousarray(table[order, i]) for i, name in enumerate(COLUMNS) if i > 0
    }
    return Program(
        n_ranks=n_ranks,
        rank_ptr=pointers(table[:, 0], n_ranks),
        dep_ptr=pointers(after, len(table)),
        dep_idx=before[by_op],
        dep_start=start[by_op],
        group_ptr=groups[0],
        group_ranks=groups[1],
        collectives=collectives,
        **columns,
    )


def pointers(owner: Ints, n: int) -> Ints:
    """Return the CSR pointers, (n + 1,), of items that belong to ``owner``."""
    ptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=n), out=ptr[1:])
    return ptr


def collectives_table(rows: Sequence[Sequence[int]]) -> Collectives:
    """Return collectives of rows in the order of ``ROW_FIELDS``."""
    table = np.array(rows, np.int64).reshape(-1, len(ROW_FIELDS))
    return Collectives(*(np.ascontiguousarray(column) for column in table.T))


class ProgramBuilder:
    """Collects operations; each adder returns a handle for use in ``after`` and ``edge``.

    Parameters
    ----------
    n_ranks : int
    """

    def __init__(self, n_ranks: int) -> None:
        self.n_ranks = n_ranks
        self.jobs: list[str] = ["job"]
        self.names: list[str] = []
        self._name_index: dict[str, int] = {}
        # Flat int64 arrays: a tuple of Python ints per operation would take ten times the memory.
        self._values = array("q")
        self._edges = array("q")
        self._rows: list[Sequence[int]] = []
        self._group_sizes: list[int] = []
        self._group_ranks: list[int] = []
        self._group_index: dict[tuple[int, ...], int] = {}
        self._n_ops = 0

    @property
    def n_ops(self) -> int:
        """Number of operations so far, which is the next handle."""
        return self._n_ops

    def calc(self, rank: int, duration_ps: int, **common: int) -> int:
        """Add a computation of ``duration_ps``."""
        return self.add(rank, Op.CALC, duration_ps=duration_ps, **common)

    def send(
        self, rank: int, peer: int, size: int, tag: int = 0, channel: int = 0, **common: int
    ) -> int:
        """Add a message of ``size`` bytes to ``peer``."""
        return self.add(rank, Op.SEND, size=size, peer=peer, tag=tag, channel=channel, **common)

    def recv(
        self, rank: int, peer: int, size: int, tag: int = 0, channel: int = 0, **common: int
    ) -> int:
        """Add the receipt of a message from ``peer`` (or ``ANY``)."""
        return self.add(rank, Op.RECV, size=size, peer=peer, tag=tag, channel=channel, **common)

    def coll(self, rank: int, row: int, **common: int) -> int:
        """Add the part of ``rank`` in the collective ``row``."""
        return self.add(rank, Op.COLL, collective=row, **common)

    def gate(self, rank: int, mode: Gate = Gate.ALL, count: int = 0, **common: int) -> int:
        """Add a gate; ``count`` is the k of COUNT."""
        return self.add(rank, Op.GATE, mode=mode, count=count, **common)

    def mark(self, rank: int, label: str, **common: int) -> int:
        """Add a mark called ``label``."""
        return self.add(rank, Op.MARK, name=self.name(label), **common)

    def add(
        self,
        rank: int,
        kind: int,
        *,
        stream: int = NONE,
        duration_ps: int = 0,
        start_ps: int = 0,
        size: int = 0,
        peer: int = NONE,
        tag: int = 0,
        channel: int = 0,
        collective: int = NONE,
        mode: int = 0,
        count: int = 0,
        job: int = 0,
        name: int = NONE,
        after: int = NONE,
    ) -> int:
        """Add one operation, ``after`` the end of another if given; return its handle."""
        self._values.extend(
            (
                *(rank, kind, stream, duration_ps, start_ps, size, peer, tag),
                *(channel, collective, mode, count, job, name),
            )
        )
        handle = self._n_ops
        self._n_ops += 1
        if after != NONE:
            self._edges.extend((after, handle, 0))
        return handle

    def extend(self, table: Ints, edges: Ints) -> None:
        """Add many operations at once.

        Parameters
        ----------
        table : (n, len(COLUMNS)) int64
        edges : (m, 3) int64
            Handles before and after, 1 for a start edge.
        """
        self._values.frombytes(np.ascontiguousarray(table, np.int64).tobytes())
        self._edges.frombytes(np.ascontiguousarray(edges, np.int64).tobytes())
        self._n_ops += len(table)

    def edge(self, before: int, after: int, start: bool = False) -> None:
        """Let ``after`` wait for the end (or the start) of ``before``."""
        self._edges.extend((before, after, int(start)))

    def edges(self, before: Iterable[int], after: int) -> None:
        """Let ``after`` wait for the end of each of ``before``."""
        for handle in before:
            self._edges.extend((handle, after, 0))

    def group(self, ranks: Iterable[int]) -> int:
        """Return the number of the group of these ranks, in this order of positions."""
        members = tuple(ranks)
        if members not in self._group_index:
            self._group_index[members] = self.new_group(members)
        return self._group_index[members]

    def new_group(self, ranks: Sequence[int]) -> int:
        """Return the number of a new group, though another may have the same members."""
        self._group_sizes.append(len(ranks))
        self._group_ranks.extend(ranks)
        return len(self._group_sizes) - 1

    def collective(
        self,
        kind: Collective,
        algorithm: Algorithm,
        group: int,
        size: int,
        *,
        channels: int = 1,
        chunks: int = 1,
        root: int = 0,
        job: int = 0,
    ) -> int:
        """Add a collective instance and return its row; ``size`` as in ``Collectives.bytes``."""
        self._rows.append((kind, algorithm, group, size, channels, chunks, root, job))
        return len(self._rows) - 1

    def name(self, label: str) -> int:
        """Return the index of a name, adding it when it is new."""
        if label not in self._name_index:
            self._name_index[label] = len(self.names)
            self.names.append(label)
        return self._name_index[label]

    def build(
        self,
        *,
        send_done: SendDone = SendDone.LOCAL,
        eager_bytes: int = 0,
        source: str = "native",
        notes: Iterable[str] = (),
    ) -> Program:
        """Return the program, sorted by rank, in the order of insertion within a rank."""
        program = assemble(
            np.frombuffer(self._values, np.int64).reshape(-1, len(COLUMNS)),
            np.frombuffer(self._edges, np.int64).reshape(-1, 3),
            n_ranks=self.n_ranks,
            groups=(
                np.cumsum([0, *self._group_sizes], dtype=np.int64),
                np.array(self._group_ranks, np.int64),
            ),
            collectives=collectives_table(self._rows),
        )
        program.send_done, program.eager_bytes = send_done, eager_bytes
        program.jobs, program.names = list(self.jobs), list(self.names)
        program.source, program.notes = source, list(notes)
        return program
