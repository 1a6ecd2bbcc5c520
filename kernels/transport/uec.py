"""Ultra Ethernet's reliable unordered delivery (UEC 1.0), as uet-htsim runs it."""

import numpy as np
from fabricemu.kernels import bits, clock, extras
from fabricemu.kernels._jit import device
from fabricemu.kernels.balance import table as balance
from fabricemu.kernels.congestion import nscc
from fabricemu.kernels.state import (
    ACK,
    AT_ONCE,
    CE,
    CONSTANT,
    ECN,
    GOOD,
    INF,
    LAST_HOP,
    NACK,
    NACKED,
    NONE,
    RETRANSMIT,
    TIMEOUT,
)
from fabricemu.kernels.transport import control, credit, messages
from fabricemu.kernels.transport.rc import bit_base, has

ACK_BITS = 64
ALL_FLAGS = 0xFF

# the sender


@device
def lowest_lost(state, qp):
    """Return the first packet that is to be sent again; there is one."""
    record = state.uec_senders[qp]
    base = bit_base(state, qp)
    mask = state.config[0]["reorder"] - 1
    psn = max(record["low"], state.senders[qp]["una"])
    while not bits.test(state.lost, base, mask, psn):
        psn += 1
    record["low"] = psn
    return psn


@device
def in_turn(state, qp):
    """Return the packet whose turn it is, allowed or not; ``end`` if there is none."""
    if state.uec_senders[qp]["losses"] > 0:
        return lowest_lost(state, qp)
    return state.senders[qp]["nxt"]


@device
def next_packet(state, qp):
    """Return the packet that goes next, NONE if credit, window or bit sets allow none."""
    sender = state.senders[qp]
    record = state.uec_senders[qp]
    psn = in_turn(state, qp)
    config = state.config[0]
    if psn == sender["end"] or psn - sender["una"] >= config["reorder"]:
        return np.int64(NONE)
    if config["has_credit"] == 1 and record["credit"] <= 0:
        return np.int64(NONE)
    if config["has_window"] == 1:
        size = messages.frame_bytes(state, messages.of_sender(state, qp, psn), psn)
        if record["flight"] + size > record["cwnd"]:
            return np.int64(NONE)
    return psn


@device
def take(state, qp, psn, size, start):
    """Account for the packet that goes next; return whether to acknowledge it at once."""
    sender = state.senders[qp]
    record = state.uec_senders[qp]
    config = state.config[0]
    again = record["losses"] > 0
    if again:
        bits.clear(state.lost, bit_base(state, qp), config["reorder"] - 1, psn)
        record["losses"] -= 1
        record["again"] -= size
    else:
        sender["nxt"] = psn + 1
        record["backlog"] -= size
    record["outstanding"] += 1
    record["credit"] -= size
    record["flight"] += size
    state.sent_at[qp, psn & (config["reorder"] - 1)] = start
    at_once = again or sender["nxt"] == sender["end"]
    if config["has_credit"] == 1:
        at_once |= record["credit"] <= 0
    if config["has_window"] == 1:
        at_once |= record["flight"] + size >= record["cwnd"]
    return at_once


@device
def watch(state, host, qp, start):
    """Let a packet that has started time out some time."""
    rto = state.config[0]["rto"]
    timer = clock.number(state, host, qp, RETRANSMIT)
    if rto > 0 and not clock.is_set(state, host, timer):
        clock.set_at(state, host, timer, start + rto)


@device
def is_outstanding(state, qp, psn):
    """Return whether a packet was sent and neither received nor lost, as far as is known."""
    sender = state.senders[qp]
    if psn < sender["una"] or psn >= sender["nxt"]:
        return False
    base = bit_base(state, qp)
    mask = state.config[0]["reorder"] - 1
    lost = bits.test(state.lost, base, mask, psn)
    return not lost and not bits.test(state.known, base, mask, psn)


