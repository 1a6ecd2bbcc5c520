"""Cells become packets again, in order, at the egress leaf (docs/model.md 5)."""

import numpy as np
from fabricemu.kernels import port, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.ddc import cells
from fabricemu.kernels.ddc.voq import address_of
from fabricemu.kernels.state import LAST


@device
def to_port(state, part, dev, voq, packet, now):
    """Queue a complete packet at its egress port."""
    leaf = state.leaves[dev["index"]]
    p = dev["first_port"] + address_of(state, voq) - leaf["first_address"]
    state.trails[packet]["released"] = now
    port.enqueue(state, part, p, voq & 1, packet, now)


@inlined
def receive_cell(state, part, dev, packet, now):
    """Reassemble: whatever is complete and in order goes to the egress port."""
    entry = state.entries[packet]
    voq = np.int64(entry["qp"])
    seq = np.int64(entry["psn"])
    if entry["flags"] & LAST:
        cells.stamp(state, voq, seq, now)
    if not cells.accept(state, state.leaves[dev["index"]], voq, seq):
        return
    expected = state.reassembly[voq]["expected"]
    ins = state.ins[state.config[0]["port_rings"] + voq]
    while ins["head"] < ins["published"]:
        packet = ring.at(state, ins, ins["head"])
        if state.trails[packet]["last_seq"] >= expected:
            return
        to_port(state, part, dev, voq, packet, now)
        ins["head"] += 1
