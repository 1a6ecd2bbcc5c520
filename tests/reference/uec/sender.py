"""The sender of a UEC queue pair (section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fabricemu.fabrics.transport import Transport
from tests.reference.balance.balance import Balance, Word
from tests.reference.congestion.nscc import Window
from tests.reference.packets import Data, Packet, Pull, Rts, UecAck, UecNack
from tests.reference.queue_pair import Ends, QueuePair
from tests.reference.result import Message
from tests.reference.timers import Kind
from tests.reference.uec.credit import Credit

if TYPE_CHECKING:
    from tests.reference.host_port import HostPort


@dataclass
class Laws:
    """What governs a sender: a window, credit, both or none; and its choice of paths."""

    window: Window | None
    credit: Credit | None
    balance: Balance


class Sending(NamedTuple):
    time: int
    entropy: int


class UecSender(QueuePair):
    """``sent`` holds the outstanding packets: neither known to be received nor lost."""

    def __init__(self, ends: Ends, port: HostPort, transport: Transport, laws: Laws):
        super().__init__(ends, port, transport)
        self.window = laws.window
        self.credit = laws.credit
        self.balance = laws.balance
        self.lost: set[int] = set()
        self.sent: dict[int, Sending] = {}
        self.flight = self.seen = self.backlog = 0  # bytes
        self.stalled_since: int | None = None

    # what to send

    def post(self, message: Message) -> None:
        idle = self.nxt == self.end and not self.lost and not self.sent
        super().post(message)
        self.backlog += message.bytes + message.packets * self.transport.header_bytes
        if idle:
            self.ask_for_credit()

    def next_psn(self) -> int | None:
        psn = min(self.lost, default=self.nxt)
        if psn >= self.end or psn - self.una >= self.transport.reorder_packets:
            return None
        if self.credit and self.credit.bytes <= 0:
            return None
        if self.window and self.flight + self.frame(psn) > self.window.cwnd:
            return None
        return psn

    def send(self, psn: int) -> Data:
        again = psn in self.lost
        packet = self.packet(psn, again)
        if again:
            self.lost.remove(psn)
        else:
            self.nxt += 1
            self.backlog -= packet.frame
        self.flight += packet.frame
        if self.credit:
            self.credit.bytes -= packet.frame
            packet.pull_target = self.pull_target(self.credit)
        packet.entropy = self.balance.choose(self.now)
        packet.ack_now = again or self.stops_after(packet.frame)
        self.sent[psn] = Sending(self.now, packet.entropy)
        self.watch(psn)
        return packet

    def stops_after(self, size: int) -> bool:
        """Return whether it is likely that nothing follows a packet that has just started."""
        if self.nxt == self.end or (self.credit and self.credit.bytes <= 0):
            return True
        return self.window is not None and self.flight + size >= self.window.cwnd

    # credit

    def pull_target(self, credit: Credit) -> int:
        again = sum(self.frame(psn) for psn in self.lost)
        bound = self.window.cwnd + credit.full_packet if self.window else float("inf")
        return credit.target(self.backlog, again, bound)

    def ask_for_credit(self) -> None:
        """Send an RTS where there is no credit."""
        if self.credit and self.credit.bytes <= 0:
            frame = self.transport.ack_bytes
            wire = frame + self.transport.gap_bytes
            target = self.pull_target(self.credit)
            self.port.enqueue(Rts(self, self.ends.address, frame, wire, target))

    def note_stall(self) -> None:
        """Ask again after a while where a lost PULL would be waited for for ever."""
        waits = bool(self.lost) or self.nxt < self.end
        starved = self.credit is not None and self.credit.bytes <= 0
        if not (waits and starved and not self.sent):
            self.stalled_since = None
        elif self.stalled_since is None:
            self.stall()

    def stall(self) -> None:
        self.stalled_since = self.now
        if self.transport.rto_ps > 0:
            time = self.now + self.transport.rto_ps
            action = partial(self.ask_again, self.now)
            self.port.device.queue_pair_timer(time, self.number, Kind.RETRANSMIT, action)

    def ask_again(self, since: int) -> None:
        if self.stalled_since != since:
            return
        self.ask_for_credit()
        self.stall()
        self.port.make_ready(self)

    # time-out

    def watch(self, psn: int) -> None:
        if self.transport.rto_ps > 0:
            time = self.now + self.transport.rto_ps
            action = partial(self.expire, psn, self.now)
            self.port.device.queue_pair_timer(time, self.number, Kind.RETRANSMIT, action)

    def expire(self, psn: int, start: int) -> None:
        """Give up a packet if it is still outstanding since ``start``."""
        sending = self.sent.get(psn)
        if sending is None or sending.time != start:
            return
        self.timeouts += 1
        self.balance.feedback(sending.entropy, Word.TIMEOUT, self.now)
        size = self.lose(psn)
        if self.window:
            self.window.on_timeout(size)
        self.ask_for_credit()
        self.port.make_ready(self)

    def lose(self, psn: int) -> int:
        """Let an outstanding packet be sent again; return its size."""
        size = self.frame(psn)
        del self.sent[psn]
        self.lost.add(psn)
        self.flight -= size
        return size

    # what comes back

    def on_answer(self, answer: Packet) -> list[Message]:
        match answer:
            case Pull():
                assert self.credit is not None
                self.credit.pull(answer.granted)
            case UecNack():
                self.on_nack(answer)
            case UecAck():
                self.on_ack(answer)
        return self.take_acknowledged()

    def on_ack(self, ack: UecAck) -> None:
        newly = max(0, ack.total - self.seen)
        self.seen += newly
        self.flight -= newly
        delay = self.delay(ack)
        self.learn(ack)
        word = Word.ECN if ack.marked else Word.GOOD
        self.balance.feedback(ack.entropy, word, self.now)
        if self.window:
            self.window.on_ack(self.now, ack.marked, delay, newly, self.flight)
        if self.credit:
            self.credit.leave_speculation()

    def delay(self, ack: UecAck) -> float:
        """Return the queueing delay that an ACK shows, or the average if it shows none."""
        if self.window is None:
            return 0
        sending = self.sent.get(ack.cause.psn)
        if sending is None or sending.time != ack.cause.started:
            return self.window.average
        return self.window.sample(self.now - sending.time, ack.marked)

    def learn(self, ack: UecAck) -> None:
        """Strike off what was received; what had been given up for lost is in flight no more."""
        for psn in {*range(self.una, ack.expected), *ack.received}:
            self.sent.pop(psn, None)
            if psn in self.lost:
                self.lost.remove(psn)
                self.flight += self.frame(psn)
        self.una = max(self.una, ack.expected)
        self.nxt = max(self.nxt, self.una)

    def on_nack(self, nack: UecNack) -> None:
        cause = nack.cause
        sending = self.sent.get(cause.psn)
        if sending is None:
            return
        size = self.frame(cause.psn)
        if self.window:
            if sending.time == cause.started:
                self.window.sample_of_nack(self.now - sending.time)
            self.window.on_nack(self.now, size, cause.last_hop, self.flight)
        self.lose(cause.psn)
        if self.credit:
            self.credit.leave_speculation()
        own = Word.ECN if cause.marked else Word.GOOD
        word = own if cause.last_hop else Word.NACK
        self.balance.feedback(nack.entropy, word, self.now)
