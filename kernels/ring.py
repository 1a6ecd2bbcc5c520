"""Rings of packet numbers that grow: what waits at a port and what is on its wire.

A ring is written by one device and read by another, so its writer never moves what the
reader may be looking at: a ring that fills gets a new place at once, what is unpublished
moves with it, and the publish step between two windows moves the rest.
"""

import numpy as np
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import NONE, Exit

FIRST_SIZE = 4  # a new ring has room for 16 numbers, one cache line
FULL_PACKETS = int(Exit.FULL_PACKETS)


@inlined
def at(state, ring, index):
    """Return the packet at a place of a ring, seen by its writer or its reader."""
    return np.int64(state.places[ring["offset"] + (index & ring["mask"])])


@device
def allocate(state, part, size):
    """Return the first of ``1 << size`` free places, or NONE."""
    free = state.free_rings[part, size]
    if free != NONE:
        state.free_rings[part, size] = state.places[free]
        return free
    share = state.parts[part]
    first = share["ring_bump"]
    if first + (1 << size) > share["ring_limit"]:
        share["status"] = FULL_PACKETS
        return NONE
    share["ring_bump"] = first + (1 << size)
    return first


@device
def release(state, part, offset, mask):
    """Put places on the free list of their number."""
    size = 0
    while (1 << size) <= mask:
        size += 1
    state.places[offset] = state.free_rings[part, size]
    state.free_rings[part, size] = offset


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
        state.places[offset + (index & new_mask)] = state.places[old + (index & mask)]
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
def push(state, part, ring, packet):
    """Put a packet at the tail of a ring; if memory is full the run is at its end."""
    out = state.outs[ring]
    if out["tail"] - out["seen"] > out["mask"] and full(state, part, ring):
        return
    state.places[out["offset"] + (out["tail"] & out["mask"])] = packet
    out["tail"] += 1


@inlined
def drop_newest(state, ring):
    """Take the packet at the tail of a ring off it."""
    out = state.outs[ring]
    out["tail"] -= 1
    return at(state, out, out["tail"])


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
        moved = state.places[old + (index & mask)]
        state.places[out["offset"] + (index & out["mask"])] = moved
    if mask >= 0:
        release(state, part, old, mask)
    ins["offset"] = out["offset"]
    ins["mask"] = out["mask"]
