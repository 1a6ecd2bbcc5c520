"""Generated traces as text: ``gen:NAME?key=value&key=value``."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from fabricemu.errors import ConfigError, TraceError, nearest
from fabricemu.spec.units import parse_bytes

SCHEME = "gen:"


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


def split(uri: str, names: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Return the generator's name and the texts of its keys."""
    name, _, query = uri.removeprefix(SCHEME).partition("?")
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
