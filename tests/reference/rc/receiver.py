"""The receiver of a reliable connection: in order, within a window, or in any order."""

from fabricemu.fabrics.transport import Receiver as Order
from fabricemu.fabrics.transport import Transport
from tests.reference.packets import Ack, Data, Packet
from tests.reference.queue_pair import QueuePair
from tests.reference.rc.notification import NotificationPoint

ACK_BITS = 64


class RcReceiver:
    def __init__(self, qp: QueuePair, transport: Transport, notification: NotificationPoint):
        self.qp = qp
        self.transport = transport
        self.notification = notification
        self.expected = self.since_ack = self.depth = 0
        self.nacked = False
        self.ahead: set[int] = set()  # received psns above expected
        self.duplicates = self.discards = self.nacks = 0

    @property
    def cnps(self) -> int:
        return self.notification.cnps

    @property
    def bound(self) -> float:
        """The first psn that is too far ahead to be taken."""
        reach = {Order.IN_ORDER: 1, Order.WINDOW: self.transport.reorder_packets}
        return self.expected + reach.get(self.transport.receiver, float("inf"))

    def receive(self, packet: Data, now: int) -> tuple[list[Packet], bool]:
        """Take in a packet; return the answers, and whether its message is now delivered."""
        known = packet.psn < self.expected or packet.psn in self.ahead
        if packet.trimmed:
            packet.message.trims += not known
            return [], False
        answers = self.notification.notice(packet, now)
        self.depth = max(self.depth, packet.psn - self.expected)
        if known:
            self.duplicates += 1
            return [*answers, self.answer(packet)], False
        if packet.psn >= self.bound:
            self.discards += 1
            return answers + self.complain(packet), False
        return self.accept(packet, answers)

    def accept(self, packet: Data, answers: list[Packet]) -> tuple[list[Packet], bool]:
        message = packet.message
        message.marks += packet.marked
        message.received += 1
        self.since_ack += packet.frame if self.transport.ack_in_bytes else 1
        self.ahead.add(packet.psn)
        while self.expected in self.ahead:
            self.ahead.remove(self.expected)
            self.expected += 1
            self.nacked = False
        complete = message.received == message.packets
        if complete or self.since_ack >= self.transport.ack_every:
            answers = [*answers, self.answer(packet)]
        return answers, complete

    def complain(self, cause: Data) -> list[Packet]:
        """Return a NACK for the first gap; one until the gap is closed."""
        if self.nacked:
            return []
        self.nacked = True
        self.nacks += 1
        return [self.control_packet(cause, negative=True)]

    def answer(self, cause: Data) -> Packet:
        self.since_ack = 0
        return self.control_packet(cause, negative=False)

    def control_packet(self, cause: Data, negative: bool) -> Packet:
        frame = self.transport.ack_bytes
        wire = frame + self.transport.gap_bytes
        bits = {psn for psn in self.ahead if psn <= self.expected + ACK_BITS}
        ack = Ack(self.qp, self.qp.ends.home, frame, wire, cause, self.expected, bits, negative)
        ack.entropy = cause.entropy
        return ack
