"""One run from end to end: a trace over a fabric with a seed gives a result file."""

import hashlib
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fabricemu.analysis.bound import bound_ps
from fabricemu.analysis.summary import Run, attributes_of, completion_ps, run_object
from fabricemu.engine.run import Progress, check_inputs, simulate, warm_up
from fabricemu.engine.timeline import derive
from fabricemu.errors import EngineError, TraceError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.cell_modes import cell_modes
from fabricemu.fabrics.faults import check_lasting
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.topology import file_of
from fabricemu.fabrics.transport import Transport
from fabricemu.results.log import MessageLog
from fabricemu.results.outcome import Outcome
from fabricemu.results.provenance import provenance
from fabricemu.results.spill import spill_folder
from fabricemu.results.tables import build_labels, build_tables
from fabricemu.results.writer import check_output, publish
from fabricemu.spec.fabric import FabricSpec
from fabricemu.spec.presets import resolved_toml
from fabricemu.workloads.formats import load
from fabricemu.workloads.generate import GENERATORS
from fabricemu.workloads.program import Program
from fabricemu.workloads.schedule import total_messages
from fabricemu.workloads.uri import SCHEME, split

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Trace:
    """A program and where it comes from; ``load_s`` is the wall time of reading it."""

    program: Program
    name: str
    sha256: str
    load_s: float


class Watcher:
    """What a run tells while it goes on; every method may raise to stop it."""

    def compiling(self) -> None:
        """Note that the kernels are not in the cache and will be compiled now."""

    def compiled(self, seconds: float) -> None:
        """Note that the kernels are ready and the run begins."""

    def progress(self, progress: Progress) -> None:
        """Take a look, about ten times a second."""


def read_trace(
    trace: str | os.PathLike[str], *, hosts: int | None = None, seed: int = 0, **options: Any
) -> Trace:
    """Return the program of a trace file or ``gen:`` URI.

    Parameters
    ----------
    trace : str or path
    hosts : int, optional
        Hosts of the fabric: as many ranks has a generated trace that does not say.
    seed : int
        Of generated traces.
    **options
        As of ``fabricemu.workloads.formats.load``.

    Raises
    ------
    TraceError
        The trace is wrong, or has more ranks than there are hosts.
    """
    begin = time.perf_counter()
    name = os.fspath(trace)
    generated = name.startswith(SCHEME)
    told = generated and any("ranks" in keys for _, keys in split(name, GENERATORS))
    ranks = hosts if generated and not told else None
    program = load(trace, ranks=ranks, seed=seed, **options)
    if hosts is not None and program.n_ranks > hosts:
        raise TraceError(f"{name}: has {program.n_ranks} ranks, more than the {hosts} hosts")
    sha256 = _digest(program) if generated else _file_digest(Path(name))
    return Trace(program, name, sha256, time.perf_counter() - begin)


