"""The DAG of each rank: activation, begin, finish, matching (docs/model.md section 4)."""

import numpy as np
from fabricemu.kernels import collective, message, nic, work
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import (
    BEGIN,
    CALC,
    COLL,
    FINISH,
    GATE,
    GATE_ANY,
    GATE_FIFO,
    NONE,
    RECV,
    SEND,
)

ANY = -1


@device
def activate(state, part, host, op, now):
    """Count one predecessor of an operation as done."""
    record = state.ops[op]
    while record["kind"] == GATE and record["mode"] == GATE_FIFO:
        op = open_next(state, op, now)
        if op == NONE or signalled(state, part, host, op, now):
            return
        record = state.ops[op]
    if record["kind"] == GATE and record["mode"] == GATE_ANY and record["remaining"] <= 0:
        return
    record["remaining"] -= 1
    if record["kind"] == GATE and record["mode"] == GATE_ANY:
        record["remaining"] = 0
    if record["remaining"] == 0:
        if record["start"] > now:
            work.set_timer(state, host, record["start"], 2 * op)
        else:
            make_ready(state, part, op)


@device
def open_next(state, op, now):
    """Return the next successor that a FIFO gate activates, or NONE."""
    record = state.ops[op]
    if record["started"] == NONE:
        record["started"] = now
    record["remaining"] -= 1
    if record["remaining"] == 0:
        record["finished"] = now
    edge = state.succ_ptr[op] + record["order"]
    record["order"] += 1
    return state.succ[edge] if edge < state.succ_ptr[op + 1] else NONE


@device
def signalled(state, part, host, op, now):
    """Activate an operation of another rank after the gate latency; return whether it is one."""
    if state.ops[op]["rank"] == host["rank"]:
        return False
    share = state.parts[part]
    state.signal_time[part, share["signals"]] = now + state.config[0]["gate_latency"]
    state.signal_op[part, share["signals"]] = op
    share["signals"] += 1
    return True


@device
def make_ready(state, part, op):
    """Begin an operation, or let it wait for its stream."""
    record = state.ops[op]
    if record["stream"] == NONE:
        work.queue(state, part, op, BEGIN)
        return
    stream = state.streams[record["stream"]]
    if stream["busy"] == 0:
        stream["busy"] = 1
        work.queue(state, part, op, BEGIN)
        return
    record["next"] = NONE
    if stream["head"] == NONE:
        stream["head"] = op
    else:
        state.ops[stream["tail"]]["next"] = op
    stream["tail"] = op


@device
def successors(state, part, host, done, by_start, now):
    """Activate the successors of an operation by one kind of edge, in order."""
    for edge in range(state.succ_ptr[done], state.succ_ptr[done + 1]):
        op = state.succ[edge]
        if state.succ_start[edge] == by_start and not signalled(state, part, host, op, now):
            activate(state, part, host, op, now)


@device
def begin(state, part, host, op, now):
    """Start an operation."""
    record = state.ops[op]
    record["started"] = now
    successors(state, part, host, op, 1, now)
    kind = record["kind"]
    if kind == CALC and record["duration"] > 0:
        work.set_timer(state, host, now + record["duration"], 2 * op)
    elif kind == SEND:
        begin_send(state, part, host, op, now)
    elif kind == RECV:
        begin_recv(state, part, host, op)
    elif kind == COLL:
        collective.begin(state, part, host, op, now)
    else:
        work.queue(state, part, op, FINISH)


@device
def begin_send(state, part, host, op, now):
    """Post the message of a SEND; to oneself it is there at once."""
    record = state.ops[op]
    m = message.create(state, part, record["bytes"], now)
    if m == NONE:
        return
    state.messages[m]["op"] = op
    state.messages[m]["number"] = op
    if record["qp"] != NONE:
        nic.post(state, part, host, np.int64(record["qp"]), m, now)
        if record["bytes"] <= state.config[0]["eager"]:
            work.queue(state, part, op, FINISH)
        return
    own = state.messages[m]
    own["qp"] = NONE
    own["first_tx"] = now
    own["first_pass"] = now
    own["sent"] = now
    own["packets"] = 0
    own["completing"] = 0
    deliver(state, part, host, m, now)
    own["acked"] = now
    message.retire(state, part, m)
    work.queue(state, part, op, FINISH)


@device
def finish(state, part, host, op, now):
    """End an operation: free its stream, then activate what waits for it."""
    record = state.ops[op]
    record["finished"] = now
    if record["stream"] != NONE:
        stream = state.streams[record["stream"]]
        following = np.int64(stream["head"])
        if following == NONE:
            stream["busy"] = 0
        else:
            stream["head"] = state.ops[following]["next"]
            work.queue(state, part, following, BEGIN)
    successors(state, part, host, op, 0, now)


