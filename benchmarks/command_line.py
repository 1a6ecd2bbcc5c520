"""What the command lines of the benchmarks share."""

from typing import Any

import click

from fabricemu.errors import EngineError, FabricemuError


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
