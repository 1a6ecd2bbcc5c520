"""Round robins: whose turn it is, and when it is over (sections 2 and 14)."""

from tests.reference.packets import Cell, Item


class Rotation:
    """A turn has room for a train, or for as many control cells as a train has cells."""

    def __init__(self, room: int = 1):
        self.room = room
        self.place = 0
        self.shares = 0

    def add(self, item: Item) -> None:
        """Let an item share in this turn; the next place follows if that is then over."""
        self.shares += self.room if isinstance(item, Cell) else 1
        if self.shares >= self.room:
            self.shares -= self.room
            self.place += 1
