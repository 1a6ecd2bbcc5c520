"""Cyclic bit sets in int64 arrays, 32 bits a word, so that no shift meets the sign."""

from fabricemu.kernels._jit import device

WORD = 5
LOW = 31


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
