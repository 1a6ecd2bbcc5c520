"""The congestion level of a leaf: the largest that came of late (section 14)."""


class CongestionWindow:
    """Remembers levels for one to two periods."""

    def __init__(self, period: int):
        self.period = period
        self.largest: dict[int, int] = {}  # by number of the period

    def note(self, level: int, now: int) -> None:
        if level:
            number = now // self.period
            self.largest[number] = max(level, self.largest.get(number, 0))

    def read(self, now: int) -> int:
        if not self.largest:
            return 0
        number = now // self.period
        return max(self.largest.get(number - 1, 0), self.largest.get(number, 0))
