"""The lane that a cell takes: permuted round robins over those that lead to its leaf."""

import numpy as np
from fabricemu.kernels import port
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.ddc import ports
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import NONE


@inlined
def choose(state, part, d, target, now):
    """Return the port that the next cell to a leaf takes, caught up; NONE if no lane leads there.

    Rules: docs/model.md 5.6, docs/ddc.md 14.2.
    """
    dev = state.devices[d]
    config = state.config[0]
    leaf = state.leaves[dev["index"]]
    first = dev["first_port"] + leaf["hosts"]
    if config["managed"] == 1 and state.switches[d]["table"] == 1:
        lane = next_usable(state, d, target)
    else:
        lane = next_lane(state, dev["index"], target)
    if lane == NONE:
        return np.int64(NONE)
    if config["least_loaded"] == 1:
        lane = least_loaded(state, part, d, target, lane, now)
    port.ask_ahead(state, first + state.sprays[dev["index"] * config["leaves"] + target]["lane"])
    ports.catch_up(state, part, first + lane, now)
    return first + lane


@inlined
def next_lane(state, source, target):
    """Take the next place of the round robin from one leaf towards another."""
    config = state.config[0]
    lanes = config["lanes"]
    spray = state.sprays[source * config["leaves"] + target]
    if spray["left"] == 0:
        h = fold(fold(state.leaves[source]["lane_seed"], target), spray["cycle"])
        spray["cycle"] += 1
        spray["step"] = state.coprimes[pick(h, len(state.coprimes))]
        spray["lane"] = pick(fold(h, 1), lanes)
        spray["left"] = lanes
    lane = spray["lane"]
    following = lane + spray["step"]
    spray["lane"] = following - lanes if following >= lanes else following
    spray["left"] -= 1
    return lane


@device
def next_usable(state, d, target):
    """Take places until one is of a lane that leads to the leaf; NONE if there is no such lane."""
    chosen = state.set_of[d - state.config[0]["ranks"], target]
    if chosen == NONE:
        return np.int64(NONE)
    source = state.devices[d]["index"]
    lane = next_lane(state, source, target)
    while not leads_to(state, d, chosen, lane):
        lane = next_lane(state, source, target)
    return lane


@device
def leads_to(state, d, chosen, lane):
    """Return whether a lane is in a set of ports, which are in ascending order."""
    low, high = state.set_ptr[chosen], state.set_ptr[chosen + 1]
    if high - low == state.config[0]["lanes"]:
        return True
    local = lane + state.leaves[state.devices[d]["index"]]["hosts"]
    while high - low > 1:
        middle = (low + high) >> 1
        if state.set_ports[middle] <= local:
            low = middle
        else:
            high = middle
    return state.set_ports[low] == local


@device
def least_loaded(state, part, d, target, lane, now):
    """Return the lane with the shortest queue, looking from ``lane`` on in the order of a cycle."""
    config = state.config[0]
    lanes = config["lanes"]
    dev = state.devices[d]
    first = dev["first_port"] + state.leaves[dev["index"]]["hosts"]
    step = state.sprays[dev["index"] * config["leaves"] + target]["step"]
    chosen = np.int64(NONE)
    if config["managed"] == 1 and state.switches[d]["table"] == 1:
        chosen = state.set_of[d - config["ranks"], target]
    best = lane
    least = np.int64(-1)
    for _ in range(lanes):
        if chosen == NONE or leads_to(state, d, chosen, lane):
            ports.catch_up(state, part, first + lane, now)
            record = state.ports[first + lane]
            load = 2 * record["waiting_bytes"] + (record["free_at"] > now)
            if least < 0 or load < least:
                best = lane
                least = load
        lane = lane + step if lane + step < lanes else lane + step - lanes
    return best