def replay(
    trace: Trace,
    fabric: FabricSpec,
    output: Path,
    *,
    seed: int = 0,
    hosts: int | None = None,
    threads: int = 1,
    force: bool = False,
    reproducible: bool = False,
    command: str = "",
    watcher: Watcher | None = None,
) -> Run:
    """Run a trace over a fabric and write the result file.

    Parameters
    ----------
    trace : Trace
    fabric : FabricSpec
    output : Path
    seed : int
        Of all random choices.
    hosts : int, optional
        Hosts of the fabric; as many as the trace has ranks if not given.
    threads : int
        The result does not depend on it.
    force : bool
        Whether ``output`` may be replaced.
    reproducible : bool
        Leave out of the file what differs between two runs of the same.
    command : str
        Kept in the file.
    watcher : Watcher, optional
        If it raises a ``KeyboardInterrupt``, or what else is no ``Exception``, the messages so
        far stay on disk, in ``results.spill.spill_folder(output)``; after an error nothing does.

    Returns
    -------
    dict
        An entry of ``runs`` of ``fabricemu replay --json``.

    Raises
    ------
    FabricemuError
        The inputs do not fit, the output cannot be written, or an invariant is broken.
    """
    begin = time.perf_counter() - trace.load_s
    watcher = watcher or Watcher()
    program = trace.program
    check_output(output, force)
    network, transport = _built(fabric, program, hosts)
    paths = Paths(network, transport)
    bound = bound_ps(program, paths)
    source = _source(trace, fabric, seed, command, reproducible)
    labels = build_labels(network, program)
    compile_s = _ready(watcher)
    with _message_log(output, program, seed, {"attributes": source, "labels": labels}) as log:
        outcome = simulate(
            network,
            transport,
            program,
            lambda raw: log.add(derive(raw, paths)),
            seed=seed,
            threads=threads,
            progress=watcher.progress,
        )
        outcome.compile_s = compile_s
        _check_bound(outcome, bound)
        wall_s = time.perf_counter() - begin
        run = run_object(
            fabric.name, seed, network, outcome, log, bound, wall_s, peak_rss_bytes(), str(output)
        )
        tables = build_tables(network, program, outcome, log)
        publish(output, tables, labels, source | attributes_of(run, reproducible))
    # The file cannot know how long its own writing takes; who asked for the run can.
    return run | {"wall_s": time.perf_counter() - begin, "peak_rss_bytes": peak_rss_bytes()}


def _built(fabric: FabricSpec, program: Program, hosts: int | None) -> tuple[Network, Transport]:
    """Return network and NICs for at least a program's ranks; all that can be refused is."""
    network, transport = build(fabric, hosts or program.n_ranks)
    check_inputs(network, transport, program)
    check_lasting(network)
    return network, transport


def _source(
    trace: Trace, fabric: FabricSpec, seed: int, command: str, reproducible: bool
) -> dict[str, str | int | float]:
    """Return the attributes that say what is run."""
    config = resolved_toml(fabric)
    source = provenance(config, trace.name, trace.sha256, seed, command, reproducible)
    return source | cell_modes(fabric) | _topology(fabric)


def _topology(fabric: FabricSpec) -> dict[str, str]:
    """Return the name of a topology file and the sha256 of its content; nothing without one."""
    name = file_of(fabric)
    return {} if name is None else {"topology": name, "topology_sha256": _file_digest(Path(name))}


def _ready(watcher: Watcher) -> float:
    """Compile or load the kernels and tell of it; return the seconds it took."""
    compile_s = warm_up(watcher.compiling)
    watcher.compiled(compile_s)
    return compile_s


@contextmanager
def _message_log(
    output: Path, program: Program, seed: int, note: dict[str, Any]
) -> Iterator[MessageLog]:
    """Yield the log of a run; its rows outlive nothing but an interrupt."""
    log = MessageLog(spill_folder(output), total_messages(program), seed=seed, note=note)
    try:
        yield log
    except BaseException as error:
        if log.count and not isinstance(error, Exception):
            log.checkpoint()
        else:
            log.remove()
        raise
    log.remove()


def _check_bound(outcome: Outcome, bound: int) -> None:
    took = completion_ps(outcome)
    if took < bound:
        raise EngineError(
            f"invariant: the run took {took} ps, less than its physical bound of {bound} ps"
        )


def peak_rss_bytes() -> int:
    """Return the largest resident memory of this process so far.

    On Linux from VmHWM: ``ru_maxrss`` of a process that was just started still holds the
    peak of the process that started it.
    """
    if STATUS.is_file():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(program: Program) -> str:
    """Return the sha256 of a generated program's columns."""
    digest = hashlib.sha256()
    for owner in (program, program.collectives):
        for field in fields(owner):
            value = getattr(owner, field.name)
            if isinstance(value, np.ndarray):
                digest.update(np.ascontiguousarray(value, "<i8").data)
    return digest.hexdigest()
