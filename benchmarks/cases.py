"""What is measured: fabrics, traffic and the two loops, each as a case that can be run."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.classic_run import Ints, run_classic
from fabricemu.engine.collect import Columns
from fabricemu.engine.run import simulate
from fabricemu.errors import EngineError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.formats import load
from fabricemu.workloads.program import Op, Program

SEED = 1
# Three tiers, 400 Gb/s, 500 ns a link, 4,096 + 64 B packets, a 64 B ACK for each; ``clos`` has
# nothing of what docs/ethernet.md adds, ``nscc`` has uet-htsim's transport.
FAT_TREE = [
    "host.port_rate=400Gbps",
    "links.host_latency=500ns",
    "links.fabric_latency=500ns",
    "transport.mtu=4096",
    "transport.ack_every=1",
]
PLAIN = [
    "transport.protocol=rc",
    "transport.balance=none",
    "transport.rto=none",
    "congestion.control=none",
    "switch.ecn_low=none",
    "switch.ecn_high=none",
    "switch.trim=none",
    "clos.queue=unbounded",
    "clos.choice=spray",
]
FABRICS: dict[str, tuple[str, list[str]]] = {
    "clos": ("uet-nscc", [*FAT_TREE, *PLAIN]),
    "nscc": ("uet-nscc", [*FAT_TREE, "transport.entropies=128"]),
    "ddc": ("ddc", []),
    "trains": ("ddc", ["ddc.lane_group=4"]),
    "clos-spray": ("clos-spray", []),
    "ddc-two-stage": ("ddc-two-stage", []),
    "ddc-800g": ("ddc-800g", []),
}


@dataclass(frozen=True)
class Sample:
    """One run: transmissions of packets and of cells over links, and the time of the loop."""

    packet_hops: int
    cell_hops: int
    wall_s: float


@dataclass(frozen=True)
class Case:
    """Something to measure, under a name."""

    name: str
    threads: int
    run: Callable[[], Sample]


@dataclass(frozen=True)
class Inputs:
    """What a run needs."""

    network: Network
    transport: Transport
    program: Program


def inputs(fabric: str, hosts: int, trace: str) -> Inputs:
    """Return a fabric of ``FABRICS`` with ``hosts`` hosts, and a generated trace."""
    preset, changes = FABRICS[fabric]
    network, transport = build(load_fabric(preset, changes), hosts)
    return Inputs(network, transport, load(trace, seed=SEED))


def permutation(hosts: int, size: str) -> str:
    """Return the trace of a random permutation."""
    return f"gen:permutation?ranks={hosts}&bytes={size}"


def flows_of(program: Program) -> Ints:
    """Return (source, destination, bytes) of each SEND, (n_flows, 3)."""
    sends = program.kind == Op.SEND
    return np.stack([program.rank_of[sends], program.peer[sends], program.bytes[sends]], axis=1)


def engine_case(name: str, given: Inputs, threads: int) -> Case:
    """Return a run of the engine as a case."""

    def run() -> Sample:
        outcome = simulate(
            given.network,
            given.transport,
            given.program,
            lambda columns: None,
            seed=SEED,
            threads=threads,
        )
        cells = given.network.carries_cells
        sent = outcome.link_packets
        return Sample(int(sent[~cells].sum()), int(sent[cells].sum()), outcome.sim_s)

    return Case(name, threads, run)


def classic_case(name: str, given: Inputs) -> Case:
    """Return a run of the classic loop as a case."""
    flows = flows_of(given.program)

    def run() -> Sample:
        done = run_classic(given.network, given.transport, flows, seed=SEED)
        return Sample(done.hops, 0, done.sim_s)

    return Case(name, 1, run)


def engine_times(given: Inputs, seed: int = SEED) -> Ints:
    """Return (source, destination, delivered, acked) of each message, sorted, in ps."""
    chunks: list[Columns] = []
    simulate(given.network, given.transport, given.program, chunks.append, seed=seed)
    names = ("src", "dst", "delivered", "acked")
    rows = np.concatenate([np.stack([chunk[name] for name in names], axis=1) for chunk in chunks])
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def classic_times(given: Inputs, seed: int = SEED) -> Ints:
    """Return what ``engine_times`` does, from the classic loop."""
    flows = flows_of(given.program)
    done = run_classic(given.network, given.transport, flows, seed=seed)
    rows = np.column_stack([flows[:, :2], done.delivered_ps, done.acked_ps])
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def demand_equal(given: Inputs) -> None:
    """Raise EngineError unless both loops give the same times: else no ratio has a meaning."""
    if not np.array_equal(engine_times(given), classic_times(given)):
        raise EngineError("benchmark: the engine and the classic loop disagree")
