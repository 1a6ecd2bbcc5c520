"""Trains of messages over few switches, and what their times say of rates and queues.

The networks are specifications, so that the sets and rules of ``fabricemu.spec`` are what is
tested. Used by ``tests/test_congestion_physics.py`` and ``docs/make_congestion.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.run import simulate
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.results.outcome import Outcome
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.program import Op, Program, SendDone
from tests.builders import ProgramBuilder

US = 10**6  # ps
MS = 10**9
RECEIVER = 0
VICTIM = 15
# Cables of 1 us, no other delay; packets of 4,096 + 64 B, or 1,024 + 64 B at 40 Gb/s.
COMMON = (
    *("host.nic_latency=0ns", "links.host_latency=1us", "links.fabric_latency=1us"),
    *("clos.switch_latency=0ns", "transport.header_bytes=64", "transport.gap_bytes=0"),
    *("transport.ack_bytes=64", "transport.ack_every=1"),
)
PAUSED = (
    *("switch.buffer=unbounded", "switch.pfc=true", "switch.pause_response=1ps"),
    *("switch.xoff=1000000", "switch.xon=990000"),
)
AT_40G = (
    *("host.port_rate=40Gbps", "transport.mtu=1024"),
    *("switch.xoff=200000", "switch.xon=190000"),
)


@dataclass(frozen=True)
class Case:
    """A network and its NICs."""

    network: Network
    transport: Transport

    @property
    def rate_bps(self) -> int:
        """Rate of the hosts' cables."""
        return int(self.network.rate_bps[0])

    @property
    def packet_ps(self) -> int:
        """Time of a full packet on a host's cable."""
        wire = self.transport.mtu + self.transport.header_bytes + self.transport.gap_bytes
        return -(-wire * 8 * 10**12 // self.rate_bps)

    @property
    def latency_ps(self) -> int:
        """Latency of a host's cable."""
        return int(self.network.latency_ps[0])


@dataclass(frozen=True)
class Train:
    """Messages of ``packets`` full packets, all posted at ``start_ps``."""

    source: int
    target: int
    messages: int
    packets: int
    start_ps: int = 0


@dataclass(frozen=True)
class Run:
    """A finished run: times of all messages, in ps, in the order of delivery."""

    case: Case
    columns: dict[str, NDArray[np.int64]]
    outcome: Outcome

    def bytes_of(self, sources: Sequence[int], begin_ps: int, end_ps: int) -> NDArray[np.int64]:
        """Return payload bytes of messages delivered in [begin, end), by source."""
        columns = self.columns
        counted = (columns["delivered"] >= begin_ps) & (columns["delivered"] < end_ps)
        size = np.bincount(columns["src"], np.where(counted, columns["bytes"], 0))
        return size[list(sources)].astype(np.int64)

    def goodput(self, sources: Sequence[int], begin_ps: int, end_ps: int) -> NDArray[np.float64]:
        """Return shares of what full packets can carry at the rate of a host, by source."""
        case = self.case
        most = (end_ps - begin_ps) / case.packet_ps * case.transport.mtu
        return self.bytes_of(sources, begin_ps, end_ps) / most

    def queue_bytes(self, times_ps: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the queue before the receiver, between what completing packets found.

        All messages must come over two cables and one queue.
        """
        case, columns = self.case, self.columns
        arrived = columns["sent"] + case.packet_ps + case.latency_ps
        order = np.argsort(arrived, kind="stable")
        waits = (columns["delivered"] - arrived)[order] - case.packet_ps - case.latency_ps
        found = np.interp(times_ps, arrived[order], waits)
        return found * (case.rate_bps / 8e12)


def case(preset: str, hosts: int, *overrides: str) -> Case:
    """Return a network and its transport."""
    return Case(*build(load_fabric(preset, overrides), hosts))


def star(hosts: int, *overrides: str) -> Case:
    """Return hosts on one lossless switch, by default without congestion control."""
    return case("clos-ecmp", hosts, *COMMON, *PAUSED, *overrides)


def run(case: Case, trains: Sequence[Train], seed: int = 1) -> Run:
    """Return what the engine makes of trains of messages."""
    chunks: list[dict[str, NDArray[np.int64]]] = []
    program = program_of(case, trains)
    outcome = simulate(case.network, case.transport, program, chunks.append, seed=seed)
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    order = np.argsort(columns["delivered"], kind="stable")
    return Run(case, {name: column[order] for name, column in columns.items()}, outcome)


def program_of(case: Case, trains: Sequence[Train]) -> Program:
    """Return the program that posts all messages of each train at once."""
    ranks = case.network.n_ranks
    ordered = sorted(trains, key=lambda train: train.source)
    counts = [train.messages for train in ordered]

    def column(values: Sequence[int]) -> NDArray[np.int64]:
        return np.repeat(np.array(values, dtype=np.int64), counts)

    n = sum(counts)
    columns: dict[str, Any] = {
        name: np.full(n, default, dtype=np.int64) for name, default in ProgramBuilder.COLUMNS
    }
    columns["kind"][:] = Op.SEND
    columns["start_ps"] = column([train.start_ps for train in ordered])
    columns["peer"] = column([train.target for train in ordered])
    columns["bytes"] = column([train.packets * case.transport.mtu for train in ordered])
    sources = column([train.source for train in ordered])
    return Program(
        n_ranks=ranks,
        rank_ptr=np.searchsorted(sources, np.arange(ranks + 1)).astype(np.int64),
        dep_ptr=np.zeros(n + 1, np.int64),
        dep_idx=np.zeros(0, np.int64),
        dep_start=np.zeros(0, np.int64),
        group_ptr=np.zeros(1, np.int64),
        group_ranks=np.zeros(0, np.int64),
        collectives=ProgramBuilder(ranks).table(),
        send_done=SendDone.LOCAL,
        eager_bytes=0,
        **columns,
    )


def incast(
    case: Case, senders: int, duration_ps: int, packets: int = 1, spare: float = 1.25
) -> Run:
    """Return a run in which hosts 1 and on send to host 0 for at least ``duration_ps``.

    Each has ``spare`` times its share to send, so that none is done before unless it got more.
    """
    whole = int(duration_ps * spare) // (case.packet_ps * packets)
    trains = [
        Train(source, RECEIVER, whole // senders, packets) for source in range(1, senders + 1)
    ]
    return run(case, trains)


def jain(shares: NDArray[Any]) -> float:
    """Return Jain's index: 1 for equal shares, 1 / n if one has all."""
    total = float(np.sum(shares))
    return total**2 / (len(shares) * float(np.sum(np.square(shares.astype(np.float64)))))


def step(case: Case, join_ps: int, leave_ps: int, end_ps: int, packets: int = 1) -> Run:
    """Return a run in which host 2 joins host 1 in sending to host 0, and leaves again.

    It leaves at ``leave_ps`` and host 1 stops at ``end_ps`` if both always have their share.
    """
    both = (leave_ps - join_ps) // 2
    unit = case.packet_ps * packets
    trains = [
        Train(1, RECEIVER, (end_ps - both) // unit, packets),
        Train(2, RECEIVER, both // unit, packets, join_ps),
    ]
    return run(case, trains)


def incast_and_victim(duration_ps: int, packets: int = 1) -> list[Train]:
    """Return seven of leaf 1's eight hosts sending to host 0, the last one to host 1 from 20 us.

    It has enough to send at full rate all the time, as the others have with a seventh of it.
    """
    whole = duration_ps // (83_200 * packets)
    crowd = [Train(source, RECEIVER, whole // 4, packets) for source in range(8, VICTIM)]
    return [*crowd, Train(VICTIM, 1, whole, packets, 20 * US)]
