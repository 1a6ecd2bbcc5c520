"""A port of a switch: what arrives for it, and what departs from it (docs/ethernet.md 6)."""

import numpy as np
from fabricemu.kernels import extras, pool, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.random import at_instant, fold
from fabricemu.kernels.state import BULK, CONTROL, NONE, Exit
from fabricemu.kernels.switch import (
    buffer,
    element,
    marking,
    pause,
    queue,
    scheduler,
    trimming,
    wire,
)

LOSSLESS_DROP = int(Exit.LOSSLESS_DROP)


@inlined
def control(state, part, d, p, packet, now):
    """Give a control packet to port ``p``."""
    ring.push(state, part, p * state.config[0]["fifos"], packet)
    wire.start_or_wait(state, part, d, p, CONTROL, packet, now)


@inlined
def data(state, part, d, i, p, packet, now):
    """Give a data packet that came in by port ``i`` to port ``p``."""
    entry = state.entries[packet]
    c = np.int64(queue.class_of(entry))
    record = queue.of(state, p, c)
    if state.ports[p]["free_at"] <= now and record["paused"] == 0:
        ring.push(state, part, p * state.config[0]["fifos"] + BULK + c, packet)
        wire.start(state, part, d, p, BULK + c, packet, now)
        wire.schedule(state, d, p, now)
        return
    size = np.int64(entry["bytes"])
    limit = state.limits[p]["limit"]
    if limit >= 0 and queue.queued(state, p, c, now) + size > limit:
        refuse(state, part, d, i, p, packet, now)
    elif full(state, d, record, c, size):
        trim_or_drop(state, part, d, p, packet, now)
    else:
        keep(state, part, d, i, p, packet, now)


@device
def full(state, d, record, c, size):
    """Return whether the shared buffer refuses a packet of a lossy class."""
    box = state.switches[d]
    if box["charged"] == 0 or box["pool"] < 0 or state.classes[c]["lossless"] == 1:
        return False
    config = state.config[0]
    return record["waiting"] + size > buffer.threshold(state, d, config["alpha_lossy"])


@device
def refuse(state, part, d, i, p, packet, now):
    """Drop or trim where the queue is full: the newcomer, or by a coin the newest that waits."""
    config = state.config[0]
    c = np.int64(queue.class_of(state.entries[packet]))
    alone = state.switches[d]["pool"] < 0 and queue.of(state, p, c)["waiting"] > 0
    if config["trim_bytes"] > 0 and alone:
        first = state.devices[d]["first_port"]
        seed = state.switches[d]["trim_seed"]
        if fold(fold(at_instant(seed, now), p - first), i - first) & 1 == 1:
            newest = ring.drop_newest(state, p * config["fifos"] + BULK + c)
            by = state.entries[newest]["time"]
            size = np.int64(state.entries[newest]["bytes"])
            state.ports[p]["waiting_bytes"] -= size
            queue.of(state, p, c)["waiting"] -= size
            account_pause(state, p, c, newest, now)
            if state.switches[d]["charged"] == 1:
                buffer.release(state, d, by, c, size)
                pause.check_resume(state, part, d, by, c, now)
            trimming.trim(state, part, d, p, newest, now)
            keep(state, part, d, i, p, packet, now)
            return
    trim_or_drop(state, part, d, p, packet, now)


@device
def trim_or_drop(state, part, d, p, packet, now):
    """Refuse an arriving packet."""
    if state.config[0]["trim_bytes"] > 0:
        trimming.trim(state, part, d, p, packet, now)
    else:
        state.limits[p]["drops"] += 1
        pool.give(state, part, packet)


@inlined
def keep(state, part, d, i, p, packet, now):
    """Charge a packet and let it wait."""
    config = state.config[0]
    c = np.int64(queue.class_of(state.entries[packet]))
    size = np.int64(state.entries[packet]["bytes"])
    box = state.switches[d]
    if box["charged"] == 1 and not buffer.charge(state, d, i, c, size):
        fail_lossless(state, part, i, c)
        return
    ring.push(state, part, p * config["fifos"] + BULK + c, packet)
    entry = state.entries[packet]
    entry["time"] = i
    if config["ecn_at_enqueue"] == 1:
        first = state.devices[d]["first_port"]
        seed = at_instant(state.switches[d]["mark_seed"], now)
        roll = fold(fold(seed, p - first), 1 + i - first)
        marking.mark(state, p, entry, queue.of(state, p, c)["waiting"] + size, roll)
    if config["pausing"] == 1:
        extras.tag(state, packet)["pause"] -= queue.paused_for(queue.of(state, p, c), now)
    queue.of(state, p, c)["waiting"] += size
    wire.count(state, p, size)
    wire.schedule(state, d, p, now)
    if box["charged"] == 1:
        pause.check(state, part, d, i, c, now)
    elif box["held"] == 1:
        element.hold(state, part, d, i, size, now)


@device
def fail_lossless(state, part, i, c):
    """End the run: class ``c`` loses a packet that came in by port ``i``."""
    share = state.parts[part]
    share["status"] = LOSSLESS_DROP
    share["lossless_port"] = i
    share["lossless_class"] = c


@device
def account_pause(state, p, c, packet, now):
    """Add to a packet's tag how long its class was paused while it waited here."""
    if state.config[0]["pausing"] == 1:
        extras.tag(state, packet)["pause"] += queue.paused_for(queue.of(state, p, c), now)


@inlined
def depart(state, part, d, p, now):
    """Start the next packet of port ``p``, if one may go."""
    fifo = scheduler.choose(state, part, p)
    if fifo == NONE:
        return
    config = state.config[0]
    out = state.outs[p * config["fifos"] + fifo]
    packet = ring.at(state, out, out["committed"])
    entry = state.entries[packet]
    size = np.int64(entry["bytes"])
    if fifo <= config["classes"]:
        state.ports[p]["waiting_bytes"] -= size
    if fifo == CONTROL:
        state.egress[p]["control_waiting"] -= size
    elif fifo <= config["classes"]:
        leave(state, part, d, p, packet, now)
    wire.start(state, part, d, p, fifo, packet, now)
    wire.schedule(state, d, p, now)


@device
def resume(state, part, d, p, now):
    """Let a port go on that a pause had stopped."""
    if state.ports[p]["free_at"] <= now:
        depart(state, part, d, p, now)


@inlined
def leave(state, part, d, p, packet, now):
    """Take a data packet out of its queue: mark it, give its charge back."""
    config = state.config[0]
    entry = state.entries[packet]
    size = np.int64(entry["bytes"])
    c = np.int64(queue.class_of(entry))
    record = queue.of(state, p, c)
    if config["classes"] > 1 and record["waiting"] == size:
        scheduler.emptied(state, p, c)
    record["waiting"] -= size
    if config["ecn_at_enqueue"] == 0 and record["waiting"] > state.egress[p]["ecn_low"]:
        local = p - state.devices[d]["first_port"]
        roll = fold(at_instant(state.switches[d]["mark_seed"], now), local)
        marking.mark(state, p, entry, record["waiting"], roll)
    account_pause(state, p, c, packet, now)
    box = state.switches[d]
    by = entry["time"]
    if box["charged"] == 1:
        buffer.release(state, d, by, c, size)
        pause.check_resume(state, part, d, by, c, now)
    elif box["held"] == 1:
        element.raise_level(state, p, entry, record["waiting"])
        element.let_go(state, part, d, by, size, now)
