"""One window of a host: departures, timers, arrivals, in the order of time."""

import numpy as np
from fabricemu.kernels import ahead, clock, extras, nic, order, pool, program, ring, work
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.balance import table as balance
from fabricemu.kernels.congestion import dcqcn
from fabricemu.kernels.congestion import table as congestion
from fabricemu.kernels.state import (
    ACK,
    CE,
    CNP,
    CONTROL,
    DATA,
    DCQCN,
    ECN,
    GOOD,
    INF,
    NACK,
    NONE,
    PACE,
    PAUSE,
    PULL,
    RETRANSMIT,
    RTS,
    TRIMMED,
    UEC,
)
from fabricemu.kernels.switch import pause
from fabricemu.kernels.transport import credit, messages, rc, uec


@inlined
def serve(state, part, host, p, now, last):
    """Let port ``p`` send at every free instant up to ``last``, or the timer that this sets."""
    port_record = state.ports[p]
    control = state.outs[p * state.config[0]["fifos"] + CONTROL]
    while True:
        waiting = control["tail"] - control["committed"]
        start = max(port_record["free_at"], now)
        if start > min(last, clock.first(state, host)):
            return
        if waiting > 0:
            packet = ring.at(state, control, control["committed"])
            control["committed"] += 1
            nic.transmit(state, part, host, p, packet, start)
            continue
        c = nic.eligible(state, part, host, p, start)
        if c == NONE:
            return
        nic.send(state, part, host, p, c, start)


@inlined
def receive_data(state, part, host, p, packet, now):
    """Handle a data packet."""
    config = state.config[0]
    entry = state.entries[packet]
    if config["control"] == DCQCN and entry["flags"] & CE:
        dcqcn.notify(state, part, host, p, np.int64(entry["qp"]), now)
    if config["protocol"] == UEC:
        m = uec.receive(state, part, host, p, packet, now)
    else:
        m = rc.receive(state, part, host, p, packet)
    if m == NONE:
        return
    record = state.messages[m]
    record["sent"] = entry["sent"]
    record["completing"] = entry["psn"] - record["first_psn"]
    record["out_of_order"] = state.receivers[entry["qp"]]["depth"]
    if config["pausing"] == 1:
        tag = extras.tag(state, packet)
        record["pause"] = tag["pause"]
        record["paused_host"] = tag["paused_at"] - record["paused_created"]
    local = p - state.devices[host["rank"]]["first_port"]
    if config["cells"] == 1 and local < config["nic_ports"]:
        copy_trail(state, packet, m)
    program.deliver(state, part, host, m, now)
    program.drain(state, part, host, now)


@device
def copy_trail(state, packet, m):
    """Keep what the completing packet met in the cell fabric."""
    trail = state.trails[packet]
    record = state.messages[m]
    record["voq_in"] = trail["voq_in"]
    record["voq_head"] = trail["voq_head"]
    record["voq_out"] = trail["voq_out"]
    record["last_cell"] = trail["last_cell"]
    record["released"] = trail["released"]
    record["last_cell_bytes"] = trail["last_cell_bytes"]


@inlined
def receive_ack(state, part, host, packet, now):
    """Handle an ACK or NACK."""
    qp = np.int64(state.entries[packet]["qp"])
    if state.config[0]["protocol"] == UEC:
        if state.entries[packet]["kind"] == NACK:
            uec.on_nack(state, packet, now)
        else:
            uec.on_ack(state, host, packet, now)
    elif not adapt(state, host, qp, packet, now):
        return
    if messages.is_acknowledged(state, qp):
        complete(state, part, host, qp, now)
    nic.make_ready(state, host, qp, now)


@device
def complete(state, part, host, qp, now):
    """Tell the program of messages that are wholly acknowledged."""
    while messages.is_acknowledged(state, qp):
        program.acknowledged(state, part, messages.take_acknowledged(state, part, qp, now))
    program.drain(state, part, host, now)


