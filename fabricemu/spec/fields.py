"""Field types of a specification: text with units in, exact integers inside, text out.

A field may also take a word instead of a value (``auto``, ``none``, ``unbounded``), and an
amount of data may be a number of full packets or a part of a bandwidth-delay product (BDP).
"""

import re
from collections.abc import Callable
from fractions import Fraction
from math import ceil, inf
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from fabricemu.spec.units import (
    format_rate,
    format_time,
    parse_bytes,
    parse_rate_bps,
    parse_time_ps,
)

_PACKETS = re.compile(r"([1-9]\d{0,8}) packets?")
_BDP = re.compile(r"(?=.*[1-9])(\d{1,4}(?:\.\d{1,6})?) BDP")


def or_word(
    *words: str, parse: Callable[[Any], Any], least: float = 0, most: float = inf
) -> PlainValidator:
    """Return a validator for one of ``words`` or what ``parse`` reads, within two limits."""
    choices = " or ".join(map(repr, words))

    def check(value: object) -> Any:
        if value in words:
            return value
        try:
            parsed = parse(value)
        except ValueError as error:
            raise ValueError(f"{error}, or {choices}") from None
        if not isinstance(parsed, str) and not least <= parsed <= most:
            limits = f"at least {least:g}" if most == inf else f"{least:g} to {most:g}"
            raise ValueError(f"{value!r}: expected {limits}, or {choices}")
        return parsed

    return PlainValidator(check)


def parse_count(value: object) -> int:
    """Return a whole number that was written as one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r}: expected a whole number")
    return value


def parse_number(value: object) -> float:
    """Return a number that was written as one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r}: expected a number")
    return float(value)


