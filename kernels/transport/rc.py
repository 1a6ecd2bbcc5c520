"""RoCE's reliable connection: go-back-N, a receiver with a window, or selective repeat."""

import numpy as np
from fabricemu.kernels import bits, clock
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import (
    ACK,
    ANY_ORDER,
    CE,
    IN_ORDER,
    INF,
    LAST,
    NACK,
    NONE,
    RETRANSMIT,
    WINDOW,
)
from fabricemu.kernels.transport import control, messages

WORD_BITS = 32
SACK_BITS = 64


@device
def bit_base(state, qp):
    """Return the first word of a queue pair's bit sets."""
    return qp * (state.config[0]["reorder"] // WORD_BITS)


# the sender


@device
def next_hole(state, qp):
    """Return the first packet that is taken for lost and was not sent again yet, or NONE."""
    config = state.config[0]
    holes = state.holes[qp]
    base = bit_base(state, qp)
    psn = max(holes["next"], state.senders[qp]["una"])
    limit = holes["high"] - config["loss_distance"]
    while psn <= limit and bits.test(state.known, base, config["reorder"] - 1, psn):
        psn += 1
    holes["next"] = psn
    return psn if psn <= limit else np.int64(NONE)


@inlined
def first_missing(state, qp):
    """Return the first packet from ``nxt`` on that is not known to have been received."""
    sender = state.senders[qp]
    psn = sender["nxt"]
    config = state.config[0]
    if config["receiver"] != IN_ORDER:
        base = bit_base(state, qp)
        limit = min(sender["max"], sender["una"] + config["reorder"])
        while psn < limit and bits.test(state.known, base, config["reorder"] - 1, psn):
            psn += 1
    return psn


@inlined
def next_packet(state, qp):
    """Return the packet that goes next, NONE if there is none that windows and bit sets allow."""
    config = state.config[0]
    if config["loss_distance"] > 0:
        hole = next_hole(state, qp)
        if hole != NONE:
            return hole
    sender = state.senders[qp]
    psn = first_missing(state, qp)
    una = sender["una"]
    if config["receiver"] == ANY_ORDER and psn - una >= config["reorder"]:
        return np.int64(NONE)
    if psn >= sender["end"] or psn - una >= config["send_window"]:
        return np.int64(NONE)
    sent = (sender["nxt"] - una) * config["mtu"]
    if config["control"] > 0 and sent >= state.paces[qp]["window"]:
        return np.int64(NONE)
    return psn


@inlined
def take(state, qp, psn):
    """Take the packet that goes next."""
    if state.config[0]["loss_distance"] > 0 and next_hole(state, qp) == psn:
        state.holes[qp]["next"] = psn + 1
    else:
        state.senders[qp]["nxt"] = psn + 1


@device
def set_deadline(state, host, qp, deadline):
    """Note when the queue pair times out; its timer may be early and is then set again."""
    state.senders[qp]["deadline"] = deadline
    timer = clock.number(state, host, qp, RETRANSMIT)
    if deadline == INF:
        clock.cancel(state, host, timer)
    elif not clock.is_set(state, host, timer):
        clock.set_at(state, host, timer, deadline)


@device
def on_ack(state, host, packet, now):
    """Update the sender; return by how many packets ``una`` moved, -1 if it is outdated."""
    entry = state.entries[packet]
    qp = np.int64(entry["qp"])
    sender = state.senders[qp]
    expected = np.int64(entry["psn"])
    una = sender["una"]
    if expected < una:
        return np.int64(-1)
    config = state.config[0]
    progress = expected > una
    if config["receiver"] != IN_ORDER:
        base = bit_base(state, qp)
        mask = config["reorder"] - 1
        for psn in range(una, min(expected, una + config["reorder"])):
            bits.clear(state.known, base, mask, psn)
        sack = entry["sent"]
        if sack != 0:
            progress |= bits.merge(state.known, base, mask, expected + 1, sack)
            if config["loss_distance"] > 0:
                note_highest(state, qp, expected + 1, sack)
    sender["una"] = expected
    sender["nxt"] = max(sender["nxt"], expected)
    if progress and config["rto"] > 0:
        outstanding = expected < sender["max"]
        set_deadline(state, host, qp, now + config["rto"] if outstanding else INF)
    if entry["kind"] == NACK:
        rewind(state, qp)
    return expected - una


@device
def note_highest(state, qp, first, pattern):
    """Remember the highest packet known received."""
    holes = state.holes[qp]
    for k in range(SACK_BITS - 1, -1, -1):
        if (pattern >> k) & 1:
            holes["high"] = max(holes["high"], first + k)
            return


@device
def rewind(state, qp):
    """Send again from the oldest unacknowledged packet."""
    sender = state.senders[qp]
    sender["nxt"] = sender["una"]
    sender["current"] = sender["head"]


@device
def expires(state, host, qp, now):
    """Return whether the queue pair times out now; rewind it then."""
    deadline = state.senders[qp]["deadline"]
    if deadline != now:
        if deadline != INF:
            clock.set_at(state, host, clock.number(state, host, qp, RETRANSMIT), deadline)
        return False
    host["timeouts"] += 1
    rewind(state, qp)
    set_deadline(state, host, qp, now + state.config[0]["rto"])
    return True


# the receiver


@device
def acknowledge(state, part, p, qp, kind, source):
    """Answer a packet by an ACK or NACK."""
    receiver = state.receivers[qp]
    packet = control.push(state, part, p, kind, qp, receiver["dst"])
    if packet == NONE:
        return
    if kind == ACK:
        receiver["since_ack"] = 0
    config = state.config[0]
    entry = state.entries[packet]
    if config["receiver"] != IN_ORDER and receiver["highest"] > receiver["expected"]:
        entry["sent"] = bits.window(
            state.marked, bit_base(state, qp), config["reorder"] - 1, receiver["expected"] + 1
        )
    entry["psn"] = receiver["expected"]
    entry["flags"] = state.entries[source]["flags"] & CE
    control.echo(state, source, packet)


@device
def count_for_ack(state, qp, packet):
    """Count a packet towards the next acknowledgement."""
    step = 1
    if state.config[0]["ack_in_bytes"] == 1:
        step = np.int64(state.entries[packet]["bytes"])
    state.receivers[qp]["since_ack"] += step


@device
def repeat(state, part, host, p, qp, packet):
    """Answer a duplicate."""
    host["duplicates"] += 1
    acknowledge(state, part, p, qp, ACK, packet)


@device
def refuse(state, part, host, p, qp, packet):
    """Discard a packet too far ahead; complain once until the gap is closed."""
    host["discards"] += 1
    receiver = state.receivers[qp]
    ahead = np.int64(state.entries[packet]["psn"]) - receiver["expected"]
    receiver["depth"] = max(receiver["depth"], ahead)
    if receiver["nacked"] == 0:
        receiver["nacked"] = 1
        host["nacks"] += 1
        acknowledge(state, part, p, qp, NACK, packet)


@device
def receive_in_order(state, part, host, p, packet):
    """Handle data at a go-back-N receiver; return the message it completed, or NONE."""
    entry = state.entries[packet]
    qp = np.int64(entry["qp"])
    receiver = state.receivers[qp]
    psn = np.int64(entry["psn"])
    expected = receiver["expected"]
    if psn < expected:
        repeat(state, part, host, p, qp, packet)
        return np.int64(NONE)
    if psn > expected:
        refuse(state, part, host, p, qp, packet)
        return np.int64(NONE)
    receiver["expected"] = psn + 1
    receiver["nacked"] = 0
    count_for_ack(state, qp, packet)
    last = entry["flags"] & LAST
    if last or receiver["since_ack"] >= state.config[0]["ack_every"]:
        acknowledge(state, part, p, qp, ACK, packet)
    marked = entry["flags"] & CE
    if last or marked:
        m = messages.of_receiver(state, qp, psn)
        receiver["message"] = m
        if marked:
            state.messages[m]["marks"] += 1
        if last:
            return m
    return np.int64(NONE)


@device
def receive_ahead(state, part, host, p, packet):
    """Handle data at a receiver that takes packets out of order, likewise."""
    entry = state.entries[packet]
    qp = np.int64(entry["qp"])
    receiver = state.receivers[qp]
    psn = np.int64(entry["psn"])
    config = state.config[0]
    base = bit_base(state, qp)
    mask = config["reorder"] - 1
    expected = receiver["expected"]
    if config["receiver"] == WINDOW and psn >= expected + config["reorder"]:
        refuse(state, part, host, p, qp, packet)
        return np.int64(NONE)
    if psn < expected or bits.test(state.marked, base, mask, psn):
        repeat(state, part, host, p, qp, packet)
        return np.int64(NONE)
    m = messages.of_receiver(state, qp, psn)
    receiver["depth"] = max(receiver["depth"], psn - expected)
    receiver["highest"] = max(receiver["highest"], psn)
    bits.put(state.marked, base, mask, psn)
    while bits.test(state.marked, base, mask, expected):
        bits.clear(state.marked, base, mask, expected)
        expected += 1
        receiver["nacked"] = 0
    receiver["expected"] = expected
    messages.settle(state, qp)
    count_for_ack(state, qp, packet)
    record = state.messages[m]
    record["received"] += 1
    if entry["flags"] & CE:
        record["marks"] += 1
    whole = record["received"] == record["packets"]
    if whole or receiver["since_ack"] >= config["ack_every"]:
        acknowledge(state, part, p, qp, ACK, packet)
    return m if whole else np.int64(NONE)


@device
def has(state, qp, psn):
    """Return whether a packet has been received."""
    if psn < state.receivers[qp]["expected"]:
        return True
    if state.config[0]["receiver"] == IN_ORDER:
        return False
    mask = state.config[0]["reorder"] - 1
    return bits.test(state.marked, bit_base(state, qp), mask, psn) != 0


@device
def note_trimmed(state, packet):
    """Count a trimmed header; RC knows no answer to it."""
    qp = np.int64(state.entries[packet]["qp"])
    psn = np.int64(state.entries[packet]["psn"])
    if not has(state, qp, psn):
        state.messages[messages.of_receiver(state, qp, psn)]["trims"] += 1


@device
def receive(state, part, host, p, packet):
    """Handle a data packet; return the message it completed, or NONE."""
    if state.config[0]["receiver"] == IN_ORDER:
        return receive_in_order(state, part, host, p, packet)
    return receive_ahead(state, part, host, p, packet)
