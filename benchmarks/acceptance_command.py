"""The command line of the acceptance."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.acceptance_cases import MEASURED, SEEDS_OF_ONE_PATH, Case, read_cases
from benchmarks.acceptance_run import Result, compare
from benchmarks.command_line import Command, json_option, seeds_option, tell, tell_of_compiling
from fabricemu.cli.text import table

SHARED = Path(__file__).resolve().parents[2] / "shared"
CASES = SHARED / "acceptance" / "htsim" / "cases.csv"
MATRICES = SHARED / "traces" / "htsim_cm" / "uet"
HEAD = (
    *("case", "seeds", "fastest us", "mean us", "slowest us"),
    *("off", "allowed us", "verdict", "sent again", "answers"),
)


@click.command(cls=Command)
@click.option(
    "--cases",
    default=CASES,
    show_default="../shared/acceptance/htsim/cases.csv",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Upstream's commands and what they print.",
)
@click.option(
    "--matrices",
    default=MATRICES,
    show_default="../shared/traces/htsim_cm/uet",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the connection matrices.",
)
@seeds_option(SEEDS_OF_ONE_PATH, "At most so many runs of what a hash decides.")
@click.option("--only-listed", is_flag=True, help="Only the rows of --cases.")
@json_option
def main(cases: Path, matrices: Path, seeds: int, only_listed: bool, as_json: bool) -> None:
    """Compare runs with those of uet-htsim; exit with 1 if one is too far off."""
    chosen = read_cases(cases) + ([] if only_listed else MEASURED)
    results = compare_all(chosen, matrices, seeds)
    click.echo(json.dumps(as_object(results), indent=1) if as_json else as_text(results))
    sys.exit(0 if all(result.inside for result in results) else 1)


def compare_all(cases: list[Case], matrices: Path, seeds: int) -> list[Result]:
    """Run all cases and say how far it is."""
    tell_of_compiling()
    results = []
    for number, case in enumerate(cases, 1):
        results.append(compare(case, matrices, seeds))
        tell(f"{number}/{len(cases)} {label(case)}")
    return results


def label(case: Case) -> str:
    """Return the name of a case with its preset, for names alone are not unique."""
    return f"{case.job.preset}: {case.name}"


def as_object(results: list[Result]) -> dict[str, Any]:
    """Return results ready for JSON."""
    return {
        "schema": 1,
        "inside": all(result.inside for result in results),
        "cases": [asdict(result) | {"inside": result.inside} for result in results],
    }


def as_text(results: list[Result]) -> str:
    """Return results as a table, ours/theirs in each cell."""
    outside = sum(not result.inside for result in results)
    lines = [table(HEAD, [cells_of(result) for result in results]), ""]
    return "\n".join([*lines, f"{len(results)} rows, {outside} outside"])


def cells_of(result: Result) -> list[str]:
    """Return a result as a row of the table."""
    ours, theirs = result.ours, result.case.theirs
    allowed = result.limits[-1]
    off = getattr(ours, allowed.figure) / getattr(theirs, allowed.figure) - 1
    outside = [limit.figure for limit in result.outside]
    return [
        label(result.case) + (" *" if result.case.measured else ""),
        str(result.seeds),
        *(
            both(getattr(ours, name), getattr(theirs, name), "{:.6g}")
            for name in ("fastest_us", "mean_us", "slowest_us")
        ),
        f"{off:+.2%}",
        f"{allowed.low_us:.6g} to {allowed.high_us:.6g}",
        "outside: " + ", ".join(outside) if outside else "inside",
        both(ours.retransmits, theirs.retransmits, "{:g}"),
        both(ours.answers, theirs.answers, "{:g}"),
    ]


def both(ours: float | None, theirs: float | None, form: str) -> str:
    """Return ours/theirs, ``-`` for what nobody said."""
    return "/".join("-" if value is None else form.format(value) for value in (ours, theirs))
