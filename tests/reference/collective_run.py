"""Collectives in progress: which step each part of each rank has come to (section 4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fabricemu.workloads.program import Program
from tests.reference.collectives import Step, part_steps
from tests.reference.result import Message

if TYPE_CHECKING:
    from tests.reference.program_run import ProgramRun


class Part:
    """One part on one position: ``sent`` counts the steps that were sent."""

    def __init__(self, steps: list[Step], channel: int):
        self.steps = steps
        self.channel = channel
        self.sent = 0
        self.received: Counter[int] = Counter()

    def complete(self, step: int) -> bool:
        """Return whether all that ``step`` expects has come."""
        return step < 0 or self.received[step] >= self.steps[step].expects

    @property
    def may_send(self) -> bool:
        return self.sent < len(self.steps) and self.complete(self.sent - 1)

    @property
    def finished(self) -> bool:
        return self.sent == len(self.steps) and self.complete(self.sent - 1)


class Participant:
    """One rank in one collective instance; messages may come before it begins."""

    def __init__(self, program: Program, instance: int, rank: int):
        self.members = program.members(instance).tolist()
        self.instance = instance
        self.rank = rank
        table = program.collectives
        position = self.members.index(rank)
        channels = part_steps(table, instance, position, len(self.members))
        self.parts = [
            Part(steps, channel) for channel, parts in enumerate(channels) for steps in parts
        ]
        self.op: int | None = None  # once begun

    def connections(self) -> set[tuple[int, int, int]]:
        """Return all (src, dst, channel) over which it sends."""
        return {
            (self.rank, self.members[position], part.channel)
            for part in self.parts
            for step in part.steps
            for position, _ in step.sends
        }

    def begin(self, op: int, run: ProgramRun) -> None:
        self.op = op
        while sum(self.advance(number, run) for number in range(len(self.parts))):
            pass
        self.finish_if_done(run)

    def receive(self, message: Message, run: ProgramRun) -> None:
        self.parts[message.part].received[message.step] += 1
        if self.op is not None:
            while self.advance(message.part, run):
                pass
            self.finish_if_done(run)

    def advance(self, number: int, run: ProgramRun) -> bool:
        """Send the next step of a part if it may; return whether it did."""
        part = self.parts[number]
        if not part.may_send:
            return False
        step = part.sent
        part.sent += 1
        for position, size in part.steps[step].sends:
            row = {"collective": self.instance, "part": number, "step": step}
            run.post(Message(self.rank, self.members[position], part.channel, size, **row))
        return True

    def finish_if_done(self, run: ProgramRun) -> None:
        if self.op is not None and all(part.finished for part in self.parts):
            run.queue_finish(self.op)
