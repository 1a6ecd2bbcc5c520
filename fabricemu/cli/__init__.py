"""The command line. Importing it, and showing help, imports nothing but click.

Commands are declared in the modules called after them; what they do is in ``do_*.py``, which
import numpy and the rest and are imported when a command is called.
"""

import sys
from collections.abc import Sequence

import click

from fabricemu import __version__
from fabricemu.cli.completion import completion
from fabricemu.cli.config import config
from fabricemu.cli.fabric import fabric
from fabricemu.cli.interrupts import Interrupted
from fabricemu.cli.replay import replay
from fabricemu.cli.show import show
from fabricemu.cli.trace import trace
from fabricemu.errors import FabricemuError, StorageError

NAME = "fabricemu"


@click.group(
    epilog="Example: fabricemu replay 'gen:all-reduce?ranks=64&bytes=64MB' -f ddc -f clos-ecmp -o"
    " out"
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
def cli() -> None:
    """Replay one trace over scheduled (DDC) and Ethernet Clos fabrics, packet by packet."""


for command in (replay, show, trace, fabric, config, completion):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors are one line on stderr."""
    try:
        result = cli.main(arguments, prog_name=NAME, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        return _fail(f"{error.format_message()}{_see_help(error)}", error.exit_code)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except FabricemuError as error:
        return _fail(str(error), error.exit_code)
    except Interrupted as error:
        return _fail(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", StorageError.exit_code)
    except MemoryError:
        return _fail("out of memory", 1)


def _see_help(error: click.UsageError) -> str:
    return f" (see {error.ctx.command_path} --help)" if error.ctx else ""


def _fail(text: str, exit_code: int) -> int:
    for line in text.splitlines():
        print(f"{NAME}: {line}", file=sys.stderr)
    return exit_code
