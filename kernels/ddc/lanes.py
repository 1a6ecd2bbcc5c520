"""The lane that a cell takes: permuted round robins over those that lead to its leaf."""

import numpy as np
from fabricemu.kernels import rotation
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.ddc import ports
from fabricemu.kernels.random import fold, pick
from fabricemu.kernels.state import NONE


@inlined
def choose(state, part, d, target, share, now):
    """Return the port that a cell or word to a leaf takes, caught up; NONE if no lane leads there.

    ``share`` is what it takes of a turn. Rules: docs/model.md 5.6, docs/ddc.md 14.2.
    """
    dev = state.devices[d]
    config = state.config[0]
    leaf = state.leaves[dev["index"]]
    spray = state.sprays[dev["index"] * config["leaves"] + target]
    first = dev["first_port"] + leaf["hosts"]
    if config["managed"] == 1 and state.switches[d]["table"] == 1:
        lane = next_usable(state, d, leaf, spray, target)
        if lane == NONE:
            return np.int64(NONE)
    else:
        lane = place(state, leaf, spray, target)
    if rotation.is_over(state, spray, share):
        move_on(state, spray)
    if config["least_loaded"] == 1:
        lane = least_loaded(state, part, d, target, lane, now)
    ports.catch_up(state, part, first + lane, now)
    return first + lane


@inlined
def place(state, leaf, spray, target):
    """Return the lane whose turn it is in the round robin towards a leaf."""
    if spray["left"] == 0:
        h = fold(fold(leaf["lane_seed"], target), spray["cycle"])
        spray["cycle"] += 1
        spray["step"] = state.coprimes[pick(h, len(state.coprimes))]
        spray["lane"] = pick(fold(h, 1), state.config[0]["lanes"])
        spray["left"] = state.config[0]["lanes"]
    return spray["lane"]


@inlined
def move_on(state, spray):
    """Let it be the next lane's turn."""
    lanes = state.config[0]["lanes"]
    following = spray["lane"] + spray["step"]
    spray["lane"] = following - lanes if following >= lanes else following
    spray["left"] -= 1


@device
def next_usable(state, d, leaf, spray, target):
    """Move on to the next lane that leads to a leaf, and return it; NONE if there is none."""
    chosen = state.set_of[d - state.config[0]["ranks"], target]
    if chosen == NONE:
        return np.int64(NONE)
    lane = place(state, leaf, spray, target)
    while not leads_to(state, d, chosen, lane):
        move_on(state, spray)
        lane = place(state, leaf, spray, target)
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
