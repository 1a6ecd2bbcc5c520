"""Arrays of the engine: those whose need is not known reserve address space, not memory.

The operating system gives a page to such an array when it is first touched, and free
regions are used again before new ones, so what is resident follows what is in flight.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.kernels import state as kernel

ENTRIES_PER_PORT = 1 << 14
MIN_ENTRIES = 1 << 20
MAX_ENTRIES = 1 << 26
MAX_MESSAGES = 1 << 25
STAMP_WORDS = 1 + kernel.MAX_STAMPS * kernel.STAMP_WORDS
FIRST_PLACES = 16  # of a new ring
SIZES = 27  # size classes of rings, powers of two

Array = NDArray[Any]


LINE = 64  # bytes of a cache line
SMALL = 1 << 24  # bytes; larger arrays are not touched until they are used


def empty(count: int, dtype: np.dtype[Any]) -> Array:
    """Return ``count`` zeroed records, at least one, from the start of a cache line on."""
    return _aligned(np.zeros, count, dtype)


def raw(count: int, dtype: np.dtype[Any]) -> Array:
    """Return records that are written before they are read; NumPy puts them on huge pages."""
    return _aligned(np.empty, count, dtype)


def _aligned(allocate: Callable[..., Array], count: int, dtype: np.dtype[Any]) -> Array:
    size = max(int(count), 1) * dtype.itemsize
    room = allocate(size + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + size].view(dtype)


def together(arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the arrays with all but the large ones next to each other, so on few huge pages."""
    small = {name: array for name, array in arrays.items() if array.nbytes <= SMALL}
    ends = np.cumsum([array.nbytes + -array.nbytes % LINE for array in small.values()])
    room = raw(int(ends[-1]), np.dtype(np.uint8))
    moved = {}
    for (name, array), end in zip(small.items(), ends, strict=True):
        first = end - array.nbytes - -array.nbytes % LINE
        moved[name] = room[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
        moved[name][...] = array
    return arrays | moved


def filled(count: int, dtype: np.dtype[Any], **values: float) -> Array:
    """Return records with some fields set."""
    records = empty(count, dtype)
    for name, value in values.items():
        records[name] = value
    return records


@dataclass(frozen=True)
class Extras:
    """What packets have beside their entries."""

    trails: bool
    stamps: bool


def packet_memory(n_ports: int, n_rings: int, parts: int, extras: Extras) -> dict[str, Array]:
    """Return entries, what is beside them, rings and the shares of the parts (without messages)."""
    wanted = min(max(n_ports * ENTRIES_PER_PORT, MIN_ENTRIES), MAX_ENTRIES)
    share = 1 << (wanted // parts - 1).bit_length()
    total = share * parts
    places = share + FIRST_PLACES * n_rings
    order = np.arange(parts)
    records = filled(parts, kernel.PART, free=kernel.NONE, free_message=kernel.NONE)
    records["bump"] = order * share
    records["limit"] = records["bump"] + share
    records["ring_bump"] = order * places
    records["ring_limit"] = records["ring_bump"] + places
    width = parts + -parts % (LINE // 8)  # a part's row is on cache lines of its own
    return {
        "parts": records,
        "entries": raw(total, kernel.ENTRY),
        "trails": raw(total if extras.trails else 1, kernel.TRAIL),
        "places": raw(places * parts, np.dtype(np.int32)),
        "returned": np.full((parts, width), kernel.NONE, np.int64),
        "last_returned": np.full((parts, width), kernel.NONE, np.int64),
        "stamps": np.empty((total if extras.stamps else 1, STAMP_WORDS), np.int64),
        "free_rings": np.full((parts, SIZES), kernel.NONE, np.int64),
        "outs": filled(n_rings, kernel.OUT, mask=-1, offset=-1),
        "ins": filled(n_rings, kernel.IN, mask=-1, offset=-1),
    }


def message_memory(total: int, parts: Array) -> dict[str, Array]:
    """Return message records and the lists of finished ones; set the parts' shares."""
    share = min(max(total, 1), MAX_MESSAGES)
    first = np.arange(len(parts)) * share
    parts["message_bump"] = first
    parts["message_limit"] = first + share
    parts["first_done"] = first
    return {
        "messages": raw(share * len(parts), kernel.MESSAGE),
        "done": np.empty(share * len(parts), np.int64),
    }


def sort_memory(parts: int, busiest: int) -> dict[str, Array]:
    """Return room for the arrivals of one window at the busiest device."""
    return {
        "key_time": np.empty((parts, busiest), np.int64),
        "key_slot": np.empty((parts, busiest), np.int64),
        "sort_time": np.empty((parts, busiest), np.int64),
        "sort_slot": np.empty((parts, busiest), np.int64),
        "counts": np.empty((parts, 4 * busiest + 8), np.int64),
    }
