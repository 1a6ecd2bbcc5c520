"""The command line of the vendor's comparison."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from benchmarks.command_line import Command
from benchmarks.vendor_claim_run import (
    DDC,
    ETHERNET,
    TENANTS,
    WORKLOADS,
    Setting,
    run_all,
)
from benchmarks.vendor_claim_statements import Runs, Statement, statements
from fabricemu.cli.text import table
from fabricemu.engine import run as engine
from fabricemu.errors import ConfigError
from fabricemu.spec.fabric import ClosSpec
from fabricemu.spec.presets import load_fabric
from fabricemu.spec.units import parse_bytes

HEAD = ("statement", "workload", "fabric", "mean %", "95 % interval", "claimed", "verdict")
DEFAULT = Setting()
FULL_HOSTS = 2000
SMALLEST = 32  # hosts on two leaves


def size_of(context: click.Context, option: click.Parameter, text: str) -> int:
    """Read an amount of data, as 4MiB."""
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=Command)
@click.option(
    "--hosts",
    default=DEFAULT.hosts,
    show_default=True,
    type=click.IntRange(SMALLEST),
    help=f"In four tenants; {FULL_HOSTS} in the claim.",
)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="Runs of each.")
@click.option(
    "--bytes",
    "size_bytes",
    default="4MiB",
    show_default=True,
    callback=size_of,
    help="Buffer of a rank in a collective.",
)
@click.option(
    "-f",
    "--fabric",
    "fabrics",
    multiple=True,
    default=ETHERNET,
    show_default=True,
    help="Ethernet preset to compare with DDC. May be repeated.",
)
@click.option(
    "-w",
    "--workload",
    "workloads",
    multiple=True,
    default=["all-reduce", "all-to-all"],
    show_default=True,
    type=click.Choice(list(WORKLOADS)),
    help="What the tenants do. May be repeated.",
)
@click.option(
    "--placement",
    default="interleaved",
    show_default=True,
    type=click.Choice(["interleaved", "blocks"]),
    help="Neighbours are of different tenants, or of the same.",
)
@click.option(
    "--repeats",
    default=DEFAULT.repeats,
    show_default=True,
    type=click.IntRange(1),
    help="Collectives of a tenant, one after another.",
)
@click.option(
    "--chunks",
    default=DEFAULT.chunks,
    show_default=True,
    type=click.IntRange(1),
    help="Of an all-reduce, in each of its two trees.",
)
@click.option(
    "--slow-every",
    default=DEFAULT.slow_every,
    show_default=True,
    type=click.IntRange(1),
    help="One of so many NICs of a tenant gets slow.",
)
@click.option(
    "--threads",
    default=DEFAULT.threads,
    show_default=True,
    type=click.IntRange(1),
    help="For fabrics that are large enough.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def main(
    seeds: int,
    fabrics: tuple[str, ...],
    workloads: tuple[str, ...],
    placement: str,
    as_json: bool,
    **values: int,
) -> None:
    """Test what Scala Computing found for DriveNets: DDC beside Ethernet, four tenants."""
    setting = Setting(interleaved=placement == "interleaved", **values)
    found = compare_all(setting, workloads, fabrics, seeds)
    judged = [s for workload, runs in found.items() for s in statements(workload, runs)]
    setup = asdict(setting) | {"divisor": setting.divisor, "seeds": seeds}
    click.echo(as_json_text(setup, found, judged) if as_json else as_text(setup, judged))


def compare_all(
    setting: Setting, workloads: tuple[str, ...], fabrics: tuple[str, ...], seeds: int
) -> dict[str, Runs]:
    """Run everything and say how far it is; return the times by workload and fabric."""
    if setting.hosts % TENANTS:
        near = round(setting.hosts / TENANTS) * TENANTS
        raise ConfigError(
            f"--hosts {setting.hosts}: expected a multiple of {TENANTS} tenants;"
            f" the nearest valid choice is {near}"
        )
    check_ethernet(fabrics)
    if not engine.cached():
        click.echo("compiling the kernels, a minute or two", err=True)
    return {
        workload: {
            fabric: run_all(setting, workload, fabric, seeds, tell)
            for fabric in (DDC, *dict.fromkeys(fabrics))
        }
        for workload in dict.fromkeys(workloads)
    }


def check_ethernet(fabrics: Sequence[str]) -> None:
    """Raise ConfigError for a preset or file that is not an Ethernet fabric."""
    for fabric in fabrics:
        if not isinstance(load_fabric(fabric), ClosSpec):
            raise ConfigError(f"{fabric}: expected an Ethernet fabric; {DDC} is always beside it")


def tell(line: str) -> None:
    """Say how far it is."""
    click.echo(line, err=True)


def as_json_text(setup: dict[str, Any], found: dict[str, Runs], judged: list[Statement]) -> str:
    """Return all times and statements as one object; what has no bound is null."""
    rows = [asdict(s) | asdict(s.interval) | {"verdict": s.verdict} for s in judged]
    finite = [
        {name: None if value in (math.inf, -math.inf) else value for name, value in row.items()}
        for row in rows
    ]
    return json.dumps(
        {"schema": 1, "setting": setup, "completion_s": found, "statements": finite}, indent=1
    )


def as_text(setup: dict[str, Any], judged: list[Statement]) -> str:
    """Return the statements as a table."""
    lines = [", ".join(f"{name} {value}" for name, value in setup.items()), ""]
    return "\n".join([*lines, table(HEAD, [cells_of(statement) for statement in judged])])


def cells_of(statement: Statement) -> list[str]:
    """Return a statement as a row of the table."""
    found = statement.interval
    known = math.isfinite(found.low)
    low = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
    claimed = (
        f"at least {100 * statement.least:+g}"
        if math.isinf(statement.most)
        else f"at most {100 * statement.most:+g}"
    )
    return [
        *(statement.what, statement.workload, statement.fabric),
        f"{100 * found.mean:+.1f}",
        low if known else "-",
        claimed,
        statement.verdict,
    ]
