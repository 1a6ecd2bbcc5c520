"""The internal form of every trace: per rank a DAG of operations (section 4 of docs/model.md)."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

ANY = -1  # any source or any tag of a RECV
NONE = -1


class Op(IntEnum):
    """What an operation does."""

    CALC = 0
    SEND = 1
    RECV = 2
    COLL = 3
    GATE = 4
    MARK = 5


class Gate(IntEnum):
    """When a gate opens."""

    ALL = 0
    ANY = 1
    COUNT = 2
    FIFO = 3


class Collective(IntEnum):
    """What a collective computes."""

    ALL_REDUCE = 0
    REDUCE_SCATTER = 1
    ALL_GATHER = 2
    ALL_TO_ALL = 3
    BROADCAST = 4
    BARRIER = 5


class Algorithm(IntEnum):
    """How a collective moves its data."""

    RING = 0
    HALVING_DOUBLING = 1
    SHIFT = 2
    AT_ONCE = 3
    DISSEMINATION = 4
    DOUBLE_BINARY_TREE = 5


class SendDone(IntEnum):
    """When a SEND is finished."""

    LOCAL = 0  # handed to the NIC
    EAGER = 1  # LOCAL up to eager_bytes, else ACKED
    ACKED = 2  # the sender has the last acknowledgement


@dataclass
class Collectives:
    """The collective instances of a program, one row each.

    ``group`` names a group of the program; the k-th COLL of a rank on a group is instance k
    of that group. ``bytes`` is the full buffer of a rank, in the sense of the algorithm:
    all-reduce the vector, all-gather the gathered total, reduce-scatter the input total,
    all-to-all the whole send buffer, broadcast the message. ``root`` is a position.
    """

    kind: Ints
    algorithm: Ints
    group: Ints
    bytes: Ints
    channels: Ints
    chunks: Ints
    root: Ints
    job: Ints

    def __len__(self) -> int:
        return len(self.kind)


@dataclass
class Program:
    """Operations sorted by rank, with their edges.

    Attributes
    ----------
    n_ranks : int
    rank_ptr : (n_ranks + 1,) int64
        Operations of rank r are ``rank_ptr[r] .. rank_ptr[r + 1] - 1``.
    kind : (n_ops,) int64
        An ``Op``.
    stream : (n_ops,) int64
        Serialising resource of the rank, ``NONE`` for none.
    duration_ps, start_ps : (n_ops,) int64
        Length of a CALC; earliest start of any operation.
    bytes, peer, tag, channel : (n_ops,) int64
        Of SEND and RECV; peer and tag of a RECV may be ``ANY``.
    collective : (n_ops,) int64
        Row in ``collectives`` of a COLL, else ``NONE``.
    mode, count : (n_ops,) int64
        ``Gate`` and the k of COUNT.
    job, name : (n_ops,) int64
        Index into ``jobs``; index into ``names`` or ``NONE``.
    dep_ptr : (n_ops + 1,) int64
        Predecessors of operation o are ``dep_idx[dep_ptr[o]:dep_ptr[o + 1]]``, ascending.
    dep_idx : (n_deps,) int64
    dep_start : (n_deps,) int64
        1 where the predecessor need only have started.
    group_ptr, group_ranks : (n_groups + 1,), (n_members,) int64
    """

    n_ranks: int
    rank_ptr: Ints
    kind: Ints
    stream: Ints
    duration_ps: Ints
    start_ps: Ints
    bytes: Ints
    peer: Ints
    tag: Ints
    channel: Ints
    collective: Ints
    mode: Ints
    count: Ints
    job: Ints
    name: Ints
    dep_ptr: Ints
    dep_idx: Ints
    dep_start: Ints
    group_ptr: Ints
    group_ranks: Ints
    collectives: Collectives
    send_done: SendDone = SendDone.LOCAL
    eager_bytes: int = 0
    jobs: list[str] = field(default_factory=lambda: ["job"])
    names: list[str] = field(default_factory=list)
    source: str = "native"
    notes: list[str] = field(default_factory=list)

    @property
    def n_ops(self) -> int:
        """Number of operations."""
        return len(self.kind)

    @property
    def rank_of(self) -> Ints:
        """Rank of each operation, (n_ops,)."""
        return np.repeat(np.arange(self.n_ranks), np.diff(self.rank_ptr))

    def members(self, collective: int) -> Ints:
        """Return the ranks of a collective instance in the order of their positions."""
        group = self.collectives.group[collective]
        return self.group_ranks[self.group_ptr[group] : self.group_ptr[group + 1]]
