"""Random numbers of the model (section 1): hashes of what they are for, not a sequence."""

MASK = 0xFFFFFFFF
TIE, PATH, LANE = 1, 2, 3


def mix(x: int) -> int:
    x ^= x >> 16
    x = x * 0x21F0AAAD & MASK
    x ^= x >> 15
    x = x * 0x735A2D97 & MASK
    return x ^ x >> 15


def fold(h: int, value: int) -> int:
    return mix(h ^ (value & MASK))


def pick(h: int, n: int) -> int:
    """Return a choice among n."""
    return h * n >> 32


def device_seed(seed: int, device: int) -> int:
    return fold(mix(seed & MASK), device)


def tie(seed: int, port: int, time: int) -> int:
    """Return the rank of ``port`` among those with an event at ``time``; seed of the device."""
    return fold(fold(fold(fold(seed, TIE), time), time >> 32), port)


def path_seed(seed: int) -> int:
    return fold(seed, PATH)


def lane_seed(seed: int) -> int:
    return fold(seed, LANE)
