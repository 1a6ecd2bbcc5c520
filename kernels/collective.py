"""Collectives, expanded as they run: a step counter per (collective, rank, part)."""

import numpy as np
from fabricemu.kernels import bits, message, nic, work
from fabricemu.kernels._jit import device
from fabricemu.kernels.collectives import table
from fabricemu.kernels.state import FINISH, NONE

NO_WRAP = (1 << 40) - 1  # step sets are not cyclic


@device
def connection(state, host, rank, channel):
    """Return the first QP of the host's connection to a rank on a channel."""
    key = rank * state.config[0]["channels"] + channel
    low = host["first_conn"]
    high = host["end_conn"]
    while low < high:
        middle = (low + high) >> 1
        if state.conn_key[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low * state.config[0]["qps"]


@device
def send(state, part, host, op, piece, s, now):
    """Post the message of one step of a part, if there is one."""
    instance = state.instances[state.ops[op]["instance"]]
    position = np.int64(state.ops[op]["position"])
    peer, amount, _ = table.step(instance, position, piece, s)
    if peer == NONE:
        return
    m = message.create(state, part, amount, now)
    if m == NONE:
        return
    record = state.messages[m]
    slots = instance["steps"]
    record["number"] = instance["number"] + (piece * instance["n"] + position) * slots + s
    record["instance"] = state.ops[op]["instance"]
    record["part"] = piece
    record["step"] = s
    record["target"] = peer
    rank = state.members[instance["group"] + peer]
    first_qp = connection(state, host, rank, piece // instance["channel_parts"])
    nic.post(state, part, host, first_qp, m, now)


@device
def received(state, instance, index, s):
    """Return whether the message of step ``s`` has come for part state ``index``."""
    base = instance["bits"] + (index - instance["states"]) * instance["words"]
    return bits.test(state.step_bits, base, NO_WRAP, s)


@device
def advance(state, part, host, op, piece, now):
    """Take one step of a part if it can; return whether it could."""
    instance = state.instances[state.ops[op]["instance"]]
    position = np.int64(state.ops[op]["position"])
    index = instance["states"] + position * instance["parts"] + piece
    progress = state.part_states[index]
    s = progress["step"]
    steps = instance["steps"]
    if s > steps:
        return False
    at_once = instance["algorithm"] == table.AT_ONCE
    if at_once and s > 0 and progress["received"] < steps:
        return False
    if s > 0 and not at_once:
        _, _, expects = table.step(instance, position, piece, s - 1)
        if expects and not received(state, instance, index, s - 1):
            return False
    if s == steps:
        progress["step"] = s + 1
        state.ops[op]["remaining"] -= 1
        if state.ops[op]["remaining"] == 0:
            work.queue(state, part, op, FINISH)
        return True
    progress["step"] = steps if at_once else s + 1
    for k in range(s, progress["step"]):
        send(state, part, host, op, piece, k, now)
    return True


@device
def begin(state, part, host, op, now):
    """Start a rank's share: its parts in turn, one step each, until none can go on."""
    parts = state.instances[state.ops[op]["instance"]]["parts"]
    state.ops[op]["remaining"] = parts
    moved = True
    while moved:
        moved = False
        for piece in range(parts):
            if advance(state, part, host, op, piece, now):
                moved = True


@device
def on_receive(state, part, host, m, now):
    """Note a message of a collective, and go on with its part if the rank has begun."""
    record = state.messages[m]
    instance = state.instances[record["instance"]]
    index = instance["states"] + record["target"] * instance["parts"] + record["part"]
    progress = state.part_states[index]
    progress["received"] += 1
    base = instance["bits"] + (index - instance["states"]) * instance["words"]
    bits.put(state.step_bits, base, NO_WRAP, record["step"])
    op = progress["op"]
    if state.ops[op]["started"] != NONE:
        while advance(state, part, host, op, record["part"], now):
            pass
