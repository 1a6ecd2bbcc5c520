"""Cyclic bit sets in int64 arrays, 32 bits a word, so that no shift meets the sign."""

from fabricemu.kernels._jit import device

WORD = 5
LOW = 31
WHOLE = (1 << 32) - 1


@device
def test(words, base, mask, index):
    """Return whether bit ``index`` (modulo the set's size) is set."""
    index &= mask
    return (words[base + (index >> WORD)] >> (index & LOW)) & 1


@device
def put(words, base, mask, index):
    """Set a bit."""
    index &= mask
    words[base + (index >> WORD)] |= 1 << (index & LOW)


@device
def clear(words, base, mask, index):
    """Clear a bit."""
    index &= mask
    words[base + (index >> WORD)] &= ~(1 << (index & LOW))


@device
def window(words, base, mask, index):
    """Return 64 bits from ``index`` on; the set must hold at least 128."""
    index &= mask
    word = index >> WORD
    shift = index & LOW
    last = mask >> WORD
    bits = words[base + word] >> shift
    bits |= words[base + ((word + 1) & last)] << (32 - shift)
    if shift > 0:
        bits |= words[base + ((word + 2) & last)] << (64 - shift)
    return bits


@device
def merge(words, base, mask, index, pattern):
    """Set the bits of a 64-bit pattern from ``index`` on; return whether any was new."""
    fresh = False
    last = mask >> WORD
    index &= mask
    word = index >> WORD
    shift = index & LOW
    for half in range(2):
        piece = ((pattern >> (32 * half)) & WHOLE) << shift
        low = base + ((word + half) & last)
        high = base + ((word + half + 1) & last)
        fresh |= (piece & WHOLE & ~words[low]) != 0 or ((piece >> 32) & ~words[high]) != 0
        words[low] |= piece & WHOLE
        words[high] |= piece >> 32
    return fresh
