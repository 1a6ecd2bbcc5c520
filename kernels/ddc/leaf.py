"""A leaf of the scheduled fabric: what arrives there, its timers, its windows."""

import numpy as np
from fabricemu.kernels import order, pool, port, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.ddc import grants, ingress, pacer, reassembly, requests
from fabricemu.kernels.state import CELL, CREDIT, RENEWAL, REQUEST


@inlined
def arrive(state, part, dev, item, now):
    """Handle one arrival by its kind."""
    packet = item >> order.PORT_BITS
    entry = state.entries[packet]
    kind = entry["kind"]
    if kind == CELL:
        reassembly.receive_cell(state, part, dev, packet, now)
    elif kind == CREDIT:
        ingress.on_credit(state, part, dev, np.int64(entry["qp"]), now)
    elif kind == REQUEST:
        requests.on_request(state, dev, np.int64(entry["qp"]), np.int64(entry["psn"]), now)
    elif kind == RENEWAL:
        requests.on_renewal(state, dev, np.int64(entry["qp"]), np.int64(entry["psn"]), now)
    else:
        i = dev["first_port"] + (item & order.PORT_MASK)
        ingress.receive_packet(state, part, dev, i, packet, now)
        return
    pool.give(state, part, packet)


@device
def next_timer(leaf):
    """Return the time of a leaf's next timer."""
    return min(leaf["next_tick"], min(leaf["next_look"], leaf["pace_at"]))


@device
def handle_timer(state, part, dev, leaf, now):
    """Handle one timer: looks before the pacer before ticks."""
    if leaf["next_look"] == now:
        ingress.renew(state, part, dev, now)
    elif leaf["pace_at"] == now:
        voq = pacer.take(state, leaf)
        pacer.sent(state, dev, ingress.send_batch(state, part, dev, voq, now), now)
    else:
        grants.tick(state, part, dev, now)


@device
def step(state, part, d, start, end):
    """Handle the window [start, end); return the time of the leaf's next event."""
    dev = state.devices[d]
    leaf = state.leaves[dev["index"]]
    count, later = order.gather(state, part, dev, end)
    order.sort(state, part, count, start, dev["tie_seed"])
    for k in range(count + 1):
        now = state.sort_time[part, k] if k < count else end - 1
        time = next_timer(leaf)
        while time <= now:
            handle_timer(state, part, dev, leaf, time)
            time = next_timer(leaf)
        if k < count:
            arrive(state, part, dev, state.sort_slot[part, k], now)
    later = min(later, next_timer(leaf))
    return min(later, port.flush(state, part, dev, end))


@device
def publish(state, part, dev):
    """Show the destination leaves which packets have been cut into cells."""
    leaf = state.leaves[dev["index"]]
    base = state.config[0]["port_rings"]
    for k in range(leaf["dirty"]):
        voq = state.dirty[leaf["first_voq"] + k]
        state.voqs[voq]["dirty"] = 0
        ring.publish(state, part, base + voq, base + voq)
    leaf["dirty"] = 0
