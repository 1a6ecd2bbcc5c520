"""What packets carry beyond their entry: tags and stamps, where anything needs them."""

from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import STAMP_WORDS


@inlined
def tag(state, packet):
    """Return the tag of a packet: it follows the entry, in the same cache line."""
    return state.tags[packet + 1]


@inlined
def clear(state, packet):
    """Begin a new packet without tag and stamps."""
    config = state.config[0]
    if config["tagged"] == 1:
        record = tag(state, packet)
        record["stamp"] = 0
        record["pause"] = 0
        record["paused_at"] = 0
        record["entropy"] = 0
    if config["stamped"] == 1:
        state.stamps[packet, 0] = 0


@device
def copy_stamps(state, source, target):
    """Copy the stamps of a packet."""
    words = state.stamps[source]
    copy = state.stamps[target]
    for k in range(1 + STAMP_WORDS * words[0]):
        copy[k] = words[k]
