"""A virtual output queue at the source leaf of a DDC, and its credits (sections 5, 12, 13)."""

from collections import deque

from fabricemu.fabrics.network import Ddc
from tests.reference.packets import Packet, VoqKey


class Voq:
    """Packets for one NIC port and level; ``balance`` and ``asked`` are in bytes of credit."""

    def __init__(self, key: VoqKey, ddc: Ddc):
        self.key = key
        self.ddc = ddc
        self.leaf = key[1] // ddc.leaf_ports
        self.packets: deque[Packet] = deque()
        self.bytes = self.balance = self.asked = 0
        self.since = 0  # when ``asked`` last rose from 0
        self.last_left = 0
        self.next_cell = 0
        self.cut: deque[Packet] = deque()  # and not past at the other leaf

    @property
    def may_leave(self) -> bool:
        return bool(self.packets) and self.balance > 0

    def enter(self, packet: Packet, now: int) -> None:
        packet.voq_in = now
        self.packets.append(packet)
        self.bytes += packet.frame

    def leave(self, now: int) -> list[Packet]:
        """Return what the balance lets go now: one batch."""
        batch = []
        while self.may_leave:
            packet = self.packets.popleft()
            self.balance -= packet.frame
            self.bytes -= packet.frame
            packet.voq_head = max(packet.voq_in, self.last_left)
            packet.voq_out = self.last_left = now
            batch.append(packet)
        return batch

    def ask(self, now: int) -> int:
        """Return the number of credits to request now."""
        wanted = self.bytes + self.ddc.ahead_bytes - self.balance - self.asked
        if not (self.bytes or self.ddc.ahead_bytes) or wanted <= 0:
            return 0
        if self.asked == 0:
            self.since = now
        n = -(-wanted // self.ddc.credit_bytes)
        self.asked += n * self.ddc.credit_bytes
        return n

    def ask_again(self) -> int:
        """Return the number of credits wanted if all that was asked is forgotten."""
        self.asked = 0
        return self.ask(self.since)

    def credit(self) -> bool:
        """Take a credit; return whether a part of it was too much."""
        most = self.ddc.balance_bytes
        self.asked = max(0, self.asked - self.ddc.credit_bytes)
        self.balance += self.ddc.credit_bytes
        excess = 0 <= most < self.balance
        if excess:
            self.balance = most
        return excess
