"""What is wrong with a program, and what is in it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.errors import TraceError
from fabricemu.workloads.graph import has_cycle, message_keys, walk
from fabricemu.workloads.program import (
    ANY,
    NONE,
    Algorithm,
    Collective,
    Gate,
    Ints,
    Op,
    Program,
)
from fabricemu.workloads.schedule import ALGORITHMS, total_messages, traffic

SHOWN = 5  # operations of a cycle that a message names


def check(program: Program) -> list[str]:
    """Return all problems of a program, one line each; none if it can be run."""
    problems = list(_structure(program))
    if problems:
        return problems  # what follows indexes by the columns checked above
    problems = [*_collective_rows(program), *_gates(program)]
    if not problems:
        problems = list(_agreement(program))
    problems += _unmatched(program)
    if not problems and (loop := walk(program).loop):
        problems.append(_cycle(program, loop))
    return problems


def validate(program: Program) -> None:
    """Raise ``TraceError`` with the first problem; cheaper than ``check``.

    Loops that go through messages or collectives are left to the run.
    """
    for rule in (_structure, _collective_rows, _gates, _agreement, _unmatched):
        for problem in rule(program):
            raise TraceError(f"{program.source}: {problem}")
    if has_cycle(program):
        raise TraceError(f"{program.source}: {_cycle(program, walk(program, False).loop)}")


def describe(program: Program, op: int) -> str:
    """Return a short name of an operation: rank, number within the rank, kind."""
    rank = int(np.searchsorted(program.rank_ptr, op, side="right")) - 1
    kind = Op(int(program.kind[op])).name if program.kind[op] in list(Op) else "operation"
    return f"rank {rank} op {op - program.rank_ptr[rank]} ({kind})"


def _structure(program: Program) -> Iterator[str]:
    """Yield problems of single columns."""
    n = program.n_ranks
    send, recv = program.kind == Op.SEND, program.kind == Op.RECV
    message, row = send | recv, program.collective
    rules: list[tuple[str, NDArray[np.bool_]]] = [
        ("has an unknown kind", ~np.isin(program.kind, list(Op))),
        ("has a negative duration", program.duration_ps < 0),
        ("has a negative start", program.start_ps < 0),
        ("has a negative size", program.bytes < 0),
        ("has a stream below -1", program.stream < NONE),
        ("has a negative channel", program.channel < 0),
        (f"has a peer outside 0..{n - 1}", message & (program.peer >= n)),
        ("sends to no rank", send & (program.peer < 0)),
        ("receives from a rank below -1", recv & (program.peer < ANY)),
        ("sends with a negative tag", send & (program.tag < 0)),
        ("receives a tag below -1", recv & (program.tag < ANY)),
        ("names no collective", (program.kind == Op.COLL) & _outside(row, program.collectives)),
        ("names an unknown job", _outside(program.job, program.jobs)),
        ("has an unknown name", (program.name != NONE) & _outside(program.name, program.names)),
    ]
    for text, wrong in rules:
        yield from _first(program, wrong, text)
    if np.any((program.dep_idx < 0) | (program.dep_idx >= program.n_ops)):
        yield f"an edge comes from no operation (0..{program.n_ops - 1})"
    if np.any((program.group_ranks < 0) | (program.group_ranks >= n)):
        yield f"a group has a member outside 0..{n - 1}"


def _outside(index: Ints, table: Any) -> NDArray[np.bool_]:
    return (index < 0) | (index >= len(table))


def _first(program: Program, wrong: NDArray[np.bool_], text: str) -> Iterator[str]:
    """Yield the first wrong operation, and how many more."""
    ops = np.flatnonzero(wrong)
    if len(ops):
        more = f", and {len(ops) - 1} more" if len(ops) > 1 else ""
        yield f"{describe(program, int(ops[0]))} {text}{more}"


def _gates(program: Program) -> Iterator[str]:
    gate = program.kind == Op.GATE
    yield from _first(program, gate & ~np.isin(program.mode, list(Gate)), "has an unknown mode")
    counts = gate & (program.mode == Gate.COUNT)
    yield from _first(program, counts & (program.count < 1), "counts to less than 1")
    inputs = np.diff(program.dep_ptr)
    yield from _first(
        program, counts & (program.count > inputs), "counts more activations than it has edges"
    )


def _collective_rows(program: Program) -> Iterator[str]:
    """Yield problems of the table of collectives and of the groups."""
    groups = len(program.group_ptr) - 1
    for group in range(groups):
        members = program.group_ranks[program.group_ptr[group] : program.group_ptr[group + 1]]
        if len(np.unique(members)) != len(members) or not len(members):
            yield f"group {group} has no member, or one of them twice"
    table = program.collectives
    for row in range(len(table)):
        kind, algorithm = int(table.kind[row]), int(table.algorithm[row])
        if kind not in list(Collective) or algorithm not in list(Algorithm):
            yield f"collective {row} has an unknown kind or algorithm"
        elif algorithm not in ALGORITHMS[Collective(kind)]:
            names = f"{Collective(kind).name} by {Algorithm(algorithm).name}"
            yield f"collective {row}: {names} is not known"
        elif not 0 <= table.group[row] < groups:
            yield f"collective {row} has no group (0..{groups - 1})"
        elif min(table.channels[row], table.chunks[row]) < 1 or table.bytes[row] < 0:
            yield f"collective {row}: channels and chunks must be positive, bytes not negative"
        elif not 0 <= table.root[row] < len(program.members(row)):
            yield f"collective {row}: root {table.root[row]} is not a position of its group"


def _agreement(program: Program) -> Iterator[str]:
    """Yield groups whose members do not call the same collectives in the same order."""
    table = program.collectives
    if not len(table):
        return
    ops = np.flatnonzero(program.kind == Op.COLL)
    row, rank = program.collective[ops], program.rank_of[ops]
    group = table.group[row]
    # The k-th call of each member, members of a group side by side.
    by_call = np.lexsort((ops, rank, group))
    row, rank, group, ops = row[by_call], rank[by_call], group[by_call], ops[by_call]
    member = group * program.n_ranks + rank
    call = np.arange(len(ops)) - np.searchsorted(member, member)
    belongs = np.isin(member, _memberships(program))
    wrong = np.zeros(program.n_ops, bool)
    wrong[ops[~belongs]] = True
    yield from _first(program, wrong, "is not in the group of its collective")
    width = int(call.max(initial=0)) + 1
    _, at, instance = np.unique(group * width + call, return_index=True, return_inverse=True)
    wrong[:] = False
    wrong[ops[row != row[at][instance]]] = True
    yield from _first(program, wrong, "disagrees with its group on which collective comes next")
    size = np.diff(program.group_ptr)[table.group]
    calls = np.bincount(row, minlength=len(table))
    for bad in np.flatnonzero(calls != size)[:1]:
        yield f"collective {bad} is called {calls[bad]} times by a group of {size[bad]}"


def _memberships(program: Program) -> Ints:
    """Return group * n_ranks + rank of every member of every group."""
    group = np.repeat(np.arange(len(program.group_ptr) - 1), np.diff(program.group_ptr))
    return group * program.n_ranks + program.group_ranks


def _unmatched(program: Program) -> Iterator[str]:
    """Yield sends that nobody receives and receipts that nobody sends."""
    send = np.flatnonzero(program.kind == Op.SEND)
    recv = np.flatnonzero(program.kind == Op.RECV)
    wild = (program.peer[recv] == ANY) | (program.tag[recv] == ANY)
    exact, free = recv[~wild], recv[wild]
    sent, received = message_keys(program, send, exact)
    n = max(sent.max(initial=-1), received.max(initial=-1)) + 1
    balance = np.bincount(sent, minlength=n) - np.bincount(received, minlength=n)
    wrong = np.zeros(program.n_ops, bool)
    wrong[exact[balance[received] < 0]] = True
    yield from _first(program, wrong, "receives more messages than are sent to it")
    spare = np.zeros(program.n_ranks, np.int64)
    _, first = np.unique(sent, return_index=True)
    np.add.at(spare, program.peer[send[first]], np.maximum(balance[sent[first]], 0))
    taken = np.bincount(program.rank_of[free], minlength=program.n_ranks)
    if not len(free):
        wrong[:] = False
        wrong[send[balance[sent] > 0]] = True
        yield from _first(program, wrong, "sends more messages than are received")
        return
    for rank in np.flatnonzero(spare != taken)[:1]:
        yield (
            f"rank {rank} takes {taken[rank]} messages from any source or of any tag, "
            f"{spare[rank]} are left for it"
        )


def _cycle(program: Program, loop: list[int]) -> str:
    names = [describe(program, op) for op in loop[:SHOWN]]
    more = f" -> ... ({len(loop)} operations)" if len(loop) > SHOWN else ""
    return "operations wait for each other: " + " -> ".join(names) + more


def info(program: Program) -> dict[str, Any]:
    """Return what is in a program that passes ``check``, as plain values.

    ``critical_path_ps`` is the longest chain of operations when messages take no time, streams
    are not looked at, and gates that do not wait for all open at once.
    """
    counts = np.bincount(program.kind, minlength=len(Op))
    sent, received = traffic(program)
    times = walk(program).time
    return {
        "source": program.source,
        "ranks": program.n_ranks,
        "operations": program.n_ops,
        "operations_by_kind": {kind.name.lower(): int(counts[kind]) for kind in Op},
        "edges": len(program.dep_idx),
        "groups": len(program.group_ptr) - 1,
        "jobs": list(program.jobs),
        "messages": total_messages(program),
        "send_bytes": int(program.bytes[program.kind == Op.SEND].sum()),
        "bytes": int(sent.sum()),
        "sent_bytes_per_rank": {"min": int(sent.min()), "max": int(sent.max())},
        "received_bytes_per_rank": {"min": int(received.min()), "max": int(received.max())},
        "collectives": _collective_summary(program),
        "critical_path_ps": max(times, default=0),
        "notes": list(program.notes),
    }


def _collective_summary(program: Program) -> list[dict[str, Any]]:
    """Return number and bytes of the collectives by kind, algorithm and group."""
    table = program.collectives
    keys = np.stack([table.kind, table.algorithm, table.group], axis=1)
    found, which = np.unique(keys, axis=0, return_inverse=True)
    which = which.reshape(-1)
    sizes = np.diff(program.group_ptr)
    return [
        {
            "kind": Collective(int(kind)).name.lower(),
            "algorithm": Algorithm(int(algorithm)).name.lower(),
            "group": int(group),
            "ranks": int(sizes[group]),
            "instances": int(np.count_nonzero(which == i)),
            "bytes": int(table.bytes[which == i].sum()),
        }
        for i, (kind, algorithm, group) in enumerate(found)
    ]
