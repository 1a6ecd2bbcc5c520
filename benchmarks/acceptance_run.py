"""Run a case and put what it gave beside what others found."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.acceptance_cases import Case, Figures, Limit, kind_of, limits, seeds_of
from benchmarks.htsim import Job
from benchmarks.machine import cores
from fabricemu.analysis.bound import bound_ps
from fabricemu.engine.collect import Columns
from fabricemu.engine.run import simulate
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.transport import Transport
from fabricemu.replay import read_trace
from fabricemu.results.outcome import Outcome
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.program import Ints, Op, Program, SendDone

US = 1_000_000  # ps


@dataclass(frozen=True)
class Result:
    """A case, what runs gave (the median over ``seeds``), and what was allowed."""

    case: Case
    kind: str
    seeds: int
    ours: Figures
    limits: list[Limit]

    @property
    def outside(self) -> list[Limit]:
        """The limits that are not kept."""
        return [
            limit
            for limit in self.limits
            if not limit.low_us <= getattr(self.ours, limit.figure) <= limit.high_us
        ]

    @property
    def inside(self) -> bool:
        """Whether every figure is where it should be."""
        return not self.outside


def compare(case: Case, folder: Path, most_seeds: int) -> Result:
    """Run a case, over at most so many seeds; its matrix is in ``folder``."""
    program = program_of(case.job, folder)
    network, transport = fabric_of(case.job, program.n_ranks)
    send = program.kind == Op.SEND
    pairs = zip(program.rank_of[send].tolist(), program.peer[send].tolist(), strict=True)
    kind = kind_of(case, set(pairs))
    seeds = min(seeds_of(kind), most_seeds)
    runs = [figures(case.job, folder, seed) for seed in range(seeds)]
    bound_us = bound_ps(program, Paths(network, transport)) / US
    return Result(case, kind, seeds, medians(runs), limits(case, kind, bound_us))


def medians(runs: list[Figures]) -> Figures:
    """Return the median of each figure that all runs have."""
    columns = {field.name: [getattr(run, field.name) for run in runs] for field in fields(Figures)}
    return Figures(
        **{name: median(column) for name, column in columns.items() if None not in column}
    )


@cache
def program_of(job: Job, folder: Path) -> Program:
    """Return what is sent: the matrix of a job, else its flows."""
    if job.matrix:
        return read_trace(folder / job.matrix).program
    builder = ProgramBuilder(job.hosts)
    for source, destination, size in job.flows:
        builder.send(source, destination, size)
        builder.recv(destination, source, size)
    return builder.build(send_done=SendDone.ACKED)


@cache
def fabric_of(job: Job, hosts: int) -> tuple[Network, Transport]:
    """Return network and transport of a job."""
    return build(load_fabric(job.preset, job.overrides), hosts)


@cache
def figures(job: Job, folder: Path, seed: int) -> Figures:
    """Run a job; the same one runs once, however many rows ask for it."""
    program = program_of(job, folder)
    network, transport = fabric_of(job, program.n_ranks)
    chunks: list[Columns] = []
    outcome = simulate(
        network, transport, program, chunks.append, seed=seed, threads=min(2, cores())
    )
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    took_us = flow_times(program, columns) / US
    return Figures(
        fastest_us=float(took_us.min()),
        mean_us=float(took_us.mean()),
        slowest_us=float(took_us.max()),
        packets=outcome.packets - outcome.retransmits,
        retransmits=outcome.retransmits,
        **answers_of(network, transport, outcome),
    )


def flow_times(program: Program, columns: Columns) -> Ints:
    """Return the time of each queue pair from its first post to its last ACK, in ps."""
    send = columns["message"]
    pair = np.stack([program.rank_of[send], program.peer[send], program.channel[send]], axis=1)
    flow = np.unique(pair, axis=0, return_inverse=True)[1]
    begin = np.full(flow.max() + 1, np.iinfo(np.int64).max)
    end = np.zeros_like(begin)
    np.minimum.at(begin, flow, columns["created"])
    np.maximum.at(end, flow, columns["acked"])
    return end - begin


def answers_of(network: Network, transport: Transport, outcome: Outcome) -> dict[str, int | None]:
    """Return how many packets without data hosts sent: ACKs and NACKs, and with credit others."""
    sent = outcome.link_packets[: network.port_ptr[network.n_ranks]].sum()
    answers = int(sent) - outcome.packets
    acks = answers - int(outcome.device["nacks"].sum())
    return {"acks": None if transport.has_credit else acks, "answers": answers}
