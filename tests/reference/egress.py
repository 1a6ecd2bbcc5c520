"""The egress leaf's side of a DDC: credit scheduler and reassembly (section 5)."""

from collections import deque

from tests.reference.packets import Cell, Packet, VoqKey


class Scheduler:
    """Pending credits of one egress port; who is next, and when it ticks."""

    def __init__(self, interval: int):
        self.interval = interval
        self.pending: dict[VoqKey, int] = {}
        self.fifos: tuple[deque[VoqKey], deque[VoqKey]] = (deque(), deque())  # by class
        self.last_tick: int | None = None
        self.ticking = False

    def request(self, voq: VoqKey, n: int) -> None:
        if voq not in self.pending:
            self.pending[voq] = 0
            self.fifos[voq[2]].append(voq)
        self.pending[voq] += n

    def first_tick(self, now: int) -> int:
        return now if self.last_tick is None else max(now, self.last_tick + self.interval)

    def grant(self) -> VoqKey:
        """Return the VOQ that gets the next credit."""
        fifo = self.fifos[0] or self.fifos[1]
        voq = fifo.popleft()
        self.pending[voq] -= 1
        if self.pending[voq]:
            fifo.append(voq)
        else:
            del self.pending[voq]
        return voq


class Stream:
    """Cells of one VOQ, put back in order."""

    def __init__(self) -> None:
        self.expected = 0
        self.cells: dict[int, Cell] = {}

    def accept(self, cell: Cell, now: int) -> list[Packet]:
        """Take a cell; return the packets that are complete now, in order."""
        for packet in cell.ends:
            packet.last_cell = now
        self.cells[cell.number] = cell
        complete: list[Packet] = []
        while self.expected in self.cells:
            complete += self.cells.pop(self.expected).ends
            self.expected += 1
        return complete
