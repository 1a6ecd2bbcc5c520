"""A batch of packets becomes cells, or trains of cells (sections 5 and 14)."""

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate

from fabricemu.fabrics.network import Ddc
from tests.reference.packets import Cell, Packet
from tests.reference.voq import Voq


def cells(voq: Voq, batch: list[Packet], ddc: Ddc) -> Iterator[Cell]:
    """Cut a batch into numbered cells for the leaf of its queue."""
    voq.cut += batch
    for stream in [batch] if ddc.packing else [[packet] for packet in batch]:
        sizes = payloads(sum(packet.frame for packet in stream), ddc)
        number_cells(stream, voq.next_cell, sizes)
        for size in sizes:
            ends = [packet for packet in stream if packet.cells.stop == voq.next_cell + 1]
            yield Cell(voq.leaf, frame_bytes(size, ddc), voq.key, voq.next_cell, ends, voq.cut)
            voq.next_cell += 1


def payloads(total: int, ddc: Ddc) -> list[int]:
    """Return the bytes in each train of a batch: as few trains as can be, of an even share."""
    room = ddc.cell_bytes - ddc.cell_header_bytes
    cells = -(-total // room)
    trains = -(-cells // ddc.train_cells)
    short, longer = divmod(cells, trains)
    full = [room * (short + (train < longer)) for train in range(trains)]
    full[-1] -= cells * room - total
    return full


def number_cells(stream: list[Packet], first: int, sizes: list[int]) -> None:
    """Tell each packet which cells, of so many bytes, hold it."""
    stops = list(accumulate(sizes))
    begin = 0
    for packet in stream:
        end = begin + packet.frame
        packet.cells = range(first + bisect(stops, begin), first + bisect(stops, end - 1) + 1)
        begin = end


def frame_bytes(size: int, ddc: Ddc) -> int:
    """Return the bytes of the cells that hold ``size`` bytes of payload."""
    n = -(-size // (ddc.cell_bytes - ddc.cell_header_bytes))
    return n * ddc.cell_bytes if ddc.pad_cells else size + n * ddc.cell_header_bytes