def parse_truth(value: object) -> bool:
    """Return a truth value that was written as one."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r}: expected true or false")
    return value


def parse_amount(value: Any) -> int | str:
    """Return an amount of data: bytes, or text such as ``"43 packets"`` and ``"0.2 BDP"``."""
    if isinstance(value, str) and (_PACKETS.fullmatch(value) or _BDP.fullmatch(value)):
        return value
    try:
        return parse_bytes(value)
    except ValueError as error:
        raise ValueError(f"{error}, '43 packets', '0.2 BDP'") from None


def amount_bytes(amount: int | str, packet_bytes: int, bdp_packets: int) -> int:
    """Return the bytes of what ``parse_amount`` read; parts of a BDP are whole packets."""
    if isinstance(amount, int):
        return amount
    number, unit = amount.split()
    packets = ceil(Fraction(number) * bdp_packets) if unit == "BDP" else int(number)
    return packets * packet_bytes


def parse_ack_every(value: Any) -> int | str:
    """Return how often an ACK is due: a number of packets, or bytes as text with the unit."""
    match = _PACKETS.fullmatch(value) if isinstance(value, str) else None
    if match or isinstance(value, int):
        count = parse_count(int(match[1]) if match else value)
        if not 1 <= count <= 2**20:
            raise ValueError(f"{value!r}: expected 1 to {2**20} packets")
        return count
    try:
        size = parse_bytes(value)
    except ValueError:
        size = 0
    if not 1 <= size <= 2**40 or str(value).strip().isdecimal():
        raise ValueError(f"{value!r}: expected a number of packets such as 16, or '16384B'")
    return f"{size}B"


def parse_band(value: Any) -> int | float:
    """Return the limit of a band: bytes, or a fraction of the queue below 1."""
    if not isinstance(value, float):
        return parse_bytes(value)
    if not 0 < value < 1:
        raise ValueError(f"{value!r}: expected bytes, or a fraction between 0 and 1")
    return value


def _text(format_value: Callable[[int], str]) -> PlainSerializer:
    def write(value: int | str) -> str:
        return value if isinstance(value, str) else format_value(value)

    return PlainSerializer(write, when_used="json")


def _schema(*examples: str | float) -> WithJsonSchema:
    return WithJsonSchema({"type": ["integer", "string"], "examples": list(examples)})


def _number_schema(*examples: str | float) -> WithJsonSchema:
    return WithJsonSchema({"type": ["number", "string"], "examples": list(examples)})


Bytes = Annotated[int, BeforeValidator(parse_bytes), _schema(4096, "64KiB")]
TimePs = Annotated[int, BeforeValidator(parse_time_ps), _text(format_time), _schema("500ns")]
RateBps = Annotated[int, BeforeValidator(parse_rate_bps), _text(format_rate), _schema("400Gbps")]

CountOrAuto = Annotated[int | str, or_word("auto", parse=parse_count, least=1), _schema(64, "auto")]
CountOrUnbounded = Annotated[
    int | str, or_word("unbounded", parse=parse_count, least=1), _schema(64, "unbounded")
]
RateOrAuto = Annotated[
    int | str,
    or_word("auto", parse=parse_rate_bps, least=1),
    _text(format_rate),
    _schema("800Gbps", "auto"),
]
TimeOrNone = Annotated[
    int | str,
    or_word("none", parse=parse_time_ps, least=1),
    _text(format_time),
    _schema("1ms", "none"),
]
TimeOrAuto = Annotated[
    int | str,
    or_word("auto", parse=parse_time_ps, least=1),
    _text(format_time),
    _schema("1us", "auto"),
]
TimeAutoNone = Annotated[
    int | str,
    or_word("auto", "none", parse=parse_time_ps, least=1),
    _text(format_time),
    _schema("1ms", "auto", "none"),
]
BytesOrNone = Annotated[int | str, or_word("none", parse=parse_bytes, least=1), _schema(64, "none")]
BytesOrAuto = Annotated[int | str, or_word("auto", parse=parse_bytes), _schema("400kB", "auto")]
BytesAutoNone = Annotated[
    int | str, or_word("auto", "none", parse=parse_bytes, least=1), _schema("10MB", "auto", "none")
]
BytesOrUnbounded = Annotated[
    int | str, or_word("unbounded", parse=parse_bytes, least=1), _schema("64MB", "unbounded")
]
BytesAutoUnbounded = Annotated[
    int | str,
    or_word("auto", "unbounded", parse=parse_bytes, least=1),
    _schema("94kB", "auto", "unbounded"),
]
Amount = Annotated[int | str, PlainValidator(parse_amount), _schema(4096, "8 packets", "0.2 BDP")]
AmountOrAuto = Annotated[
    int | str, or_word("auto", parse=parse_amount, least=1), _schema("1.5 BDP", "auto")
]
AmountOrNone = Annotated[
    int | str, or_word("none", parse=parse_amount, least=1), _schema("300kB", "1 BDP", "none")
]
AmountAutoNone = Annotated[
    int | str, or_word("auto", "none", parse=parse_amount), _schema("0.2 BDP", "auto", "none")
]
AmountOrDynamic = Annotated[
    int | str, or_word("dynamic", parse=parse_amount), _schema("15 packets", "dynamic")
]
Queue = Annotated[
    int | str,
    or_word("unbounded", parse=parse_amount),
    _schema("178450B", "43 packets", "1 BDP", "unbounded"),
]
NumberOrAuto = Annotated[
    float | str, or_word("auto", parse=parse_number, most=1e15), _number_schema(0.5, "auto")
]
RatioAutoNone = Annotated[
    float | str,
    or_word("auto", "none", parse=parse_number, least=0.01, most=100),
    _number_schema(1.067, "auto", "none"),
]
ShareOrAuto = Annotated[
    float | str, or_word("auto", parse=parse_number, most=1), _number_schema(0.05, "auto")
]
TruthOrAuto = Annotated[
    bool | str,
    or_word("auto", parse=parse_truth),
    WithJsonSchema({"type": ["boolean", "string"], "examples": [False, "auto"]}),
]
AckEvery = Annotated[int | str, PlainValidator(parse_ack_every), _schema(16, "16384B")]
Band = Annotated[int | float, PlainValidator(parse_band), _number_schema(0.05, "5kB")]
