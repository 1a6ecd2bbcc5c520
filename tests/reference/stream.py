"""Cells of one VOQ, put back in order at the egress leaf (sections 5 and 15)."""

from collections import deque
from typing import NamedTuple

from tests.reference.packets import Cell, Packet


class Past(NamedTuple):
    """A packet whose last cell is below the expected one; it may have lost cells."""

    packet: Packet
    complete: bool


class Stream:
    """``packets`` are those that were cut and are not past, in order."""

    def __init__(self, packets: deque[Packet]) -> None:
        self.packets = packets
        self.expected = 0
        self.mark = 0  # at the next look what is missing below is given up
        self.came: set[int] = set()  # above ``expected``
        self.lost: set[int] = set()

    @property
    def gap(self) -> bool:
        return bool(self.came)

    def accept(self, cell: Cell, now: int) -> list[Past]:
        """Take a cell that is not late; return the packets that are now past."""
        for packet in cell.ends:
            packet.last_cell = now
        self.came.add(cell.number)
        return self.advance()

    def look(self) -> list[Past]:
        """Give up what was missing at the last look already."""
        if self.mark > self.expected:
            self.lost |= set(range(self.expected, self.mark)) - self.came
            self.came -= set(range(self.mark))
            self.expected = self.mark
        past = self.advance()
        if self.gap:
            self.mark = max(self.came) + 1
        return past

    def advance(self) -> list[Past]:
        while self.expected in self.came:
            self.came.remove(self.expected)
            self.expected += 1
        past = []
        while self.packets and self.packets[0].cells.stop <= self.expected:
            packet = self.packets.popleft()
            past.append(Past(packet, self.lost.isdisjoint(packet.cells)))
        return past
