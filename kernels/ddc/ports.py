"""Ports of a leaf: two FIFOs drained when touched, or where there is more, those of a switch."""

import numpy as np
from fabricemu.kernels import port, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import BULK, CONTROL, INF
from fabricemu.kernels.switch import departures, output


@inlined
def catch_up(state, part, p, now):
    """Let the departures of port ``p`` up to ``now`` happen before its queue is looked at."""
    # A managed port departs in its turn: leaf.step has seen to that.
    if state.config[0]["managed"] == 0:
        port.advance(state, part, p, now)


@device
def queue_data(state, part, d, p, packet, now):
    """Give data to a port of a switch."""
    output.data(state, part, d, p, p, packet, now)


@device
def queue_control(state, part, d, p, packet, now):
    """Give control to a port of a switch."""
    output.control(state, part, d, p, packet, now)


@inlined
def send_cell(state, part, d, p, cell, now):
    """Give a data cell to lane ``p``, which has caught up."""
    if state.config[0]["managed"] == 1:
        queue_data(state, part, d, p, cell, now)
        return
    ring.push(state, part, port.FIFOS * p + BULK, cell)
    port.start_or_wait(state, part, p, BULK, cell, now)


@inlined
def send_control(state, part, d, p, cell, now):
    """Give a control cell to lane ``p``, which has caught up."""
    if state.config[0]["managed"] == 1:
        queue_control(state, part, d, p, cell, now)
        return
    ring.push(state, part, port.FIFOS * p + CONTROL, cell)
    port.start_or_wait(state, part, p, CONTROL, cell, now)


@device
def send_packet(state, part, d, p, level, packet, now):
    """Give a packet to egress port ``p``."""
    if state.config[0]["managed"] == 0:
        port.enqueue(state, part, p, level, packet, now)
    elif level == CONTROL:
        queue_control(state, part, d, p, packet, now)
    else:
        queue_data(state, part, d, p, packet, now)


@inlined
def next_departure(state, d):
    """Return the time of the next departure that must happen in its turn."""
    return departures.first(state, d) if state.config[0]["managed"] == 1 else np.int64(INF)


@device
def depart(state, part, d, now):
    """Let the port whose turn it is depart."""
    output.depart(state, part, d, departures.take(state, d), now)


@device
def flush(state, part, dev, end):
    """Let the departures before ``end`` happen that wait for no turn; return when the next is."""
    if state.config[0]["managed"] == 1:
        return np.int64(INF)
    return port.flush(state, part, dev, end)
