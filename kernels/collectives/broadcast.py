"""Broadcast along a ring from the root; parts follow one another, so it is pipelined."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import NONE


@device
def step(instance, position, s, size):
    """Return (peer, bytes, whether a message is expected) of step ``s``."""
    n = instance["n"]
    place = (position - instance["root"]) % n
    peer = (position + 1) % n if s == place else NONE
    return peer, size, s == place - 1
