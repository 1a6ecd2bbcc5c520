"""A program as arrays of the kernels: operations, mailboxes, timers, collectives."""

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.memory import Array, empty, filled
from fabricemu.fabrics.network import Network
from fabricemu.kernels import state as kernel
from fabricemu.workloads.program import ANY, Gate, Op, Program, SendDone
from fabricemu.workloads.schedule import connections, schedule_of

Ints = NDArray[np.int64]
EVERY_SIZE = (1 << 62) - 1


class Connections:
    """The connections of a program in sorted order, without those of a rank to itself."""

    def __init__(self, program: Program) -> None:
        source, target, channel = connections(program)
        other = source != target
        self.source, self.target, self.channel = source[other], target[other], channel[other]
        self.width = int(self.channel.max(initial=0)) + 1
        self.n_ranks = program.n_ranks
        self.key = self._key(self.source, self.target, self.channel)

    def _key(self, source: Ints, target: Ints, channel: Ints) -> Ints:
        key: Ints = (source * self.n_ranks + target) * self.width + channel
        return key

    def find(self, source: Ints, target: Ints, channel: Ints) -> Ints:
        """Return the number of each connection, -1 for a rank to itself."""
        number = np.searchsorted(self.key, self._key(source, target, channel))
        return np.where(source == target, kernel.NONE, number)

    def of_ranks(self) -> Ints:
        """Return the first connection of each rank, and the end, (n_ranks + 1,)."""
        first: Ints = np.searchsorted(self.source, np.arange(self.n_ranks + 1))
        return first


class Mailboxes:
    """The (destination, source, tag) that messages arrive for, numbered by destination."""

    def __init__(self, program: Program) -> None:
        send = np.flatnonzero(program.kind == Op.SEND)
        exact = (program.peer != ANY) & (program.tag != ANY)
        recv = np.flatnonzero((program.kind == Op.RECV) & exact)
        self.users = np.concatenate([send, recv])
        to = np.concatenate([program.peer[send], program.rank_of[recv]])
        source = np.concatenate([program.rank_of[send], program.peer[recv]])
        key = np.stack([to, source, program.tag[self.users]], axis=1)
        self.keys, self.number = np.unique(key, axis=0, return_inverse=True)
        self.n_ranks = program.n_ranks

    def of_ranks(self) -> Ints:
        """Return the first mailbox of each rank, and the end, (n_ranks + 1,)."""
        first: Ints = np.searchsorted(self.keys[:, 0], np.arange(self.n_ranks + 1))
        return first

    def records(self) -> Array:
        """Return the mailboxes, empty."""
        boxes = filled(
            len(self.keys), kernel.MAILBOX, posted=-1, last_posted=-1, arrived=-1, last_arrived=-1
        )
        if len(self.keys):
            boxes["src"], boxes["tag"] = self.keys[:, 1], self.keys[:, 2]
        return boxes


def eager_limit(program: Program) -> int:
    """Return the size up to which a SEND is finished when it is posted."""
    if program.send_done == SendDone.LOCAL:
        return EVERY_SIZE
    return program.eager_bytes if program.send_done == SendDone.EAGER else -1


def operations(
    program: Program, conns: Connections, mailboxes: Mailboxes, qps: int
) -> dict[str, Array]:
    """Return operation records with streams and mailboxes."""
    ops = filled(program.n_ops, kernel.OP, started=-1, finished=-1, next=-1, box=-1, qp=-1)
    if program.n_ops == 0:
        ops["remaining"] = 1
        return {"ops": ops, "streams": empty(1, kernel.STREAM), "boxes": mailboxes.records()}
    rank = program.rank_of
    ops["rank"] = rank
    for name in ("bytes", "kind", "mode", "peer", "tag"):
        ops[name] = getattr(program, name)
    ops["duration"], ops["start"] = program.duration_ps, program.start_ps
    ops["instance"] = program.collective
    ops["position"] = positions(program)
    ops["remaining"] = predecessors(program)
    send = np.flatnonzero(program.kind == Op.SEND)
    number = conns.find(rank[send], program.peer[send], program.channel[send])
    ops["qp"][send] = np.where(number < 0, -1, number * qps)
    ops["box"][mailboxes.users] = mailboxes.number
    streams = _streams(program, ops)
    return {"ops": ops, "streams": streams, "boxes": mailboxes.records()}


def predecessors(program: Program) -> Ints:
    """Return how many activations each operation waits for."""
    count: Ints = np.diff(program.dep_ptr)
    gate = program.kind == Op.GATE
    count = np.where(gate & (program.mode == Gate.ANY), np.minimum(count, 1), count)
    return np.where(gate & (program.mode == Gate.COUNT), program.count, count)


def positions(program: Program) -> Ints:
    """Return the position of each COLL's rank in its group."""
    place = np.zeros(program.n_ops, np.int64)
    coll = np.flatnonzero(program.kind == Op.COLL)
    if not len(coll):
        return place
    group_of = np.repeat(np.arange(len(program.group_ptr) - 1), np.diff(program.group_ptr))
    key = group_of * program.n_ranks + program.group_ranks
    order = np.argsort(key)
    group = program.collectives.group[program.collective[coll]]
    wanted = group * program.n_ranks + program.rank_of[coll]
    member = order[np.searchsorted(key[order], wanted)]
    place[coll] = member - program.group_ptr[group]
    return place


