"""Recursive halving-doubling all-reduce.

Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in
MPICH", IJHPCA 2005. Positions beyond the largest power of two fold into a partner first.
"""

from fabricemu.kernels._jit import device
from fabricemu.kernels.collectives import segment
from fabricemu.kernels.state import NONE


@device
def power(n):
    """Return the largest power of two up to ``n``, and its exponent."""
    m = 1
    k = 0
    while 2 * m <= n:
        m *= 2
        k += 1
    return m, k


@device
def held(m, position, halvings):
    """Return the range of segments that a position holds after some halvings."""
    low = 0
    high = m
    for s in range(halvings):
        distance = m >> (s + 1)
        if position & distance:
            low += distance
        else:
            high -= distance
    return low, high


@device
def exchange(m, k, position, s, size):
    """Return peer and bytes of step ``s`` among a power of two of positions."""
    if s < k:
        distance = m >> (s + 1)
        low, high = held(m, position ^ distance, s + 1)
        peer = position ^ distance
    else:
        low, high = held(m, position, 2 * k - s)
        peer = position ^ (1 << (s - k))
    return peer, segment.bound(size, m, high) - segment.bound(size, m, low)


@device
def step(instance, position, s, size):
    """Return (peer, bytes, whether a message is expected) of step ``s``."""
    n = instance["n"]
    m, k = power(n)
    if m == n:
        peer, amount = exchange(m, k, position, s, size)
        return peer, amount, True
    extra = n - m
    final = 2 * k + 1
    if position >= m:
        if s == 0:
            return position - m, size, False
        return NONE, 0, s == final
    if s == 0:
        return NONE, 0, position < extra
    if s == final:
        return (position + m if position < extra else NONE), size, False
    peer, amount = exchange(m, k, position, s - 1, size)
    return peer, amount, True
