"""DDC leaf: VOQs, credits, cells (docs/model.md section 5)."""

import numpy as np
from fabricemu.kernels import cells, order, pool, port, ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.random import at_instant, fold
from fabricemu.kernels.state import BULK, CELL, CONTROL, CREDIT, INF, LAST, NONE, REQUEST


@device
def source_leaf(state, voq):
    """Return the leaf that holds a VOQ."""
    return voq // (2 * state.config[0]["addresses"])


@device
def address_of(state, voq):
    """Return the NIC port that a VOQ is for."""
    return voq // 2 % state.config[0]["addresses"]


@device
def receive_packet(state, part, dev, packet, now):
    """Put a packet from a host into its VOQ, send what may go, ask for credits."""
    config = state.config[0]
    leaf = state.leaves[dev["index"]]
    entry = state.entries[packet]
    lane_class = port.class_of(entry["kind"])
    voq = (dev["index"] * config["addresses"] + entry["dst"]) * 2 + lane_class
    ring.push(state, part, config["port_rings"] + voq, packet)
    state.trails[packet]["voq_in"] = now
    queue = state.voqs[voq]
    queue["queued"] += entry["bytes"]
    leave(state, part, dev, voq, now)
    credit = config["credit"]
    missing = queue["queued"] - queue["balance"] - queue["asked"]
    if queue["queued"] > 0 and missing > 0:
        count = (missing + credit - 1) // credit
        queue["asked"] += count * credit
        leaf["requests"] += 1
        target = np.int64(entry["dst"]) // config["leaf_ports"]
        if target == dev["index"]:
            on_request(state, dev, voq, count, now)
        else:
            cells.send_control(state, part, dev, leaf, target, REQUEST, voq, count, now)


@device
def leave(state, part, dev, voq, now):
    """Let packets leave a VOQ while its balance is positive: one batch."""
    config = state.config[0]
    queue = state.voqs[voq]
    out = state.outs[config["port_rings"] + voq]
    first = out["committed"]
    last = first
    while last < out["tail"] and queue["balance"] > 0:
        packet = ring.at(state, out, last)
        trail = state.trails[packet]
        size = np.int64(state.entries[packet]["bytes"])
        queue["balance"] -= size
        queue["queued"] -= size
        trail["voq_head"] = max(trail["voq_in"], queue["last_out"])
        trail["voq_out"] = now
        queue["last_out"] = now
        last += 1
    if last == first:
        return
    target = address_of(state, voq) // config["leaf_ports"]
    if target == dev["index"]:
        hand_over(state, part, dev, voq, last, now)
        return
    leaf = state.leaves[dev["index"]]
    if config["packing"] == 1:
        cells.cut(state, part, dev, leaf, target, voq, first, last, now)
    else:
        for index in range(first, last):
            cells.cut(state, part, dev, leaf, target, voq, index, index + 1, now)
    out["committed"] = last
    if queue["dirty"] == 0:
        queue["dirty"] = 1
        state.dirty[dev["index"], leaf["dirty"]] = voq
        leaf["dirty"] += 1


@device
def hand_over(state, part, dev, voq, last, now):
    """Give packets for a port of this same leaf to that port, without cells."""
    out = state.outs[state.config[0]["port_rings"] + voq]
    for index in range(out["committed"], last):
        packet = ring.at(state, out, index)
        state.trails[packet]["last_cell"] = now
        state.trails[packet]["last_cell_bytes"] = 0
        to_port(state, part, dev, voq, packet, now)
    out["committed"] = last
    # This leaf is the ring's reader too: what left is free at once.
    ins = state.ins[state.config[0]["port_rings"] + voq]
    if out["offset"] != ins["offset"]:
        ring.settle(state, part, out, ins)
    out["seen"] = last
    ins["head"] = last
    ins["published"] = last


@device
def to_port(state, part, dev, voq, packet, now):
    """Queue a complete packet at its egress port."""
    leaf = state.leaves[dev["index"]]
    p = dev["first_port"] + address_of(state, voq) - leaf["first_address"]
    state.trails[packet]["released"] = now
    port.enqueue(state, part, p, voq & 1, packet, now)


@device
def on_request(state, dev, voq, count, now):
    """Note at the egress scheduler that a VOQ wants credits."""
    stream = state.reassembly[voq]
    scheduler = state.schedulers[address_of(state, voq)]
    stream["pending"] += count
    if stream["pending"] > count:
        return
    append(state, scheduler, voq)
    if scheduler["tick"] == INF:
        scheduler["tick"] = max(now, scheduler["allowed"])
        leaf = state.leaves[dev["index"]]
        leaf["next_tick"] = min(leaf["next_tick"], scheduler["tick"])


@device
def append(state, scheduler, voq):
    """Put a VOQ at the tail of its class's round robin."""
    state.reassembly[voq]["next"] = NONE
    if voq & 1 == CONTROL:
        if scheduler["head_control"] == NONE:
            scheduler["head_control"] = voq
        else:
            state.reassembly[scheduler["tail_control"]]["next"] = voq
        scheduler["tail_control"] = voq
        return
    if scheduler["head_bulk"] == NONE:
        scheduler["head_bulk"] = voq
    else:
        state.reassembly[scheduler["tail_bulk"]]["next"] = voq
    scheduler["tail_bulk"] = voq