@inlined
def adapt(state, host, qp, packet, now):
    """Tell an RC sender, its control and its paths; return whether the word is not outdated."""
    moved = rc.on_ack(state, host, packet, now)
    if moved < 0:
        return False
    config = state.config[0]
    entry = state.entries[packet]
    if config["control"] > 0:
        congestion.on_ack(state, host, qp, moved, packet, now)
        if entry["kind"] == NACK:
            congestion.on_loss(state, host, qp, False, now)
    if config["balance"] > 0:
        kind = ECN if entry["flags"] & CE else GOOD
        balance.feedback(state, qp, np.int64(extras.tag(state, packet)["entropy"]), kind, now)
    return True


@inlined
def arrive(state, part, host, p, packet, now):
    """Handle one arrival by its kind."""
    kind = state.entries[packet]["kind"]
    if kind == DATA:
        receive_data(state, part, host, p, packet, now)
    elif kind in (ACK, NACK):
        receive_ack(state, part, host, packet, now)
    elif kind == PAUSE:
        pause.obey(state, part, p, packet, now)
    elif kind == TRIMMED:
        if state.config[0]["protocol"] == UEC:
            uec.receive_trimmed(state, part, host, p, packet, now)
        else:
            rc.note_trimmed(state, packet)
    elif kind == CNP:
        dcqcn.on_cnp(state, host, np.int64(state.entries[packet]["qp"]), now)
    elif kind == PULL:
        credit.on_pull(state, packet)
        nic.make_ready(state, host, np.int64(state.entries[packet]["qp"]), now)
    elif kind == RTS:
        qp = np.int64(state.entries[packet]["qp"])
        credit.listen(state, host, p, qp, extras.tag(state, packet)["stamp"], True, now)


@device
def handle_timer(state, part, host, now):
    """Handle one timer: program timers before those of queue pairs."""
    if work.first_timer(state, host) == now:
        program.on_timer(state, part, host, now)
        return
    timer = clock.top(state, host)
    clock.cancel(state, host, timer)
    if timer >= host["first_pacer"]:
        p = state.devices[host["rank"]]["first_port"] + timer - host["first_pacer"]
        credit.tick(state, part, host, p, now)
        return
    kinds = state.config[0]["qp_timers"]
    qp = host["first_qp"] + timer // kinds
    kind = timer % kinds
    if kind == RETRANSMIT:
        if state.config[0]["protocol"] == UEC:
            uec.on_timer(state, part, host, qp, now)
        elif rc.expires(state, host, qp, now) and state.config[0]["control"] > 0:
            congestion.on_loss(state, host, qp, True, now)
    elif kind > PACE:
        dcqcn.on_timer(state, host, qp, kind, now)
    nic.make_ready(state, host, qp, now)


@device
def step(state, part, d, start, end):
    """Handle the window [start, end); return the time of the host's next event."""
    dev = state.devices[d]
    host = state.hosts[d]
    count, later = order.gather(state, part, dev, end)
    order.sort(state, part, count, start, dev["tie_seed"])
    for k in range(count):
        ahead.queue_pair(state, state.sort_slot[part, k] >> order.PORT_BITS)
    first = dev["first_port"]
    last_port = first + dev["n_ports"]
    k = 0
    now = start
    while True:
        arrival = state.sort_time[part, k] if k < count else INF
        timer = min(work.first_timer(state, host), clock.first(state, host))
        due = min(arrival, timer)
        for p in range(first, last_port):
            serve(state, part, host, p, now, min(due, end - 1))
        # Sending sets and moves timers, one of which may now be the first event.
        timer = min(work.first_timer(state, host), clock.first(state, host))
        due = min(arrival, timer)
        if due >= end:
            break
        now = due
        if timer <= arrival:
            handle_timer(state, part, host, now)
            continue
        item = state.sort_slot[part, k]
        k += 1
        p = first + (item & order.PORT_MASK)
        arrive(state, part, host, p, item >> order.PORT_BITS, now)
        pool.give(state, part, item >> order.PORT_BITS)
    later = min(later, due)
    fifos = state.config[0]["fifos"]
    for p in range(first, last_port):
        control = state.outs[p * fifos + CONTROL]
        if control["tail"] > control["committed"] or nic.has_ready(state, p):
            later = min(later, state.ports[p]["free_at"])
    return later
