"""The command line of the permutation of the Stardust paper."""

import json
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.command_line import (
    Command,
    choice_option,
    count_option,
    json_option,
    tell,
    tell_of_compiling,
)
from benchmarks.stardust_run import SCHEMES, Setting, rates_gbps
from fabricemu.cli.text import table
from fabricemu.errors import ConfigError, MissingExtraError, OutputError

HEAD = ("fabric", "mean Gb/s", "min", "median", "published mean", "min", "median")
DEFAULT = Setting()
Rates = dict[str, NDArray[np.float64]]
ENDINGS = (".svg", ".png")


def even(context: click.Context, option: click.Parameter, value: int) -> int:
    """Refuse an odd radix: half of a box's ports lead down."""
    if value % 2:
        raise click.BadParameter(f"{value}: expected an even number, as {value + 1}")
    return value


@click.command(cls=Command)
@click.option(
    "--radix",
    default=DEFAULT.radix,
    show_default=True,
    type=click.IntRange(4, 32),
    callback=even,
    help="Ports of a switch; there are radix^3 / 4 hosts.",
)
@click.option(
    "--duration-ms",
    default=DEFAULT.duration_ms,
    show_default=True,
    type=click.FloatRange(1),
    help="For which each host has something to send.",
)
@count_option("--seed", DEFAULT.seed, least=0)
@choice_option("-f", "--fabric", "names", choices=SCHEMES)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the curves, as SVG or PNG.")
@json_option
def main(names: tuple[str, ...], plot: Path | None, as_json: bool, **values: int) -> None:
    """Measure the rate of each flow of a permutation, scheduled, sprayed and on one path."""
    setting = Setting(**values)
    check(plot)
    found = measure(setting, names)
    if plot:
        from benchmarks.stardust_plot import draw  # matplotlib takes its time

        draw(found, plot)
    click.echo(as_json_text(setting, found) if as_json else as_text(setting, found))


def check(plot: Path | None) -> None:
    """Raise, before anything runs, if the drawing could not be written."""
    if plot is None:
        return
    if plot.suffix not in ENDINGS:
        raise ConfigError(f"--plot {plot}: expected a name that ends in {' or '.join(ENDINGS)}")
    if not plot.parent.is_dir():
        raise OutputError(f"--plot {plot}: there is no folder {plot.parent}")
    if find_spec("matplotlib") is None:
        raise MissingExtraError("--plot needs matplotlib: pip install matplotlib")


def measure(setting: Setting, names: tuple[str, ...]) -> Rates:
    """Return the rates of each scheme, ascending, and say how far it is."""
    tell_of_compiling()
    found: Rates = {}
    for name in dict.fromkeys(names):
        begin = time.perf_counter()
        found[name] = rates_gbps(SCHEMES[name], setting)
        tell(f"{name}: {time.perf_counter() - begin:.1f} s")
    return found


def as_json_text(setting: Setting, found: Rates) -> str:
    """Return all rates as one object."""
    rates = {name: rates.round(4).tolist() for name, rates in found.items()}
    published = {name: SCHEMES[name].published for name in found}
    head = {"schema": 1, "setting": asdict(setting) | {"hosts": setting.hosts}}
    return json.dumps(head | {"rates_gbps": rates, "published": published}, indent=1)


def as_text(setting: Setting, found: Rates) -> str:
    """Return mean, least and median of each scheme as a table."""
    rows = [cells_of(name, rates) for name, rates in found.items()]
    head = f"{setting.hosts} hosts, {setting.duration_ms:g} ms, seed {setting.seed}"
    return f"{head}\n\n{table(HEAD, rows)}"


def cells_of(name: str, rates: NDArray[np.float64]) -> list[str]:
    """Return a scheme as a row of the table."""
    ours = [f"{value:.2f}" for value in (rates.mean(), rates.min(), np.median(rates))]
    published = SCHEMES[name].published
    theirs = [f"{value:.2f}" for value in published] if published else ["-"] * 3
    return [SCHEMES[name].title, *ours, *theirs]
