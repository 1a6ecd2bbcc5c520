"""Hashes in place of random-number generators, so that no result depends on stepping order.

32-bit values held in int64: no product overflows, so the JIT and plain Python agree. The
mixer's constants were found by exhaustive search for low bias (C. Wellons, hash-prospector).
"""

from fabricemu.kernels._jit import device

MASK = 0xFFFFFFFF


@device
def mix(x):
    """Return the avalanche of a 32-bit value."""
    x ^= x >> 16
    x = (x * 0x21F0AAAD) & MASK
    x ^= x >> 15
    x = (x * 0x735A2D97) & MASK
    return x ^ (x >> 15)


@device
def fold(h, value):
    """Return ``h`` with the low 32 bits of ``value`` mixed in."""
    return mix(h ^ (value & MASK))


@device
def pick(h, n):
    """Return one of 0..n-1 by the hash ``h``."""
    return (h * n) >> 32


@device
def at_instant(seed, time):
    """Return the hash of a device and an instant; ``fold`` with a port gives the order of ties."""
    return fold(fold(seed, time), time >> 32)
