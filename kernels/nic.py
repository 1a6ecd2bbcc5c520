"""The NIC: queue pairs, their senders and receivers (docs/model.md section 3)."""

import numpy as np
from fabricemu.kernels import bits, message, port, ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import ACK, BULK, CONTROL, DATA, INF, LAST, NACK, NONE

WORD_BITS = 32


@device
def bit_base(state, qp):
    """Return the first word of a queue pair's bit sets."""
    return qp * (state.config[0]["reorder"] // WORD_BITS)


@device
def may_send(state, qp):
    """Move ``nxt`` past what is known received; return whether it may be sent now."""
    sender = state.senders[qp]
    config = state.config[0]
    psn = sender["nxt"]
    end = sender["end"]
    if config["any_order"] == 1:
        base = bit_base(state, qp)
        mask = config["reorder"] - 1
        while psn < sender["max"] and bits.test(state.known, base, mask, psn):
            psn += 1
        sender["nxt"] = psn
        if psn - sender["una"] >= config["reorder"]:
            return False
    return psn < end and psn - sender["una"] < config["send_window"]


@device
def make_ready(state, qp):
    """Put a queue pair at the tail of its port's ready FIFO if it may send."""
    sender = state.senders[qp]
    if sender["ready"] == 1 or not may_send(state, qp):
        return
    queue = state.ready[sender["port"]]
    sender["ready"] = 1
    sender["next_ready"] = NONE
    if queue["head"] == NONE:
        queue["head"] = qp
    else:
        state.senders[queue["tail"]]["next_ready"] = qp
    queue["tail"] = qp


@device
def post(state, first_qp, m):
    """Queue a message on the next QP of its connection."""
    turn = state.senders[first_qp]["turn"]
    state.senders[first_qp]["turn"] = turn + 1
    qp = first_qp + turn % state.config[0]["qps"]
    sender = state.senders[qp]
    record = state.messages[m]
    record["qp"] = qp
    record["first_psn"] = sender["end"]
    if sender["una"] == sender["end"]:
        sender["head"] = m
        sender["current"] = m
        state.receivers[qp]["message"] = m
    else:
        state.messages[sender["last"]]["next"] = m
    sender["last"] = m
    sender["end"] += record["packets"]
    make_ready(state, qp)


@device
def send(state, part, host, p, start):
    """Serve the QP at the head of port ``p``'s ready FIFO: one packet, if it still may."""
    queue = state.ready[p]
    qp = queue["head"]
    sender = state.senders[qp]
    queue["head"] = sender["next_ready"]
    sender["ready"] = 0
    if not may_send(state, qp):
        return
    slot = ring.push(state, part, 2 * p + BULK)
    if slot == NONE:
        return
    psn = sender["nxt"]
    m = sender["current"]
    record = state.messages[m]
    while psn >= record["first_psn"] + record["packets"]:
        m = record["next"]
        record = state.messages[m]
    sender["current"] = m
    fill_packet(state, slot, qp, m, start)
    if record["first_tx"] == NONE:
        record["first_tx"] = start
    host["packets"] += 1
    if psn < sender["max"]:
        host["retransmits"] += 1
        record["retransmits"] += 1
    sender["nxt"] = psn + 1
    sender["max"] = max(sender["max"], psn + 1)
    state.outs[2 * p + BULK]["committed"] += 1
    port.transmit(state, part, p, slot, start)
    rto = state.config[0]["rto"]
    if rto > 0 and sender["deadline"] == INF:
        sender["deadline"] = start + rto
        host["next_rto"] = min(host["next_rto"], start + rto)
    make_ready(state, qp)


@device
def fill_packet(state, slot, qp, m, start):
    """Write the packet ``nxt`` of a queue pair into a ring entry."""
    config = state.config[0]
    sender = state.senders[qp]
    record = state.messages[m]
    psn = sender["nxt"]
    index = psn - record["first_psn"]
    last = index == record["packets"] - 1
    payload = record["bytes"] - index * config["mtu"] if last else config["mtu"]
    entry = state.entries[slot]
    entry["sent"] = start
    entry["qp"] = qp
    entry["dst"] = sender["dst"]
    entry["psn"] = psn
    entry["bytes"] = payload + config["header"]
    entry["kind"] = DATA
    entry["flags"] = LAST if last else 0


@device
def acknowledge(state, part, p, qp, kind):
    """Put an ACK or NACK of a queue pair into the control FIFO of port ``p``."""
    slot = ring.push(state, part, 2 * p + CONTROL)
    if slot == NONE:
        return
    receiver = state.receivers[qp]
    if kind == ACK:
        receiver["since_ack"] = 0
    config = state.config[0]
    entry = state.entries[slot]
    entry["time"] = 0
    entry["sent"] = 0
    if config["any_order"] == 1 and receiver["highest"] > receiver["expected"]:
        entry["sent"] = bits.window(
            state.marked, bit_base(state, qp), config["reorder"] - 1, receiver["expected"] + 1
        )
    entry["qp"] = qp
    entry["dst"] = receiver["dst"]
    entry["psn"] = receiver["expected"]
    entry["bytes"] = config["ack_bytes"]
    entry["kind"] = kind
    entry["flags"] = 0


@device
def receive_in_order(state, part, host, p, slot):
    """Handle data at a go-back-N receiver; return the message it completed, or NONE."""
    entry = state.entries[slot]
    qp = np.int64(entry["qp"])
    receiver = state.receivers[qp]
    psn = np.int64(entry["psn"])
    expected = receiver["expected"]
    if psn < expected:
        host["duplicates"] += 1
        acknowledge(state, part, p, qp, ACK)
        return NONE
    if psn > expected:
        host["discards"] += 1
        receiver["depth"] = max(receiver["depth"], psn - expected)
        if receiver["nacked"] == 0:
            receiver["nacked"] = 1
            host["nacks"] += 1
            acknowledge(state, part, p, qp, NACK)
        return NONE
    receiver["expected"] = psn + 1
    receiver["nacked"] = 0
    receiver["since_ack"] += 1
    last = entry["flags"] & LAST
    if last or receiver["since_ack"] >= state.config[0]["ack_every"]:
        acknowledge(state, part, p, qp, ACK)
    if last:
        return holder(state, qp, psn)
    return NONE


@device
def holder(state, qp, psn):
    """Return the message that holds ``psn``, starting at the receiver's own mark."""
    m = state.receivers[qp]["message"]
    record = state.messages[m]
    while psn >= record["first_psn"] + record["packets"]:
        m = record["next"]
        record = state.messages[m]
    if state.config[0]["any_order"] == 0:
        state.receivers[qp]["message"] = m
    return m


@device
def settle(state, qp):
    """Move an any-order receiver's mark past messages that are complete.

    Only up to the one that holds ``highest``: what follows it may not be posted yet, and
    what lies before it may be freed once the sender has its acknowledgement.
    """
    receiver = state.receivers[qp]
    limit = min(receiver["expected"], receiver["highest"])
    m = receiver["message"]
    record = state.messages[m]
    while limit >= record["first_psn"] + record["packets"]:
        m = record["next"]
        record = state.messages[m]
    receiver["message"] = m


@device
def receive_any_order(state, part, host, p, slot):
    """Handle data at a selective-repeat receiver; return the completed message, or NONE."""
    entry = state.entries[slot]
    qp = np.int64(entry["qp"])
    receiver = state.receivers[qp]
    psn = np.int64(entry["psn"])
    config = state.config[0]
    base = bit_base(state, qp)
    mask = config["reorder"] - 1
    if psn < receiver["expected"] or bits.test(state.marked, base, mask, psn):
        host["duplicates"] += 1
        acknowledge(state, part, p, qp, ACK)
        return NONE
    m = holder(state, qp, psn)
    receiver["depth"] = max(receiver["depth"], psn - receiver["expected"])
    receiver["highest"] = max(receiver["highest"], psn)
    bits.put(state.marked, base, mask, psn)
    expected = receiver["expected"]
    while bits.test(state.marked, base, mask, expected):
        bits.clear(state.marked, base, mask, expected)
        expected += 1
    receiver["expected"] = expected
    settle(state, qp)
    receiver["since_ack"] += 1
    record = state.messages[m]
    record["received"] += 1
    whole = record["received"] == record["packets"]
    if whole or receiver["since_ack"] >= config["ack_every"]:
        acknowledge(state, part, p, qp, ACK)
    return m if whole else NONE


@device
def on_ack(state, slot, now):
    """Update the sender; return whether the acknowledgement counts (is not outdated)."""
    entry = state.entries[slot]
    qp = np.int64(entry["qp"])
    sender = state.senders[qp]
    expected = np.int64(entry["psn"])
    una = sender["una"]
    if expected < una:
        return False
    config = state.config[0]
    progress = expected > una
    if config["any_order"] == 1:
        base = bit_base(state, qp)
        mask = config["reorder"] - 1
        for psn in range(una, expected):
            bits.clear(state.known, base, mask, psn)
        sack = entry["sent"]
        if sack != 0 and bits.merge(state.known, base, mask, expected + 1, sack):
            progress = True
    sender["una"] = expected
    sender["nxt"] = max(sender["nxt"], expected)
    if progress:
        outstanding = config["rto"] > 0 and expected < sender["max"]
        sender["deadline"] = now + config["rto"] if outstanding else INF
    if entry["kind"] == NACK:
        rewind(state, qp)
    return True


@device
def rewind(state, qp):
    """Send again from the oldest unacknowledged packet."""
    sender = state.senders[qp]
    sender["nxt"] = sender["una"]
    sender["current"] = sender["head"]


@device
def next_acknowledged(state, part, qp, now):
    """Take the next message that is wholly acknowledged off the sender's list, or NONE.

    It is handed on one message late, for the receiver may still have to step from it to
    its successor.
    """
    sender = state.senders[qp]
    m = sender["head"]
    if m == NONE:
        return NONE
    record = state.messages[m]
    if record["first_psn"] + record["packets"] > sender["una"]:
        return NONE
    record["acked"] = now
    if sender["held"] != NONE:
        message.retire(state, part, sender["held"])
        sender["held"] = NONE
    successor = record["next"]
    if sender["current"] == m:
        sender["current"] = successor
    sender["head"] = successor
    if successor == NONE:
        message.retire(state, part, m)
    else:
        sender["held"] = m
    return m


@device
def time_out(state, host, now):
    """Rewind the first queue pair whose deadline is now; find the next deadline.

    Others of this instant have their turn after the departures that follow this one.
    """
    later = INF
    found = False
    for qp in range(host["first_qp"], host["end_qp"]):
        sender = state.senders[qp]
        if not found and sender["deadline"] == now:
            found = True
            host["timeouts"] += 1
            rewind(state, qp)
            sender["deadline"] = now + state.config[0]["rto"]
            make_ready(state, qp)
        later = min(later, sender["deadline"])
    host["next_rto"] = later
