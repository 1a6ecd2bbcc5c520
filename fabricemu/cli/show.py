"""``fabricemu show``."""

from pathlib import Path

import click

from fabricemu.cli.options import PATH, json_option


@click.command()
@click.argument("result", type=PATH, metavar="RESULT")
@click.option(
    "--recover",
    is_flag=True,
    help="First make RESULT, a partial file, of what an interrupted run has left.",
)
@json_option
def show(result: Path, recover: bool, as_json: bool) -> None:
    """Print what is in a result file: completion, tails, where the time went, links."""
    from fabricemu.cli import do_show

    click.echo(do_show.show(result, recover, as_json))
