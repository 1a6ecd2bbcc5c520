"""Generated traces as text: ``gen:NAME?key=value&key=value``, several joined by ``+``."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from fabricemu.errors import ConfigError, TraceError, nearest
from fabricemu.spec.units import parse_bytes

SCHEME = "gen:"
JOINT = re.compile(r"\+(?=[a-z])")  # of two generators; 1e+2 is a number
EVERY = "all"


class Key(NamedTuple):
    """One key of a generator: how its value is read, and the text it has when left out."""

    read: Callable[[str], Any]
    default: str | None = None  # None: must be given


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of integers of at least ``least``."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise ValueError(f"expected an integer of at least {least}, got {text!r}")
        return int(text)

    return read


def size(least: int) -> Callable[[str], int]:
    """Return a reader of sizes such as 64MB of at least ``least`` bytes."""

    def read(text: str) -> int:
        value = parse_bytes(text)
        if value < least:
            raise ValueError(f"expected at least {least} bytes, got {text!r}")
        return value

    return read


def choice(names: Iterable[str]) -> Callable[[str], str]:
    """Return a reader of one of ``names``."""
    names = list(names)

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is unknown; {nearest(text, names)}")
        return text

    return read


def members(most: int) -> Callable[[str], list[int] | None]:
    """Return a reader of ranks such as 0-511, 0-18431:36 or 3,5,9-12; None for all."""

    def read(text: str) -> list[int] | None:
        if text == EVERY:
            return None
        found = [rank for item in text.split(",") for rank in _range(item, most)]
        if len(set(found)) < len(found):
            raise ValueError(f"a rank is in {text!r} twice")
        if len(found) < 2:
            raise ValueError(f"expected at least 2 ranks, got {text!r}")
        return found

    return read


def _range(text: str, most: int) -> range:
    """Return the ranks of ``first``, ``first-last`` or ``first-last:step``."""
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", text, re.ASCII)
    first, last, step = (int(n) if n else None for n in match.groups()) if match else (None,) * 3
    if first is None or step == 0 or (last is not None and last < first):
        raise ValueError(f"expected ranks such as 0-511, 0-511:8 or 3,5,9-12, got {text!r}")
    last = first if last is None else last
    if last >= most:
        raise ValueError(f"no rank {last}; the ranks are 0-{most - 1}")
    return range(first, last + 1, step or 1)


def split(uri: str, names: Iterable[str]) -> list[tuple[str, dict[str, str]]]:
    """Return the name of each generator and the texts of its keys."""
    return [_split_one(uri, part, names) for part in JOINT.split(uri.removeprefix(SCHEME))]


def _split_one(uri: str, part: str, names: Iterable[str]) -> tuple[str, dict[str, str]]:
    name, _, query = part.partition("?")
    if name not in names:
        raise TraceError(f"{uri!r}: no generator {name!r}; {nearest(name, names)}")
    texts: dict[str, str] = {}
    for item in query.split("&") if query else []:
        key, equals, text = item.partition("=")
        if not equals or not text:
            raise TraceError(f"{uri!r}: expected key=value, got {item!r}")
        if key in texts:
            raise TraceError(f"{uri!r}: {key} is given twice")
        texts[key] = text
    return name, texts


def values(uri: str, texts: Mapping[str, str], keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return the values of all keys of a generator."""
    for name in texts:
        if name not in keys:
            raise TraceError(f"{uri!r}: no key {name!r}; {nearest(name, keys)}")
    found = {}
    for name, key in keys.items():
        text = texts.get(name, key.default)
        if text is None:
            raise TraceError(f"{uri!r}: {name} is missing")
        try:
            found[name] = key.read(text)
        except (ValueError, ConfigError) as error:
            raise TraceError(f"{uri!r}: {name}: {error}") from None
    return found
