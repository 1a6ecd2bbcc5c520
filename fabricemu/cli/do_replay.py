"""Replay a trace over fabrics and seeds, one run after the other."""

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fabricemu.analysis.compare import compare
from fabricemu.analysis.summary import Run
from fabricemu.cli.fabrics import load_fabrics
from fabricemu.cli.interrupts import Interrupted, Interrupts
from fabricemu.cli.reporter import Reporter
from fabricemu.cli.run_text import comparison_text, run_text
from fabricemu.engine.run import check_inputs
from fabricemu.errors import ConfigError, OutputError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.cell_modes import mode_warnings
from fabricemu.fabrics.faults import check_lasting
from fabricemu.fabrics.speedup import speedup_warnings
from fabricemu.fabrics.topology import hosts_of
from fabricemu.replay import Trace, read_trace, replay
from fabricemu.results.spill import spill_folder
from fabricemu.results.writer import check_output
from fabricemu.spec.fabric import FabricSpec
from fabricemu.workloads.uri import SCHEME

JSON_SCHEMA = 1


@dataclass(frozen=True)
class Job:
    """What was asked for."""

    trace: str
    fabrics: tuple[str, ...]
    output: Path
    hosts: int | None
    overrides: tuple[str, ...]
    topology: str | None
    seeds: range
    threads: int
    reproducible: bool
    force: bool
    start_unit: str | None
    eager_bytes: int | None


def run(job: Job, quiet: bool, as_json: bool) -> str:
    """Do all runs and return what is printed of them."""
    with Interrupts() as interrupts:
        reporter = Reporter(interrupts, quiet)
        runs = run_all(job, reporter)
        interrupts.check()
    if as_json:
        return json.dumps({"schema": JSON_SCHEMA, "runs": runs}, allow_nan=False)
    if len(runs) == 1:
        return run_text(runs[0])
    rows = []
    for seed in job.seeds:
        rows += compare([run for run in runs if run["seed"] == seed])
    return comparison_text(rows, job.output)


def run_all(job: Job, reporter: Reporter) -> list[Run]:
    """Check all inputs and outputs, then run each fabric with each seed."""
    fabrics = load_fabrics(job.fabrics, job.overrides, job.topology)
    job = replace(job, hosts=job.hosts or _hosts_of_file(fabrics))
    trace = _read(job, job.seeds[0])
    for fabric in fabrics:
        for warning in _check(fabric, job, trace):
            reporter.say(f"{fabric.name}: warning: {warning}")
    runs = []
    with _outputs(job, fabrics) as outputs:
        for seed in job.seeds:
            if seed != job.seeds[0] and job.trace.startswith(SCHEME):
                trace = _read(job, seed)
            for fabric in fabrics:
                runs.append(_run_one(job, trace, fabric, seed, outputs.pop(0), reporter))
    return runs


def _check(fabric: FabricSpec, job: Job, trace: Trace) -> list[str]:
    """Raise ConfigError if a run could not begin, or not end; return what is worth a warning."""
    network, transport = build(fabric, job.hosts or trace.program.n_ranks)
    check_inputs(network, transport, trace.program)
    try:
        check_lasting(network)
    except ConfigError as error:
        raise ConfigError(f"{fabric.name}: {error}") from None
    return speedup_warnings(fabric, network) + mode_warnings(fabric)


def _hosts_of_file(fabrics: Sequence[FabricSpec]) -> int | None:
    """Return the hosts of the largest topology file, so that all fabrics have as many."""
    found = [hosts for fabric in fabrics if (hosts := hosts_of(fabric)) is not None]
    return max(found, default=None)


def _read(job: Job, seed: int) -> Trace:
    options = {"start_unit": job.start_unit, "eager_bytes": job.eager_bytes}
    return read_trace(job.trace, hosts=job.hosts, seed=seed, **options)


@contextlib.contextmanager
def _outputs(job: Job, fabrics: Sequence[FabricSpec]) -> Iterator[list[Path]]:
    """Yield the result files in the order of the runs, after a check that they can be made."""
    if len(fabrics) * len(job.seeds) == 1:
        check_output(job.output, job.force)
        yield [job.output]
        return
    made = _make_folder(job.output)
    try:
        many = len(job.seeds) > 1
        outputs = [
            job.output / f"{fabric.name}{f'-s{seed}' if many else ''}.h5"
            for seed in job.seeds
            for fabric in fabrics
        ]
        for output in outputs:
            check_output(output, job.force)
        yield outputs
    finally:
        if made:
            with contextlib.suppress(OSError):  # it stays where something is in it
                job.output.rmdir()


def _make_folder(folder: Path) -> bool:
    if folder.is_dir():
        return False
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        reason = "is not a folder" if folder.exists() else f"cannot be created: {error.strerror}"
        raise OutputError(f"{folder}: {reason}; several runs need a folder") from None
    return True


def _run_one(
    job: Job, trace: Trace, fabric: FabricSpec, seed: int, output: Path, reporter: Reporter
) -> Run:
    reporter.begin(fabric.name if len(job.seeds) == 1 else f"{fabric.name}, seed {seed}")
    try:
        return replay(
            trace,
            fabric,
            output,
            seed=seed,
            hosts=job.hosts,
            threads=job.threads,
            force=job.force,
            reproducible=job.reproducible,
            command=shlex.join(["fabricemu", *sys.argv[1:]]),
            watcher=reporter,
        )
    except Interrupted as error:
        if spill_folder(output).is_dir():
            kept = f"; 'fabricemu show {shlex.quote(str(output))} --recover' keeps what it has"
            error.args = (f"{error}{kept}",)
        raise
    finally:
        reporter.end()
