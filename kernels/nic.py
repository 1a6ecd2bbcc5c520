"""The NIC's sending side: queue pairs that take turns at a port (docs/ethernet.md 7)."""

import numpy as np
from fabricemu.kernels import extras, pool, port, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.balance import table as balance
from fabricemu.kernels.congestion import table as congestion
from fabricemu.kernels.state import (
    AT_ONCE,
    BULK,
    CLASS_SHIFT,
    DATA,
    INF,
    LAST,
    NONE,
    PACE,
    UEC,
)
from fabricemu.kernels.switch import queue, scheduler, wire
from fabricemu.kernels.transport import credit, messages, pace, rc, uec


@inlined
def next_packet(state, qp):
    """Return the packet that a queue pair may send next, its pace left aside, or NONE."""
    if state.config[0]["protocol"] == UEC:
        return uec.next_packet(state, qp)
    return rc.next_packet(state, qp)


@inlined
def must_wait(state, qp, now):
    """Return whether the pace of a queue pair holds it back."""
    return state.config[0]["qp_timers"] > PACE and state.paces[qp]["next_at"] > now


@device
def make_ready(state, host, qp, now):
    """Put a queue pair at the tail of its ready FIFO if it may send, or wake it when it may."""
    sender = state.senders[qp]
    if state.config[0]["has_credit"] == 1:
        uec.note_stall(state, host, qp, now)
    if sender["ready"] == 1 or next_packet(state, qp) == NONE:
        return
    if must_wait(state, qp, now):
        pace.wait(state, host, qp)
        return
    fifo = sender["port"] * state.config[0]["classes"]
    if state.config[0]["classes"] > 1:
        fifo += state.qp_class[qp]
    ready = state.ready[fifo]
    sender["ready"] = 1
    sender["next_ready"] = NONE
    if ready["head"] == NONE:
        ready["head"] = qp
    else:
        state.senders[ready["tail"]]["next_ready"] = qp
    ready["tail"] = qp


@inlined
def take_head(state, fifo):
    """Take the queue pair at the head of a ready FIFO."""
    ready = state.ready[fifo]
    qp = ready["head"]
    sender = state.senders[qp]
    ready["head"] = sender["next_ready"]
    sender["ready"] = 0
    return qp


@device
def post(state, part, host, first_qp, m, now):
    """Queue a message on the next QP of its connection."""
    config = state.config[0]
    turn = state.senders[first_qp]["turn"]
    state.senders[first_qp]["turn"] = turn + 1
    qp = first_qp + turn % config["qps"]
    idle = state.senders[qp]["nxt"] == state.senders[qp]["end"]
    messages.append(state, qp, m)
    record = state.messages[m]
    if config["pausing"] == 1:
        p = state.senders[qp]["port"]
        record["paused_created"] = queue.paused_for(queue.of(state, p, state.qp_class[qp]), now)
    if config["protocol"] == UEC:
        sender = state.uec_senders[qp]
        sender["backlog"] += record["bytes"] + record["packets"] * config["header"]
        quiet = idle and sender["outstanding"] == 0 and sender["losses"] == 0
        if config["has_credit"] == 1 and sender["credit"] <= 0 and quiet:
            credit.ask(state, part, qp)
    make_ready(state, host, qp, now)


@inlined
def eligible(state, part, host, p, now):
    """Return the data class that port ``p`` serves next, or NONE."""
    config = state.config[0]
    if config["classes"] == 1 and config["pausing"] == 0:
        return np.int64(NONE) if state.ready[p]["head"] == NONE else np.int64(0)
    return pick(state, part, host, p, now)


@device
def pick(state, part, host, p, now):
    """Return the data class whose turn it is, or NONE."""
    config = state.config[0]
    classes = config["classes"]
    for c in range(classes):
        size = head_bytes(state, host, p * classes + c, now)
        if size > 0 and config["pausing"] == 1 and queue.of(state, p, c)["paused"] == 1:
            size = scheduler.HELD
        state.heads[part, c] = size
    return scheduler.pick(state, part, p, config["full_frame"])


@device
def head_bytes(state, host, fifo, now):
    """Return the frame bytes of the packet that a ready FIFO sends next, EMPTY if there is none."""
    while state.ready[fifo]["head"] != NONE:
        qp = state.ready[fifo]["head"]
        psn = next_packet(state, qp)
        if psn != NONE:
            if not must_wait(state, qp, now):
                return messages.frame_bytes(state, messages.of_sender(state, qp, psn), psn)
            pace.wait(state, host, qp)
        take_head(state, fifo)
    return np.int64(scheduler.EMPTY)


