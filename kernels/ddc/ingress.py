"""The source side of a leaf: VOQs, what they ask for, and what leaves them (docs/ddc.md 12, 13)."""

import numpy as np
from fabricemu.kernels import pool, port, ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.ddc import cells, pacer, reassembly, requests
from fabricemu.kernels.ddc.voq import number_of, target_leaf
from fabricemu.kernels.state import BULK, INF, RENEWAL, REQUEST


@device
def receive_packet(state, part, dev, i, packet, now):
    """Put a packet from host port ``i`` into its VOQ, send what may go, ask for credits."""
    config = state.config[0]
    entry = state.entries[packet]
    size = np.int64(entry["bytes"])
    level = port.class_of(entry["kind"])
    voq = number_of(state, dev["index"], np.int64(entry["dst"]), level)
    queue = state.voqs[voq]
    trail = state.trails[packet]
    trail["charged"] = 0
    if level == BULK and not passes(state, dev, voq, now):
        if config["voq_bytes"] >= 0 and queue["queued"] + size > config["voq_bytes"]:
            state.limits[i]["drops"] += 1
            pool.give(state, part, packet)
            return
        trail["charged"] = 1
        hold(state, state.leaves[dev["index"]], size)
    ring.push(state, part, config["port_rings"] + voq, packet)
    trail["voq_in"] = now
    queue["queued"] += size
    let_go(state, part, dev, voq, now)
    ask(state, part, dev, voq, REQUEST, now)


@device
def passes(state, dev, voq, now):
    """Return whether a packet would leave at once."""
    queue = state.voqs[voq]
    if queue["queued"] > 0 or queue["balance"] <= 0:
        return False
    return not is_paced(state, dev, voq) or pacer.is_free(state, dev, now)


@device
def hold(state, leaf, size):
    """Count bytes that have to wait."""
    onchip = state.config[0]["onchip_bytes"]
    leaf["held"] += size
    leaf["held_peak"] = max(leaf["held_peak"], leaf["held"])
    if onchip >= 0 and leaf["held"] > onchip:
        leaf["deep"] += size


@device
def is_paced(state, dev, voq):
    """Return whether the lanes' pace counts for a VOQ."""
    return state.config[0]["paced"] == 1 and target_leaf(state, voq) != dev["index"]


@device
def let_go(state, part, dev, voq, now):
    """Send what may leave a VOQ, as soon as the pacer allows."""
    queue = state.voqs[voq]
    if queue["queued"] == 0 or queue["balance"] <= 0:
        return
    if not is_paced(state, dev, voq):
        send_batch(state, part, dev, voq, now)
    elif pacer.may_send(state, dev, voq, now):
        pacer.sent(state, dev, send_batch(state, part, dev, voq, now), now)


@device
def send_batch(state, part, dev, voq, now):
    """Send what the balance lets go; return the bytes of its cells."""
    config = state.config[0]
    out = state.outs[config["port_rings"] + voq]
    first = out["committed"]
    last = leave(state, dev, voq, now)
    target = target_leaf(state, voq)
    size = 0
    if target == dev["index"]:
        hand_over(state, part, dev, voq, last, now)
    else:
        leaf = state.leaves[dev["index"]]
        if config["packing"] == 1:
            size = cells.cut(state, part, dev, leaf, target, voq, first, last, now)
        else:
            for index in range(first, last):
                size += cells.cut(state, part, dev, leaf, target, voq, index, index + 1, now)
        out["committed"] = last
        if state.voqs[voq]["dirty"] == 0:
            state.voqs[voq]["dirty"] = 1
            state.dirty[leaf["first_voq"] + leaf["dirty"]] = voq
            leaf["dirty"] += 1
    ask(state, part, dev, voq, REQUEST, now)
    return size


@device
def leave(state, dev, voq, now):
    """Take packets out of a VOQ while its balance is positive; return the end of the batch."""
    queue = state.voqs[voq]
    leaf = state.leaves[dev["index"]]
    out = state.outs[state.config[0]["port_rings"] + voq]
    last = out["committed"]
    while last < out["tail"] and queue["balance"] > 0:
        packet = ring.at(state, out, last)
        trail = state.trails[packet]
        size = np.int64(state.entries[packet]["bytes"])
        queue["balance"] -= size
        queue["queued"] -= size
        leaf["held"] -= size * trail["charged"]
        trail["voq_head"] = max(trail["voq_in"], queue["last_out"])
        trail["voq_out"] = now
        queue["last_out"] = now
        last += 1
    return last


@device
def hand_over(state, part, dev, voq, last, now):
    """Give packets for a port of this same leaf to that port, without cells."""
    out = state.outs[state.config[0]["port_rings"] + voq]
    for index in range(out["committed"], last):
        packet = ring.at(state, out, index)
        state.trails[packet]["last_cell"] = now
        state.trails[packet]["last_cell_bytes"] = 0
        reassembly.to_port(state, part, dev, voq, packet, now)
    out["committed"] = last
    # This leaf is the ring's reader too: what left is free at once.
    ins = state.ins[state.config[0]["port_rings"] + voq]
    if out["offset"] != ins["offset"]:
        ring.settle(state, part, out, ins)
    out["seen"] = last
    ins["head"] = last
    ins["published"] = last


@device
def on_credit(state, part, dev, voq, now):
    """Add a credit to a VOQ's balance and let packets leave."""
    config = state.config[0]
    queue = state.voqs[voq]
    queue["asked"] = max(0, queue["asked"] - config["credit"])
    queue["balance"] += config["credit"]
    if config["balance_bytes"] >= 0 and queue["balance"] > config["balance_bytes"]:
        queue["balance"] = config["balance_bytes"]
        state.leaves[dev["index"]]["excess"] += 1
    let_go(state, part, dev, voq, now)


@device
def ask(state, part, dev, voq, kind, now):
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
    leaf = state.leaves[dev["index"]]
    leaf["requests"] += 1
    target = target_leaf(state, voq)
    if target == dev["index"]:
        requests.on_request(state, dev, voq, count, now)
        return
    leaf["renewals"] += kind == RENEWAL
    cells.send_control(state, part, dev, leaf, target, kind, voq, count, now)
    expect_look(state, leaf, now)


@device
def expect_look(state, leaf, now):
    """See to it that the leaf looks after what it has asked for."""
    period = state.config[0]["watchdog"]
    if period > 0:
        leaf["next_look"] = min(leaf["next_look"], (now // period + 1) * period)


@device
def renew(state, part, dev, now):
    """Ask again for what has not come for a period (docs/ddc.md 13.5)."""
    config = state.config[0]
    leaf = state.leaves[dev["index"]]
    leaf["next_look"] = INF
    for voq in range(leaf["first_voq"], leaf["end_voq"]):
        queue = state.voqs[voq]
        if queue["asked"] == 0 or target_leaf(state, voq) == dev["index"]:
            continue
        if queue["since"] <= now - config["watchdog"]:
            queue["asked"] = 0
            ask(state, part, dev, voq, RENEWAL, now)
        if queue["asked"] > 0:
            expect_look(state, leaf, now)
