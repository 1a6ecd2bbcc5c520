"""Virtual output queues by number: (source leaf, NIC port, level)."""

from fabricemu.kernels._jit import device


@device
def source_leaf(state, voq):
    """Return the leaf that holds a VOQ."""
    return voq // (2 * state.config[0]["addresses"])


@device
def address_of(state, voq):
    """Return the NIC port that a VOQ is for."""
    return voq // 2 % state.config[0]["addresses"]


@device
def target_leaf(state, voq):
    """Return the leaf that a VOQ leads to."""
    return address_of(state, voq) // state.config[0]["leaf_ports"]
