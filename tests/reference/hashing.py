"""Random numbers of the model (section 1): hashes of what they are for, not a sequence."""

MASK = 0xFFFFFFFF
TIE, PATH, LANE, MARK, TRIM, LOSS, FLOW, ENTROPY = range(1, 9)


def mix(x: int) -> int:
    x ^= x >> 16
    x = x * 0x21F0AAAD & MASK
    x ^= x >> 15
    x = x * 0x735A2D97 & MASK
    return x ^ x >> 15


def fold(h: int, value: int) -> int:
    return mix(h ^ (value & MASK))


def at_instant(seed: int, time: int) -> int:
    return fold(fold(seed, time), time >> 32)


def pick(h: int, n: int) -> int:
    """Return a choice among n."""
    return h * n >> 32


def device_seed(seed: int, device: int) -> int:
    return fold(mix(seed & MASK), device)


def tie(seed: int, port: int, time: int) -> int:
    """Return the rank of ``port`` among those with an event at ``time``; seed of the device."""
    return fold(at_instant(fold(seed, TIE), time), port)


def path_seed(seed: int) -> int:
    return fold(seed, PATH)


def lane_seed(seed: int) -> int:
    return fold(seed, LANE)


def queue_pair_seed(seed: int, number: int) -> int:
    """Return the seed of a queue pair's entropies; ``seed`` is that of the run."""
    return fold(fold(mix(seed & MASK), ENTROPY), number)
