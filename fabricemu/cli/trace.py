"""``fabricemu trace``."""

from pathlib import Path
from typing import Any

import click

from fabricemu.cli.options import PATH, force_option, json_option, seed_option, trace_options

OUTPUT = click.option(
    "-o", "--output", required=True, type=PATH, metavar="OUT", help="The file to write."
)
FORMAT = click.option(
    "--to",
    default="native",
    show_default=True,
    metavar="FORMAT",
    help="native, jsonl, goal, goal-binary or cm.",
)


@click.group()
def trace() -> None:
    """Read, check, convert and generate traces."""


@trace.command()
@click.argument("trace", metavar="TRACE")
@trace_options
@json_option
def info(trace: str, as_json: bool, **options: Any) -> None:
    """Print what is in TRACE."""
    from fabricemu.cli import do_trace

    click.echo(do_trace.info(trace, as_json, options))


@trace.command()
@click.argument("trace", metavar="TRACE")
@trace_options
@json_option
@click.pass_context
def check(context: click.Context, /, trace: str, as_json: bool, **options: Any) -> None:
    """Check TRACE more closely than a replay does; exit code 1 if it cannot come to an end."""
    from fabricemu.cli import do_trace

    problems = do_trace.problems(trace, options)
    click.echo(do_trace.problems_text(trace, problems, as_json))
    context.exit(1 if problems else 0)


@trace.command("import")
@click.argument("trace", metavar="TRACE")
@OUTPUT
@trace_options
@force_option
def import_(trace: str, output: Path, force: bool, **options: Any) -> None:
    """Write TRACE, of any known format, as a native trace."""
    from fabricemu.cli import do_trace

    click.echo(do_trace.convert(trace, output, "native", force, options))


@trace.command()
@click.argument("trace", metavar="TRACE")
@OUTPUT
@FORMAT
@trace_options
@force_option
def convert(trace: str, output: Path, to: str, force: bool, **options: Any) -> None:
    """Write TRACE in another format."""
    from fabricemu.cli import do_trace

    click.echo(do_trace.convert(trace, output, to, force, options))


@trace.command(
    epilog="Example: fabricemu trace generate 'all-to-all?ranks=8&bytes=64KiB' -o a.ftr.h5"
)
@click.argument("rule")
@OUTPUT
@FORMAT
@seed_option
@force_option
def generate(rule: str, output: Path, to: str, seed: int | None, force: bool) -> None:
    """Write the trace that RULE, as all-reduce?ranks=8&bytes=1MiB, stands for."""
    from fabricemu.cli import do_trace

    uri = rule if rule.startswith("gen:") else f"gen:{rule}"
    click.echo(do_trace.convert(uri, output, to, force, {"seed": seed or 0}))