@device
def lose(state, qp, psn, size):
    """Queue an outstanding packet to be sent again."""
    record = state.uec_senders[qp]
    bits.put(state.lost, bit_base(state, qp), state.config[0]["reorder"] - 1, psn)
    record["low"] = psn if record["losses"] == 0 else min(record["low"], psn)
    record["losses"] += 1
    record["again"] += size
    record["outstanding"] -= 1
    record["flight"] -= size


@device
def learn(state, qp, psn):
    """Note that a packet was received; one that was to be sent again is not any more."""
    base = bit_base(state, qp)
    mask = state.config[0]["reorder"] - 1
    if bits.test(state.known, base, mask, psn):
        return
    bits.put(state.known, base, mask, psn)
    record = state.uec_senders[qp]
    if bits.test(state.lost, base, mask, psn):
        bits.clear(state.lost, base, mask, psn)
        size = messages.frame_bytes(state, messages.of_sender(state, qp, psn), psn)
        record["losses"] -= 1
        record["again"] -= size
        record["flight"] += size
    else:
        record["outstanding"] -= 1


@device
def learn_all(state, qp, expected, first, pattern):
    """Note all that an acknowledgement names."""
    sender = state.senders[qp]
    base = bit_base(state, qp)
    mask = state.config[0]["reorder"] - 1
    for psn in range(sender["una"], expected):
        learn(state, qp, psn)
    if pattern != 0:
        for k in range(ACK_BITS):
            psn = first + k
            if (pattern >> k) & 1 and psn >= max(sender["una"], expected):
                learn(state, qp, psn)
    for psn in range(sender["una"], expected):
        bits.clear(state.known, base, mask, psn)
    sender["una"] = max(sender["una"], expected)
    sender["nxt"] = max(sender["nxt"], sender["una"])


@device
def sample(state, qp, packet, now):
    """Return (whether the round trip of the answered packet counts, the round trip)."""
    tag = extras.tag(state, packet)
    psn = np.int64(tag["trigger"])
    if not is_outstanding(state, qp, psn):
        return False, 0
    sent = state.sent_at[qp, psn & (state.config[0]["reorder"] - 1)]
    return sent == tag["echo"], now - tag["echo"]


@device
def on_ack(state, host, packet, now):
    """Handle an ACK up to the program."""
    entry = state.entries[packet]
    tag = extras.tag(state, packet)
    qp = np.int64(entry["qp"])
    record = state.uec_senders[qp]
    config = state.config[0]
    ce = 1 if entry["flags"] & CE else 0
    newly = max(0, tag["stamp"] - record["seen"])
    record["seen"] += newly
    record["flight"] -= newly
    record["achieved"] += newly
    record["received"] += newly
    record["ignored"] += newly
    valid, raw = sample(state, qp, packet, now)
    delay = record["avg"]
    if valid:
        if config["has_window"] == 1 and raw < record["base_rtt"]:
            nscc.new_base(state, qp, raw)
        delay = float(raw - record["base_rtt"])
        nscc.feed(state, qp, ce, delay)
    learn_all(state, qp, np.int64(entry["psn"]), np.int64(tag["base"]), entry["sent"])
    if config["balance"] > 0:
        balance.feedback(state, qp, np.int64(tag["entropy"]), ECN if ce == 1 else GOOD, now)
    if config["has_window"] == 1:
        nscc.on_ack(state, qp, ce, delay, newly, now)
    credit.leave_speculation(state, qp)
    if record["outstanding"] == 0 and config["rto"] > 0:
        clock.cancel(state, host, clock.number(state, host, qp, RETRANSMIT))


