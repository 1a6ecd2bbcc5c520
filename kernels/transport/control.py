"""Control packets of a NIC."""

from fabricemu.kernels import extras, pool, ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import CONTROL, NONE


@device
def push(state, part, p, kind, qp, dst):
    """Return a new control packet in the FIFO of port ``p``, or NONE if memory is full."""
    config = state.config[0]
    packet = pool.take(state, part)
    if packet == NONE:
        return packet
    ring.push(state, part, config["fifos"] * p + CONTROL, packet)
    extras.clear(state, packet)
    entry = state.entries[packet]
    entry["time"] = 0
    entry["sent"] = 0
    entry["qp"] = qp
    entry["dst"] = dst
    entry["psn"] = 0
    entry["bytes"] = config["ack_bytes"]
    entry["kind"] = kind
    entry["flags"] = 0
    return packet


@device
def echo(state, source, packet):
    """Tell the sender which packet this answers: when it was sent, by which path, and marks."""
    config = state.config[0]
    if config["tagged"] == 1:
        tag, question = extras.tag(state, packet), extras.tag(state, source)
        tag["echo"] = state.entries[source]["sent"]
        tag["entropy"] = question["entropy"]
        tag["trigger"] = state.entries[source]["psn"]
    if config["stamped"] == 1:
        extras.copy_stamps(state, source, packet)
