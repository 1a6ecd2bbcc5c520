"""Virtual output queues by number: by source leaf, NIC port and level, without unused ones.

Those of a leaf and a NIC port have one place; the low bits of their numbers are their levels.
"""

import numpy as np
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import CLASS_SHIFT, DATA


@inlined
def level_of(entry):
    """Return the level of a packet: 0 for control, 1 + its class for data."""
    if entry["kind"] != DATA:
        return 0
    return 1 + (entry["flags"] >> CLASS_SHIFT)


@device
def number(state, leaf, address, level):
    """Return the number of a VOQ."""
    config = state.config[0]
    place = np.int64(state.place_of[leaf * config["addresses"] + address])
    return (place << config["level_bits"]) + level


@device
def level(state, voq):
    """Return the level of a VOQ."""
    return voq & ((1 << state.config[0]["level_bits"]) - 1)


@device
def place(state, voq):
    """Return where the leaf and the NIC port of a VOQ are."""
    return state.voq_places[voq >> state.config[0]["level_bits"]]


@device
def source_leaf(state, voq):
    """Return the leaf that holds a VOQ."""
    return np.int64(place(state, voq)["leaf"])


@device
def address_of(state, voq):
    """Return the NIC port that a VOQ is for."""
    return np.int64(place(state, voq)["address"])


@device
def target_leaf(state, voq):
    """Return the leaf that a VOQ leads to."""
    return np.int64(place(state, voq)["target"])