@device
def on_nack(state, packet, now):
    """Handle the NACK of a trimmed packet."""
    entry = state.entries[packet]
    tag = extras.tag(state, packet)
    qp = np.int64(entry["qp"])
    psn = np.int64(tag["trigger"])
    if not is_outstanding(state, qp, psn):
        return
    record = state.uec_senders[qp]
    config = state.config[0]
    last_hop = entry["flags"] & LAST_HOP
    size = messages.frame_bytes(state, messages.of_sender(state, qp, psn), psn)
    valid, raw = sample(state, qp, packet, now)
    if config["has_window"] == 1:
        if valid and state.parameters[0]["nack_base"] == 1 and raw < record["base_rtt"]:
            nscc.new_base(state, qp, raw)
        spared = config["has_credit"] == 1 and last_hop != 0
        nscc.on_nack(state, qp, size, spared, now)
    credit.leave_speculation(state, qp)
    lose(state, qp, psn, size)
    if config["balance"] > 0:
        kind = NACKED
        if last_hop:
            kind = ECN if entry["flags"] & CE else GOOD
        balance.feedback(state, qp, np.int64(tag["entropy"]), kind, now)


@device
def oldest(state, qp):
    """Return (the packet that is outstanding for the longest time or NONE, when it was sent)."""
    sender = state.senders[qp]
    found = np.int64(NONE)
    since = INF
    mask = state.config[0]["reorder"] - 1
    for psn in range(sender["una"], sender["nxt"]):
        sent = state.sent_at[qp, psn & mask]
        if sent < since and is_outstanding(state, qp, psn):
            found = psn
            since = sent
    return found, since


@device
def on_timer(state, part, host, qp, now):
    """Let the oldest packet expire if its time has come; set the timer for the next one."""
    psn, since = oldest(state, qp)
    rto = state.config[0]["rto"]
    if psn != NONE and since + rto <= now:
        expire(state, part, host, qp, psn, now)
        psn, since = oldest(state, qp)
    record = state.uec_senders[qp]
    if psn == NONE and record["stalled"] != NONE:
        if record["stalled"] + rto <= now:
            credit.ask(state, part, qp)
            record["stalled"] = now
        since = record["stalled"]
    if since < INF:
        timer = clock.number(state, host, qp, RETRANSMIT)
        clock.set_at(state, host, timer, since + rto)


@device
def note_stall(state, host, qp, now):
    """Watch a queue pair that waits for credit with nothing on its way to bring it."""
    record = state.uec_senders[qp]
    end = state.senders[qp]["end"]
    if record["credit"] > 0 or record["outstanding"] > 0 or in_turn(state, qp) == end:
        record["stalled"] = NONE
        return
    if record["stalled"] == NONE:
        record["stalled"] = now
    watch(state, host, qp, record["stalled"])


@device
def expire(state, part, host, qp, psn, now):
    """Give a packet up for lost."""
    config = state.config[0]
    record = state.uec_senders[qp]
    host["timeouts"] += 1
    size = messages.frame_bytes(state, messages.of_sender(state, qp, psn), psn)
    if config["balance"] > 0:
        entropy = state.sent_by[qp, psn & (config["reorder"] - 1)]
        balance.feedback(state, qp, entropy, TIMEOUT, now)
    lose(state, qp, psn, size)
    if config["has_window"] == 1 and config["control"] != CONSTANT:
        record["cwnd"] = max(record["cwnd"] - size, state.parameters[0]["min_window"])
    if config["has_credit"] == 1 and record["credit"] <= 0:
        credit.ask(state, part, qp)


# the receiver


@device
def named(state, qp, first):
    """Return the 64 bits of what was received from ``first`` on, not below ``expected``."""
    expected = state.receivers[qp]["expected"]
    room = state.config[0]["reorder"]
    pattern = bits.window(state.marked, bit_base(state, qp), room - 1, first)
    below = expected - first
    if below >= ACK_BITS:
        return 0
    if below > 0:
        pattern &= -1 << below
    above = expected + room - first
    if above < ACK_BITS:
        pattern &= (1 << above) - 1
    return pattern


