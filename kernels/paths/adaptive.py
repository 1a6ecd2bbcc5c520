"""Adaptive choice: the candidate with the least load, exact or in bands."""

import numpy as np
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import NONE


@device
def level(state, p, now):
    """Return the band of a port's waiting bytes, which may be a little old."""
    egress = state.egress[p]
    refresh = state.config[0]["refresh"]
    if refresh > 0 and egress["refreshed"] != NONE and now - egress["refreshed"] < refresh:
        return egress["level"]
    waiting = state.ports[p]["waiting_bytes"]
    found = 0
    for k in range(len(state.bands) - 1):
        if state.bands[k] <= waiting:
            found = k + 1
    egress["level"] = found
    egress["refreshed"] = now
    return np.int64(found)


@device
def load(state, p, now):
    """Return what an adaptive choice compares."""
    if len(state.bands) > 1:
        return level(state, p, now)
    record = state.ports[p]
    busy = 1 if record["free_at"] > now else 0
    return 2 * record["waiting_bytes"] + busy


@device
def better(state, p, best, now):
    """Return whether port ``p`` has less load than ``best``."""
    own, other = load(state, p, now), load(state, best, now)
    if state.config[0]["weighted"] == 1:
        return own * state.egress[best]["weight"] < other * state.egress[p]["weight"]
    return own < other
