"""The source leaf's side of a DDC: virtual output queues, batches and cells (section 5)."""

from collections import deque
from collections.abc import Iterator

from fabricemu.fabrics.network import Ddc
from tests.reference.packets import Cell, Packet, VoqKey


class Voq:
    """Packets for one NIC port and class; ``balance`` and ``asked`` are in bytes of credit."""

    def __init__(self, key: VoqKey):
        self.key = key
        self.packets: deque[Packet] = deque()
        self.bytes = self.balance = self.asked = 0
        self.last_left = 0
        self.next_cell = 0

    def enter(self, packet: Packet, now: int) -> None:
        packet.voq_in = now
        self.packets.append(packet)
        self.bytes += packet.frame

    def leave(self, now: int) -> list[Packet]:
        """Return what the balance lets go now: one batch."""
        batch = []
        while self.packets and self.balance > 0:
            packet = self.packets.popleft()
            self.balance -= packet.frame
            self.bytes -= packet.frame
            packet.voq_head = max(packet.voq_in, self.last_left)
            packet.voq_out = self.last_left = now
            batch.append(packet)
        return batch

    def ask(self, credit: int) -> int:
        """Return the number of credits to request now."""
        wanted = self.bytes - self.balance - self.asked
        if self.bytes == 0 or wanted <= 0:
            return 0
        n = -(-wanted // credit)
        self.asked += n * credit
        return n

    def cells(self, batch: list[Packet], leaf: int, ddc: Ddc) -> Iterator[Cell]:
        """Cut a batch into numbered cells for ``leaf``."""
        trains = [batch] if ddc.packing else [[packet] for packet in batch]
        for train in trains:
            for size, ends in cut_train(train, ddc.cell_bytes - ddc.cell_header_bytes):
                frame = ddc.cell_bytes if ddc.pad_cells else size + ddc.cell_header_bytes
                yield Cell(leaf, frame, self.key, self.next_cell, ends)
                self.next_cell += 1


def cut_train(train: list[Packet], payload: int) -> Iterator[tuple[int, list[Packet]]]:
    """Yield the payload of each cell and the packets that end in it."""
    total = sum(packet.frame for packet in train)
    ends: list[list[Packet]] = [[] for _ in range(-(-total // payload))]
    end = 0
    for packet in train:
        end += packet.frame
        ends[(end - 1) // payload].append(packet)
    for cell, packets in enumerate(ends):
        yield min(payload, total - cell * payload), packets
