"""Schedulers of egress ports: one credit a tick, to the VOQ whose turn it is (docs/ddc.md 13)."""

import numpy as np
from fabricemu.kernels._jit import device
from fabricemu.kernels.ddc import cells, ingress, ports, rci, requests
from fabricemu.kernels.ddc import voq as voqs
from fabricemu.kernels.random import at_instant, fold
from fabricemu.kernels.state import BULK, CONTROL, CREDIT, INF, NONE
from fabricemu.kernels.switch import scheduler as classes

ONE_BITS = 16  # a factor of slow levels is in units of 2^-16
CREDIT_UNIT = 1  # what a class of weight 1 gets in its turn, and what a credit counts there


@device
def choose_level(state, part, address):
    """Return the level that gets the next credit: control first, then by class."""
    waiting = state.schedulers[address]["waiting"]
    if waiting & 1 == 1:
        return np.int64(CONTROL)
    config = state.config[0]
    if config["classes"] == 1:
        return np.int64(BULK)
    for c in range(config["classes"]):
        asked = waiting >> (BULK + c) & 1
        state.heads[part, c] = CREDIT_UNIT if asked == 1 else classes.EMPTY
    row = len(state.ports) + address
    return BULK + classes.pick(state, part, row, CREDIT_UNIT)


@device
def grant(state, part, d, address, now):
    """Grant one credit to the VOQ whose turn it is at a NIC port's scheduler."""
    level = choose_level(state, part, address)
    voq = requests.take(state, address, level)
    stream = state.reassembly[voq]
    stream["pending"] -= 1
    if stream["pending"] > 0:
        requests.append(state, voq)
    several = state.config[0]["classes"] > 1 and level >= BULK
    if several and state.schedulers[address]["waiting"] >> level & 1 == 0:
        classes.emptied(state, len(state.ports) + address, level - BULK)
    index = state.devices[d]["index"]
    state.leaves[index]["credits"] += 1
    target = voqs.source_leaf(state, voq)
    if target == index:
        ingress.on_credit(state, part, d, voq, now)
    else:
        cells.send_control(state, part, d, target, CREDIT, voq, 1, now)


@device
def tick(state, part, d, now):
    """Let the one scheduler whose turn comes first at ``now`` tick."""
    dev = state.devices[d]
    leaf = state.leaves[dev["index"]]
    chosen, later = next_ticks(state, dev, leaf, now)
    address = leaf["first_address"] + chosen
    scheduler = state.schedulers[address]
    p = dev["first_port"] + chosen
    ports.catch_up(state, part, p, now)
    following = now + interval(state, dev["index"], scheduler, now)
    scheduler["allowed"] = following
    scheduler["tick"] = INF
    leaf["next_tick"] = later
    if state.ports[p]["waiting_bytes"] > state.config[0]["egress_threshold"]:
        leaf["blocked"] += 1
    else:
        grant(state, part, d, address, now)
    if scheduler["waiting"] != 0:
        scheduler["tick"] = following
        leaf["next_tick"] = min(leaf["next_tick"], following)


@device
def interval(state, index, scheduler, now):
    """Return the time to a scheduler's next credit, by the level of its leaf."""
    level = rci.level(state, state.leaves[index], now)
    state.level_ticks[index, level] += 1
    if level == 0:
        return scheduler["interval"]
    slowed = scheduler["interval"] * state.rci_slow[level]
    return (slowed + (1 << ONE_BITS) - 1) >> ONE_BITS


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
