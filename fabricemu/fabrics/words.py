"""The words of a text file in turn, each with its line, for messages that say where."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from fabricemu.errors import ConfigError

Item = TypeVar("Item")


class Words:
    """Words of a file, taken one after the other."""

    def __init__(self, path: Path, lines: Sequence[str]) -> None:
        self.path = path
        self._words = [(word, line) for line, text in enumerate(lines, 1) for word in text.split()]
        self._at = 0

    @property
    def line(self) -> int:
        """Line of the word taken last."""
        return self._words[self._at - 1][1]

    @property
    def rest(self) -> int:
        """How many words are left."""
        return len(self._words) - self._at

    def take(self, field: str, parse: Callable[[str], Item]) -> Item:
        """Return the next word as ``parse`` reads it, which may raise a ValueError."""
        if not self.rest:
            raise ConfigError(f"{self.path}: {field}: missing; the file ends in line {self.line}")
        word, line = self._words[self._at]
        self._at += 1
        try:
            return parse(word)
        except ValueError as error:
            raise self.error(line, field, str(error)) from None

    def error(self, line: int, field: str, what: str) -> ConfigError:
        """Return an error about a field in a line."""
        return ConfigError(f"{self.path}: line {line}: {field}: {what}")
