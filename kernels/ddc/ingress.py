"""The source side of a leaf: VOQs, what they ask for, and what leaves them (docs/ddc.md 12, 13)."""

import numpy as np
from fabricemu.kernels import pool, ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.ddc import cells, pacer, reassembly, requests
from fabricemu.kernels.ddc import voq as voqs
from fabricemu.kernels.state import BULK, INF, NONE, RENEWAL, REQUEST
from fabricemu.kernels.switch import buffer, output, pause


@device
def receive_packet(state, part, d, i, packet, now):
    """Put a packet from host port ``i`` into its VOQ, send what may go, ask for credits."""
    config = state.config[0]
    entry = state.entries[packet]
    size = np.int64(entry["bytes"])
    level = np.int64(voqs.level_of(entry))
    voq = voqs.number(state, state.devices[d]["index"], np.int64(entry["dst"]), level)
    queue = state.voqs[voq]
    trail = state.trails[packet]
    trail["by"] = NONE
    trail["broken"] = 0
    if level >= BULK and not passes(state, d, voq, now):
        if not is_admitted(state, d, i, voq, size):
            state.limits[i]["drops"] += 1
            pool.give(state, part, packet)
            return
        if not hold(state, part, d, i, voq, size, now):
            return
        trail["by"] = i
    ring.push(state, part, config["port_rings"] + voq, packet)
    trail["voq_in"] = now
    queue["queued"] += size
    leaf = state.leaves[state.devices[d]["index"]]
    leaf["voq_peak"] = max(leaf["voq_peak"], queue["queued"])
    let_go(state, part, d, voq, now)
    ask(state, part, d, voq, REQUEST, now)


@device
def passes(state, d, voq, now):
    """Return whether a packet would leave at once."""
    queue = state.voqs[voq]
    if queue["queued"] > 0 or queue["balance"] <= 0:
        return False
    return not is_paced(state, d, voq) or state.leaves[state.devices[d]["index"]]["free_at"] <= now


@device
def is_paced(state, d, voq):
    """Return whether the lanes' pace counts for a VOQ."""
    if state.config[0]["paced"] == 0:
        return False
    return voqs.target_leaf(state, voq) != state.devices[d]["index"]


@device
def is_admitted(state, d, i, voq, size):
    """Return whether a VOQ, and the buffer, take a data packet that has to wait."""
    config = state.config[0]
    queued = state.voqs[voq]["queued"] + size
    if config["voq_bytes"] >= 0 and queued > config["voq_bytes"]:
        return False
    if config["charged"] == 0 or state.switches[d]["pool"] < 0:
        return True
    c = voqs.level(state, voq) - BULK
    lossless = state.classes[c]["lossless"] == 1
    return lossless or queued <= buffer.threshold(state, d, config["alpha_lossy"])


@device
def hold(state, part, d, i, voq, size, now):
    """Charge a data packet that waits, and count it; return whether there was room."""
    if state.config[0]["charged"] == 1:
        c = voqs.level(state, voq) - BULK
        if not buffer.charge(state, d, i, c, size):
            output.fail_lossless(state, part, i, c)
            return False
        pause.check(state, part, d, i, c, now)
    onchip = state.config[0]["onchip_bytes"]
    leaf = state.leaves[state.devices[d]["index"]]
    leaf["held"] += size
    leaf["held_peak"] = max(leaf["held_peak"], leaf["held"])
    if onchip >= 0 and leaf["held"] > onchip:
        leaf["deep"] += size
    return True


@device
def release(state, part, d, voq, packet, now):
    """Give back what a data packet was charged while it waited."""
    by = np.int64(state.trails[packet]["by"])
    if by == NONE:
        return
    size = np.int64(state.entries[packet]["bytes"])
    state.leaves[state.devices[d]["index"]]["held"] -= size
    if state.config[0]["charged"] == 1:
        c = voqs.level(state, voq) - BULK
        buffer.release(state, d, by, c, size)
        pause.check_resume(state, part, d, by, c, now)


@device
def let_go(state, part, d, voq, now):
    """Send what may leave a VOQ, as soon as the pacer allows."""
    queue = state.voqs[voq]
    if queue["queued"] == 0 or queue["balance"] <= 0:
        return
    if not is_paced(state, d, voq):
        send_batch(state, part, d, voq, now)
    elif pacer.may_send(state, state.leaves[state.devices[d]["index"]], voq, now):
        send_paced(state, part, d, voq, now)


@device
def send_paced(state, part, d, voq, now):
    """Send a batch whose turn it is."""
    size = send_batch(state, part, d, voq, now)
    pacer.sent(state, state.leaves[state.devices[d]["index"]], size, now)


@device
def send_batch(state, part, d, voq, now):
    """Send what the balance lets go; return the bytes of its cells."""
    config = state.config[0]
    index = state.devices[d]["index"]
    out = state.outs[config["port_rings"] + voq]
    first = out["committed"]
    queued = state.voqs[voq]["queued"]
    last = leave(state, part, d, voq, now)
    target = voqs.target_leaf(state, voq)
    size = np.int64(0)
    if target == index:
        hand_over(state, part, d, voq, last, now)
    else:
        if config["packing"] == 1:
            size = cells.cut(state, part, d, voq, target, first, last, now)
        else:
            for place in range(first, last):
                size += cells.cut(state, part, d, voq, target, place, place + 1, now)
        out["committed"] = last
        leaf = state.leaves[index]
        leaf["cut"] += last - first
        leaf["cut_bytes"] += queued - state.voqs[voq]["queued"]
        leaf["cell_bytes"] += size
        note_dirty(state, index, voq)
    ask(state, part, d, voq, REQUEST, now)
    return size


