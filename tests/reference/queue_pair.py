"""The two ends of a queue pair (section 3): what the sender and the receiver remember."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from fabricemu.fabrics.transport import Transport
from tests.reference.packets import Ack, Data
from tests.reference.result import Message

if TYPE_CHECKING:
    from tests.reference.host import HostPort

ACK_BITS = 64


class QueuePair:
    """The sender's end; ``port`` is where it sends, ``address`` where to, ``home`` the way back."""

    def __init__(self, number: int, port: HostPort, address: int, home: int, transport: Transport):
        self.number = number
        self.port = port
        self.address = address
        self.home = home
        self.transport = transport
        self.una = self.nxt = self.end = self.max = 0
        self.known: set[int] = set()  # psns known received
        self.deadline: int | None = None
        self.unacked: deque[Message] = deque()
        self.receiver = Receiver(self, transport)

    def post(self, message: Message) -> None:
        message.packets = max(1, -(-message.bytes // self.transport.mtu))
        message.first_psn = self.end
        self.end += message.packets
        self.unacked.append(message)

    def next_psn(self) -> int | None:
        """Return the number of the packet that may be sent now."""
        psn = self.nxt
        while psn in self.known:
            psn += 1
        window = self.transport.window_packets
        if self.transport.any_order:
            window = min(window, self.transport.reorder_packets)
        return psn if psn < self.end and psn - self.una < window else None

    def send(self, psn: int, now: int) -> Data:
        """Return packet ``psn`` as it starts on the wire at ``now``."""
        message = next(m for m in self.unacked if psn <= m.last_psn)
        self.nxt = psn + 1
        if psn < self.max:
            message.retransmits += 1
        self.max = max(self.max, self.nxt)
        if message.first_tx < 0:
            message.first_tx = now
        mtu = self.transport.mtu
        payload = mtu if psn < message.last_psn else message.bytes - (message.packets - 1) * mtu
        frame = payload + self.transport.header_bytes
        wire = frame + self.transport.gap_bytes
        return Data(self, self.address, frame, wire, psn, message, now)

    def acknowledge(self, ack: Ack, now: int) -> list[Message]:
        """Take in an ACK or NACK; return the messages that it acknowledges, in order."""
        if ack.expected < self.una:
            return []
        news = ack.expected > self.una or bool(ack.received - self.known)
        self.una = ack.expected
        self.nxt = max(self.nxt, self.una)
        self.known |= ack.received
        if news:
            self.deadline = now + self.transport.rto_ps if self.una < self.max else None
        if ack.negative:
            self.nxt = self.una
        done = []
        while self.unacked and self.unacked[0].last_psn < self.una:
            done.append(self.unacked.popleft())
        return done


class Receiver:
    """The receiver's end."""

    def __init__(self, qp: QueuePair, transport: Transport):
        self.qp = qp
        self.transport = transport
        self.expected = self.since_ack = self.depth = 0
        self.nacked = False
        self.ahead: set[int] = set()  # received psns above expected
        self.duplicates = self.discards = self.nacks = 0

    def receive(self, packet: Data) -> tuple[Ack | None, bool]:
        """Take in a packet; return the answer, and whether its message is now delivered."""
        self.depth = max(self.depth, packet.psn - self.expected)
        if packet.psn < self.expected or packet.psn in self.ahead:
            self.duplicates += 1
            return self.answer(), False
        if packet.psn > self.expected and not self.transport.any_order:
            self.discards += 1
            return self.complain(), False
        return self.accept(packet)

    def accept(self, packet: Data) -> tuple[Ack | None, bool]:
        self.nacked = False
        self.since_ack += 1
        self.ahead.add(packet.psn)
        while self.expected in self.ahead:
            self.ahead.remove(self.expected)
            self.expected += 1
        packet.message.received += 1
        complete = packet.message.received == packet.message.packets
        wanted = complete or self.since_ack >= self.transport.ack_every
        return (self.answer() if wanted else None), complete

    def complain(self) -> Ack | None:
        """Return a NACK for the first gap; one until the gap is closed."""
        if self.nacked:
            return None
        self.nacked = True
        self.nacks += 1
        return self.control_packet(negative=True)

    def answer(self) -> Ack:
        self.since_ack = 0
        return self.control_packet(negative=False)

    def control_packet(self, negative: bool) -> Ack:
        frame = self.transport.ack_bytes
        wire = frame + self.transport.gap_bytes
        bits = {psn for psn in self.ahead if psn <= self.expected + ACK_BITS}
        return Ack(self.qp, self.qp.home, frame, wire, self.expected, bits, negative)
