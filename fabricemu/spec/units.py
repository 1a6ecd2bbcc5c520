"""Sizes, times and rates as people write them, read and written exactly.

Decimal prefixes are powers of 1000 (kB, MB), binary ones of 1024 (KiB, MiB); ``b`` is a bit
and ``B`` a byte. Nothing is rounded on the way in: a value that is not a whole number of
bytes, picoseconds or bit/s is refused with a ``ValueError`` whose text says what is expected.
"""

import re
from fractions import Fraction

_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?)\s*(\S*)\s*")
_INT64_MAX = 2**63 - 1

_BYTES = {"B": 1} | {
    prefix + "B": factor
    for prefix, factor in {
        "k": 1000,
        "K": 1000,
        "M": 1000**2,
        "G": 1000**3,
        "T": 1000**4,
        "Ki": 1024,
        "Mi": 1024**2,
        "Gi": 1024**3,
        "Ti": 1024**4,
    }.items()
}
_TIME_PS = {"ps": 1, "ns": 10**3, "us": 10**6, "µs": 10**6, "μs": 10**6, "ms": 10**9, "s": 10**12}
_PREFIX = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_RATE_BPS = {
    prefix + unit: factor * scale
    for prefix, factor in _PREFIX.items()
    for unit, scale in {"bps": 1, "bit/s": 1, "b/s": 1, "B/s": 8, "Bps": 8}.items()
}


def parse_bytes(text: str | int) -> int:
    """Return a size in bytes: ``"64MB"``, ``"2MiB"``, ``"4096"`` or ``4096``."""
    return _parse(text, _BYTES | {"": 1}, "a size such as 4096, 64MB or 2MiB", "bytes")


def parse_time_ps(text: str | int) -> int:
    """Return a time in ps: ``"500ns"``, ``"1.5us"``."""
    return _parse(text, _TIME_PS, "a time such as 500ns or 1.5us", "picoseconds")


def parse_rate_bps(text: str | int) -> int:
    """Return a rate in bit/s: ``"400Gbps"``, ``"50GB/s"``."""
    return _parse(text, _RATE_BPS, "a rate such as 400Gbps or 50GB/s", "bit/s")


def format_bytes(size: int) -> str:
    """Return a size as the shortest exact text that ``parse_bytes`` reads back."""
    return _format(size, ["TiB", "GiB", "MiB", "TB", "GB", "MB", "KiB", "kB", "B"], _BYTES)


def format_time(time_ps: int) -> str:
    """Return a time as exact text that ``parse_time_ps`` reads back."""
    return _format(time_ps, ["s", "ms", "us", "ns", "ps"], _TIME_PS)


def format_rate(rate_bps: int) -> str:
    """Return a rate as exact text that ``parse_rate_bps`` reads back."""
    return _format(rate_bps, ["Tbps", "Gbps", "Mbps", "kbps", "bps"], _RATE_BPS)


def _parse(text: str | int, units: dict[str, int], wanted: str, whole: str) -> int:
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise ValueError(f"{text!r}: expected {wanted}")
    match = _NUMBER.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r}: expected {wanted}")
    number, unit = match.groups()
    if unit not in units:
        problem = f"unit {unit!r} is not known" if unit else "the unit is missing"
        raise ValueError(f"{text!r}: {problem}; expected {wanted}")
    value = Fraction(number.replace("_", "")) * units[unit]
    if value.denominator != 1:
        raise ValueError(f"{text!r}: not a whole number of {whole}; expected {wanted}")
    if not 0 <= value <= _INT64_MAX:
        raise ValueError(f"{text!r}: out of range; expected {wanted}")
    return int(value)


def _format(value: int, names: list[str], units: dict[str, int]) -> str:
    """Return the shortest exact text with at most three decimals; the largest unit first."""
    texts = [f"{value}{names[-1]}"]
    for name in reversed(names):
        thousandths, rest = divmod(value * 1000, units[name])
        if value >= units[name] and rest == 0:
            decimals = f".{thousandths % 1000:03d}".rstrip("0").rstrip(".")
            texts.insert(0, f"{thousandths // 1000}{decimals}{name}")
    return min(texts, key=len)