@device
def acknowledge(state, part, p, qp, source, own_base):
    """Acknowledge a packet; the bits begin at itself with ``own_base``."""
    receiver = state.receivers[qp]
    packet = control.push(state, part, p, ACK, qp, receiver["dst"])
    if packet == NONE:
        return
    record = state.uec_receivers[qp]
    record["acc"] = 0
    entry = state.entries[packet]
    psn = np.int64(state.entries[source]["psn"])
    first = psn if own_base else max(psn - (ACK_BITS - 1), receiver["expected"] + 1)
    entry["psn"] = receiver["expected"]
    entry["sent"] = named(state, qp, first)
    control.echo(state, source, packet)
    tag = extras.tag(state, packet)
    tag["base"] = first
    tag["stamp"] = record["total"]
    entry["flags"] = state.entries[source]["flags"] & CE


@device
def receive(state, part, host, p, packet, now):
    """Handle a data packet; return the message it completed, or NONE."""
    entry = state.entries[packet]
    qp = np.int64(entry["qp"])
    psn = np.int64(entry["psn"])
    config = state.config[0]
    record = state.uec_receivers[qp]
    size = np.int64(entry["bytes"])
    marked = entry["flags"] & CE != 0
    at_once = entry["flags"] & AT_ONCE != 0
    record["acc"] += size
    if config["has_credit"] == 1:
        credit.listen(state, host, p, qp, extras.tag(state, packet)["stamp"], False, now)
    if has(state, qp, psn):
        host["duplicates"] += 1
        acknowledge(state, part, p, qp, packet, marked)
        return np.int64(NONE)
    record["total"] += size
    force = record["begun"] == 0 or at_once or marked
    record["begun"] = 1
    if at_once:
        record["want"] = 1
    m = messages.of_receiver(state, qp, psn)
    force |= accept(state, qp, psn)
    if force or record["acc"] >= config["ack_every"]:
        acknowledge(state, part, p, qp, packet, marked or at_once)
    message = state.messages[m]
    message["received"] += 1
    if marked:
        message["marks"] += 1
    return m if message["received"] == message["packets"] else np.int64(NONE)


@device
def accept(state, qp, psn):
    """Take a packet in; return whether a wanted acknowledgement is due because no hole is left."""
    receiver = state.receivers[qp]
    record = state.uec_receivers[qp]
    base = bit_base(state, qp)
    mask = state.config[0]["reorder"] - 1
    expected = receiver["expected"]
    receiver["depth"] = max(receiver["depth"], psn - expected)
    receiver["highest"] = max(receiver["highest"], psn)
    if psn != expected:
        bits.put(state.marked, base, mask, psn)
        record["ahead"] += 1
        return False
    expected += 1
    while bits.test(state.marked, base, mask, expected):
        bits.clear(state.marked, base, mask, expected)
        record["ahead"] -= 1
        expected += 1
    receiver["expected"] = expected
    messages.settle(state, qp)
    if record["ahead"] > 0 or record["want"] == 0:
        return False
    record["want"] = 0
    return True


@device
def receive_trimmed(state, part, host, p, packet, now):
    """Answer the header of a trimmed packet."""
    entry = state.entries[packet]
    qp = np.int64(entry["qp"])
    psn = np.int64(entry["psn"])
    if has(state, qp, psn):
        entry["flags"] &= ALL_FLAGS ^ CE
        acknowledge(state, part, p, qp, packet, False)
        return
    m = messages.of_receiver(state, qp, psn)
    state.messages[m]["trims"] += 1
    host["nacks"] += 1
    answer = control.push(state, part, p, NACK, qp, state.receivers[qp]["dst"])
    if answer == NONE:
        return
    state.entries[answer]["psn"] = state.receivers[qp]["expected"]
    control.echo(state, packet, answer)
    state.entries[answer]["flags"] = entry["flags"] & (CE | LAST_HOP)
    if state.config[0]["has_credit"] == 1:
        credit.listen(state, host, p, qp, extras.tag(state, packet)["stamp"], True, now)
