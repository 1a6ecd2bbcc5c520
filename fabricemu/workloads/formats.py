"""All trace formats, recognised by what is in a file and not by its name."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fabricemu.errors import TraceError, nearest
from fabricemu.workloads.check import validate
from fabricemu.workloads.cm import read_cm, write_cm
from fabricemu.workloads.generate import generate
from fabricemu.workloads.goal import read_goal, write_goal
from fabricemu.workloads.goal_binary import MAGIC, UNLINKED, read_goal_binary, write_goal_binary
from fabricemu.workloads.jsonl import FORMAT, read_jsonl, write_jsonl
from fabricemu.workloads.native import read_native, write_native
from fabricemu.workloads.program import Program
from fabricemu.workloads.uri import SCHEME

HEAD_BYTES = 64 << 10  # enough for the comments before a header


class Format(NamedTuple):
    """One format of trace files."""

    title: str
    sniff: Callable[[bytes], bool]  # of the first HEAD_BYTES
    read: Callable[..., Program]
    write: Callable[[Program, Path], None]
    options: tuple[str, ...] = ()  # keyword arguments of read


def _is_native(head: bytes) -> bool:
    return head.startswith(b"\x89HDF\r\n\x1a\n")


def _is_jsonl(head: bytes) -> bool:
    try:
        item = json.loads(head.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        # A long first line is cut; the format comes first in what is written here.
        return FORMAT.encode() in head[:200] and head.lstrip().startswith(b"{")
    return isinstance(item, dict) and item.get("format") == FORMAT


def _is_goal(head: bytes) -> bool:
    return _first_word(head, rb"//[^\n]*|/\*.*?\*/") == b"num_ranks"


def _is_goal_binary(head: bytes) -> bool:
    return head[:8] in (MAGIC.to_bytes(8, "little"), UNLINKED.to_bytes(8, "little"))


def _is_cm(head: bytes) -> bool:
    return _first_word(head, rb"#[^\n]*").lower() == b"nodes"


def _first_word(head: bytes, comment: bytes) -> bytes:
    words = re.sub(comment, b"", head, flags=re.DOTALL).split(None, 1)
    return words[0] if words else b""


FORMATS: dict[str, Format] = {
    "native": Format("fabricemu trace, HDF5", _is_native, read_native, write_native),
    "jsonl": Format("fabricemu trace, JSON lines", _is_jsonl, read_jsonl, write_jsonl),
    "goal": Format("GOAL text", _is_goal, read_goal, write_goal, ("eager_bytes",)),
    "goal-binary": Format(
        "GOAL binary", _is_goal_binary, read_goal_binary, write_goal_binary, ("eager_bytes",)
    ),
    "cm": Format("htsim connection matrix", _is_cm, read_cm, write_cm, ("start_unit",)),
}


def load(
    trace: str | os.PathLike[str],
    *,
    ranks: int | None = None,
    seed: int = 0,
    format: str | None = None,  # noqa: A002 (the word of the command line)
    **options: Any,
) -> Program:
    """Return the program of a trace file or of a ``gen:`` URI, checked by ``validate``.

    Parameters
    ----------
    trace : str or path
    ranks : int, optional
        Number of ranks of a generated trace that does not say; of a file, what it must have.
    seed : int
        Of generated traces.
    format : str, optional
        A name of ``FORMATS``, instead of looking at the content.
    **options
        ``start_unit`` (cm), ``eager_bytes`` (goal, goal-binary); None stands for the default.
    """
    text = os.fspath(trace)
    given = {name: value for name, value in options.items() if value is not None}
    if text.startswith(SCHEME):
        _refuse(text, "generated traces", given, ())
        program = generate(text, seed, ranks)
    else:
        program = _load_file(Path(text), format, given)
    if ranks is not None and program.n_ranks != ranks:
        raise TraceError(f"{text}: has {program.n_ranks} ranks, {ranks} are asked for")
    validate(program)
    return program


def _load_file(path: Path, name: str | None, options: dict[str, Any]) -> Program:
    if path.is_dir():
        raise TraceError(f"{path}: is a folder; expected a file: {_listing()}")
    try:
        name = name or recognise(path)
        reader = _format(name)
        _refuse(str(path), name, options, reader.options)
        return reader.read(path, **options)
    except FileNotFoundError:
        raise TraceError(f"{path}: no such file; a generated trace starts with gen:") from None
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from None


def _refuse(trace: str, name: str, options: dict[str, Any], known: tuple[str, ...]) -> None:
    for option in options:
        if option not in known:
            raise TraceError(f"{trace}: {option} is not an option of {name}")


def recognise(path: Path) -> str:
    """Return the name of the format that a file's content has."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for name, found in FORMATS.items():
        if found.sniff(head):
            return name
    raise TraceError(f"{path}: not a trace of a known format: {_listing()}")


def _listing() -> str:
    return ", ".join(f"{name} ({found.title})" for name, found in FORMATS.items())


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise TraceError(f"format {name!r} is unknown; {nearest(name, FORMATS)}")
    return FORMATS[name]


def save(
    program: Program,
    path: str | os.PathLike[str],
    format: str = "native",  # noqa: A002
) -> None:
    """Write a program in one of ``FORMATS``."""
    _format(format).write(program, Path(path))
