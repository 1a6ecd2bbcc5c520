"""``fabricemu completion``."""

import click
from click.shell_completion import get_completion_class


@click.command(epilog='Example, for ~/.bashrc: eval "$(fabricemu completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    script = found(context.find_root().command, {}, "fabricemu", "_FABRICEMU_COMPLETE")
    click.echo(script.source())
