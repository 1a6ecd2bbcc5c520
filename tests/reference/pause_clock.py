"""Which classes a neighbour has paused at a port, and for how long in all."""

from tests.reference.packets import CONTROL


class PauseClock:
    """Indexed by level; control is never paused."""

    def __init__(self, levels: int):
        self.paused = [False] * levels
        self.since = [0] * levels
        self.total = [0] * levels  # of the intervals that are over
        self.intervals: list[tuple[int, int, int]] = []  # class, start, end

    def set(self, level: int, stop: bool, now: int) -> None:
        assert level != CONTROL
        if stop and not self.paused[level]:
            self.since[level] = now
        if not stop and self.paused[level]:
            self.total[level] += now - self.since[level]
            self.intervals.append((level - 1, self.since[level], now))
        self.paused[level] = stop

    def read(self, level: int, now: int) -> int:
        """Return the time that the level has been paused up to ``now``."""
        running = now - self.since[level] if self.paused[level] else 0
        return self.total[level] + running
