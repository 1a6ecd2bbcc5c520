"""A batch of packets becomes cells, or trains of cells (sections 5 and 14)."""

from collections.abc import Iterator

from fabricemu.fabrics.network import Ddc
from tests.reference.packets import Cell, Packet
from tests.reference.voq import Voq


def cells(voq: Voq, batch: list[Packet], ddc: Ddc) -> Iterator[Cell]:
    """Cut a batch into numbered cells for the leaf of its queue."""
    voq.cut += batch
    for stream in [batch] if ddc.packing else [[packet] for packet in batch]:
        payload = ddc.train_cells * (ddc.cell_bytes - ddc.cell_header_bytes)
        total = number_cells(stream, voq.next_cell, payload)
        for begin in range(0, total, payload):
            ends = [packet for packet in stream if packet.cells.stop == voq.next_cell + 1]
            frame = frame_bytes(min(payload, total - begin), ddc)
            yield Cell(voq.leaf, frame, voq.key, voq.next_cell, ends, voq.cut)
            voq.next_cell += 1


def number_cells(stream: list[Packet], first: int, payload: int) -> int:
    """Tell each packet which cells hold it; return the bytes of all packets."""
    begin = 0
    for packet in stream:
        end = begin + packet.frame
        packet.cells = range(first + begin // payload, first + (end - 1) // payload + 1)
        begin = end
    return begin


def frame_bytes(size: int, ddc: Ddc) -> int:
    """Return the bytes of the cells that hold ``size`` bytes of payload."""
    n = -(-size // (ddc.cell_bytes - ddc.cell_header_bytes))
    return n * ddc.cell_bytes if ddc.pad_cells else size + n * ddc.cell_header_bytes
