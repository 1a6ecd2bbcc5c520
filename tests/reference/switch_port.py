"""A port of an Ethernet switch: buffer, PFC, marks, trimming and stamps (section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reference.buffer import GroupKey
from tests.reference.events import Events
from tests.reference.hashing import MARK, TRIM, at_instant, fold
from tests.reference.host_port import HostPort
from tests.reference.marking import Red
from tests.reference.packets import CONTROL, DATA, Data, Item, PauseFrame, Stamp
from tests.reference.port import Link, Port
from tests.reference.result import NONE
from tests.reference.scheduler import Scheduler

if TYPE_CHECKING:
    from tests.reference.ethernet_switch import EthernetSwitch

STAMPS = 8  # a packet holds no more


class LosslessDropError(RuntimeError):
    """A lossless class lost a packet: ``port`` (global) could not be charged for ``data_class``."""

    def __init__(self, port: int, data_class: int):
        super().__init__(f"no room for class {data_class} from port {port}")
        self.port = port
        self.data_class = data_class


@dataclass
class Marking:
    """How a port marks; frame (0: no trimming) and wire bytes of a trimmed header."""

    red: Red
    at_enqueue: bool
    trim_frame: int
    trim_wire: int


class SwitchPort(Port):
    device: EthernetSwitch

    def __init__(
        self, events: Events, device: EthernetSwitch, index: int, link: Link, scheduler: Scheduler
    ):
        super().__init__(events, device, index, link, scheduler)
        self.marking = Marking(Red(NONE, NONE, 0), False, 0, 0)
        self.started = [0] * len(self.queues)  # packets, by level

    def roll(self, purpose: int) -> int:
        """Return the hash of this instant and port for a purpose."""
        return fold(at_instant(fold(self.device.seed, purpose), self.events.now), self.index)

    # a packet that cannot start at once

    def admits(self, packet: Item) -> bool:
        assert isinstance(packet, Data)
        queue = self.waiting[packet.level] + packet.frame
        return super().admits(packet) and not self.device.buffer.refuses(
            packet.qp.data_class, queue
        )

    def refuse(self, packet: Item) -> None:
        """Drop the packet, or trim it or the newest of those that wait."""
        assert isinstance(packet, Data)
        if self.marking.trim_frame == 0:
            self.drops += 1
            return
        victim = self.victim(packet)
        if victim is packet:
            self.trim(packet)
            return
        self.queues[victim.level].pop()
        self.waiting[victim.level] -= victim.frame
        self.uncharge(victim)
        self.trim(victim)
        self.wait(packet)

    def victim(self, packet: Data) -> Data:
        waiting = self.queues[packet.level]
        if self.device.buffer.limited or not waiting:
            return packet
        coin = fold(self.roll(TRIM), packet.ingress) & 1
        newest = waiting[-1]
        assert isinstance(newest, Data)
        return newest if coin else packet

    def trim(self, packet: Data) -> None:
        """Make a header of a packet, and send it as control unless too many wait."""
        frame = self.marking.trim_frame
        if 0 <= 2 * self.link.limit < self.waiting[CONTROL] + frame:
            self.drops += 1
            return
        self.trims += 1
        packet.trimmed = True
        packet.last_hop = isinstance(self.peer, HostPort)
        packet.frame, packet.wire = frame, self.marking.trim_wire
        self.enqueue(packet)

    def wait(self, packet: Item) -> None:
        """Charge and mark a data packet; queue it; pause its sender if need be."""
        if not isinstance(packet, Data) or packet.trimmed:
            super().wait(packet)
            return
        key = self.group(packet)
        if not self.device.buffer.charge(key, packet.frame):
            raise LosslessDropError(self.device.ports[packet.ingress].number, key[1])
        if self.marking.at_enqueue:
            queue = self.waiting[packet.level] + packet.frame
            self.mark(packet, queue, fold(self.roll(MARK), 1 + packet.ingress))
        packet.paused_at = self.pauses.read(packet.level, self.events.now)
        super().wait(packet)
        self.device.pfc.charged(key, self.device.ports)

    @staticmethod
    def group(packet: Data) -> GroupKey:
        return packet.ingress, packet.qp.data_class

    def mark(self, packet: Data, queue: int, roll: int) -> None:
        if self.marking.red.marks(queue, roll):
            packet.marked = True
            self.marks += 1

    def uncharge(self, packet: Data) -> None:
        key = self.group(packet)
        self.device.buffer.release(key, packet.frame)
        self.device.pfc.released(key, self.device.ports)

    # a packet that starts

    def leave(self, level: int) -> Item:
        packet = super().leave(level)
        if level >= DATA:
            assert isinstance(packet, Data)
            packet.pause += self.pauses.read(level, self.events.now) - packet.paused_at
            if not self.marking.at_enqueue:
                self.mark(packet, self.waiting[level], self.roll(MARK))
        return packet

    def start(self, item: Item | PauseFrame) -> None:
        if isinstance(item, Data) and not item.trimmed and len(item.stamps) < STAMPS:
            stamp = Stamp(self.events.now, self.tx_bytes, self.waiting_bytes, self.link.rate)
            item.stamps.append(stamp)
        self.started[item.level] += 1
        super().start(item)

    def departed(self, item: Item | PauseFrame) -> None:
        """Release what the packet held; a pause frame may then start elsewhere at once."""
        if isinstance(item, Data) and not item.trimmed:
            self.uncharge(item)
