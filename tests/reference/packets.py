"""What travels: packets between hosts, pause frames between neighbours, cells between leaves.

All have ``level`` (the FIFO: 0 is control, 1 + c is data class c), ``frame`` (bytes in a
buffer) and ``wire`` (bytes on a link); all but pause frames have ``address`` (where to).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from tests.reference.hashing import fold

if TYPE_CHECKING:
    from tests.reference.queue_pair import QueuePair
    from tests.reference.result import Message

CONTROL, DATA = 0, 1

VoqKey = tuple[int, int, int]  # source leaf, destination NIC port, level


class Stamp(NamedTuple):
    """What a switch port writes into a data packet that starts there: HPCC's INT."""

    time: int
    sent: int
    waiting: int
    rate: int


@dataclass
class Packet:
    """A packet of a queue pair; ``ingress`` is the port through which it came to a device.

    ``cells`` are the numbers of the cells that hold it.
    """

    is_data: ClassVar[bool] = False

    qp: QueuePair
    address: int
    frame: int
    wire: int
    entropy: int = field(default=0, init=False)
    ingress: int = field(default=0, init=False)
    voq_in: int = field(default=0, init=False)
    voq_head: int = field(default=0, init=False)
    voq_out: int = field(default=0, init=False)
    cells: range = field(default=range(0), init=False)
    last_cell: int = field(default=0, init=False)
    released: int = field(default=0, init=False)

    @property
    def level(self) -> int:
        return CONTROL

    def flow_hash(self, seed: int) -> int:
        """Return the hash of queue pair, entropy and direction."""
        direction = 0 if self.is_data else 1
        return fold(fold(seed, self.qp.number), 2 * self.entropy + direction)


@dataclass
class Data(Packet):
    """A data packet, or after ``trimmed`` its header.

    ``pause`` is how long its class was paused while it waited in switches; ``paused_at`` what
    the clock of the port said when it began to wait. UEC senders ask for an ACK at once with
    ``ack_now``, and for credit up to ``pull_target``.
    """

    is_data: ClassVar[bool] = True

    psn: int
    message: Message
    started: int
    paused_host: int = field(default=0, init=False)
    pause: int = field(default=0, init=False)
    paused_at: int = field(default=0, init=False)
    marked: bool = field(default=False, init=False)
    trimmed: bool = field(default=False, init=False)
    last_hop: bool = field(default=False, init=False)
    stamps: list[Stamp] = field(default_factory=list, init=False)
    ack_now: bool = field(default=False, init=False)
    pull_target: int = field(default=0, init=False)

    @property
    def level(self) -> int:
        return CONTROL if self.trimmed else DATA + self.qp.data_class


@dataclass
class Ack(Packet):
    """An ACK or NACK of the reliable connection, and the packet that caused it."""

    cause: Data
    expected: int
    received: set[int]  # of expected + 1 .. expected + 64
    negative: bool


@dataclass
class Cnp(Packet):
    """The word to a sender that a packet of its queue pair was marked."""


@dataclass
class UecAck(Packet):
    """What a UEC receiver has: all below ``expected``, and ``received`` of the 64 from ``base``.

    ``total`` is in bytes, each packet once.
    """

    cause: Data
    marked: bool
    expected: int
    received: set[int]
    total: int


@dataclass
class UecNack(Packet):
    """The word that ``cause`` came without its payload."""

    cause: Data


@dataclass
class Rts(Packet):
    """A sender without credit asks for some."""

    pull_target: int


@dataclass
class Pull(Packet):
    """Credit for a sender: all granted so far, in quanta."""

    granted: int


@dataclass
class PauseFrame:
    """The word to a neighbour to stop a class, or to go on; it acts ``response`` after it came."""

    level: ClassVar[int] = CONTROL

    target: int  # a level
    stop: bool
    frame: int
    wire: int
    response: int


@dataclass
class Cell:
    """A piece of a VOQ's stream; ``ends`` are the packets whose last byte it holds.

    ``packets`` are those of the stream that are not past, ``congestion`` is the largest level
    met so far, ``ingress`` the port through which the cell came to an element.
    """

    level: ClassVar[int] = DATA

    address: int
    frame: int
    voq: VoqKey
    number: int
    ends: list[Packet]
    packets: deque[Packet]
    congestion: int = 0
    ingress: int = 0

    @property
    def wire(self) -> int:
        return self.frame


class Word(Enum):
    """What a control cell says."""

    REQUEST = auto()
    RENEWAL = auto()
    CREDIT = auto()


@dataclass
class ControlCell:
    """A word of one leaf to another about a VOQ; ``n`` is a number of credits."""

    level: ClassVar[int] = CONTROL

    address: int
    frame: int
    voq: VoqKey
    word: Word
    n: int

    @property
    def wire(self) -> int:
        return self.frame


Item = Packet | Cell | ControlCell
