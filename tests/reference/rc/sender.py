"""The sender of a reliable connection (sections 3 and 7)."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from fabricemu.fabrics.transport import Transport
from tests.reference.balance.balance import Balance, Word
from tests.reference.congestion.control import Control, Feedback
from tests.reference.packets import Ack, Cnp, Data, Packet
from tests.reference.queue_pair import Ends, QueuePair
from tests.reference.result import Message
from tests.reference.timers import Kind, Timers

if TYPE_CHECKING:
    from tests.reference.host_port import HostPort

OF_CONTROL = (Kind.ALPHA, Kind.DECREASE, Kind.INCREASE)


class RcSender(QueuePair):
    def __init__(
        self, ends: Ends, port: HostPort, transport: Transport, control: Control, balance: Balance
    ):
        super().__init__(ends, port, transport)
        self.control = control
        self.balance = balance
        self.timers = Timers(port.device, ends.number, self.on_timer)
        self.max = 0  # one above the highest psn sent
        self.known: set[int] = set()  # psns known received
        self.high = -1  # the highest of them
        self.hole = 0  # no hole below is looked for
        self.last: tuple[int, int] | None = None  # start and wire bytes of the last packet

    # what to send

    def next_psn(self) -> int | None:
        hole = self.next_hole()
        if hole is not None:
            return hole
        psn = self.nxt
        while psn in self.known:
            psn += 1
        window = self.transport.window_packets
        if self.transport.any_order:
            window = min(window, self.transport.reorder_packets)
        in_flight = (self.nxt - self.una) * self.transport.mtu
        fits = psn - self.una < window and in_flight < self.control.window
        return psn if psn < self.end and fits else None

    def next_hole(self) -> int | None:
        """Return the first psn that others have passed by enough to be taken for lost."""
        distance = self.transport.loss_distance
        if distance == 0:
            return None
        psn = max(self.hole, self.una)
        while psn in self.known:
            psn += 1
        return psn if psn + distance <= self.high else None

    def send(self, psn: int) -> Data:
        packet = self.packet(psn, again=psn < self.max)
        packet.entropy = self.balance.choose(self.now)
        if psn == self.next_hole():
            self.hole = psn + 1
        else:
            self.nxt = psn + 1
            self.max = max(self.max, self.nxt)
        if self.transport.rto_ps > 0 and Kind.RETRANSMIT not in self.timers.times:
            self.restart_timeout()
        self.last = self.now, packet.wire
        self.control.on_send(packet.wire, self.now)
        self.obey_control()
        return packet

    def restart_timeout(self) -> None:
        if self.transport.rto_ps > 0:
            self.timers.set(Kind.RETRANSMIT, self.now + self.transport.rto_ps)

    # what comes back

    def on_answer(self, answer: Packet) -> list[Message]:
        if isinstance(answer, Cnp):
            self.control.on_cnp(self.now)
            self.obey_control()
            return []
        assert isinstance(answer, Ack)
        if answer.expected < self.una:
            return []
        moved = self.acknowledge(answer)
        cause = answer.cause
        told = (cause.marked, cause.started, cause.stamps, self.una, self.nxt)
        self.control.on_ack(Feedback(self.now, moved, *told))
        if answer.negative:
            self.control.on_loss(False, self.now)
        self.obey_control()
        word = Word.ECN if cause.marked else Word.GOOD
        self.balance.feedback(answer.entropy, word, self.now)
        return self.take_acknowledged()

    def acknowledge(self, ack: Ack) -> int:
        """Learn what was received; return how far ``una`` moved."""
        moved = ack.expected - self.una
        news = moved > 0 or bool(ack.received - self.known)
        self.una = ack.expected
        self.nxt = max(self.nxt, self.una)
        self.known |= ack.received
        self.high = max(self.high, self.una - 1, *ack.received)
        if news:
            if self.una < self.max:
                self.restart_timeout()
            else:
                self.timers.off(Kind.RETRANSMIT)
        if ack.negative:
            self.nxt = self.una
        return moved

    # timers

    def on_timer(self, kind: Kind) -> None:
        if kind == Kind.RETRANSMIT:
            self.time_out()
        elif kind in OF_CONTROL:
            del self.control.timers[kind]
            self.control.on_timer(kind, self.now)
            self.obey_control()
        self.port.make_ready(self)

    def time_out(self) -> None:
        self.timeouts += 1
        self.nxt = self.una
        self.restart_timeout()
        self.control.on_loss(True, self.now)
        self.obey_control()

    # pacing

    def obey_control(self) -> None:
        """Follow the control after it was called: its timers, and its rate from the last start."""
        self.timers.follow(self.control.timers, OF_CONTROL)
        if self.last is not None:
            start, wire = self.last
            gap = self.gap(wire)
            self.next_at = max(self.now, start + gap) if gap else 0

    def gap(self, wire: int) -> int:
        """Return the ps from the start of a packet of ``wire`` bytes to the next; 0: unpaced."""
        if self.control.rate < self.port.link.rate:
            return ceil(8e12 * wire / self.control.rate)
        return self.control.gap

    def wake(self) -> None:
        self.timers.set(Kind.PACE, self.next_at)
