"""ECN marks by RED on the instantaneous queue (section 6)."""

from dataclasses import dataclass


@dataclass
class Red:
    """Thresholds in bytes, -1 for no marks; ``most`` is the probability at ``high`` x 2^32."""

    low: int
    high: int
    most: int

    def marks(self, queue: int, roll: int) -> bool:
        if self.low < 0 or queue <= self.low:
            return False
        return queue > self.high or roll * (self.high - self.low) < self.most * (queue - self.low)
