"""Flowlets: packets that follow closely keep to one port (section 6)."""

from dataclasses import dataclass

from tests.reference.hashing import FLOW, fold, pick
from tests.reference.packets import Packet
from tests.reference.port import Port


@dataclass
class Entry:
    gap: int
    port: Port | None = None
    last: int = 0

    def goes_on(self, ports: list[Port], now: int) -> bool:
        """Return whether a packet that comes now belongs to the flowlet, and may follow it."""
        return self.port in ports and now - self.last <= self.gap


class Flowlets:
    """A table of a device; flows that share an entry disturb each other."""

    def __init__(self, seed: int, gap: int, entries: int):
        self.seed = fold(seed, FLOW)
        self.entries = [Entry(gap) for _ in range(entries)]

    def entry(self, packet: Packet) -> Entry:
        return self.entries[pick(packet.flow_hash(self.seed), len(self.entries))]