@device
def is_empty(state, host, fifo, now):
    """Return whether no queue pair of a ready FIFO may send."""
    return head_bytes(state, host, fifo, now) == scheduler.EMPTY


@device
def has_ready(state, p):
    """Return whether some queue pair that is not paused stands ready at port ``p``."""
    config = state.config[0]
    classes = config["classes"]
    pausing = config["pausing"] == 1
    for c in range(classes):
        fifo = p * classes + c
        if state.ready[fifo]["head"] != NONE and not (
            pausing and state.queues[fifo]["paused"] == 1
        ):
            return True
    return False


@device
def send(state, part, host, p, c, start):
    """Serve the queue pair at the head of a ready FIFO: one packet, if it still may."""
    config = state.config[0]
    qp = take_head(state, p * config["classes"] + c)
    psn = next_packet(state, qp)
    if psn == NONE:
        return
    if must_wait(state, qp, start):
        pace.wait(state, host, qp)
        return
    ring_of = p * config["fifos"] + BULK + c
    packet = pool.take(state, part)
    if packet == NONE:
        return
    ring.push(state, part, ring_of, packet)
    m = messages.of_sender(state, qp, psn)
    size = messages.frame_bytes(state, m, psn)
    at_once = take(state, qp, psn, size, start)
    sender = state.senders[qp]
    count(state, host, m, psn < sender["max"], start)
    record = state.messages[m]
    last = psn == record["first_psn"] + record["packets"] - 1
    if last and psn >= sender["max"]:
        record["first_pass"] = start
    sender["max"] = max(sender["max"], psn + 1)
    fill(state, packet, qp, psn, size, start)
    entry = state.entries[packet]
    entry["flags"] = (LAST if last else 0) | (AT_ONCE if at_once else 0) | (c << CLASS_SHIFT)
    if config["tagged"] == 1:
        fill_tag(state, packet, qp, p, c, start)
    state.outs[ring_of]["committed"] += 1
    transmit(state, part, host, p, packet, start)
    after(state, host, qp, p, size, start)
    make_ready(state, host, qp, start)
    if config["classes"] > 1 and is_empty(state, host, p * config["classes"] + c, start):
        scheduler.emptied(state, p, c)


@inlined
def take(state, qp, psn, size, start):
    """Take the packet that goes next; return whether to acknowledge it at once."""
    if state.config[0]["protocol"] == UEC:
        return uec.take(state, qp, psn, size, start)
    rc.take(state, qp, psn)
    return False


@inlined
def count(state, host, m, again, start):
    """Count a packet of message ``m``."""
    record = state.messages[m]
    if record["first_tx"] == NONE:
        record["first_tx"] = start
    host["packets"] += 1
    if again:
        host["retransmits"] += 1
        record["retransmits"] += 1


@inlined
def fill(state, packet, qp, psn, size, start):
    """Write a packet."""
    entry = state.entries[packet]
    entry["sent"] = start
    entry["qp"] = qp
    entry["dst"] = state.senders[qp]["dst"]
    entry["psn"] = psn
    entry["bytes"] = size
    entry["kind"] = DATA
    extras.clear(state, packet)


@device
def fill_tag(state, packet, qp, p, c, start):
    """Write what the packet tells beyond its entry."""
    config = state.config[0]
    tag = extras.tag(state, packet)
    if config["balance"] > 0:
        entropy = balance.choose(state, qp)
        tag["entropy"] = entropy
        if config["protocol"] == UEC:
            state.sent_by[qp, state.entries[packet]["psn"] & (config["reorder"] - 1)] = entropy
    if config["has_credit"] == 1:
        tag["stamp"] = credit.target(state, qp)
    if config["pausing"] == 1:
        tag["paused_at"] = queue.paused_for(queue.of(state, p, c), start)


@inlined
def transmit(state, part, host, p, packet, start):
    """Put a packet of a host on the wire."""
    port.transmit(state, part, p, packet, start)
    if state.config[0]["lossy"] == 1:
        wire.lose(state, host["rank"], p, state.entries[packet], start)


@inlined
def after(state, host, qp, p, frame, start):
    """Set timers and pace once a packet has started."""
    config = state.config[0]
    if config["protocol"] == UEC:
        uec.watch(state, host, qp, start)
        return
    rto = config["rto"]
    sender = state.senders[qp]
    if rto > 0 and sender["deadline"] == INF:
        rc.set_deadline(state, host, qp, start + rto)
    if config["control"] > 0:
        size = frame + state.ports[p]["gap"]
        pace.sent(state, qp, p, start, size)
        congestion.on_send(state, host, qp, size, start)
