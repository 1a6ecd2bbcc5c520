"""Traces: what is in them, what is wrong with them, and into other formats."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fabricemu.cli.text import amount, duration, outline
from fabricemu.errors import TraceError, nearest
from fabricemu.results.writer import check_output
from fabricemu.workloads import check
from fabricemu.workloads.formats import FORMATS, load, save


def info(trace: str, as_json: bool, options: dict[str, Any]) -> str:
    """Return what is in a trace."""
    content = check.info(load(trace, **options))
    if as_json:
        return json.dumps({"schema": 1, **content})
    content["critical_path"] = duration(content.pop("critical_path_ps") / 1e12)
    content["bytes"] = amount(content["bytes"], "B")
    return "\n".join(outline(content))


def problems(trace: str, options: dict[str, Any]) -> list[str]:
    """Return why a readable trace cannot be run to its end."""
    return check.check(load(trace, **options))


def problems_text(trace: str, found: Sequence[str], as_json: bool) -> str:
    """Return the outcome of a check."""
    if as_json:
        return json.dumps({"schema": 1, "trace": trace, "problems": list(found)})
    return "\n".join(f"{trace}: {problem}" for problem in found) or f"{trace}: nothing wrong"


def convert(trace: str, output: Path, to: str, force: bool, options: dict[str, Any]) -> str:
    """Write a trace in the format called ``to`` and return what is said of it."""
    if to not in FORMATS:
        raise TraceError(f"--to {to}: no such format; {nearest(to, FORMATS)}")
    program = load(trace, **options)
    check_output(output, force)
    save(program, output, to)
    notes = "".join(f"\nnote: {note}" for note in program.notes)
    return f"{output}: {program.n_ranks} ranks, {program.n_ops} operations, {to}{notes}"
