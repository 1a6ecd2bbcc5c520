"""Virtual output queues by number: (source leaf, NIC port, level), the level in the low bits."""

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
    return ((leaf * config["addresses"] + address) << config["level_bits"]) + level


@device
def level(state, voq):
    """Return the level of a VOQ."""
    return voq & ((1 << state.config[0]["level_bits"]) - 1)


@device
def pair(state, voq):
    """Return the number of a VOQ's source leaf and NIC port together."""
    return voq >> state.config[0]["level_bits"]


@device
def source_leaf(state, voq):
    """Return the leaf that holds a VOQ."""
    return pair(state, voq) // state.config[0]["addresses"]


@device
def address_of(state, voq):
    """Return the NIC port that a VOQ is for."""
    return pair(state, voq) % state.config[0]["addresses"]


@device
def target_leaf(state, voq):
    """Return the leaf that a VOQ leads to."""
    return address_of(state, voq) // state.config[0]["leaf_ports"]
