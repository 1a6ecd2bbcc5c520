"""The source side of a DDC leaf: VOQs, their buffer and what leaves them (sections 5, 12, 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.buffer import GroupKey
from tests.reference.cutting import cells
from tests.reference.looks import Looks
from tests.reference.pacer import Pacer
from tests.reference.packets import DATA, Packet, VoqKey, Word
from tests.reference.pfc import Pfc
from tests.reference.switch_port import LosslessDropError
from tests.reference.voq import Voq

if TYPE_CHECKING:
    from tests.reference.leaf import Leaf

RENEWAL, REASSEMBLY, PACER, TICK = range(4)  # order of a leaf's timers at one instant


class Ingress:
    def __init__(self, leaf: Leaf, pfc: Pfc | None):
        self.leaf = leaf
        self.events = leaf.events
        self.ddc = leaf.ddc
        self.pfc = pfc
        self.voqs: dict[VoqKey, Voq] = {}
        self.charged: set[int] = set()  # packets that hold buffer, by identity
        self.held = 0  # bytes of data
        self.pacer = Pacer(leaf.events, leaf.number, PACER)
        self.pacer.go = self.send_batch
        self.renewals = Looks(leaf.events, leaf.number, RENEWAL, self.ddc.watchdog_ps)
        self.renewals.look = self.renew

    # what comes in

    def on_packet(self, index: int, packet: Packet) -> None:
        key = (self.leaf.index, packet.address, packet.level)
        voq = self.voqs.setdefault(key, Voq(key, self.ddc))
        packet.ingress = index
        if packet.level >= DATA and not self.passes(voq) and not self.admit(voq, packet):
            self.leaf.ports[index].drops += 1
            return
        voq.enter(packet, self.events.now)
        self.leaf.counts.voq_peak = max(self.leaf.counts.voq_peak, voq.bytes)
        self.let_go(voq)
        self.ask(voq)

    def passes(self, voq: Voq) -> bool:
        """Return whether a packet would leave at once."""
        return not voq.packets and voq.balance > 0 and (self.unpaced(voq) or self.pacer.free)

    def unpaced(self, voq: Voq) -> bool:
        return voq.leaf == self.leaf.index or not self.ddc.paced

    def admit(self, voq: Voq, packet: Packet) -> bool:
        """Find room for a data packet that has to wait; return whether there is."""
        queue = voq.bytes + packet.frame
        if 0 <= self.ddc.voq_bytes < queue:
            return False
        if self.pfc is not None:
            group = self.group(packet)
            if self.pfc.buffer.refuses(group[1], queue):
                return False
            if not self.pfc.buffer.charge(group, packet.frame):
                raise LosslessDropError(self.leaf.ports[packet.ingress].number, group[1])
            self.pfc.charged(group, self.leaf.ports)
        self.charged.add(id(packet))
        self.held += packet.frame
        self.leaf.counts.held_peak = max(self.leaf.counts.held_peak, self.held)
        if 0 <= self.ddc.onchip_bytes < self.held:
            self.leaf.counts.deep += packet.frame
        return True

    @staticmethod
    def group(packet: Packet) -> GroupKey:
        return packet.ingress, packet.level - DATA

    def on_credit(self, key: VoqKey) -> None:
        voq = self.voqs[key]
        self.leaf.counts.excess += voq.credit()
        self.let_go(voq)
        kept = sum(max(own.balance, 0) for own in self.voqs.values())
        self.leaf.counts.balance_peak = max(self.leaf.counts.balance_peak, kept)

    # what goes out

    def let_go(self, voq: Voq) -> None:
        """Send what may leave, as soon as the pacer allows."""
        if voq.may_leave:
            if self.unpaced(voq):
                self.send_batch(voq)
            else:
                self.pacer.offer(voq)

    def send_batch(self, voq: Voq) -> int:
        """Send what the balance allows; return the bytes of its cells."""
        batch = voq.leave(self.events.now)
        for packet in batch:
            self.count(packet)
            self.release(packet)
        size = 0
        if voq.leaf == self.leaf.index:
            self.hand_over(batch)
        else:
            size = self.cut(voq, batch)
        self.ask(voq)
        return size

    def hand_over(self, batch: list[Packet]) -> None:
        """Give packets to a port of this leaf."""
        for packet in batch:
            packet.last_cell = self.events.now
            self.leaf.egress.release(packet)

    def count(self, packet: Packet) -> None:
        counts = self.leaf.counts
        counts.left += 1
        counts.credit_wait += packet.voq_out - packet.voq_head
        counts.voq_age = max(counts.voq_age, packet.voq_out - packet.voq_in)

    def cut(self, voq: Voq, batch: list[Packet]) -> int:
        size = 0
        for cell in cells(voq, batch, self.ddc):
            self.leaf.counts.cells += 1
            self.leaf.send(cell)
            size += cell.frame
        self.leaf.counts.packets += len(batch)
        self.leaf.counts.packet_bytes += sum(packet.frame for packet in batch)
        self.leaf.counts.cell_bytes += size
        return size

    def release(self, packet: Packet) -> None:
        """Give back what a packet held of the buffer."""
        if id(packet) not in self.charged:
            return
        self.charged.remove(id(packet))
        self.held -= packet.frame
        if self.pfc is not None:
            group = self.group(packet)
            self.pfc.buffer.release(group, packet.frame)
            self.pfc.released(group, self.leaf.ports)

    # credits

    def ask(self, voq: Voq) -> None:
        n = voq.ask(self.events.now)
        if n:
            self.request(voq, Word.REQUEST, n)

    def request(self, voq: Voq, word: Word, n: int) -> None:
        self.leaf.counts.requests += 1
        if voq.leaf != self.leaf.index:
            self.renewals.expect()
        self.leaf.say(voq.leaf, voq.key, word, n)

    def renew(self) -> bool:
        """Ask again for what has not come for a period; return whether something is missing."""
        remote = [voq for _, voq in sorted(self.voqs.items()) if voq.leaf != self.leaf.index]
        for voq in remote:
            if voq.asked and voq.since <= self.events.now - self.ddc.watchdog_ps:
                n = voq.ask_again()
                if n:
                    self.leaf.counts.renewals += 1
                    self.request(voq, Word.RENEWAL, n)
        return any(voq.asked for voq in remote)
