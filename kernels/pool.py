"""Memory of packets: the one given back last is taken first, while it is in the near caches.

A packet keeps its number from the NIC or leaf that makes it to the device that ends it; on its
way only the number moves. Each part of the devices makes packets from a share of its own, and
what ends in another part goes home between two windows.
"""

from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import NONE, Exit

FULL_PACKETS = int(Exit.FULL_PACKETS)


@inlined
def take(state, part):
    """Return a packet that is not in use, or NONE if memory is full."""
    share = state.parts[part]
    share["in_use"] += 1
    packet = share["free"]
    if packet == NONE:
        return take_new(state, part)
    share["free"] = state.entries[packet]["time"]
    return packet


@device
def take_new(state, part):
    """Return a packet that has never been used."""
    share = state.parts[part]
    packet = share["bump"]
    following = packet + state.config[0]["packet_entries"]
    if following > share["limit"]:
        share["status"] = FULL_PACKETS
        return NONE
    share["bump"] = following
    return packet


@inlined
def give(state, part, packet):
    """Give back a packet that has come to its end in ``part``."""
    share = state.parts[part]
    share["in_use"] -= 1
    if state.config[0]["parts"] == 1:
        state.entries[packet]["time"] = share["free"]
        share["free"] = packet
    else:
        give_home(state, part, packet)


@device
def give_home(state, part, packet):
    """Give back a packet that may be another part's."""
    home = packet >> state.config[0]["share_bits"]
    first = state.returned[part, home]
    if first == NONE:
        state.last_returned[part, home] = packet
    state.entries[packet]["time"] = first
    state.returned[part, home] = packet


@device
def collect(state):
    """Bring home what ended in other parts in this window."""
    parts = state.config[0]["parts"]
    for part in range(parts):
        for home in range(parts):
            first = state.returned[part, home]
            if first != NONE:
                share = state.parts[home]
                state.entries[state.last_returned[part, home]]["time"] = share["free"]
                share["free"] = first
                state.returned[part, home] = NONE
