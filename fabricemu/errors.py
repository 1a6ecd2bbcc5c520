"""What can go wrong, as exceptions whose text is one line for the user."""

import difflib
from collections.abc import Iterable


class FabricemuError(Exception):
    """Root of all errors; ``exit_code`` is what the command line returns."""

    exit_code = 1


class InputError(FabricemuError):
    """Something the user wrote is wrong: file, line or field, and what was expected."""

    exit_code = 2


class ConfigError(InputError):
    """A fabric, a host or a run setting is wrong."""


class TraceError(InputError):
    """A trace is wrong."""


class ResultError(InputError):
    """A result file cannot be read."""


class MissingExtraError(FabricemuError):
    """A command needs an optional package."""

    exit_code = 69


class OutputError(FabricemuError):
    """The output cannot be created."""

    exit_code = 73


class StorageError(FabricemuError):
    """The disk is full or failed."""

    exit_code = 74


class EngineError(FabricemuError):
    """A run failed: an invariant was broken, or the program cannot finish."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the valid choice most like ``word`` as a hint, or all of them."""
    choices = list(choices)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "expected one of " + ", ".join(choices)
