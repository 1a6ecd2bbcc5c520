"""How a buffer is cut."""

from fabricemu.kernels._jit import device


@device
def bound(size, count, index):
    """Return where segment ``index`` of ``count`` starts in a buffer of ``size`` bytes."""
    return index * size // count


@device
def length(size, count, index):
    """Return the bytes of segment ``index``."""
    return bound(size, count, index + 1) - bound(size, count, index)
