"""A leaf of the scheduled fabric: what arrives there, its timers, its windows."""

import numpy as np
from fabricemu.kernels import ahead, order, pool, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.ddc import grants, ingress, pacer, ports, reassembly, requests
from fabricemu.kernels.state import CELL, CREDIT, INF, LOST, PAUSE, RENEWAL, REQUEST
from fabricemu.kernels.switch import output, pause

SOON, LATER = 6, 12  # arrivals before which their packets and their VOQ are asked for


@inlined
def arrive(state, part, d, item, now):
    """Handle one arrival by its kind."""
    packet = item >> order.PORT_BITS
    i = state.devices[d]["first_port"] + (item & order.PORT_MASK)
    entry = state.entries[packet]
    kind = entry["kind"]
    if kind == CELL:
        reassembly.receive_cell(state, part, d, packet, now)
    elif kind == CREDIT:
        ingress.on_credit(state, part, d, np.int64(entry["qp"]), now)
    elif kind == REQUEST:
        requests.on_request(state, d, np.int64(entry["qp"]), np.int64(entry["psn"]), now)
    elif kind == RENEWAL:
        requests.on_renewal(state, d, np.int64(entry["qp"]), np.int64(entry["psn"]), now)
    elif kind == PAUSE:
        if pause.obey(state, part, i, packet, now):
            output.resume(state, part, d, i, now)
    elif kind != LOST:
        ingress.receive_packet(state, part, d, i, packet, now)
        return
    pool.give(state, part, packet)


@device
def next_timer(leaf):
    """Return the time of a leaf's next timer."""
    looks = min(leaf["next_look"], leaf["next_sweep"])
    return min(looks, min(leaf["pace_at"], leaf["next_tick"]))


@device
def handle_timer(state, part, d, leaf, now):
    """Handle one timer: looks before the pacer before ticks."""
    if leaf["next_look"] == now:
        ingress.renew(state, part, d, now)
    elif leaf["next_sweep"] == now:
        reassembly.sweep(state, part, d, now)
    elif leaf["pace_at"] == now:
        ingress.send_paced(state, part, d, pacer.take(state, leaf), now)
    else:
        grants.tick(state, part, d, now)


@device
def step(state, part, d, start, end):
    """Handle the window [start, end): departures before timers before arrivals at one instant.

    Returns the time of the leaf's next event.
    """
    dev = state.devices[d]
    leaf = state.leaves[dev["index"]]
    count, later = order.gather(state, part, dev, end)
    order.sort(state, part, count, start, dev["tie_seed"])
    k = 0
    while True:
        arrival = state.sort_time[part, k] if k < count else INF
        timer = next_timer(leaf)
        departure = ports.next_departure(state, d)
        now = min(arrival, min(timer, departure))
        if now >= end:
            later = min(later, now)
            return min(later, ports.flush(state, part, dev, end))
        if departure == now:
            ports.depart(state, part, d, now)
        elif timer == now:
            handle_timer(state, part, d, leaf, now)
        else:
            if k + LATER < count:
                ahead.queue(state, state.sort_slot[part, k + LATER] >> order.PORT_BITS)
            if k + SOON < count:
                ahead.queued(state, state.sort_slot[part, k + SOON] >> order.PORT_BITS)
            arrive(state, part, d, state.sort_slot[part, k], now)
            k += 1


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
