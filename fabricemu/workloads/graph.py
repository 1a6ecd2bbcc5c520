"""What waits for what in a program, as a graph of begins and ends, over an ideal network.

Node 2o is the begin of operation o, node 2o + 1 its end; one more node for each collective that
all its members take part in. Messages take no time. Edges into gates that do not wait for all
their predecessors are left out: such a gate may lie on a loop and still open.
"""

from typing import NamedTuple

import numpy as np

from fabricemu.workloads.build import pointers
from fabricemu.workloads.program import ANY, Collective, Gate, Ints, Op, Program


class Walk(NamedTuple):
    """Result of a walk through the graph in the order of dependence."""

    time: list[int]  # earliest time of each node, ps
    last: list[int]  # predecessor that decided it, -1 for none
    loop: list[int]  # operations of one cycle, empty if there is none


def edges_of(program: Program, messages: bool) -> tuple[Ints, Ints]:
    """Return sources and targets of all edges; with ``messages`` those between ranks too."""
    ops = np.arange(program.n_ops)
    after = np.repeat(ops, np.diff(program.dep_ptr))
    joins = (program.kind[after] != Op.GATE) | (program.mode[after] == Gate.ALL)
    before = 2 * program.dep_idx[joins] + (program.dep_start[joins] == 0)
    found = [(2 * ops, 2 * ops + 1), (before, 2 * after[joins])]
    if messages:
        send, recv = matched(program)
        found += [(2 * send, 2 * recv + 1), *_collective_edges(program)]
    sources, targets = zip(*found, strict=True)
    return np.concatenate(sources), np.concatenate(targets)


def matched(program: Program) -> tuple[Ints, Ints]:
    """Return the k-th SEND and the k-th RECV of each (source, destination, tag), as pairs.

    Receipts from any source or of any tag are left out.
    """
    send = np.flatnonzero(program.kind == Op.SEND)
    recv = np.flatnonzero((program.kind == Op.RECV) & (program.peer != ANY) & (program.tag != ANY))
    keys = message_keys(program, send, recv)
    sent, received = (_numbered(key, len(keys[0]) + len(keys[1])) for key in keys)
    _, at_send, at_recv = np.intersect1d(sent, received, assume_unique=True, return_indices=True)
    return send[at_send], recv[at_recv]


def message_keys(program: Program, send: Ints, recv: Ints) -> tuple[Ints, Ints]:
    """Return one number for each (source, destination, tag), of sends and of receipts."""
    rank = program.rank_of
    source = np.concatenate([rank[send], program.peer[recv]])
    destination = np.concatenate([program.peer[send], rank[recv]])
    tags = np.concatenate([program.tag[send], program.tag[recv]])
    _, tag = np.unique(tags, return_inverse=True)
    pair = source * program.n_ranks + destination
    _, pair = np.unique(pair, return_inverse=True)
    _, key = np.unique(pair * (int(tag.max(initial=0)) + 1) + tag, return_inverse=True)
    return key[: len(send)], key[len(send) :]


def _numbered(key: Ints, width: int) -> Ints:
    """Return key * width + (how many equal keys came before)."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.searchsorted(ordered, ordered)
    numbered = np.empty_like(key)
    numbered[order] = ordered * width + np.arange(len(key)) - first
    return numbered


def _collective_edges(program: Program) -> list[tuple[Ints, Ints]]:
    """Return edges from every member's begin to every member's end (broadcast: root's begin)."""
    ops = np.flatnonzero(program.kind == Op.COLL)
    rows = program.collective[ops]
    join = 2 * program.n_ops + rows
    table = program.collectives
    root = program.group_ranks[program.group_ptr[table.group[rows]] + table.root[rows]]
    gives = (table.kind[rows] != Collective.BROADCAST) | (program.rank_of[ops] == root)
    return [(2 * ops[gives], join[gives]), (join, 2 * ops + 1)]


def has_cycle(program: Program) -> bool:
    """Return whether operations wait for each other by their edges alone."""
    source, target = edges_of(program, messages=False)
    # Edges that all lead to higher numbers cannot close a loop: the usual case, and cheap.
    return bool(np.any(source >= target)) and bool(walk(program, messages=False).loop)


def walk(program: Program, messages: bool = True) -> Walk:
    """Visit all nodes in the order of dependence; find the earliest times, or a cycle."""
    n = 2 * program.n_ops + len(program.collectives)
    source, target = edges_of(program, messages)
    order = np.argsort(source, kind="stable")
    ptr = pointers(source, n).tolist()
    heads = target[order].tolist()
    waits = np.bincount(target, minlength=n).tolist()
    duration = np.where(program.kind == Op.CALC, program.duration_ps, 0).tolist()
    time = np.zeros(n, np.int64)
    time[0 : 2 * program.n_ops : 2] = program.start_ps
    earliest, last = time.tolist(), [-1] * n
    ready = [node for node in range(n) if waits[node] == 0]
    for node in ready:  # grows while it is walked
        now = earliest[node]
        for at in range(ptr[node], ptr[node + 1]):
            head = heads[at]
            then = now
            if head == node + 1 and node % 2 == 0 and node // 2 < len(duration):
                then = now + duration[node // 2]
            if then > earliest[head] or (then == earliest[head] and last[head] < 0):
                earliest[head], last[head] = then, node
            waits[head] -= 1
            if waits[head] == 0:
                ready.append(head)
    loop = [] if len(ready) == n else _loop(source, target, waits, program.n_ops)
    return Walk(earliest, last, loop)


def _loop(source: Ints, target: Ints, waits: list[int], n_ops: int) -> list[int]:
    """Return the operations of one cycle among the nodes that still wait."""
    stuck = np.array(waits) > 0
    inner = stuck[source] & stuck[target]
    # Every stuck node has a stuck predecessor: walking back must come round.
    before = dict(zip(target[inner].tolist(), source[inner].tolist(), strict=True))
    node = next(iter(before))
    seen: dict[int, int] = {}
    path: list[int] = []
    while node not in seen:
        seen[node] = len(path)
        path.append(node)
        node = before[node]
    nodes = reversed(path[seen[node] :])
    ops = [found // 2 for found in nodes if found < 2 * n_ops]
    return list(dict.fromkeys(ops))
