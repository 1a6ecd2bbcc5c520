"""The port that a packet takes out of a switch (docs/ethernet.md, Path choice)."""

import numpy as np
from fabricemu.kernels import extras, rotation
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.paths import adaptive, flowlet
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import ADAPTIVE, DATA, ECMP, NONE, ROUND_ROBIN, SCALE_UP, TRIMMED


@inlined
def route(state, d, dev, packet, now):
    """Return the output port of a packet, or NONE if no way leads to its address."""
    address = np.int64(state.entries[packet]["dst"])
    first = np.int64(dev["first_port"])
    if state.switches[d]["table"] == 1 and dev["kind"] != SCALE_UP:
        edge = state.edge[address]
        if state.edge_device[edge] == d:
            return first + state.home[address]
        chosen = state.set_of[d - state.config[0]["ranks"], edge]
        if chosen < 0:
            return np.int64(NONE)
        start = state.set_ptr[chosen]
        count = state.set_ptr[chosen + 1] - start
        turn = dev["turn_base"] + chosen
        ports = start
    else:
        if dev["lo"] <= address and address < dev["hi"]:
            group = (address - dev["lo"]) // dev["div"]
            count = np.int64(dev["bundle"])
            start = group * count
            turn = dev["turn_base"] + group + 1
        else:
            count = np.int64(dev["up_count"])
            start = np.int64(dev["up_first"])
            turn = np.int64(dev["turn_base"])
        ports = np.int64(NONE)
    if count == 1:
        return member(state, first, start, ports, 0)
    return among(state, d, packet, turn, first, start, ports, count, now)


@inlined
def member(state, first, start, ports, k):
    """Return candidate ``k``: of a set from ``ports`` on, or from port ``start`` on."""
    if ports == NONE:
        return first + start + k
    return first + state.set_ports[ports + k]


@device
def flow_key(state, packet):
    """Return what the hash of a packet's path is of: its queue pair, entropy and direction."""
    entry = state.entries[packet]
    other = 1
    if entry["kind"] == DATA or entry["kind"] == TRIMMED:
        other = 0
    if state.config[0]["tagged"] == 1:
        other += 2 * np.int64(extras.tag(state, packet)["entropy"])
    return np.int64(entry["qp"]), other


@device
def among(state, d, packet, turn, first, start, ports, count, now):
    """Return one of several candidates."""
    if state.config[0]["flowlet_gap"] == 0:
        return fresh(state, d, packet, turn, first, start, ports, count, now)
    qp, other = flow_key(state, packet)
    entry = flowlet.entry(state, d, qp, other)
    found = flowlet.current(state, entry, now)
    if found != NONE:
        for k in range(count):
            if member(state, first, start, ports, k) == found:
                return found
    found = fresh(state, d, packet, turn, first, start, ports, count, now)
    state.flowlets[entry]["port"] = found
    return found


@device
def fresh(state, d, packet, turn, first, start, ports, count, now):
    """Make the device's choice."""
    dev = state.devices[d]
    choice = dev["choice"]
    if choice == ROUND_ROBIN:
        offset = rotation.take(state, turn, count, state.entries[packet]["kind"])
        return member(state, first, start, ports, offset)
    if choice == ECMP:
        qp, other = flow_key(state, packet)
        h = fold(fold(dev["path_seed"], qp), other)
    else:
        h = fold(dev["path_seed"], dev["counter"])
        dev["counter"] += 1
    k = place(state, h, first, start, ports, count)
    best = member(state, first, start, ports, k)
    if choice != ADAPTIVE:
        return best
    for _ in range(1, count):
        k = k + 1 if k + 1 < count else 0
        p = member(state, first, start, ports, k)
        if adaptive.better(state, p, best, now):
            best = p
    return best


@device
def place(state, h, first, start, ports, count):
    """Return an index by a hash, in proportion to the candidates' rates if they are weighted."""
    if state.config[0]["weighted"] == 0:
        return pick(h, count)
    total = 0
    for k in range(count):
        total += state.egress[member(state, first, start, ports, k)]["weight"]
    left = pick(h, total)
    for k in range(count):
        left -= state.egress[member(state, first, start, ports, k)]["weight"]
        if left < 0:
            return np.int64(k)
    return count - 1
