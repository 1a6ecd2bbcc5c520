"""Control packets of a NIC."""

from fabricemu.kernels import ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import CONTROL, NONE


@device
def push(state, part, p, kind, qp, dst):
    """Return a new control packet in the FIFO of port ``p``, or NONE if memory is full."""
    config = state.config[0]
    slot = ring.push(state, part, config["fifos"] * p + CONTROL)
    if slot == NONE:
        return slot
    ring.clear_extras(state, slot)
    entry = state.entries[slot]
    entry["time"] = 0
    entry["sent"] = 0
    entry["qp"] = qp
    entry["dst"] = dst
    entry["psn"] = 0
    entry["bytes"] = config["ack_bytes"]
    entry["kind"] = kind
    entry["flags"] = 0
    return slot


@device
def echo(state, source, slot):
    """Tell the sender which packet this answers: when it was sent, by which path, and marks."""
    config = state.config[0]
    if config["tagged"] == 1:
        tag, question = state.tags[slot], state.tags[source]
        tag["echo"] = state.entries[source]["sent"]
        tag["entropy"] = question["entropy"]
        tag["trigger"] = state.entries[source]["psn"]
    if config["stamped"] == 1:
        ring.copy_stamps(state, source, slot)
