"""A queue pair of any protocol: its messages, their packets and where they go (section 3)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fabricemu.fabrics.transport import Transport
from tests.reference.packets import Data, Packet
from tests.reference.result import NONE, Message

if TYPE_CHECKING:
    from tests.reference.host_port import HostPort


@dataclass
class Ends:
    """Who is joined: ranks, fabric addresses of receiver and sender, switches between them."""

    number: int
    src: int
    dst: int
    address: int
    home: int
    data_class: int
    switches: int


class Receiver(Protocol):
    """The other end; ``depth`` is the farthest that a packet was ahead of its turn."""

    depth: int
    nacks: int
    duplicates: int
    discards: int

    @property
    def cnps(self) -> int:
        """Number of CNPs sent."""

    def receive(self, packet: Data, now: int) -> tuple[list[Packet], bool]:
        """Take in a packet; return the answers, and whether its message is now delivered."""


class QueuePair:
    """The sender's end; ``receiver`` is the other."""

    receiver: Receiver

    def __init__(self, ends: Ends, port: HostPort, transport: Transport):
        self.number = ends.number
        self.ends = ends
        self.port = port
        self.transport = transport
        self.data_class = ends.data_class
        self.una = self.nxt = self.end = 0
        self.next_at = 0  # may not send before
        self.unacked: deque[Message] = deque()
        self.timeouts = self.retransmits = 0

    @property
    def now(self) -> int:
        return self.port.events.now

    def next_psn(self) -> int | None:
        """Return the number of the packet that may be sent, but for ``next_at``."""
        raise NotImplementedError

    def send(self, psn: int) -> Data:
        """Return packet ``psn``, which starts now."""
        raise NotImplementedError

    def wake(self) -> None:
        """See to it that the queue pair is made ready at ``next_at``."""
        raise NotImplementedError

    def on_answer(self, answer: Packet) -> list[Message]:
        """Take in what came from the receiver; return the messages that it acknowledges."""
        raise NotImplementedError

    def note_stall(self) -> None:
        """Note whether nothing but a new request can bring what the sender waits for."""

    # messages and packets

    def post(self, message: Message) -> None:
        message.packets = max(1, -(-message.bytes // self.transport.mtu))
        message.first_psn = self.end
        message.paused_created = self.port.paused_time(self.data_class)
        self.end += message.packets
        self.unacked.append(message)

    def message_of(self, psn: int) -> Message:
        return next(m for m in self.unacked if psn <= m.last_psn)

    def frame(self, psn: int) -> int:
        """Return the frame bytes of a packet that is not acknowledged."""
        message, mtu = self.message_of(psn), self.transport.mtu
        payload = mtu if psn < message.last_psn else message.bytes - (message.packets - 1) * mtu
        return payload + self.transport.header_bytes

    def packet(self, psn: int, again: bool) -> Data:
        """Return packet ``psn`` as it starts now, and note that in its message."""
        message, frame = self.message_of(psn), self.frame(psn)
        self.retransmits += again
        message.retransmits += again
        if message.first_tx == NONE:
            message.first_tx = self.now
        if psn == message.last_psn and message.first_pass == NONE:
            message.first_pass = self.now
        wire = frame + self.transport.gap_bytes
        packet = Data(self, self.ends.address, frame, wire, psn, message, self.now)
        packet.paused_host = self.port.paused_time(self.data_class) - message.paused_created
        return packet

    def take_acknowledged(self) -> list[Message]:
        """Return the messages that are now below ``una``, in order."""
        done = []
        while self.unacked and self.unacked[0].last_psn < self.una:
            done.append(self.unacked.popleft())
        return done
