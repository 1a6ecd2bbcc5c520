"""``fabricemu replay``."""

from typing import Any

import click

from fabricemu.cli.options import (
    PATH,
    SEEDS,
    force_option,
    json_option,
    quiet_option,
    seed_option,
    set_option,
    topo_option,
    trace_options,
)


@click.command(epilog="A replay of several fabrics ends with a comparison, the first is the base.")
@click.argument("trace")
@click.option(
    "-f",
    "--fabric",
    "fabrics",
    multiple=True,
    required=True,
    metavar="FABRIC",
    help="A preset (see fabric list) or a TOML file. May be repeated.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=PATH,
    metavar="OUT",
    help="The result file; of several runs, the folder of them.",
)
@click.option(
    "--hosts", type=click.IntRange(1), help="Hosts of the fabric.  [default: the trace's ranks]"
)
@topo_option
@set_option
@seed_option
@click.option("--seeds", type=click.IntRange(1, SEEDS), help="Run with each of the seeds 0..K-1.")
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Cores to use; the result does not depend on it.",
)
@click.option(
    "--reproducible",
    is_flag=True,
    help="Leave date, machine and wall times out of the files: the same run, the same bytes.",
)
@trace_options
@json_option
@quiet_option
@force_option
def replay(
    trace: str,
    seed: int | None,
    seeds: int | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run TRACE over one or more fabrics and keep a result file of each run.

    TRACE is a file of any known format, or generated: gen:all-reduce?ranks=64&bytes=64MB.
    """
    if seed is not None and seeds is not None:
        raise click.UsageError("--seed and --seeds exclude each other")
    from fabricemu.cli import do_replay

    job = do_replay.Job(
        trace=trace,
        seeds=range(seeds) if seeds is not None else range(seed or 0, (seed or 0) + 1),
        **options,
    )
    click.echo(do_replay.run(job, quiet, as_json))
