"""The command line of the sweep over what is assumed."""

import json
from dataclasses import asdict
from typing import Any

import click

from benchmarks.assumptions_run import WORKLOADS, Change, Setting, Sweep, by_weight, percent
from benchmarks.assumptions_values import LEFT_OUT, variations
from benchmarks.command_line import (
    Command,
    check_ethernet,
    choice_option,
    ethernet_option,
    json_option,
    seeds_option,
    tell,
    tell_of_compiling,
)
from benchmarks.vendor_claim_run import DDC, DIVISORS
from fabricemu.cli.text import table

DEFAULT = Setting()
ETHERNET = ("clos-ecmp", "clos-uec")
VISIBLE = 0.05  # per cent; less is printed as 0.0
KEYS = list(dict.fromkeys(variation.key for variation in variations()))


def whole(context: click.Context, option: click.Parameter, value: int) -> int:
    """Refuse lanes that leaves of a quarter the size have no whole number of."""
    step = DIVISORS[0] * 8  # and 8 of each leaf go to an element
    if value % step:
        near = round(value / step) * step
        raise click.BadParameter(f"{value}: expected a multiple of {step}, as {near}")
    return value


@click.command(cls=Command)
@click.option(
    "--hosts",
    default=DEFAULT.hosts,
    show_default=True,
    type=click.IntRange(18, 1024),
    help="On leaves of 9 ports; of 18 for more than 256 hosts.",
)
@click.option(
    "--lanes",
    default=DEFAULT.lanes,
    show_default=True,
    type=click.IntRange(32, 160),
    callback=whole,
    help="Of a leaf of 36 ports, and of smaller ones as many less.",
)
@seeds_option(DEFAULT.seeds)
@choice_option("-p", "--parameter", "keys", choices=KEYS, metavar="KEY")
@choice_option("-w", "--workload", "workloads", choices=WORKLOADS)
@ethernet_option(ETHERNET)
@json_option
def main(
    keys: tuple[str, ...],
    workloads: tuple[str, ...],
    fabrics: tuple[str, ...],
    as_json: bool,
    **values: int,
) -> None:
    """Change what is assumed of the preset ddc, one at a time, and tell how much it matters."""
    setting = Setting(**values)
    check_ethernet(fabrics)
    sweep, changes = measure(setting, keys, workloads, fabrics)
    click.echo(as_json_text(sweep, changes) if as_json else as_text(sweep, changes))


def measure(
    setting: Setting, keys: tuple[str, ...], workloads: tuple[str, ...], fabrics: tuple[str, ...]
) -> tuple[Sweep, list[Change]]:
    """Run everything and say how far it is; return what matters most first."""
    tell_of_compiling()
    sweep = Sweep(setting, workloads, fabrics)
    changes = []
    for variation in variations():
        if variation.key in keys:
            changes.append(sweep.change(variation))
            tell(f"{variation.title}: {changes[-1].largest:.1f} %")
    return sweep, by_weight(changes)


def as_json_text(sweep: Sweep, changes: list[Change]) -> str:
    """Return all times and changes as one object."""
    rows = [asdict(change) | {"largest": change.largest} for change in changes]
    default = {
        preset: {name: asdict(times) for name, times in found.items()}
        for preset, found in sweep.default.items()
    }
    found: dict[str, Any] = {"schema": 1, "setting": asdict(sweep.setting), "default": default}
    return json.dumps(found | {"changes": rows, "left_out": LEFT_OUT}, indent=1)


def as_text(sweep: Sweep, changes: list[Change]) -> str:
    """Return the default, what is changed by how much, and which orders are reversed."""
    setting = sweep.setting
    head = f"{setting.hosts} hosts, {setting.lanes} lanes, {setting.seeds} seeds"
    return "\n\n".join([head, default_table(sweep), change_table(sweep, changes), order(changes)])


def default_table(sweep: Sweep) -> str:
    """Return the times of the default, and by how much Ethernet is above them."""
    ethernet = [f"JCT of {fabric} %" for fabric in sweep.fabrics]
    rows = []
    for name, ddc in sweep.default[DDC].items():
        above = [percent(sweep.default[f][name].jct_us, ddc.jct_us) for f in sweep.fabrics]
        own = [f"{ddc.jct_us:.1f}", f"{ddc.fct_p99_us:.1f}", f"{ddc.spread:.1f}"]
        rows.append([name, *own, *(f"{value:+.1f}" for value in above)])
    return table(("default", "JCT us", "p99 FCT us", "seeds %", *ethernet), rows)


def change_table(sweep: Sweep, changes: list[Change]) -> str:
    """Return a row for each value that matters: per cent of JCT and of p99 FCT; and the others."""
    names = list(sweep.programs)
    rows = [
        [
            change.variation.title,
            f"{change.largest:.1f}",
            *(f"{change.jct[name]:+.1f} {change.fct_p99[name]:+6.1f}" for name in names),
        ]
        for change in changes
        if change.largest >= VISIBLE
    ]
    others = [change.variation.title for change in changes if change.largest < VISIBLE]
    head = ("JCT and p99 FCT, change in %", "largest", *names)
    return f"{table(head, rows)}\n\n{listed(f'below {VISIBLE} %', others)}"


def listed(head: str, lines: list[str]) -> str:
    """Return a list under its head."""
    return "\n".join([f"{head}:", *(f"  {line}" for line in lines or ["none"])])


def order(changes: list[Change]) -> str:
    """Return where the DDC gets from one side of an Ethernet fabric to the other."""
    lines = [
        f"{change.variation.title}: {workload}, {fabric}"
        for change in changes
        for workload, fabric in change.reversals
    ]
    return listed("order of DDC and Ethernet reversed", lines)
