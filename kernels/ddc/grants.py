"""Schedulers of egress ports: one credit a tick, to the VOQ whose turn it is (docs/ddc.md 13)."""

from fabricemu.kernels import port
from fabricemu.kernels._jit import device
from fabricemu.kernels.ddc import cells, ingress, requests
from fabricemu.kernels.ddc.voq import source_leaf
from fabricemu.kernels.random import at_instant, fold
from fabricemu.kernels.state import BULK, CONTROL, CREDIT, INF, NONE


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
        requests.append(state, scheduler, voq)
    leaf = state.leaves[dev["index"]]
    leaf["credits"] += 1
    target = source_leaf(state, voq)
    if target == dev["index"]:
        ingress.on_credit(state, part, dev, voq, now)
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