@device
def on_credit(state, part, dev, voq, now):
    """Add a credit to a VOQ's balance and let packets leave."""
    queue = state.voqs[voq]
    credit = state.config[0]["credit"]
    queue["asked"] -= credit
    queue["balance"] += credit
    leave(state, part, dev, voq, now)


@device
def grant(state, part, dev, scheduler, now):
    """Grant one credit to the VOQ whose turn it is."""
    lane_class = CONTROL if scheduler["head_control"] != NONE else BULK
    voq = scheduler["head_control"] if lane_class == CONTROL else scheduler["head_bulk"]
    stream = state.reassembly[voq]
    if lane_class == CONTROL:
        scheduler["head_control"] = stream["next"]
    else:
        scheduler["head_bulk"] = stream["next"]
    stream["pending"] -= 1
    if stream["pending"] > 0:
        append(state, scheduler, voq)
    leaf = state.leaves[dev["index"]]
    leaf["credits"] += 1
    target = source_leaf(state, voq)
    if target == dev["index"]:
        on_credit(state, part, dev, voq, now)
    else:
        cells.send_control(state, part, dev, leaf, target, CREDIT, voq, 1, now)


@device
def tick(state, part, dev, now):
    """Let the one scheduler whose turn comes first at ``now`` tick."""
    leaf = state.leaves[dev["index"]]
    chosen, later = next_ticks(state, dev, leaf, now)
    scheduler = state.schedulers[leaf["first_address"] + chosen]
    p = dev["first_port"] + chosen
    port.advance(state, part, p, now)
    following = now + scheduler["interval"]
    scheduler["allowed"] = following
    scheduler["tick"] = INF
    leaf["next_tick"] = later
    if state.ports[p]["waiting_bytes"] > state.config[0]["egress_threshold"]:
        leaf["blocked"] += 1
    else:
        grant(state, part, dev, scheduler, now)
    if scheduler["head_control"] != NONE or scheduler["head_bulk"] != NONE:
        scheduler["tick"] = following
        leaf["next_tick"] = min(leaf["next_tick"], following)


@device
def next_ticks(state, dev, leaf, now):
    """Return the egress port that ticks first at ``now``, and the next tick of any other."""
    chosen = NONE
    least = 0
    later = INF
    instant = at_instant(dev["tie_seed"], now)
    for local in range(leaf["hosts"]):
        time = state.schedulers[leaf["first_address"] + local]["tick"]
        if time > now:
            later = min(later, time)
            continue
        rank = fold(instant, local)
        if chosen == NONE or rank < least:
            if chosen != NONE:
                later = now
            chosen = local
            least = rank
        else:
            later = now
    return chosen, later


@inlined
def receive_cell(state, part, dev, packet, now):
    """Reassemble: whatever is complete and in order goes to the egress port."""
    entry = state.entries[packet]
    voq = np.int64(entry["qp"])
    seq = np.int64(entry["psn"])
    if entry["flags"] & LAST:
        cells.stamp(state, voq, seq, now)
    if not cells.accept(state, state.leaves[dev["index"]], voq, seq):
        return
    expected = state.reassembly[voq]["expected"]
    ins = state.ins[state.config[0]["port_rings"] + voq]
    while ins["head"] < ins["published"]:
        packet = ring.at(state, ins, ins["head"])
        if state.trails[packet]["last_seq"] >= expected:
            return
        to_port(state, part, dev, voq, packet, now)
        ins["head"] += 1


@inlined
def arrive(state, part, dev, packet, now):
    """Handle one arrival by its kind."""
    entry = state.entries[packet]
    kind = entry["kind"]
    if kind == CELL:
        receive_cell(state, part, dev, packet, now)
    elif kind == REQUEST:
        on_request(state, dev, np.int64(entry["qp"]), np.int64(entry["psn"]), now)
    elif kind == CREDIT:
        on_credit(state, part, dev, np.int64(entry["qp"]), now)
    else:
        receive_packet(state, part, dev, packet, now)
        return
    pool.give(state, part, packet)


@device
def step(state, part, d, start, end):
    """Handle the window [start, end); return the time of the leaf's next event."""
    dev = state.devices[d]
    leaf = state.leaves[dev["index"]]
    count, later = order.gather(state, part, dev, end)
    order.sort(state, part, count, start, dev["tie_seed"])
    for k in range(count + 1):
        now = state.sort_time[part, k] if k < count else end - 1
        while leaf["next_tick"] <= now:
            tick(state, part, dev, leaf["next_tick"])
        if k < count:
            arrive(state, part, dev, state.sort_slot[part, k] >> order.PORT_BITS, now)
    later = min(later, leaf["next_tick"])
    return min(later, port.flush(state, part, dev, end))


@device
def publish(state, part, dev):
    """Show the destination leaves which packets have been cut into cells."""
    leaf = state.leaves[dev["index"]]
    base = state.config[0]["port_rings"]
    for k in range(leaf["dirty"]):
        voq = state.dirty[dev["index"], k]
        state.voqs[voq]["dirty"] = 0
        ring.publish(state, part, base + voq, base + voq)
    leaf["dirty"] = 0