@device
def note_dirty(state, index, voq):
    """Note that a VOQ's ring has news for the leaf that it leads to."""
    if state.voqs[voq]["dirty"] == 1:
        return
    state.voqs[voq]["dirty"] = 1
    leaf = state.leaves[index]
    state.dirty[leaf["first_voq"] + leaf["dirty"]] = voq
    leaf["dirty"] += 1


@device
def leave(state, part, d, voq, now):
    """Take packets out of a VOQ while its balance is positive; return the end of the batch."""
    queue = state.voqs[voq]
    leaf = state.leaves[state.devices[d]["index"]]
    out = state.outs[state.config[0]["port_rings"] + voq]
    last = out["committed"]
    kept = max(queue["balance"], 0)
    while last < out["tail"] and queue["balance"] > 0:
        packet = ring.at(state, out, last)
        trail = state.trails[packet]
        size = np.int64(state.entries[packet]["bytes"])
        queue["balance"] -= size
        queue["queued"] -= size
        trail["voq_head"] = max(trail["voq_in"], queue["last_out"])
        trail["voq_out"] = now
        queue["last_out"] = now
        leaf["left"] += 1
        leaf["credit_wait"] += now - trail["voq_head"]
        leaf["voq_age"] = max(leaf["voq_age"], now - trail["voq_in"])
        release(state, part, d, voq, packet, now)
        last += 1
    leaf["balance"] += max(queue["balance"], 0) - kept
    return last


@device
def hand_over(state, part, d, voq, last, now):
    """Give packets for a port of this same leaf to that port, without cells."""
    out = state.outs[state.config[0]["port_rings"] + voq]
    for index in range(out["committed"], last):
        packet = ring.at(state, out, index)
        state.trails[packet]["last_cell"] = now
        state.trails[packet]["last_cell_bytes"] = 0
        reassembly.to_port(state, part, d, voq, packet, now)
    out["committed"] = last
    # This leaf is the ring's reader too: what left is free at once.
    ins = state.ins[state.config[0]["port_rings"] + voq]
    if out["offset"] != ins["offset"]:
        ring.settle(state, part, out, ins)
    out["seen"] = last
    ins["head"] = last
    ins["published"] = last


@device
def on_credit(state, part, d, voq, now):
    """Add a credit to a VOQ's balance and let packets leave."""
    config = state.config[0]
    queue = state.voqs[voq]
    leaf = state.leaves[state.devices[d]["index"]]
    kept = max(queue["balance"], 0)
    queue["asked"] = max(0, queue["asked"] - config["credit"])
    queue["balance"] += config["credit"]
    if config["balance_bytes"] >= 0 and queue["balance"] > config["balance_bytes"]:
        queue["balance"] = config["balance_bytes"]
        leaf["excess"] += 1
    leaf["balance"] += max(queue["balance"], 0) - kept
    let_go(state, part, d, voq, now)
    leaf["balance_peak"] = max(leaf["balance_peak"], leaf["balance"])


@device
def ask(state, part, d, voq, kind, now):
    """Ask for the credits that a VOQ lacks."""
    config = state.config[0]
    queue = state.voqs[voq]
    ahead = config["ahead_bytes"]
    missing = queue["queued"] + ahead - queue["balance"] - queue["asked"]
    if missing <= 0 or queue["queued"] + ahead == 0:
        return
    if queue["asked"] == 0 and kind == REQUEST:
        queue["since"] = now
    count = (missing + config["credit"] - 1) // config["credit"]
    queue["asked"] += count * config["credit"]
    index = state.devices[d]["index"]
    leaf = state.leaves[index]
    leaf["requests"] += 1
    target = voqs.target_leaf(state, voq)
    if target == index:
        requests.on_request(state, d, voq, count, now)
        return
    leaf["renewals"] += kind == RENEWAL
    cells.send_control(state, part, d, target, kind, voq, count, now)
    expect_look(state, leaf, now)


@device
def expect_look(state, leaf, now):
    """See to it that the leaf looks after what it has asked for."""
    period = state.config[0]["watchdog"]
    if period > 0:
        leaf["next_look"] = min(leaf["next_look"], (now // period + 1) * period)


@device
def renew(state, part, d, now):
    """Ask again for what has not come for a period (docs/ddc.md 13.5)."""
    config = state.config[0]
    index = state.devices[d]["index"]
    leaf = state.leaves[index]
    leaf["next_look"] = INF
    for voq in range(leaf["first_voq"], leaf["end_voq"]):
        queue = state.voqs[voq]
        if queue["asked"] == 0 or voqs.target_leaf(state, voq) == index:
            continue
        if queue["since"] <= now - config["watchdog"]:
            queue["asked"] = 0
            ask(state, part, d, voq, RENEWAL, now)
        if queue["asked"] > 0:
            expect_look(state, leaf, now)
