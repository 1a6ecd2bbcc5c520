"""One window of a host: departures, timers, arrivals, in the order of time."""

import numpy as np
from fabricemu.kernels import nic, order, port, program, work
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import DATA, INF, NONE


@device
def serve(state, part, host, p, now, last):
    """Let port ``p`` send at every free instant up to and including ``last``."""
    port_record = state.ports[p]
    queue = state.ready[p]
    control = state.outs[2 * p]
    while True:
        waiting = control["tail"] - control["committed"]
        if waiting == 0 and queue["head"] == NONE:
            return
        start = max(port_record["free_at"], now)
        if start > last:
            return
        if waiting > 0:
            slot = control["offset"] + (control["committed"] & control["mask"])
            control["committed"] += 1
            port.transmit(state, part, p, slot, start)
        else:
            nic.send(state, part, host, p, start)


@device
def receive_data(state, part, host, p, slot, now):
    """Handle a data packet."""
    if state.config[0]["any_order"] == 1:
        m = nic.receive_any_order(state, part, host, p, slot)
    else:
        m = nic.receive_in_order(state, part, host, p, slot)
    if m == NONE:
        return
    entry = state.entries[slot]
    record = state.messages[m]
    record["sent"] = entry["sent"]
    record["completing"] = entry["psn"] - record["first_psn"]
    record["out_of_order"] = state.receivers[entry["qp"]]["depth"]
    local = p - state.devices[host["rank"]]["first_port"]
    if state.config[0]["cells"] == 1 and local < state.config[0]["nic_ports"]:
        copy_trail(state, slot, m)
    program.deliver(state, part, host, m, now)
    program.drain(state, part, host, now)


@device
def copy_trail(state, slot, m):
    """Keep what the completing packet met in the cell fabric."""
    trail = state.trails[slot]
    record = state.messages[m]
    record["voq_in"] = trail["voq_in"]
    record["voq_head"] = trail["voq_head"]
    record["voq_out"] = trail["voq_out"]
    record["last_cell"] = trail["last_cell"]
    record["released"] = trail["released"]
    record["last_cell_bytes"] = trail["last_cell_bytes"]


@device
def receive_ack(state, part, host, slot, now):
    """Handle an ACK or NACK."""
    if not nic.on_ack(state, slot, now):
        return
    qp = np.int64(state.entries[slot]["qp"])
    m = nic.next_acknowledged(state, part, qp, now)
    while m != NONE:
        program.acknowledged(state, part, m)
        m = nic.next_acknowledged(state, part, qp, now)
    program.drain(state, part, host, now)
    nic.make_ready(state, qp)


@device
def handle_timer(state, part, host, now):
    """Handle one timer: program timers before retransmission timers."""
    if work.first_timer(state, host) == now:
        program.on_timer(state, part, host, now)
    else:
        nic.time_out(state, host, now)


@device
def step(state, part, d, start, end):
    """Handle the window [start, end); return the time of the host's next event."""
    dev = state.devices[d]
    host = state.hosts[d]
    count, later = order.gather(state, part, dev, end)
    order.sort(state, part, count, start, dev["tie_seed"])
    first = dev["first_port"]
    last_port = first + dev["n_ports"]
    k = 0
    now = start
    while True:
        arrival = state.sort_time[part, k] if k < count else INF
        timer = min(work.first_timer(state, host), host["next_rto"])
        due = min(arrival, timer)
        for p in range(first, last_port):
            serve(state, part, host, p, now, min(due, end - 1))
        # Sending sets a retransmission timer, which may now be the first event.
        timer = min(timer, host["next_rto"])
        due = min(arrival, timer)
        if due >= end:
            break
        now = due
        if timer <= arrival:
            handle_timer(state, part, host, now)
            continue
        item = state.sort_slot[part, k]
        k += 1
        slot = item >> order.PORT_BITS
        if state.entries[slot]["kind"] == DATA:
            p = first + (item & order.PORT_MASK)
            receive_data(state, part, host, p, slot, now)
        else:
            receive_ack(state, part, host, slot, now)
    later = min(later, due)
    for p in range(first, last_port):
        if (
            state.ready[p]["head"] != NONE
            or state.outs[2 * p]["tail"] > state.outs[2 * p]["committed"]
        ):
            later = min(later, state.ports[p]["free_at"])
    return later
