"""Rings that grow: each holds what waits at a port and what is on its wire.

A ring is written by one device and read by another, so its writer never moves what the
reader may be looking at: a ring that fills gets a new place at once, what is unpublished
moves with it, and the publish step between two windows moves the rest.
"""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import NONE, Exit

FIRST_SIZE = 3  # a new ring has room for 8
FULL_PACKETS = int(Exit.FULL_PACKETS)


@device
def allocate(state, part, size):
    """Return the first entry of a free region of ``1 << size`` entries, or NONE."""
    free = state.free_rings[part, size]
    if free != NONE:
        state.free_rings[part, size] = state.entries[free]["time"]
        return free
    share = state.parts[part]
    first = share["bump"]
    if first + (1 << size) > share["limit"]:
        share["status"] = FULL_PACKETS
        return NONE
    share["bump"] = first + (1 << size)
    return first


@device
def release(state, part, offset, mask):
    """Put a region on the free list of its size."""
    size = 0
    while (1 << size) <= mask:
        size += 1
    state.entries[offset]["time"] = state.free_rings[part, size]
    state.free_rings[part, size] = offset


@device
def copy_entry(state, source, target):
    """Copy one entry, and its trail where there are cells."""
    state.entries[target] = state.entries[source]
    if state.config[0]["cells"] == 1:
        state.trails[target] = state.trails[source]


@device
def grow(state, part, ring):
    """Move a full ring to twice the room."""
    out = state.outs[ring]
    mask = out["mask"]
    size = FIRST_SIZE
    while (1 << size) <= mask + 1 and mask >= 0:
        size += 1
    offset = allocate(state, part, size)
    if offset == NONE:
        return
    new_mask = (1 << size) - 1
    for index in range(out["published"], out["tail"]):
        copy_entry(state, out["offset"] + (index & mask), offset + (index & new_mask))
    if mask >= 0:
        if out["old_offset"] == NONE:
            out["old_offset"] = out["offset"]
            out["old_mask"] = mask
        else:
            release(state, part, out["offset"], mask)
    out["offset"] = offset
    out["mask"] = new_mask


@device
def full(state, part, ring):
    """Make room in a full ring; return whether there is none to be had."""
    out = state.outs[ring]
    rings = state.config[0]["port_rings"]
    if state.config[0]["parts"] == 1 and ring < rings:
        # With one thread what the reader has taken is free at once: smaller rings.
        peer = state.ports[ring >> 1]["peer"]
        out["seen"] = state.ins[2 * peer + (ring & 1)]["head"]
    if out["tail"] - out["seen"] > out["mask"]:
        grow(state, part, ring)
    return out["tail"] - out["seen"] > out["mask"]


@device
def push(state, part, ring):
    """Return the index of a new entry at the tail of a ring, or NONE if memory is full."""
    out = state.outs[ring]
    if out["tail"] - out["seen"] > out["mask"] and full(state, part, ring):
        return NONE
    slot = out["offset"] + (out["tail"] & out["mask"])
    out["tail"] += 1
    return slot


@device
def publish(state, part, ring, reader):
    """Show the reader what was committed, and learn what it has taken."""
    out = state.outs[ring]
    ins = state.ins[reader]
    if out["old_offset"] != NONE:
        for index in range(ins["head"], ins["published"]):
            copy_entry(
                state,
                out["old_offset"] + (index & out["old_mask"]),
                out["offset"] + (index & out["mask"]),
            )
        release(state, part, out["old_offset"], out["old_mask"])
        out["old_offset"] = NONE
    ins["offset"] = out["offset"]
    ins["mask"] = out["mask"]
    ins["published"] = out["committed"]
    out["published"] = out["committed"]
    out["seen"] = ins["head"]
