"""Output-queued switch: Ethernet switches, fabric elements and scale-up switches alike."""

import numpy as np
from fabricemu.kernels import order, port, ring, rotation
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import ADAPTIVE, DATA, ECMP, ROUND_ROBIN


@device
def least_queued(state, part, first, count, start, now):
    """Return the port with the shortest queue, walking cyclically from ``start``."""
    best = -1
    least = 0
    for k in range(count):
        p = start + k
        if p >= count:
            p -= count
        p += first
        port.advance(state, part, p, now)
        candidate = state.ports[p]
        load = 2 * candidate["waiting_bytes"]
        if candidate["free_at"] > now:
            load += 1
        if best < 0 or load < least:
            best = p
            least = load
            if load == 0:
                break
    return best


@inlined
def route(state, part, dev, entry, now):
    """Return the output port of a packet (docs/model.md section 2)."""
    address = np.int64(entry["dst"])
    if dev["lo"] <= address and address < dev["hi"]:
        group = address - dev["lo"]
        if dev["div"] > 1:
            group //= dev["div"]
        count = dev["bundle"]
        first = dev["first_port"] + group * count
        turn = dev["turn_base"] + group + 1
    else:
        count = dev["up_count"]
        first = dev["first_port"] + dev["up_first"]
        turn = dev["turn_base"]
    if count == 1:
        return first
    choice = dev["choice"]
    if choice == ECMP:
        kind = np.int64(entry["kind"] != DATA)
        return first + pick(fold(fold(dev["path_seed"], np.int64(entry["qp"])), kind), count)
    if choice == ROUND_ROBIN:
        return first + rotation.take(state, turn, count, entry["kind"])
    start = pick(fold(dev["path_seed"], dev["counter"]), count)
    dev["counter"] += 1
    if choice == ADAPTIVE:
        return least_queued(state, part, first, count, start, now)
    return first + start


@device
def step(state, part, d, start, end):
    """Handle the window [start, end); return the time of the device's next event."""
    dev = state.devices[d]
    count, later = order.gather(state, part, dev, end)
    order.sort(state, part, count, start, dev["tie_seed"])
    times = state.sort_time[part]
    slots = state.sort_slot[part]
    for k in range(count):
        packet = slots[k] >> order.PORT_BITS
        entry = state.entries[packet]
        out = route(state, part, dev, entry, times[k])
        port.enqueue(state, part, out, port.class_of(entry["kind"]), packet, times[k])
    return min(later, port.flush(state, part, dev, end))


@device
def publish(state, part, dev):
    """Show the neighbours what this device has sent."""
    first = dev["first_port"]
    fifos = state.config[0]["fifos"]
    for p in range(first, first + dev["n_ports"]):
        sender = state.ports[p]
        if sender["dirty"] == 0:
            continue
        sender["dirty"] = 0
        peer = np.int64(sender["peer"])
        ring.publish(state, part, fifos * p, fifos * peer)
        ring.publish(state, part, fifos * p + 1, fifos * peer + 1)
        for fifo in range(2, fifos):
            ring.publish(state, part, fifos * p + fifo, fifos * peer + fifo)
