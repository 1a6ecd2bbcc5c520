"""Priority flow control (IEEE 802.1Qbb): pause frames sent, received and obeyed."""

import numpy as np
from fabricemu.kernels import extras, pool, ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import AT_ONCE, NONE, PAUSE
from fabricemu.kernels.switch import buffer, queue, wire


@device
def check(state, part, d, i, c, now):
    """Pause the sender of a port group that holds too much."""
    config = state.config[0]
    group = queue.of(state, i, c)
    if group["pausing"] == 1 or state.egress[i]["pfc"] == 0 or state.classes[c]["lossless"] == 0:
        return
    if config["xoff"] >= 0:
        full = group["resv"] + group["shared"] + group["hdrm"] > config["xoff"]
    else:
        limit = buffer.threshold(state, d, config["alpha"])
        full = group["hdrm"] > 0 or group["shared"] >= limit
    if full:
        group["pausing"] = 1
        send(state, part, d, i, c, 0, now)


@device
def check_resume(state, part, d, i, c, now):
    """Let the sender of a port group go on if it holds little enough."""
    config = state.config[0]
    group = queue.of(state, i, c)
    if group["pausing"] == 0:
        return
    if config["xoff"] >= 0:
        ready = group["resv"] + group["shared"] + group["hdrm"] <= config["xon"]
    else:
        limit = buffer.threshold(state, d, config["alpha"])
        low = group["shared"] == 0 or group["shared"] + config["xon"] <= limit
        ready = group["hdrm"] == 0 and low
    if ready:
        group["pausing"] = 0
        send(state, part, d, i, c, AT_ONCE, now)


@device
def send(state, part, d, i, c, flags, now):
    """Send a pause frame, or with AT_ONCE a resume frame, out of port ``i``."""
    config = state.config[0]
    fifo = config["fifos"] - 1
    packet = pool.take(state, part)
    if packet == NONE:
        return
    ring.push(state, part, i * config["fifos"] + fifo, packet)
    extras.clear(state, packet)
    entry = state.entries[packet]
    on_lane = state.switches[d]["held"] == 1
    entry["time"] = 0
    entry["sent"] = config["llfc_response"] if on_lane else config["pause_response"]
    entry["qp"] = 0
    entry["dst"] = 0
    entry["psn"] = c
    entry["bytes"] = config["control_cell"] if on_lane else config["pause_bytes"]
    entry["kind"] = PAUSE
    entry["flags"] = flags
    wire.start_or_wait(state, part, d, i, fifo, packet, now)


@device
def obey(state, part, p, packet, now):
    """Note a frame that came in by port ``p``; return whether its class may go again."""
    entry = state.entries[packet]
    c = np.int64(entry["psn"])
    record = queue.of(state, p, c)
    if entry["flags"] & AT_ONCE == 0:
        if record["paused"] == 0:
            record["paused"] = 1
            record["paused_since"] = now
        return False
    if record["paused"] == 0:
        return False
    record["paused"] = 0
    record["paused_total"] += now - record["paused_since"]
    log(state, part, p, c, record["paused_since"], now)
    return True


@device
def log(state, part, p, c, begin, end):
    """Keep an interval for Python to take away; count those that find no room."""
    share = state.parts[part]
    row = share["pauses"]
    share["pauses"] = row + 1
    if row < state.config[0]["pause_rows"]:
        line = state.pause_log[part, row]
        line["port"] = p
        line["traffic_class"] = c
        line["start"] = begin
        line["end"] = end
