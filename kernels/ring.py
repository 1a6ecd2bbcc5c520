"""Rings that grow: each holds what waits at a port and what is on its wire.

A ring is written by one device and read by another, so its writer never moves what the
reader may be looking at: a ring that fills gets a new place at once, what is unpublished
moves with it, and the publish step between two windows moves the rest.
"""

import numpy as np
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import NONE, STAMP_WORDS, Exit

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
    copy_extras(state, source, target)


@inlined
def copy_packet(state, source, target):
    """Copy one entry with what belongs to it on its way between hosts."""
    state.entries[target] = state.entries[source]
    copy_extras(state, source, target)


@device
def copy_stamps(state, source, target):
    """Copy the stamps of an entry."""
    words = state.stamps[source]
    copy = state.stamps[target]
    for k in range(1 + STAMP_WORDS * words[0]):
        copy[k] = words[k]


@inlined
def copy_extras(state, source, target):
    """Copy tag and stamps where entries have them."""
    config = state.config[0]
    if config["tagged"] == 1:
        state.tags[target] = state.tags[source]
    if config["stamped"] == 1:
        copy_stamps(state, source, target)


@device
def clear_extras(state, slot):
    """Begin a new packet without tag and stamps."""
    config = state.config[0]
    if config["tagged"] == 1:
        tag = state.tags[slot]
        tag["stamp"] = 0
        tag["echo"] = 0
        tag["pause"] = 0
        tag["paused_at"] = 0
        tag["entropy"] = 0
        tag["trigger"] = 0
        tag["base"] = 0
    if config["stamped"] == 1:
        state.stamps[slot, 0] = 0


@device
def reader_of(state, ring):
    """Return the ring's number at its reader: that of the peer port, or of the same VOQ."""
    config = state.config[0]
    if ring >= config["port_rings"]:
        return ring
    p = ring // config["fifos"]
    return np.int64(state.ports[p]["peer"]) * config["fifos"] + ring - p * config["fifos"]


@device
def grow(state, part, ring):
    """Move a full ring to twice the room."""
    out = state.outs[ring]
    ins = state.ins[reader_of(state, ring)]
    mask = np.int64(out["mask"])
    old = np.int64(out["offset"])
    size = FIRST_SIZE
    while (1 << size) <= mask + 1 and mask >= 0:
        size += 1
    offset = allocate(state, part, size)
    if offset == NONE:
        return
    new_mask = (1 << size) - 1
    for index in range(ins["published"], out["tail"]):
        copy_entry(state, old + (index & mask), offset + (index & new_mask))
    if mask >= 0 and old != ins["offset"]:
        release(state, part, old, mask)
    out["offset"] = offset
    out["mask"] = new_mask


@device
def full(state, part, ring):
    """Make room in a full ring; return whether there is none to be had."""
    out = state.outs[ring]
    ins = state.ins[reader_of(state, ring)]
    if state.config[0]["parts"] == 1 and out["offset"] == ins["offset"]:
        # With one thread what the reader has taken is free at once: smaller rings.
        out["seen"] = ins["head"]
    if out["tail"] - out["seen"] > out["mask"]:
        grow(state, part, ring)
    return out["tail"] - out["seen"] > out["mask"]


@inlined
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
    if out["offset"] != ins["offset"]:
        settle(state, part, out, ins)
    ins["published"] = out["committed"]
    out["seen"] = ins["head"]


@device
def settle(state, part, out, ins):
    """Move what the reader can see to the ring's new place and give back the old one."""
    old = np.int64(ins["offset"])
    mask = np.int64(ins["mask"])
    for index in range(ins["head"], ins["published"]):
        copy_entry(state, old + (index & mask), out["offset"] + (index & out["mask"]))
    if mask >= 0:
        release(state, part, old, mask)
    ins["offset"] = out["offset"]
    ins["mask"] = out["mask"]
