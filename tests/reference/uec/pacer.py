"""Receiver credit as it is granted: one pacer for all queue pairs of a NIC port (section 8.2)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from fabricemu.fabrics.transport import Transport, Uec
from tests.reference.packets import Pull
from tests.reference.uec.credit import QUANTUM

if TYPE_CHECKING:
    from tests.reference.host import Host
    from tests.reference.queue_pair import QueuePair

PULL_QUANTA = 64
IDLE_QUANTA = 4  # between pulls that grant nothing
ENTROPIES = 128


class Grant:
    """What a queue pair has asked for and what it has got, in quanta."""

    def __init__(self, qp: QueuePair):
        self.qp = qp
        self.top = self.granted = 0
        self.pulls = 0


class Pacer:
    def __init__(self, host: Host, index: int, transport: Transport, given: Uec):
        self.host = host
        self.index = index
        self.transport = transport
        self.quantum = given.quantum_ps
        self.excess = given.max_window // QUANTUM
        self.active: deque[Grant] = deque()
        self.idle: deque[Grant] = deque()
        self.asleep = True

    def hear(self, grant: Grant, target: int, in_any_case: bool = False) -> None:
        """Take in a pull target; list its queue pair if the target is new, or in any case."""
        listed = in_any_case or target > grant.top
        grant.top = max(grant.top, target)
        if listed and grant not in self.active:
            self.active.append(grant)
        if self.active and self.asleep:
            self.asleep = False
            self.host.pacer_timer(self.host.events.now, self.index, self.tick)

    def tick(self) -> None:
        if self.active:
            quanta = self.serve_active(self.active.popleft())
        elif self.idle:
            quanta = self.serve_idle(self.idle.popleft())
        else:
            self.asleep = True
            return
        time = self.host.events.now + (quanta or IDLE_QUANTA) * self.quantum
        self.host.pacer_timer(time, self.index, self.tick)

    def serve_active(self, grant: Grant) -> int:
        """Grant what was asked for, not more than a pull; return how much."""
        before = grant.granted
        grant.granted = max(before, min(before + PULL_QUANTA, grant.top))
        self.send_pull(grant)
        if grant.top > grant.granted:
            self.active.append(grant)
        elif grant not in self.idle:
            self.idle.append(grant)
        return grant.granted - before

    def serve_idle(self, grant: Grant) -> int:
        """Grant a pull that nobody has asked for, for nothing else is to do."""
        grant.granted += PULL_QUANTA
        self.send_pull(grant)
        if 0 <= grant.granted - grant.top < self.excess:
            self.idle.append(grant)
        return PULL_QUANTA

    def send_pull(self, grant: Grant) -> None:
        frame = self.transport.ack_bytes
        wire = frame + self.transport.gap_bytes
        pull = Pull(grant.qp, grant.qp.ends.home, frame, wire, grant.granted)
        pull.entropy = grant.pulls % ENTROPIES
        grant.pulls += 1
        self.host.ports[self.index].enqueue(pull)
