"""The command line of the benchmarks."""

import json
from typing import Any

import click
from click.core import ParameterSource

from benchmarks import classic_run, large, machine
from benchmarks.cases import (
    Case,
    Inputs,
    classic_case,
    demand_equal,
    engine_case,
    inputs,
    permutation,
)
from benchmarks.command_line import Command, count_option, json_option, tell
from benchmarks.measure import interleave, memory_of_fresh, memory_of_this, ratio, row
from benchmarks.report import as_text, large_text
from fabricemu.engine import run as engine

ROUNDS = 5
SIZE, QUICK_SIZE = "2MiB", "64KiB"
COLLECTIVE = "gen:all-reduce?ranks={hosts}&bytes=64MB&algorithm=ring"
THREADS = 2


@click.command(cls=Command)
@count_option("--hosts", 1024, least=2)
@count_option("--rounds", ROUNDS)
@click.option("--quick", is_flag=True, help="One round of 64 KiB messages: a check, no figures.")
@click.option("--collective", is_flag=True, help="Also a ring all-reduce of 64 MB.")
@click.option("--large", "only_large", is_flag=True, help="Only 18,432 and 32,768 hosts.")
@json_option
@click.option("--large-of", hidden=True, help="Only one large case, in this process.")
@click.option("--memory-of", hidden=True, help="Only the memory of one run in this process.")
@click.option("--trace", hidden=True)
def main(
    hosts: int,
    rounds: int,
    quick: bool,
    collective: bool,
    only_large: bool,
    as_json: bool,
    large_of: str | None,
    memory_of: str | None,
    trace: str | None,
) -> None:
    """Measure packets and cells sent over links per second of wall time."""
    if only_large:
        refuse_beside_large(click.get_current_context())
    trace = trace or permutation(hosts, QUICK_SIZE if quick else SIZE)
    if memory_of:
        click.echo(json.dumps(memory_of_this(memory_of, hosts, trace)))
        return
    if large_of:
        click.echo(json.dumps(large.run_this(large_of, quick)))
        return
    if only_large:
        found, text = measure_large(quick), large_text
    else:
        found, text = measure(hosts, trace, 1 if quick else rounds, collective), as_text
    click.echo(json.dumps(found, indent=1) if as_json else text(found))


def refuse_beside_large(context: click.Context) -> None:
    """Raise UsageError for an option that would change nothing."""
    for name in ("hosts", "rounds", "collective"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} changes nothing with --large; expected one of them")


def measure(hosts: int, trace: str, rounds: int, collective: bool) -> dict[str, Any]:
    """Return all figures, ready for JSON."""
    found: dict[str, Any] = {"schema": 1, **machine.describe(), "hosts": hosts, "trace": trace}
    found["compile_s"] = compile_all()
    names = ("clos", "ddc", "trains", "nscc")
    clos, ddc, trains, nscc = (inputs(fabric, hosts, trace) for fabric in names)
    demand_equal(clos)
    cases = [engine_case("clos", clos, 1), classic_case("classic", clos)]
    cases += [engine_case("ddc", ddc, 1), engine_case("trains", trains, 1)]
    cases.append(engine_case("nscc", nscc, 1))
    cases += in_threads({"clos": clos, "ddc": ddc}, found)
    samples = interleave(cases, rounds, tell)
    found["cases"] = [row(case, samples[case.name]) for case in cases]
    found["clos_faster_than_classic"] = ratio(samples["clos"], samples["classic"])
    # The same packets of 4 KB: times stand for what one of them costs.
    found["packet_cost_over_clos"] = {
        name: ratio(samples["clos"], samples[name]) for name in ("ddc", "trains")
    }
    found["memory"] = {}
    for figures in found["cases"]:
        if figures["case"] in ("clos", "ddc"):
            memory = memory_of_fresh(figures["case"], hosts, trace)
            figures["peak_rss_bytes"] = memory["peak_bytes"]
            found["memory"][figures["case"]] = memory
    if collective:
        found["cases"] += collectives(hosts)
    found["machine"]["load_average_after"] = machine.load_average()
    return found


def measure_large(quick: bool) -> dict[str, Any]:
    """Return the figures of the largest fabrics, ready for JSON."""
    found: dict[str, Any] = {"schema": 1, **machine.describe()}
    found["compile_s"] = engine.warm_up()
    found["cases"] = []
    for name in large.LARGE:
        tell(name)
        found["cases"].append(large.run_fresh(name, quick))
    found["machine"]["load_average_after"] = machine.load_average()
    return found


def compile_all() -> dict[str, Any]:
    """Compile both loops; return the seconds it took."""
    cached = engine.cached()
    tell("loading the kernels" if cached else "compiling the kernels, a minute or two")
    return {
        "engine": engine.warm_up(),
        "engine_from_cache": cached,
        "classic": classic_run.warm_up(),
    }


def in_threads(given: dict[str, Inputs], found: dict[str, Any]) -> list[Case]:
    """Return the cases on two threads; note which ones there cannot be."""
    found["notes"] = []
    if machine.cores() < THREADS:
        found["notes"].append("one core: nothing was run on two threads")
        return []
    cases = []
    for name, one in given.items():
        if one.network.n_ports < engine.THREAD_PORTS:
            found["notes"].append(
                f"{name}: fewer than {engine.THREAD_PORTS} ports, so never on two threads"
            )
        else:
            cases.append(engine_case(f"{name}, {THREADS} threads", one, THREADS))
    return cases


def collectives(hosts: int) -> list[dict[str, Any]]:
    """Return the figures of one ring all-reduce on each of two fabrics."""
    rows = []
    threads = min(THREADS, machine.cores())
    for fabric in ("ddc", "clos-spray"):
        given = inputs(fabric, hosts, COLLECTIVE.format(hosts=hosts))
        case = engine_case(f"{fabric} all-reduce, {threads} threads", given, threads)
        sample = case.run()
        tell(f"{case.name} {sample.wall_s:.3f} s")
        rows.append(row(case, [sample]))
    return rows
