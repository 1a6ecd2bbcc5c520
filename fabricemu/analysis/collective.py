"""When the members of a collective finish in the ideal network, given when they begin."""

from dataclasses import dataclass, field

import numpy as np

from fabricemu.fabrics.paths import Paths
from fabricemu.workloads.program import NONE, Collective, Ints, Program
from fabricemu.workloads.schedule import Schedule, schedule_of

Finishes = list[tuple[int, int]]


@dataclass
class _Open:
    """An instance that not all members have left; lists are over positions."""

    schedule: Schedule
    members: Ints
    ops: list[int]
    begun: list[int]
    missing: int
    reached: dict[int, int] = field(default_factory=dict)  # hop of a broadcast -> time


class Collectives:
    """The collective instances of a program, each told as its members begin."""

    def __init__(self, program: Program, paths: Paths) -> None:
        self._program, self._paths = program, paths
        self._open: dict[int, _Open] = {}
        self._position: dict[int, dict[int, int]] = {}
        self._known: dict[tuple[object, ...], Ints] = {}
        self._rank = program.rank_of

    def join(self, op: int, now: int) -> Finishes:
        """Note that a member begins now; return the (operation, finish) that this settles."""
        row = int(self._program.collective[op])
        instance = self._open.get(row) or self._opened(row)
        position = self._position_of(row, int(self._rank[op]))
        instance.ops[position], instance.begun[position] = op, now
        instance.missing -= 1
        if instance.schedule.kind == Collective.BROADCAST:
            return self._pass_on(instance, position)
        if instance.missing:
            return []
        del self._open[row]
        ends = self._finishes(row, instance)
        return list(zip(instance.ops, ends.tolist(), strict=True))

    def _opened(self, row: int) -> _Open:
        members = self._program.members(row)
        n = len(members)
        self._open[row] = _Open(schedule_of(self._program, row), members, [NONE] * n, [NONE] * n, n)
        return self._open[row]

    def _position_of(self, row: int, rank: int) -> int:
        group = int(self._program.collectives.group[row])
        if group not in self._position:
            members = self._program.members(row).tolist()
            self._position[group] = {member: i for i, member in enumerate(members)}
        return self._position[group][rank]

    def _pass_on(self, instance: _Open, position: int) -> Finishes:
        """Let a broadcast go as far along the ring as members have begun."""
        n, root = len(instance.members), instance.schedule.root
        hop = (position - root) % n
        settled: Finishes = []
        while hop < n and (hop == 0 or hop - 1 in instance.reached):
            at = (root + hop) % n
            if instance.begun[at] == NONE:
                break
            received = instance.reached[hop - 1] + self._hop_ps(instance, at) if hop else 0
            instance.reached[hop] = max(instance.begun[at], received)
            settled.append((instance.ops[at], instance.reached[hop]))
            hop += 1
        return settled

    def _hop_ps(self, instance: _Open, at: int) -> int:
        pair = instance.members[[at - 1, at]]
        size = np.array([instance.schedule.part_bytes(instance.schedule.parts - 1)])
        return int(least_ps(self._paths, pair[:1], pair[1:], size)[0])

    def _finishes(self, row: int, instance: _Open) -> Ints:
        """Return the finish of each member; equal shapes are computed once."""
        begun = np.array(instance.begun)
        first = begun.min()
        group = int(self._program.collectives.group[row])
        key = (group, instance.schedule, (begun - first).tobytes())
        if key not in self._known:
            self._known[key] = finishes(
                instance.schedule, instance.members, begun - first, self._paths
            )
        return np.asarray(self._known[key] + first)


def least_ps(paths: Paths, src: Ints, dst: Ints, size: Ints, acked: bool = False) -> Ints:
    """Return the unloaded time of messages by the NIC port on which it is shortest."""
    rails = range(paths.network.nic_ports)
    times: Ints = np.min([paths.unloaded_ps(src, dst, size, r, acked) for r in rails], axis=0)
    return times


def finishes(schedule: Schedule, members: Ints, begun: Ints, paths: Paths) -> Ints:
    """Return when each position has sent and received everything.

    The parts move at the same time in the ideal network, so the largest ones decide.
    """
    ends = [_part_finishes(schedule, part, members, begun, paths) for part in schedule.largest()]
    finish: Ints = np.max(ends, axis=0)
    return finish


def _part_finishes(schedule: Schedule, part: int, members: Ints, begun: Ints, paths: Paths) -> Ints:
    """Return when each position has sent and received everything of a part."""
    ready, finish = begun.copy(), begun.copy()
    times: dict[tuple[bytes, bytes], Ints] = {}
    for step in range(schedule.rounds):
        exchange = schedule.exchange(step, part)
        sender = np.flatnonzero(exchange.peer != NONE)
        peer, size = exchange.peer[sender], exchange.bytes[sender]
        # A ring repeats its steps.
        key = (exchange.peer.tobytes(), exchange.bytes.tobytes())
        if key not in times:
            times[key] = least_ps(paths, members[sender], members[peer], size)
        received = np.zeros(schedule.n, np.int64)
        received[peer] = ready[sender] + times[key]
        finish = np.maximum(finish, received)
        if schedule.chained:
            ready = np.maximum(ready, received)
    return finish
