"""``fabricemu config``."""

import json

import click


@click.group()
def config() -> None:
    """Say what a fabric file may hold."""


@config.command()
def schema() -> None:
    """Print the JSON schema of a fabric file, for editors."""
    from fabricemu.spec.presets import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@config.command()
@click.argument("preset", required=False)
def presets(preset: str | None) -> None:
    """List the presets, or print PRESET as a file with all its fields."""
    from fabricemu.cli import do_fabric

    click.echo(do_fabric.listing() if preset is None else do_fabric.as_toml(preset))