@device
def drain(state, part, host, now):
    """Carry out queued actions until none is left."""
    share = state.parts[part]
    mask = state.config[0]["work_mask"]
    while share["work_head"] < share["work_tail"]:
        item = state.work[part, share["work_head"] & mask]
        share["work_head"] += 1
        if item & 1 == BEGIN:
            begin(state, part, host, item >> 1, now)
        else:
            finish(state, part, host, item >> 1, now)


@device
def on_timer(state, part, host, now):
    """Handle the host's first timer: a signal, the end of a CALC, or an earliest start."""
    item = work.pop_timer(state, host)
    op = item >> 1
    if item & 1:
        activate(state, part, host, op, now)
    elif state.ops[op]["started"] != NONE:
        work.queue(state, part, op, FINISH)
    else:
        make_ready(state, part, op)
    drain(state, part, host, now)


@device
def deliver(state, part, host, m, now):
    """Tell the program that a message has arrived whole."""
    record = state.messages[m]
    record["delivered"] = now
    if record["op"] == NONE:
        collective.on_receive(state, part, host, m, now)
    else:
        match_arrival(state, part, host, record["op"])


@device
def acknowledged(state, part, m):
    """Finish the SEND that waited for its acknowledgement."""
    op = state.messages[m]["op"]
    if op != NONE and state.ops[op]["bytes"] > state.config[0]["eager"]:
        work.queue(state, part, op, FINISH)


@device
def next_order(host):
    """Count one more post or arrival at a host; return its number."""
    host["order"] += 1
    return host["order"]


@device
def match_arrival(state, part, host, send):
    """Give an arrived message to the earliest posted RECV that fits, or keep it."""
    box = state.boxes[state.ops[send]["box"]]
    op = np.int64(box["posted"])
    wild, before = fitting_wildcard(state, host, box)
    if wild != NONE and (op == NONE or state.ops[wild]["order"] < state.ops[op]["order"]):
        remove_wildcard(state, host, wild, before)
        work.queue(state, part, wild, FINISH)
        return
    if op != NONE:
        box["posted"] = state.ops[op]["next"]
        work.queue(state, part, op, FINISH)
        return
    state.ops[send]["order"] = next_order(host)
    state.ops[send]["next"] = NONE
    if box["arrived"] == NONE:
        box["arrived"] = send
    else:
        state.ops[box["last_arrived"]]["next"] = send
    box["last_arrived"] = send


@device
def fits(op, box):
    """Return whether a RECV, perhaps with wildcards, takes messages of a mailbox."""
    return (op["peer"] == ANY or op["peer"] == box["src"]) and (
        op["tag"] == ANY or op["tag"] == box["tag"]
    )


@device
def fitting_wildcard(state, host, box):
    """Return the earliest posted wildcard RECV that fits a mailbox, and the one before it."""
    before = NONE
    op = host["wild_head"]
    while op != NONE and not fits(state.ops[op], box):
        before = op
        op = np.int64(state.ops[op]["next"])
    return op, before


@device
def remove_wildcard(state, host, op, before):
    """Take a RECV off the host's list of wildcards."""
    following = np.int64(state.ops[op]["next"])
    if before == NONE:
        host["wild_head"] = following
    else:
        state.ops[before]["next"] = following
    if following == NONE:
        host["wild_tail"] = before


@device
def begin_recv(state, part, host, op):
    """Take the earliest arrived message that fits, or wait."""
    record = state.ops[op]
    chosen = np.int64(record["box"])
    if chosen == NONE:
        chosen = earliest_box(state, host, record)
    if chosen != NONE and state.boxes[chosen]["arrived"] != NONE:
        box = state.boxes[chosen]
        box["arrived"] = state.ops[box["arrived"]]["next"]
        work.queue(state, part, op, FINISH)
        return
    record["order"] = next_order(host)
    record["next"] = NONE
    if record["box"] == NONE:
        if host["wild_head"] == NONE:
            host["wild_head"] = op
        else:
            state.ops[host["wild_tail"]]["next"] = op
        host["wild_tail"] = op
        return
    box = state.boxes[chosen]
    if box["posted"] == NONE:
        box["posted"] = op
    else:
        state.ops[box["last_posted"]]["next"] = op
    box["last_posted"] = op


@device
def earliest_box(state, host, op):
    """Return the host's mailbox with the earliest arrival that a wildcard RECV fits."""
    chosen = NONE
    for b in range(host["first_box"], host["end_box"]):
        box = state.boxes[b]
        head = box["arrived"]
        if head == NONE or not fits(op, box):
            continue
        first = state.ops[state.boxes[chosen]["arrived"]]["order"] if chosen != NONE else 0
        if chosen == NONE or state.ops[head]["order"] < first:
            chosen = b
    return chosen
