"""The receiver of a UEC queue pair (section 8)."""

from __future__ import annotations

from fabricemu.fabrics.transport import Transport
from tests.reference.packets import Data, Packet, Rts, UecAck, UecNack
from tests.reference.queue_pair import QueuePair
from tests.reference.uec.pacer import Grant, Pacer

ACK_BITS = 64


class UecReceiver:
    cnps = discards = 0

    def __init__(self, qp: QueuePair, transport: Transport, pacer: Pacer | None):
        self.qp = qp
        self.transport = transport
        self.pacer = pacer
        self.grant = Grant(qp)
        self.expected = self.depth = 0
        self.ahead: set[int] = set()  # received psns above expected
        self.unreported = 0  # bytes since the last ACK
        self.total = 0  # bytes, each packet once
        self.first = True
        self.wants_order = False  # an ACK at the next moment without gaps
        self.nacks = self.duplicates = 0

    def has(self, psn: int) -> bool:
        return psn < self.expected or psn in self.ahead

    def receive(self, packet: Data, now: int) -> tuple[list[Packet], bool]:
        """Take in a packet; return the answers, and whether its message is now delivered."""
        if packet.trimmed:
            return [self.on_header(packet)], False
        self.unreported += packet.frame
        self.hear(packet.pull_target)
        if self.has(packet.psn):
            self.duplicates += 1
            base = packet.psn if packet.marked else self.base(packet)
            return [self.ack(packet, packet.marked, base)], False
        return self.accept(packet)

    def accept(self, packet: Data) -> tuple[list[Packet], bool]:
        message = packet.message
        message.marks += packet.marked
        message.received += 1
        self.total += packet.frame
        force = self.first or packet.ack_now
        self.first = False
        self.wants_order |= packet.ack_now
        force |= self.advance(packet.psn)
        answers: list[Packet] = []
        if packet.marked or force or self.unreported >= self.transport.ack_every:
            exact = packet.marked or packet.ack_now
            base = packet.psn if exact else self.base(packet)
            answers.append(self.ack(packet, packet.marked, base))
        return answers, message.received == message.packets

    def advance(self, psn: int) -> bool:
        """Mark a packet; return whether that closed the last gap and somebody waits for it."""
        self.depth = max(self.depth, psn - self.expected)
        in_turn = psn == self.expected
        self.ahead.add(psn)
        while self.expected in self.ahead:
            self.ahead.remove(self.expected)
            self.expected += 1
        if not in_turn or self.ahead or not self.wants_order:
            return False
        self.wants_order = False
        return True

    def on_header(self, packet: Data) -> Packet:
        """Return the answer to a trimmed header."""
        if self.has(packet.psn):
            return self.ack(packet, False, self.base(packet))
        packet.message.trims += 1
        self.hear(packet.pull_target, in_any_case=True)
        self.nacks += 1
        nack = UecNack(*self.way_back(), packet)
        nack.entropy = packet.entropy
        return nack

    def on_rts(self, rts: Rts) -> None:
        self.hear(rts.pull_target, in_any_case=True)

    def hear(self, target: int, in_any_case: bool = False) -> None:
        if self.pacer is not None:
            self.pacer.hear(self.grant, target, in_any_case)

    # answers

    def base(self, packet: Data) -> int:
        """Return where the bits of an ordinary ACK begin."""
        return max(packet.psn - (ACK_BITS - 1), self.expected + 1)

    def ack(self, cause: Data, marked: bool, base: int) -> Packet:
        self.unreported = 0
        bits = {psn for psn in self.ahead if base <= psn < base + ACK_BITS}
        ack = UecAck(*self.way_back(), cause, marked, self.expected, bits, self.total)
        ack.entropy = cause.entropy
        return ack

    def way_back(self) -> tuple[QueuePair, int, int, int]:
        frame = self.transport.ack_bytes
        return self.qp, self.qp.ends.home, frame, frame + self.transport.gap_bytes
