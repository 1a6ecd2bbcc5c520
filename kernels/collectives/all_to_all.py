"""All-to-all, segment d of a position's buffer to position d: shifted rounds or at once."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.collectives import segment


@device
def step(instance, position, s, size):
    """Return (peer, bytes, whether a message is expected before the next step)."""
    n = instance["n"]
    peer = (position + s + 1) % n
    return peer, segment.length(size, n, peer), True
