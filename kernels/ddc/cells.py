"""Cells of a DDC leaf: cutting batches, spraying over lanes, putting them in order again."""

import numpy as np
from fabricemu.kernels import bits, pool, port, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import BULK, CELL, CONTROL, LAST, NONE, Exit

GROW_REORDER = int(Exit.GROW_REORDER)


@inlined
def next_lane(state, part, dev, leaf, target, now):
    """Return the next port of the permuted round robin towards a leaf."""
    config = state.config[0]
    lanes = config["lanes"]
    spray = state.sprays[dev["index"] * config["leaves"] + target]
    if spray["left"] == 0:
        h = fold(fold(leaf["lane_seed"], target), spray["cycle"])
        spray["cycle"] += 1
        spray["step"] = state.coprimes[pick(h, len(state.coprimes))]
        spray["lane"] = pick(fold(h, 1), lanes)
        spray["left"] = lanes
    lane = spray["lane"]
    following = lane + spray["step"]
    following = following - lanes if following >= lanes else following
    spray["lane"] = following
    spray["left"] -= 1
    first = dev["first_port"] + leaf["hosts"]
    port.ask_ahead(state, first + following)
    if config["least_loaded"] == 1:
        return least_loaded(state, part, first, lane, spray["step"], now)
    return first + lane


@device
def least_loaded(state, part, first, lane, step, now):
    """Return the lane with the shortest queue, looking from ``lane`` on in the order of a cycle."""
    lanes = state.config[0]["lanes"]
    best = first + lane
    least = np.int64(-1)
    for _ in range(lanes):
        p = first + lane
        port.advance(state, part, p, now)
        load = 2 * state.ports[p]["waiting_bytes"] + (state.ports[p]["free_at"] > now)
        if least < 0 or load < least:
            best = p
            least = load
        lane = lane + step if lane + step < lanes else lane + step - lanes
    return best


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
def send_control(state, part, dev, leaf, target, kind, voq, value, now):
    """Send a request or a credit to another leaf."""
    config = state.config[0]
    p = next_lane(state, part, dev, leaf, target, now)
    port.advance(state, part, p, now)
    cell = pool.take(state, part)
    if cell == NONE:
        return
    ring.push(state, part, port.FIFOS * p + CONTROL, cell)
    entry = state.entries[cell]
    entry["sent"] = now
    entry["qp"] = voq
    entry["dst"] = target
    entry["psn"] = value
    entry["bytes"] = config["control_cell"]
    entry["kind"] = kind
    entry["flags"] = 0
    port.start_or_wait(state, part, p, CONTROL, cell, now)


@device
def send_cell(state, part, dev, leaf, target, voq, payload, flags, now):
    """Send the next cell of a VOQ to its leaf; return its bytes."""
    size = frame_bytes(state, payload)
    p = next_lane(state, part, dev, leaf, target, now)
    port.advance(state, part, p, now)
    cell = pool.take(state, part)
    if cell == NONE:
        return size
    ring.push(state, part, port.FIFOS * p + BULK, cell)
    source = state.voqs[voq]
    entry = state.entries[cell]
    entry["sent"] = now
    entry["qp"] = voq
    entry["dst"] = target
    entry["psn"] = source["next_seq"]
    entry["bytes"] = size
    entry["kind"] = CELL
    entry["flags"] = flags
    source["next_seq"] += 1
    leaf["cells"] += 1
    port.start_or_wait(state, part, p, BULK, cell, now)
    return size


@device
def cut(state, part, dev, leaf, target, voq, first, last, now):
    """Cut the packets ``first .. last - 1`` of a VOQ's ring into cells; return their bytes.

    A cell that holds the last byte of a packet is flagged, and the packet keeps its number.
    """
    config = state.config[0]
    out = state.outs[config["port_rings"] + voq]
    room = (config["cell_bytes"] - config["cell_header"]) * config["train_cells"]
    total = 0
    held = 0
    flags = 0
    marked = first
    seq = state.voqs[voq]["next_seq"]
    for index in range(first, last):
        left = np.int64(state.entries[ring.at(state, out, index)]["bytes"])
        while held + left > room:
            left -= room - held
            size = send_cell(state, part, dev, leaf, target, voq, room, flags, now)
            marked = note_cell(state, out, marked, index, seq, size)
            total += size
            seq += 1
            held = 0
            flags = 0
        held += left
        flags = LAST
    size = send_cell(state, part, dev, leaf, target, voq, held, flags, now)
    note_cell(state, out, marked, last, seq, size)
    span = state.config[0]["span"]
    if seq - state.reassembly[voq]["expected"] >= span:
        state.parts[part]["grow"] = GROW_REORDER
    return total + size


@inlined
def note_cell(state, out, marked, index, seq, size):
    """Note for packets ``marked .. index - 1`` that their last byte is in cell ``seq``."""
    for place in range(marked, index):
        trail = state.trails[ring.at(state, out, place)]
        trail["last_seq"] = seq
        trail["last_cell_bytes"] = size
    return index


@inlined
def accept(state, leaf, voq, seq):
    """Take a cell into the reorder buffer of its stream; return whether it is in order."""
    stream = state.reassembly[voq]
    expected = stream["expected"]
    if seq - expected > leaf["depth"]:
        leaf["depth"] = seq - expected
    mask = state.config[0]["span"] - 1
    base = voq * (state.config[0]["span"] >> bits.WORD)
    if seq != expected:
        bits.put(state.cell_bits, base, mask, seq)
        return False
    expected += 1
    while bits.test(state.cell_bits, base, mask, expected):
        bits.clear(state.cell_bits, base, mask, expected)
        expected += 1
    stream["expected"] = expected
    return True


@device
def stamp(state, voq, seq, now):
    """Note when the cell with the last byte of some packets arrived."""
    ins = state.ins[state.config[0]["port_rings"] + voq]
    for index in range(ins["head"], ins["published"]):
        trail = state.trails[ring.at(state, ins, index)]
        if trail["last_seq"] == seq:
            trail["last_cell"] = now
        elif trail["last_seq"] > seq:
            return
