"""Packets onto the wire of a switch's port, or into its queue."""

import numpy as np
from fabricemu.kernels import port
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.random import at_instant, fold
from fabricemu.kernels.state import (
    BULK,
    CONTROL,
    LOST,
    MAX_STAMPS,
    SCALE_UP,
    STAMP_WORDS,
    SWITCH,
)
from fabricemu.kernels.switch import departures


@inlined
def start(state, part, d, p, fifo, packet, now):
    """Put an entry of a FIFO of port ``p`` on the wire; what waits goes on when it is free."""
    config = state.config[0]
    entry = state.entries[packet]
    limit = state.limits[p]
    limit["serving"] = 0
    state.outs[p * config["fifos"] + fifo]["committed"] += 1
    if fifo >= BULK and fifo <= config["classes"]:
        limit["serving"] = entry["bytes"]
        state.egress[p]["serving_class"] = fifo - BULK
        if config["stamped"] == 1 and is_packet_switch(state.devices[d]["kind"]):
            stamp(state, p, packet, now)
    port.transmit(state, part, p, packet, now)
    if fifo > config["classes"]:
        entry["time"] += entry["sent"]
    elif config["lossy"] == 1:
        lose(state, d, p, entry, now)


@inlined
def is_packet_switch(kind):
    """Return whether a device of this kind stamps: leaves and elements do not."""
    return kind in (SWITCH, SCALE_UP)


@device
def stamp(state, p, packet, now):
    """Add what HPCC wants to know of this hop (INT, SIGCOMM 2019 section 3)."""
    words = state.stamps[packet]
    count = words[0]
    if count == MAX_STAMPS:
        return
    words[0] = count + 1
    first = 1 + STAMP_WORDS * count
    words[first] = now
    words[first + 1] = state.ports[p]["sent_bytes"]
    words[first + 2] = state.ports[p]["waiting_bytes"]
    words[first + 3] = state.limits[p]["rate"]


@device
def lose(state, d, p, entry, now):
    """Lose a packet that starts on a dead link, or by chance."""
    egress = state.egress[p]
    if egress["down"] == 0:
        if egress["loss"] == 0:
            return
        local = p - state.devices[d]["first_port"]
        roll = fold(at_instant(state.switches[d]["loss_seed"], now), local)
        if roll >= egress["loss"]:
            return
    entry["kind"] = LOST
    egress["lost"] += 1


@inlined
def start_or_wait(state, part, d, p, fifo, packet, now):
    """Start a control or pause frame just pushed if the wire is free, else let it wait."""
    # A scheduled port with a free wire departs at this instant; what waits there is first.
    if state.ports[p]["free_at"] <= now and state.egress[p]["scheduled"] == 0:
        start(state, part, d, p, fifo, packet, now)
    elif fifo == CONTROL:
        size = np.int64(state.entries[packet]["bytes"])
        state.egress[p]["control_waiting"] += size
        count(state, p, size)
    schedule(state, d, p, now)


@inlined
def count(state, p, size):
    """Count a packet that waits at port ``p``."""
    record = state.ports[p]
    waiting = record["waiting_bytes"] + size
    record["waiting_bytes"] = waiting
    record["bin_peak"] = max(record["bin_peak"], waiting)


@inlined
def schedule(state, d, p, now):
    """Let a busy port depart when its wire is free, if something waits there."""
    if state.ports[p]["free_at"] <= now:
        return  # what waits is paused
    fifos = state.config[0]["fifos"]
    waits = state.ports[p]["waiting_bytes"] > 0
    if state.config[0]["pausing"] == 1:
        out = state.outs[(p + 1) * fifos - 1]
        waits |= out["committed"] < out["tail"]
    if waits:
        departures.add(state, d, p)
