"""No congestion control, which is also what every law of section 7 offers to its sender."""

from dataclasses import dataclass

from tests.reference.packets import Stamp
from tests.reference.timers import Kind

INFINITE = float("inf")


@dataclass
class Feedback:
    """What an ACK or NACK says, and where its sender is after it.

    ``packets`` is how far ``una`` moved, ``echo`` the start of the packet that caused it.
    """

    now: int
    packets: int
    marked: bool
    echo: int
    stamps: list[Stamp]
    una: int
    nxt: int


class Control:
    """``window`` is in bytes, ``rate`` in bit/s, ``gap`` in ps from start to start (0: none).

    ``timers`` are the times at which ``on_timer`` is to be called.
    """

    def __init__(self) -> None:
        self.window = INFINITE
        self.rate = INFINITE
        self.gap = 0
        self.timers: dict[Kind, int] = {}

    def on_cnp(self, now: int) -> None:
        """Take in a CNP."""

    def on_ack(self, feedback: Feedback) -> None:
        """Take in an ACK or NACK."""

    def on_loss(self, timeout: bool, now: int) -> None:
        """Take in a NACK, or a time-out."""

    def on_send(self, wire: int, now: int) -> None:
        """Learn that a packet of ``wire`` bytes started."""

    def on_timer(self, kind: Kind, now: int) -> None:
        """Act on a timer, which is no longer in ``timers``."""
