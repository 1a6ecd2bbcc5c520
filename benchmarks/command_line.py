"""What the command lines of the benchmarks share."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from fabricemu.engine import run as engine
from fabricemu.errors import ConfigError, EngineError, FabricemuError
from fabricemu.spec.fabric import ClosSpec
from fabricemu.spec.presets import load_fabric

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


def count_option(name: str, default: int, text: str | None = None, least: int = 1) -> Option:
    """Return an option that is a number, at least ``least``."""
    kind = click.IntRange(least)
    return click.option(name, default=default, show_default=True, type=kind, help=text)


def seeds_option(default: int, text: str = "Runs of each.") -> Option:
    """Return the option of how many seeds there are."""
    return count_option("--seeds", default, text)


def choice_option(*names: str, choices: Iterable[str], metavar: str | None = None) -> Option:
    """Return an option that leaves some of all ``choices``."""
    return click.option(
        *names,
        multiple=True,
        default=list(choices),
        type=click.Choice(list(choices)),
        metavar=metavar,
        help="Of these only. May be repeated.",
    )


def ethernet_option(default: Sequence[str]) -> Option:
    """Return the option of the fabrics beside a DDC; ``check_ethernet`` looks at its values."""
    return click.option(
        "-f",
        "--fabric",
        "fabrics",
        multiple=True,
        default=default,
        show_default=True,
        help="Ethernet preset to compare with the DDC. May be repeated.",
    )


def check_ethernet(fabrics: Iterable[str]) -> None:
    """Raise ConfigError for a preset or file that is not an Ethernet fabric."""
    for fabric in fabrics:
        if not isinstance(load_fabric(fabric), ClosSpec):
            raise ConfigError(f"{fabric}: expected an Ethernet fabric; a DDC is always beside it")


def tell(line: str) -> None:
    """Say how far it is."""
    click.echo(line, err=True)


def tell_of_compiling() -> None:
    """Say why nothing happens for a while, if the kernels will be compiled."""
    if not engine.cached():
        tell("compiling the kernels, a minute or two")


class Command(click.Command):
    """A command whose errors are one line on stderr, with the exit codes of ``fabricemu``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a ClickException stands for what went wrong."""
        try:
            return super().invoke(ctx)
        except FabricemuError as error:
            raise failure(str(error), error.exit_code) from error
        except MemoryError as error:  # NumPy's says how much was asked for
            text = f"out of memory: {error}" if str(error) else "out of memory"
            raise failure(text, EngineError.exit_code) from error


def failure(text: str, exit_code: int) -> click.ClickException:
    """Return what click prints and exits with."""
    error = click.ClickException(text)
    error.exit_code = exit_code
    return error
