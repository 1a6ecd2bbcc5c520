"""Field types of a specification: text with units in, exact integers inside, text out.

A field may also take one word instead of a value (``auto``, ``none``, ``unbounded``).
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from fabricemu.spec.units import (
    format_rate,
    format_time,
    parse_bytes,
    parse_rate_bps,
    parse_time_ps,
)

_PACKETS = re.compile(r"([1-9]\d{0,8}) packets")


def or_word(word: str, parse: Callable[[Any], int], least: int = 0) -> PlainValidator:
    """Return a validator for ``word`` or what ``parse`` reads, which is at least ``least``."""

    def check(value: object) -> int | str:
        if value == word:
            return word
        try:
            number = parse(value)
        except ValueError as error:
            raise ValueError(f"{error}, or {word!r}") from None
        if number < least:
            raise ValueError(f"{value!r}: expected at least {least}, or {word!r}")
        return number

    return PlainValidator(check)


def parse_count(value: object) -> int:
    """Return a whole number that was written as one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r}: expected a whole number")
    return value


def parse_queue(value: Any) -> int | str:
    """Return a queue limit: bytes, ``"43 packets"`` or ``"unbounded"``."""
    if value == "unbounded" or (isinstance(value, str) and _PACKETS.fullmatch(value)):
        return str(value)
    try:
        return parse_bytes(value)
    except ValueError as error:
        raise ValueError(f"{error}, '43 packets' or 'unbounded'") from None


def _text(format_value: Callable[[int], str]) -> PlainSerializer:
    def write(value: int | str) -> str:
        return value if isinstance(value, str) else format_value(value)

    return PlainSerializer(write, when_used="json")


def _schema(*examples: str | int) -> WithJsonSchema:
    return WithJsonSchema({"type": ["integer", "string"], "examples": list(examples)})


Bytes = Annotated[int, BeforeValidator(parse_bytes), _schema(4096, "64KiB")]
TimePs = Annotated[int, BeforeValidator(parse_time_ps), _text(format_time), _schema("500ns")]
RateBps = Annotated[int, BeforeValidator(parse_rate_bps), _text(format_rate), _schema("400Gbps")]

CountOrAuto = Annotated[int | str, or_word("auto", parse_count, 1), _schema(64, "auto")]
RateOrAuto = Annotated[
    int | str, or_word("auto", parse_rate_bps, 1), _text(format_rate), _schema("800Gbps", "auto")
]
TimeOrNone = Annotated[
    int | str, or_word("none", parse_time_ps, 1), _text(format_time), _schema("1ms", "none")
]
BytesOrNone = Annotated[int | str, or_word("none", parse_bytes, 1), _schema("300kB", "none")]
Queue = Annotated[
    int | str, PlainValidator(parse_queue), _schema("178450B", "43 packets", "unbounded")
]
