"""Room for the cells of a stream that came before earlier ones: it doubles when it is short."""

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.queue_pair_state import WORD_BITS
from fabricemu.engine.voq_state import reorder_bits
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]


def grow(state: kernel.State) -> kernel.State:
    """Return the state with twice the room for cells that wait for earlier ones."""
    span = int(state.config[0]["span"])
    words = 2 * span // WORD_BITS
    stream, seq = _waiting(state, span)
    place = seq % (2 * span)
    bits = reorder_bits(len(state.reassembly), 2 * span)
    np.bitwise_or.at(bits, stream * words + place // WORD_BITS, 1 << place % WORD_BITS)
    state.config["span"] = 2 * span
    return state._replace(cell_bits=bits)


def _waiting(state: kernel.State, span: int) -> tuple[Ints, Ints]:
    """Return the streams and the numbers of all cells that wait, (n_cells,) each."""
    stream, word = np.divmod(np.flatnonzero(state.cell_bits), span // WORD_BITS)
    words = state.cell_bits[stream * (span // WORD_BITS) + word]
    which, bit = np.nonzero(words[:, np.newaxis] >> np.arange(WORD_BITS) & 1)
    stream, place = stream[which], word[which] * WORD_BITS + bit
    first = state.reassembly["expected"][stream]
    return stream, first + (place - first) % span
