"""Options that several commands share."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
SEEDS = 2**32  # the engine's hashes take 32 bits of a seed

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
force_option = click.option("--force", is_flag=True, help="Replace OUT if it is there.")
quiet_option = click.option("--quiet", is_flag=True, help="Print nothing on stderr but errors.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, SEEDS - 1), help="Seed of all random choices.  [default: 0]"
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a field of the fabric, as transport.mtu=1024. May be repeated.",
)
topo_option = click.option(
    "--topo",
    "topology",
    metavar="FILE",
    help="File that says how the Clos is wired (.topo of htsim, topology.txt of HPCC or SimAI).",
)


def trace_options(command: Command) -> Command:
    """Add what only some trace formats need."""
    options: Iterable[Callable[[Command], Command]] = (
        click.option(
            "--cm-start-unit",
            "start_unit",
            type=click.Choice(["ps", "us"]),
            help="Unit of start times in a connection matrix of htsim.",
        ),
        click.option(
            "--goal-eager-bytes",
            "eager_bytes",
            type=click.IntRange(0),
            help="GOAL sends up to this size finish at once.  [default: 65535]",
        ),
    )
    for option in options:
        command = option(command)
    return command
