"""What travels: data packets, ACKs and NACKs between hosts; cells between leaves.

All have ``address`` (where to), ``control`` (the class), ``frame`` (bytes in a buffer) and
``wire`` (bytes on a link).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from tests.reference.queue_pair import QueuePair
    from tests.reference.result import Message

VoqKey = tuple[int, int, int]  # source leaf, destination NIC port, class


@dataclass
class Packet:
    control: ClassVar[bool]

    qp: QueuePair
    address: int
    frame: int
    wire: int
    voq_in: int = field(default=0, init=False)
    voq_head: int = field(default=0, init=False)
    voq_out: int = field(default=0, init=False)
    last_cell: int = field(default=0, init=False)
    released: int = field(default=0, init=False)


@dataclass
class Data(Packet):
    control = False

    psn: int
    message: Message
    started: int


@dataclass
class Ack(Packet):
    control = True

    expected: int
    received: set[int]  # of expected + 1 .. expected + 64
    negative: bool


@dataclass
class Cell:
    """A piece of a VOQ's stream; ``ends`` are the packets whose last byte it holds."""

    control: ClassVar[bool] = False

    address: int
    frame: int
    voq: VoqKey
    number: int
    ends: list[Packet]

    @property
    def wire(self) -> int:
        return self.frame


@dataclass
class ControlCell:
    """A request for ``request`` credits, or one credit if that is 0."""

    control: ClassVar[bool] = True

    address: int
    frame: int
    voq: VoqKey
    request: int

    @property
    def wire(self) -> int:
        return self.frame


Item = Packet | Cell | ControlCell
