"""The command line of the vendor's comparison."""

import json
import math
from dataclasses import asdict
from typing import Any

import click

from benchmarks.command_line import (
    Command,
    check_ethernet,
    count_option,
    ethernet_option,
    json_option,
    seeds_option,
    tell,
    tell_of_compiling,
)
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
from fabricemu.errors import ConfigError
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
@count_option("--hosts", DEFAULT.hosts, f"In four tenants; {FULL_HOSTS} in the claim.", SMALLEST)
@seeds_option(5)
@click.option(
    "--bytes",
    "size_bytes",
    default="4MiB",
    show_default=True,
    callback=size_of,
    help="Buffer of a rank in a collective.",
)
@ethernet_option(ETHERNET)
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
@count_option("--repeats", DEFAULT.repeats, "Collectives of a tenant, one after another.")
@count_option("--chunks", DEFAULT.chunks, "Of an all-reduce, in each of its two trees.")
@count_option("--slow-every", DEFAULT.slow_every, "One of so many NICs of a tenant gets slow.")
@count_option("--threads", DEFAULT.threads, "For fabrics that are large enough.")
@json_option
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
    tell_of_compiling()
    return {
        workload: {
            fabric: run_all(setting, workload, fabric, seeds, tell)
            for fabric in (DDC, *dict.fromkeys(fabrics))
        }
        for workload in dict.fromkeys(workloads)
    }


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
