"""Virtual output queues by number: by source leaf, NIC port and level, without unused ones."""

import numpy as np
from fabricemu.kernels._jit import device


@device
def number_of(state, leaf, address, level):
    """Return the number of a VOQ."""
    place = np.int64(state.place_of[leaf * state.config[0]["addresses"] + address])
    return 2 * place + level


@device
def source_leaf(state, voq):
    """Return the leaf that holds a VOQ."""
    return np.int64(state.voq_places[voq // 2]["leaf"])


@device
def address_of(state, voq):
    """Return the NIC port that a VOQ is for."""
    return np.int64(state.voq_places[voq // 2]["address"])


@device
def target_leaf(state, voq):
    """Return the leaf that a VOQ leads to."""
    return np.int64(state.voq_places[voq // 2]["target"])
