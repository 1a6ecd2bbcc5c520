"""Cells become packets again, in order, at the egress leaf (docs/model.md 5, docs/ddc.md 15)."""

import numpy as np
from fabricemu.kernels import bits, pool, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.ddc import ports, rci
from fabricemu.kernels.ddc import voq as voqs
from fabricemu.kernels.state import CONGESTION, INF, NONE


@device
def to_port(state, part, d, voq, packet, now):
    """Queue a complete packet at its egress port."""
    dev = state.devices[d]
    leaf = state.leaves[dev["index"]]
    p = dev["first_port"] + voqs.address_of(state, voq) - leaf["first_address"]
    state.trails[packet]["released"] = now
    ports.send_packet(state, part, d, p, voqs.level(state, voq), packet, now)


@inlined
def receive_cell(state, part, d, cell, now):
    """Reassemble: whatever is complete and in order goes to the egress port."""
    entry = state.entries[cell]
    leaf = state.leaves[state.devices[d]["index"]]
    rci.note(state, leaf, np.int64(entry["flags"] & CONGESTION), now)
    voq = np.int64(entry["qp"])
    seq = np.int64(entry["psn"])
    if not is_wanted(state, leaf, voq, seq):
        return
    first = entry["sent"]
    if first != NONE:
        stamp(state, voq, first, seq, now)
    moved = accept(state, leaf, voq, seq)
    if state.config[0]["sweep"] > 0 and leaf["gaps"] > 0:
        expect_sweep(state, leaf, voq, now)
    if moved == 0 or (moved == 1 and first == NONE):
        return  # no packet can be past that was not
    pass_on(state, part, d, voq, now)


@inlined
def is_wanted(state, leaf, voq, seq):
    """Return whether a cell is neither late nor one too many out of order; count it if it is."""
    stream = state.reassembly[voq]
    if seq < stream["expected"]:
        leaf["late"] += 1
        return False
    contexts = state.config[0]["contexts"]
    if contexts == 0 or seq == stream["expected"] or stream["came"] > 0:
        return True
    if leaf["gaps"] >= contexts:
        leaf["refused"] += 1
        return False
    return True


@device
def stamp(state, voq, first, seq, now):
    """Note for the packets from ``first`` on with their last byte in cell ``seq`` that it came."""
    ins = state.ins[state.config[0]["port_rings"] + voq]
    for index in range(first, ins["published"]):
        trail = state.trails[ring.at(state, ins, index)]
        if trail["last_seq"] != seq:
            return
        trail["last_cell"] = now


@inlined
def accept(state, leaf, voq, seq):
    """Take a cell into the reorder buffer of its stream; return by how many that moves on."""
    stream = state.reassembly[voq]
    expected = stream["expected"]
    if seq != expected:
        leaf["depth"] = max(leaf["depth"], seq - expected)
        span = state.config[0]["span"]
        bits.put(state.cell_bits, voq * (span >> bits.WORD), span - 1, seq)
        if stream["came"] == 0:
            leaf["gaps"] += 1
            leaf["gaps_peak"] = max(leaf["gaps_peak"], leaf["gaps"])
        stream["came"] += 1
        stream["highest"] = max(stream["highest"], seq)
        return np.int64(0)
    stream["expected"] = expected + 1
    if stream["came"] > 0:
        advance(state, leaf, voq)
    return stream["expected"] - expected


@inlined
def advance(state, leaf, voq):
    """Move a stream with cells above the expected one over those that follow at once."""
    stream = state.reassembly[voq]
    expected = stream["expected"]
    span = state.config[0]["span"]
    base = voq * (span >> bits.WORD)
    while bits.test(state.cell_bits, base, span - 1, expected):
        bits.clear(state.cell_bits, base, span - 1, expected)
        stream["came"] -= 1
        expected += 1
    stream["expected"] = expected
    if stream["came"] == 0:
        leaf["gaps"] -= 1


@device
def pass_on(state, part, d, voq, now):
    """Send packets whose last cell is past to the egress port; drop those that lost a cell."""
    expected = state.reassembly[voq]["expected"]
    ins = state.ins[state.config[0]["port_rings"] + voq]
    while ins["head"] < ins["published"]:
        packet = ring.at(state, ins, ins["head"])
        if state.trails[packet]["last_seq"] >= expected:
            return
        ins["head"] += 1
        if state.trails[packet]["broken"] == 1:
            state.leaves[state.devices[d]["index"]]["incomplete"] += 1
            pool.give(state, part, packet)
        else:
            to_port(state, part, d, voq, packet, now)


@device
def expect_sweep(state, leaf, voq, now):
    """See to it that the leaf looks after the cells that a stream misses."""
    period = state.config[0]["sweep"]
    if state.reassembly[voq]["came"] > 0:
        leaf["next_sweep"] = min(leaf["next_sweep"], (now // period + 1) * period)


@device
def sweep(state, part, d, now):
    """Give up the cells that were missing at the last look already (docs/ddc.md 15.2)."""
    config = state.config[0]
    leaf = state.leaves[state.devices[d]["index"]]
    leaf["next_sweep"] = INF
    for place in range(leaf["first_inbound"], leaf["end_inbound"]):
        first = state.inbound[place] << config["level_bits"]
        for voq in range(first, first + (1 << config["level_bits"])):
            if state.reassembly[voq]["came"] > 0:
                give_up(state, part, d, voq, now)
    if leaf["gaps"] > 0:
        leaf["next_sweep"] = (now // config["sweep"] + 1) * config["sweep"]


@device
def give_up(state, part, d, voq, now):
    """Give up the cells of a stream below its mark, and mark those that miss now."""
    stream = state.reassembly[voq]
    leaf = state.leaves[state.devices[d]["index"]]
    if stream["mark"] > stream["expected"]:
        break_packets(state, voq)
        skip(state, voq)
        advance(state, leaf, voq)
        pass_on(state, part, d, voq, now)
    if stream["came"] > 0:
        stream["mark"] = stream["highest"] + 1


@device
def break_packets(state, voq):
    """Note for each packet of a stream that holds a missing cell below the mark that it does."""
    stream = state.reassembly[voq]
    span = state.config[0]["span"]
    base = voq * (span >> bits.WORD)
    ins = state.ins[state.config[0]["port_rings"] + voq]
    for index in range(ins["head"], ins["published"]):
        trail = state.trails[ring.at(state, ins, index)]
        if trail["first_seq"] >= stream["mark"]:
            return
        begin = max(np.int64(trail["first_seq"]), stream["expected"])
        for seq in range(begin, min(np.int64(trail["last_seq"]) + 1, stream["mark"])):
            if not bits.test(state.cell_bits, base, span - 1, seq):
                trail["broken"] = 1


@device
def skip(state, voq):
    """Take what has come below the mark out of the reorder buffer, and expect the mark."""
    stream = state.reassembly[voq]
    span = state.config[0]["span"]
    base = voq * (span >> bits.WORD)
    for seq in range(stream["expected"], stream["mark"]):
        if bits.test(state.cell_bits, base, span - 1, seq):
            bits.clear(state.cell_bits, base, span - 1, seq)
            stream["came"] -= 1
    stream["expected"] = stream["mark"]
