"""A program in the ideal network, where every message takes its unloaded time.

Nothing waits for a wire and no stream is serial, so no operation of a run is earlier. The
walk goes in the order of time, with the rules of section 4 of ``docs/model.md``: the k-th
message to arrive meets the k-th RECV of its (source, destination, tag). A rank with a RECV
from any source or of any tag gets all its messages at once.
"""

import heapq
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fabricemu.analysis.collective import Collectives, least_ps
from fabricemu.fabrics.paths import Paths
from fabricemu.workloads.build import pointers
from fabricemu.workloads.graph import message_keys
from fabricemu.workloads.program import ANY, Gate, Ints, Op, Program, SendDone


def ideal_ps(program: Program, paths: Paths) -> int:
    """Return the time from the first start to the last finish in the ideal network, in ps."""
    return _Ideal(program, paths).run()


class _Ideal:
    """State of the walk; lists, not arrays, because it goes one operation at a time."""

    def __init__(self, program: Program, paths: Paths) -> None:
        self.program, self.paths = program, paths
        self.now, self.first, self.last = 0, -1, 0
        self.heap: list[tuple[int, int, Callable[[int], None], int]] = []
        self.pushed = 0
        self.work: deque[tuple[Callable[[int], None], int]] = deque()
        self._edges()
        self._messages()
        self.collectives = Collectives(program, paths)
        self.begins = {
            int(Op.CALC): self._begin_calc,
            int(Op.SEND): self._begin_send,
            int(Op.RECV): self._begin_recv,
            int(Op.COLL): self._begin_collective,
            int(Op.GATE): self._finish,
            int(Op.MARK): self._finish,
        }

    def _edges(self) -> None:
        program = self.program
        target = np.repeat(np.arange(program.n_ops), np.diff(program.dep_ptr))
        order = np.argsort(program.dep_idx, kind="stable")
        self.ptr = pointers(program.dep_idx, program.n_ops).tolist()
        self.next = target[order].tolist()
        self.on_start = program.dep_start[order].tolist()
        self.rank = program.rank_of.tolist()
        self.kind = program.kind.tolist()
        self.earliest = program.start_ps.tolist()
        gate, waits = program.kind == Op.GATE, np.diff(program.dep_ptr)
        waits = np.where(gate & (program.mode == Gate.ANY), np.minimum(waits, 1), waits)
        waits = np.where(gate & (program.mode == Gate.COUNT), program.count, waits)
        self.waits = waits.tolist()
        self.fifo = (gate & (program.mode == Gate.FIFO)).tolist()
        self.turn: dict[int, int] = {}
        self.gate_latency = self.paths.network.lookahead_ps

    def _messages(self) -> None:
        program, paths = self.program, self.paths
        send = np.flatnonzero(program.kind == Op.SEND)
        recv = np.flatnonzero(program.kind == Op.RECV)
        src, dst = program.rank_of[send], program.peer[send]
        size = program.bytes[send]
        self.delivered = _per_op(program, send, least_ps(paths, src, dst, size))
        self.acked = _per_op(program, send, least_ps(paths, src, dst, size, acked=True))
        open_rank = np.zeros(program.n_ranks, bool)
        open_rank[program.rank_of[recv[_any(program, recv)]]] = True
        recv = recv[~open_rank[program.rank_of[recv]]]
        send = send[~open_rank[program.peer[send]]]
        sent, received = message_keys(program, send, recv)
        self.key = dict(zip(send.tolist(), sent.tolist(), strict=True))
        self.key |= dict(zip(recv.tolist(), received.tolist(), strict=True))
        self.arrived: dict[int, int] = {}
        self.posted: dict[int, deque[int]] = {}

    def run(self) -> int:
        """Walk until nothing is left."""
        for op in np.flatnonzero(np.diff(self.program.dep_ptr) == 0).tolist():
            self._at(self.earliest[op], self._begin, op)
        while self.heap:
            self.now, _, action, what = heapq.heappop(self.heap)
            action(what)
            while self.work:
                action, what = self.work.popleft()
                action(what)
        return self.last - max(self.first, 0)

    def _at(self, time: int, action: Callable[[int], None], what: int) -> None:
        self.pushed += 1
        heapq.heappush(self.heap, (time, self.pushed, action, what))

    def _begin(self, op: int) -> None:
        if self.first < 0:
            self.first = self.now
        self._follow(op, 1)
        self.begins[self.kind[op]](op)

    def _finish(self, op: int) -> None:
        self.last = max(self.last, self.now)
        if self.fifo[op]:
            at = self.ptr[op] + self.turn.get(op, 0)
            self.turn[op] = self.turn.get(op, 0) + 1
            if at < self.ptr[op + 1]:
                self._reach(op, self.next[at])
        else:
            self._follow(op, 0)

    def _follow(self, op: int, on_start: int) -> None:
        for at in range(self.ptr[op], self.ptr[op + 1]):
            if self.on_start[at] == on_start:
                self._reach(op, self.next[at])

    def _reach(self, op: int, target: int) -> None:
        if self.rank[op] == self.rank[target]:
            self.work.append((self._activate, target))
        else:
            self._at(self.now + self.gate_latency, self._activate, target)

    def _activate(self, op: int) -> None:
        self.waits[op] -= 1
        if self.waits[op] == 0 or self.fifo[op]:
            if self.earliest[op] > self.now:
                self._at(self.earliest[op], self._begin, op)
            else:
                self._begin(op)

    def _begin_calc(self, op: int) -> None:
        self._at(self.now + int(self.program.duration_ps[op]), self._finish, op)

    def _begin_send(self, op: int) -> None:
        program, arrival = self.program, self.now + self.delivered[op]
        if op in self.key:
            self._at(arrival, self._arrive, self.key[op])
        eager = program.send_done == SendDone.EAGER and program.bytes[op] <= program.eager_bytes
        if program.send_done == SendDone.LOCAL or eager:
            self._finish(op)
        else:
            self._at(self.now + self.acked[op], self._finish, op)

    def _begin_recv(self, op: int) -> None:
        key = self.key.get(op)
        if key is None:
            self._finish(op)
        elif self.arrived.get(key, 0):
            self.arrived[key] -= 1
            self._finish(op)
        else:
            self.posted.setdefault(key, deque()).append(op)

    def _arrive(self, key: int) -> None:
        if self.posted.get(key):
            self._finish(self.posted[key].popleft())
        else:
            self.arrived[key] = self.arrived.get(key, 0) + 1

    def _begin_collective(self, op: int) -> None:
        for member, end in self.collectives.join(op, self.now):
            self._at(end, self._finish, member)


def _any(program: Program, recv: Ints) -> NDArray[np.bool_]:
    return np.asarray((program.peer[recv] == ANY) | (program.tag[recv] == ANY))


def _per_op(program: Program, ops: Ints, values: Ints) -> list[int]:
    column = np.zeros(program.n_ops, np.int64)
    column[ops] = values
    return [int(value) for value in column.tolist()]
