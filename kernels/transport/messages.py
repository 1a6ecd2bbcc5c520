"""The messages of a queue pair, as its sender and its receiver walk along them."""

from fabricemu.kernels import message
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import NONE


@device
def append(state, qp, m):
    """Put a message at the end of a queue pair."""
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


@inlined
def of_sender(state, qp, psn):
    """Return the message that holds a packet not yet acknowledged."""
    sender = state.senders[qp]
    m = sender["current"]
    record = state.messages[m]
    again = psn < record["first_psn"]
    if again:
        m = sender["head"]
        record = state.messages[m]
    while psn >= record["first_psn"] + record["packets"]:
        m = record["next"]
        record = state.messages[m]
    if not again:
        sender["current"] = m
    return m


@inlined
def of_receiver(state, qp, psn):
    """Return the message that holds ``psn``, starting at the receiver's own mark."""
    m = state.receivers[qp]["message"]
    record = state.messages[m]
    while psn >= record["first_psn"] + record["packets"]:
        m = record["next"]
        record = state.messages[m]
    return m


@inlined
def settle(state, qp):
    """Move the mark of a receiver out of order past messages that are complete.

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


@inlined
def is_acknowledged(state, qp):
    """Return whether the first message of a queue pair is wholly acknowledged."""
    m = state.senders[qp]["head"]
    if m == NONE:
        return False
    record = state.messages[m]
    return record["first_psn"] + record["packets"] <= state.senders[qp]["una"]


@device
def take_acknowledged(state, part, qp, now):
    """Take the first message, wholly acknowledged, off the sender's list.

    It is handed on one message late, for the receiver may still have to step from it to
    its successor.
    """
    sender = state.senders[qp]
    m = sender["head"]
    record = state.messages[m]
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


@inlined
def frame_bytes(state, m, psn):
    """Return the frame bytes of a packet of message ``m``."""
    record = state.messages[m]
    mtu = state.config[0]["mtu"]
    index = psn - record["first_psn"]
    payload = mtu
    if index == record["packets"] - 1:
        payload = record["bytes"] - index * mtu
    return payload + state.config[0]["header"]
