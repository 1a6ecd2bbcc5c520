"""The egress side of a DDC leaf: credits for its ports, and reassembly (sections 5, 13, 15)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from tests.reference.choices import weight
from tests.reference.congestion_window import CongestionWindow
from tests.reference.credit_scheduler import CreditScheduler
from tests.reference.events import TIMER
from tests.reference.hashing import tie
from tests.reference.ingress import REASSEMBLY, TICK
from tests.reference.looks import Looks
from tests.reference.packets import Cell, ControlCell, Packet, VoqKey, Word
from tests.reference.port import transmission
from tests.reference.stream import Past, Stream

if TYPE_CHECKING:
    from tests.reference.leaf import Leaf

ONE = 1 << 16  # units of drm and rci_slow


class Egress:
    """``live_mbps`` is what the lanes into the leaf carry."""

    def __init__(self, leaf: Leaf, weights: Sequence[int]):
        self.leaf = leaf
        self.events = leaf.events
        self.ddc = leaf.ddc
        self.weights = weights
        self.live_mbps = 1
        self.schedulers: dict[int, CreditScheduler] = {}
        self.streams: dict[VoqKey, Stream] = {}
        self.window = CongestionWindow(self.ddc.rci_period_ps)
        self.timeouts = Looks(leaf.events, leaf.number, REASSEMBLY, self.ddc.reassembly_ps)
        self.timeouts.look = self.give_up

    # credits

    def on_request(self, cell: ControlCell) -> None:
        port = cell.voq[1] % self.ddc.leaf_ports
        scheduler = self.schedulers.setdefault(port, CreditScheduler(self.weights))
        ask = scheduler.request if cell.word == Word.REQUEST else scheduler.renew
        ask(cell.voq, cell.n)
        if not scheduler.ticking:
            scheduler.ticking = True
            self.set_tick(port, max(self.events.now, scheduler.not_before))

    def set_tick(self, port: int, time: int) -> None:
        key = (TICK, tie(self.leaf.seed, port, time), port)
        self.events.at(time, self.leaf.number, TIMER, key, partial(self.tick, port))

    def tick(self, port: int) -> None:
        scheduler = self.schedulers[port]
        scheduler.not_before = self.events.now + self.interval(port)
        if self.leaf.ports[port].waiting_bytes > self.ddc.egress_threshold_bytes:
            self.leaf.counts.blocked += 1
        else:
            self.leaf.counts.credits += 1
            voq = scheduler.grant()
            self.leaf.say(voq[0], voq, Word.CREDIT, 1)
        scheduler.ticking = bool(scheduler.pending)
        if scheduler.ticking:
            self.set_tick(port, scheduler.not_before)

    def interval(self, port: int) -> int:
        """Return the time to the next credit of a port, as things are now."""
        rate = int(self.leaf.ports[port].link.rate * self.ddc.credit_speedup)
        time = transmission(self.ddc.credit_bytes, rate)
        if self.ddc.drm:
            hosts = self.leaf.ports[: self.leaf.hosts]
            need = sum(weight(host) for host in hosts) * self.ddc.drm >> 16
            live = max(1, self.live_mbps)
            time = -(-time * max(need, live) // live)
        return -(-time * self.slow() // ONE)

    def slow(self) -> int:
        level = self.window.read(self.events.now)
        return self.ddc.rci_slow[level - 1] if level else ONE

    # reassembly

    def on_cell(self, cell: Cell) -> None:
        self.window.note(cell.congestion, self.events.now)
        stream = self.streams.setdefault(cell.voq, Stream(cell.packets))
        if cell.number < stream.expected:
            self.leaf.counts.late += 1
        elif cell.number > stream.expected and not self.finds_context(stream):
            self.leaf.counts.refused += 1
        else:
            ahead = cell.number - stream.expected
            self.leaf.counts.reorder = max(self.leaf.counts.reorder, ahead)
            self.pass_on(stream.accept(cell, self.events.now))
            self.leaf.counts.gaps = max(self.leaf.counts.gaps, self.gaps)
            if stream.gap:
                self.timeouts.expect()

    @property
    def gaps(self) -> int:
        return sum(stream.gap for stream in self.streams.values())

    def finds_context(self, stream: Stream) -> bool:
        return stream.gap or not 0 < self.ddc.contexts <= self.gaps

    def give_up(self) -> bool:
        """Give up cells that were missing too long; return whether some still are."""
        for _, stream in sorted(self.streams.items()):
            if stream.gap:
                self.pass_on(stream.look())
        return self.gaps > 0

    def pass_on(self, packets: list[Past]) -> None:
        for packet, complete in packets:
            if complete:
                self.release(packet)
            else:
                self.leaf.counts.incomplete += 1

    def release(self, packet: Packet) -> None:
        packet.released = self.events.now
        self.leaf.ports[packet.address % self.ddc.leaf_ports].enqueue(packet)
