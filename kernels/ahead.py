"""What a device will touch in this window, asked for while others are stepped.

Between two windows a device's ports, rings and packets leave the near caches. Those of the
devices that come next are asked for in three rounds: records, the rings that they point to, and
the packets in these.
"""

import numpy as np
from fabricemu.kernels import ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels._view import prefetch
from fabricemu.kernels.state import BULK, CELL, CONTROL, CREDIT, DATA, NONE, UEC

ARRIVALS, DEPARTURES = 16, 3  # packets of a ring that are asked for at most


@device
def records(state, d):
    """Ask for the records of a device's ports."""
    config = state.config[0]
    fifos = config["fifos"]
    dev = state.devices[d]
    first = dev["first_port"]
    for p in range(first, first + dev["n_ports"]):
        prefetch(state.ports, p)
        prefetch(state.ins, fifos * p)
        prefetch(state.outs, fifos * p)
        if config["managed"] == 1:
            prefetch(state.limits, p)
            prefetch(state.egress, p)
            prefetch(state.queues, p * config["classes"])


@inlined
def place(state, record, index):
    """Ask for a place of a ring."""
    prefetch(state.places, np.int64(record["offset"]) + (index & record["mask"]))


@device
def rings(state, d):
    """Ask for the numbers of what arrives at a device's ports and of what waits there."""
    fifos = state.config[0]["fifos"]
    dev = state.devices[d]
    first = dev["first_port"]
    for k in range(fifos * first, fifos * (first + dev["n_ports"])):
        ins = state.ins[k]
        if ins["head"] < ins["published"]:
            place(state, ins, ins["head"])
        out = state.outs[k]
        place(state, out, out["committed"])
        place(state, out, out["tail"])


@device
def packets(state, d):
    """Ask for what arrives at a device's ports and what departs from them."""
    fifos = state.config[0]["fifos"]
    dev = state.devices[d]
    first = dev["first_port"]
    for p in range(first, first + dev["n_ports"]):
        for k in range(fifos * p + CONTROL, fifos * p + BULK + 1):
            ins = state.ins[k]
            head = ins["head"]
            for index in range(head, min(ins["published"], head + ARRIVALS)):
                prefetch(state.entries, ring.at(state, ins, index))
            out = state.outs[k]
            committed = out["committed"]
            for index in range(committed, min(out["tail"], committed + DEPARTURES)):
                prefetch(state.entries, ring.at(state, out, index))


@inlined
def queue_pair(state, packet):
    """Ask for the end of a queue pair that a packet is for."""
    entry = state.entries[packet]
    qp = np.int64(entry["qp"])
    uec = state.config[0]["protocol"] == UEC
    if entry["kind"] == DATA:
        prefetch(state.receivers, qp)
        if uec:
            prefetch(state.uec_receivers, qp)
    else:
        prefetch(state.senders, qp)
        if uec:
            prefetch(state.uec_senders, qp)


@inlined
def queue(state, packet):
    """Ask for the VOQ of a cell or credit that has come to a leaf."""
    entry = state.entries[packet]
    voq = np.int64(entry["qp"])
    if entry["kind"] == CELL:
        prefetch(state.reassembly, voq)
        prefetch(state.ins, state.config[0]["port_rings"] + voq)
    elif entry["kind"] == CREDIT:
        prefetch(state.voqs, voq)
        prefetch(state.outs, state.config[0]["port_rings"] + voq)


@inlined
def queued(state, packet):
    """Ask for the packets of the VOQ that a cell ends, or that a credit lets go."""
    entry = state.entries[packet]
    kind = entry["kind"]
    voq = state.config[0]["port_rings"] + np.int64(entry["qp"])
    if kind == CELL:
        ins = state.ins[voq]
        first = entry["sent"]
        if first != NONE:
            trail(state, ring.at(state, ins, first))
            if first + 1 < ins["published"]:  # looked at too: it may end in the same cell
                prefetch(state.trails, ring.at(state, ins, first + 1))
    elif kind == CREDIT:
        out = state.outs[voq]
        if out["committed"] < out["tail"]:
            trail(state, ring.at(state, out, out["committed"]))
    else:
        prefetch(state.trails, packet)


@inlined
def trail(state, packet):
    """Ask for a packet and what it has met in the cell fabric."""
    prefetch(state.entries, packet)
    prefetch(state.trails, packet)
