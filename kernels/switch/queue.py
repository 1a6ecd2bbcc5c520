"""What waits at a port, by class."""

from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.state import CLASS_SHIFT


@inlined
def of(state, p, c):
    """Return the record of data class ``c`` at port ``p``."""
    return state.queues[p * state.config[0]["classes"] + c]


@inlined
def class_of(entry):
    """Return the class of a data packet."""
    return entry["flags"] >> CLASS_SHIFT


@device
def queued(state, p, c, now):
    """Return the bytes of a class that wait at a port or are in service."""
    total = of(state, p, c)["waiting"]
    if state.ports[p]["free_at"] > now and state.egress[p]["serving_class"] == c:
        total += state.limits[p]["serving"]
    return total


@device
def paused_for(queue, now):
    """Return how long a class has been paused at a port, up to now."""
    total = queue["paused_total"]
    if queue["paused"] == 1:
        total += now - queue["paused_since"]
    return total
