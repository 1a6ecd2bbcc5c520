"""Ring all-reduce, reduce-scatter and all-gather: a segment goes on to the next position.

Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms", JPDC 2009.
"""

from fabricemu.kernels._jit import device
from fabricemu.kernels.collectives import segment


@device
def step(instance, position, s, size):
    """Return (peer, bytes, whether a message is expected) of step ``s``."""
    n = instance["n"]
    index = (position - s) % n
    return (position + 1) % n, segment.length(size, n, index), True
