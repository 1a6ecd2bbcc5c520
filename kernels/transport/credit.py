"""RCCC, the receiver's credit of Ultra Ethernet 1.0, as uet-htsim runs it.

Lists of queue pairs are linked by number in ``uec_receivers``; a pacer serves a NIC port.
"""

import numpy as np
from fabricemu.kernels import clock, extras
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import NONE, PULL, RTS
from fabricemu.kernels.transport import control

QUANTUM = 256  # bytes
PULL_QUANTA = 64
IDLE_QUANTA = 4  # time of a tick that granted nothing
PULL_ENTROPIES = 128

# the sender


@device
def leave_speculation(state, qp):
    """Forfeit unused speculative credit at the first word from the receiver."""
    record = state.uec_senders[qp]
    if record["speculating"] == 1:
        record["speculating"] = 0
        record["credit"] = min(record["credit"], 0)


@device
def target(state, qp):
    """Return the grant, in quanta, that would satisfy the queue pair now."""
    config = state.config[0]
    record = state.uec_senders[qp]
    full = config["full_frame"]
    want = min(record["backlog"] + record["again"], state.parameters[0]["max_window"])
    if config["has_window"] == 1:
        want = min(want, record["cwnd"] + full)
    want -= record["credit"]
    if record["speculating"] == 1 and record["backlog"] > 0:
        want = max(want, full)
    return (want + QUANTUM * record["pulled"] + QUANTUM - 1) // QUANTUM


@device
def on_pull(state, packet):
    """Take in a grant."""
    qp = np.int64(state.entries[packet]["qp"])
    granted = extras.tag(state, packet)["stamp"]
    record = state.uec_senders[qp]
    leave_speculation(state, qp)
    if granted > record["pulled"]:
        credit = record["credit"] + QUANTUM * (granted - record["pulled"])
        record["credit"] = min(credit, state.parameters[0]["max_window"])
        record["pulled"] = granted


@device
def ask(state, part, qp):
    """Send an RTS: demand that no data packet carries."""
    sender = state.senders[qp]
    packet = control.push(state, part, sender["port"], RTS, qp, sender["dst"])
    if packet != NONE:
        extras.tag(state, packet)["stamp"] = target(state, qp)


# the receiver


@device
def listen(state, host, p, qp, wanted, at_any_rate, now):
    """Note a pull target; list the queue pair for grants if it is new, or ``at_any_rate``."""
    record = state.uec_receivers[qp]
    if wanted > record["top"]:
        record["top"] = wanted
    elif not at_any_rate:
        return
    if record["active"] == 1:
        return
    pacer = state.pacers[p]
    to_active(state, pacer, qp)
    if pacer["asleep"] == 1:
        pacer["asleep"] = 0
        clock.set_at(state, host, timer_of(state, host, p), now)


@device
def timer_of(state, host, p):
    """Return the number of a pacer's timer."""
    return host["first_pacer"] + p - state.devices[host["rank"]]["first_port"]


@device
def to_active(state, pacer, qp):
    """Put a queue pair at the tail of the active list."""
    record = state.uec_receivers[qp]
    record["active"] = 1
    record["next_active"] = NONE
    if pacer["head_active"] == NONE:
        pacer["head_active"] = qp
    else:
        state.uec_receivers[pacer["tail_active"]]["next_active"] = qp
    pacer["tail_active"] = qp


@device
def to_idle(state, pacer, qp):
    """Put a queue pair at the tail of the idle list, unless it is there."""
    record = state.uec_receivers[qp]
    if record["idle"] == 1:
        return
    record["idle"] = 1
    record["next_idle"] = NONE
    if pacer["head_idle"] == NONE:
        pacer["head_idle"] = qp
    else:
        state.uec_receivers[pacer["tail_idle"]]["next_idle"] = qp
    pacer["tail_idle"] = qp


@device
def tick(state, part, host, p, now):
    """Grant one pull; set the next tick."""
    pacer = state.pacers[p]
    if pacer["head_active"] != NONE:
        quanta = serve_active(state, part, p, pacer)
    elif pacer["head_idle"] != NONE:
        quanta = serve_idle(state, part, p, pacer)
    else:
        pacer["asleep"] = 1
        return
    if quanta == 0:
        quanta = IDLE_QUANTA
    following = now + quanta * state.parameters[0]["quantum"]
    clock.set_at(state, host, timer_of(state, host, p), following)


@device
def serve_active(state, part, p, pacer):
    """Grant the first active queue pair what it wants, up to a full pull; return the quanta."""
    qp = pacer["head_active"]
    record = state.uec_receivers[qp]
    pacer["head_active"] = record["next_active"]
    record["active"] = 0
    granted = max(record["granted"], min(record["granted"] + PULL_QUANTA, record["top"]))
    quanta = granted - record["granted"]
    record["granted"] = granted
    pull(state, part, p, qp)
    if record["top"] > granted:
        to_active(state, pacer, qp)
    else:
        to_idle(state, pacer, qp)
    return quanta


@device
def serve_idle(state, part, p, pacer):
    """Grant the first idle queue pair a full pull ahead of its demand; return the quanta."""
    qp = pacer["head_idle"]
    record = state.uec_receivers[qp]
    pacer["head_idle"] = record["next_idle"]
    record["idle"] = 0
    record["granted"] += PULL_QUANTA
    pull(state, part, p, qp)
    excess = record["granted"] - record["top"]
    if excess >= 0 and excess < state.parameters[0]["max_window"] // QUANTUM:
        to_idle(state, pacer, qp)
    return PULL_QUANTA


@device
def pull(state, part, p, qp):
    """Send a grant."""
    packet = control.push(state, part, p, PULL, qp, state.receivers[qp]["dst"])
    if packet == NONE:
        return
    record = state.uec_receivers[qp]
    tag = extras.tag(state, packet)
    tag["stamp"] = record["granted"]
    tag["entropy"] = record["pulls"]
    record["pulls"] = (record["pulls"] + 1) % PULL_ENTROPIES
