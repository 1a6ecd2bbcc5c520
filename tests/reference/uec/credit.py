"""Receiver credit as its sender sees it (section 8.2)."""

QUANTUM = 256  # bytes


class Credit:
    """``bytes`` may be negative: any positive amount lets a whole packet go."""

    def __init__(self, most: int, full_packet: int):
        self.most = most
        self.full_packet = full_packet
        self.bytes = most
        self.pulled = 0  # quanta
        self.speculating = True

    def target(self, backlog: int, again: int, bound: float) -> int:
        """Return the quanta to ask for; ``bound`` is what a window would let go."""
        want = min(backlog + again, bound, self.most) - self.bytes
        if self.speculating and backlog > 0:
            want = max(want, self.full_packet)
        return -(-(int(want) + QUANTUM * self.pulled) // QUANTUM)

    def leave_speculation(self) -> None:
        if self.speculating:
            self.speculating = False
            self.bytes = min(self.bytes, 0)

    def pull(self, granted: int) -> None:
        self.leave_speculation()
        if granted > self.pulled:
            self.bytes = min(self.bytes + QUANTUM * (granted - self.pulled), self.most)
            self.pulled = granted