def _streams(program: Program, ops: Array) -> Array:
    """Give every stream of every rank a number."""
    ops["stream"] = kernel.NONE
    has = np.flatnonzero(program.stream >= 0)
    key = program.rank_of[has] * (int(program.stream.max(initial=0)) + 1) + program.stream[has]
    distinct, number = np.unique(key, return_inverse=True)
    ops["stream"][has] = number
    return filled(len(distinct), kernel.STREAM, head=-1, tail=-1)


def edges(program: Program) -> dict[str, Array]:
    """Return the successors of each operation, ascending, from its predecessors."""
    after = np.repeat(np.arange(program.n_ops), np.diff(program.dep_ptr))
    order = np.lexsort((after, program.dep_idx))
    ptr = np.searchsorted(program.dep_idx[order], np.arange(program.n_ops + 1))
    return {
        "succ_ptr": ptr.astype(np.int64),
        "succ": np.append(after[order], 0).astype(np.int64),
        "succ_start": np.append(program.dep_start[order], 0).astype(np.int64),
    }


def foreign_edges(program: Program) -> Ints:
    """Return the operations that wait for one of another rank, once per such edge."""
    rank = program.rank_of
    after = np.repeat(np.arange(program.n_ops), np.diff(program.dep_ptr))
    foreign: Ints = after[rank[after] != rank[program.dep_idx]]
    return foreign


def hosts(
    program: Program, network: Network, conns: Connections, mailboxes: Mailboxes, qps: int
) -> dict[str, Array]:
    """Return host records with their timers: what has no predecessor starts by one."""
    n = network.n_ranks
    records = filled(n, kernel.HOST_RECORD, wild_head=-1, wild_tail=-1)
    records["rank"] = np.arange(n)
    inbound = np.bincount(program.rank_of[foreign_edges(program)], minlength=n)
    room = np.zeros(n, np.int64)
    room[: program.n_ranks] = np.diff(program.rank_ptr) + inbound[: program.n_ranks]
    records["heap"] = np.cumsum(room) - room
    heap_time = np.zeros(int(room.sum()) + 1, np.int64)
    heap_op = np.zeros(int(room.sum()) + 1, np.int64)
    first = np.flatnonzero(np.diff(program.dep_ptr) == 0)
    # Sorted by time, then number: a sorted run is a heap.
    first = first[np.lexsort((first, program.start_ps[first], program.rank_of[first]))]
    count = np.bincount(program.rank_of[first], minlength=n)
    place = np.repeat(records["heap"] - (np.cumsum(count) - count), count) + np.arange(len(first))
    heap_time[place], heap_op[place] = program.start_ps[first], 2 * first
    records["timers"] = count
    bounds = np.arange(n + 1).clip(max=program.n_ranks)
    of_rank, boxes = conns.of_ranks()[bounds], mailboxes.of_ranks()[bounds]
    records["first_conn"], records["end_conn"] = of_rank[:-1], of_rank[1:]
    records["first_qp"], records["end_qp"] = of_rank[:-1] * qps, of_rank[1:] * qps
    records["first_box"], records["end_box"] = boxes[:-1], boxes[1:]
    return {"hosts": records, "heap_time": heap_time, "heap_op": heap_op}


def collectives(program: Program) -> dict[str, Array]:
    """Return instances, part states and the bits of steps received."""
    table = program.collectives
    records = empty(len(table), kernel.INSTANCE)
    schedules = [schedule_of(program, row) for row in range(len(table))]
    if schedules:
        for name in ("kind", "algorithm", "bytes", "root"):
            records[name] = getattr(table, name)
        records["parts"] = [s.parts for s in schedules]
        records["channel_parts"] = [s.channel_parts for s in schedules]
        records["n"] = [s.n for s in schedules]
        records["steps"] = [s.rounds for s in schedules]
    records["words"] = (records["steps"] + 31) // 32
    records["group"] = program.group_ptr[table.group] if schedules else 0
    states = records["n"] * records["parts"]
    records["states"] = np.cumsum(states) - states
    words = states * records["words"]
    records["bits"] = np.cumsum(words) - words
    numbers = states * records["steps"]
    records["number"] = program.n_ops + np.cumsum(numbers) - numbers
    part_states = filled(int(states.sum()), kernel.PART_STATE, op=-1)
    _owners(program, records, part_states)
    return {
        "instances": records,
        "members": np.append(program.group_ranks, 0).astype(np.int64),
        "part_states": part_states,
        "step_bits": np.zeros(int(words.sum()) + 1, np.int64),
    }


def _owners(program: Program, records: Array, part_states: Array) -> None:
    """Note for each part state the operation that it belongs to."""
    coll = np.flatnonzero(program.kind == Op.COLL)
    instance = program.collective[coll]
    parts = records["parts"][instance]
    first = records["states"][instance] + positions(program)[coll] * parts
    index = np.repeat(first - (np.cumsum(parts) - parts), parts) + np.arange(int(parts.sum()))
    part_states["op"][index] = np.repeat(coll, parts)
