"""``fabricemu fabric``."""

import click

from fabricemu.cli.options import json_option, set_option, topo_option


@click.group()
def fabric() -> None:
    """Look at fabrics."""


@fabric.command("list")
@json_option
def list_fabrics(as_json: bool) -> None:
    """List the presets."""
    from fabricemu.cli import do_fabric

    click.echo(do_fabric.listing(as_json))


@fabric.command("show")
@click.argument("name", metavar="FABRIC")
@click.option(
    "--hosts", type=click.IntRange(1), help="Hosts.  [default: those of a topology file, else 64]"
)
@topo_option
@set_option
@json_option
def show_fabric(
    name: str,
    hosts: int | None,
    topology: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print boxes, links, capacity and idle times of FABRIC, a preset or a TOML file."""
    from fabricemu.cli import do_fabric

    click.echo(do_fabric.description(name, hosts, overrides, topology, as_json))
