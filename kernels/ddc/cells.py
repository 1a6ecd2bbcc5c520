"""Batches of packets become cells on the lanes of a leaf; words of leaves become control cells."""

import numpy as np
from fabricemu.kernels import pool, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.ddc import lanes, ports
from fabricemu.kernels.state import CELL, NONE, Exit

GROW_REORDER = int(Exit.GROW_REORDER)


@inlined
def frame_bytes(state, payload):
    """Return the bytes of a cell, or of the cells of a train, with ``payload`` bytes."""
    config = state.config[0]
    count = 1
    if config["train_cells"] > 1:
        room = config["cell_bytes"] - config["cell_header"]
        count = (payload + room - 1) // room
    if config["pad"] == 1:
        return count * config["cell_bytes"]
    return payload + count * config["cell_header"]


@device
def send_control(state, part, d, target, kind, voq, value, now):
    """Send a request, a renewal or a credit to another leaf."""
    p = lanes.choose(state, part, d, target, np.int64(1), now)
    if p == NONE:
        state.leaves[state.devices[d]["index"]]["unreached"] += 1
        return
    cell = pool.take(state, part)
    if cell == NONE:
        return
    entry = state.entries[cell]
    entry["sent"] = now
    entry["qp"] = voq
    entry["dst"] = target
    entry["psn"] = value
    entry["bytes"] = state.config[0]["control_cell"]
    entry["kind"] = kind
    entry["flags"] = 0
    ports.send_control(state, part, d, p, cell, now)


@device
def send_cell(state, part, d, target, voq, payload, first_end, now):
    """Send the next cell of a VOQ to its leaf; return its bytes.

    ``first_end`` is the first packet of the VOQ's ring whose last byte is in it, NONE without.
    """
    size = frame_bytes(state, payload)
    leaf = state.leaves[state.devices[d]["index"]]
    source = state.voqs[voq]
    seq = source["next_seq"]
    source["next_seq"] = seq + 1
    leaf["cells"] += 1
    p = lanes.choose(state, part, d, target, state.config[0]["train_cells"], now)
    if p == NONE:
        leaf["unreached"] += 1
        return size
    cell = pool.take(state, part)
    if cell == NONE:
        return size
    entry = state.entries[cell]
    entry["sent"] = first_end
    entry["qp"] = voq
    entry["dst"] = target
    entry["psn"] = seq
    entry["bytes"] = size
    entry["kind"] = CELL
    entry["flags"] = 0
    ports.send_cell(state, part, d, p, cell, now)
    return size


@device
def cut(state, part, d, voq, target, first, last, now):
    """Cut the packets ``first .. last - 1`` of a VOQ's ring into cells; return their bytes.

    Trains are as few as can be, and have an even share of the cells, longer ones first.
    A packet notes the numbers of the cells that hold its first and its last byte, and a cell
    the first packet that ends in it.
    """
    config = state.config[0]
    out = state.outs[config["port_rings"] + voq]
    payload = config["cell_bytes"] - config["cell_header"]
    share, longer = shares(state, out, first, last)
    room = (share + (longer > 0)) * payload
    total = np.int64(0)
    held = np.int64(0)
    ends = np.int64(NONE)
    marked = first
    seq = state.voqs[voq]["next_seq"]
    for index in range(first, last):
        packet = ring.at(state, out, index)
        left = np.int64(state.entries[packet]["bytes"])
        state.trails[packet]["first_seq"] = seq + (held == room)
        while held + left > room:
            left -= room - held
            size = send_cell(state, part, d, target, voq, room, ends, now)
            marked = note_cell(state, out, marked, index, seq, size)
            total += size
            seq += 1
            held = np.int64(0)
            ends = np.int64(NONE)
            longer -= 1
            room = (share + (longer > 0)) * payload
        held += left
        if ends == NONE:
            ends = index
    size = send_cell(state, part, d, target, voq, held, ends, now)
    note_cell(state, out, marked, last, seq, size)
    if seq - state.reassembly[voq]["expected"] >= config["span"]:
        state.parts[part]["grow"] = GROW_REORDER
    return total + size


@inlined
def shares(state, out, first, last):
    """Return how many cells each train of a batch has, and how many of them have one more."""
    config = state.config[0]
    if config["train_cells"] == 1:
        return np.int64(1), np.int64(0)
    total = np.int64(0)
    for index in range(first, last):
        total += state.entries[ring.at(state, out, index)]["bytes"]
    cells = parts(total, config["cell_bytes"] - config["cell_header"])
    trains = parts(cells, config["train_cells"])
    return cells // trains, cells % trains


@inlined
def parts(size, most):
    """Return into how many parts of at most ``most`` something is cut."""
    return (size + most - 1) // most


@inlined
def note_cell(state, out, marked, index, seq, size):
    """Note for packets ``marked .. index - 1`` that their last byte is in cell ``seq``."""
    for place in range(marked, index):
        trail = state.trails[ring.at(state, out, place)]
        trail["last_seq"] = seq
        trail["last_cell_bytes"] = size
    return index
