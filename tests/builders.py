"""Small networks, transports and programs for tests, wired by hand.

Nothing here uses the builders of the package, so that a test of one is a test of the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Choice, Ddc, Kind, Network
from fabricemu.fabrics.transport import Receiver, Transport
from fabricemu.workloads.program import (
    NONE,
    Algorithm,
    Collective,
    Collectives,
    Gate,
    Op,
    Program,
    SendDone,
)
from tests.wiring import Wiring

RATE_BPS = 400 * 10**9
LATENCY_PS = 500_000


def transport(any_order: bool = False, **changes: Any) -> Transport:
    """Return a NIC with 4096 + 64 B packets, 64 B ACKs at the end of a message, no window."""
    values: dict[str, Any] = {
        "mtu": 4096,
        "header_bytes": 64,
        "gap_bytes": 0,
        "ack_bytes": 64,
        "ack_every": 1 << 30,
        "window_packets": 1 << 30,
        "receiver": Receiver.ANY_ORDER if any_order else Receiver.IN_ORDER,
        "reorder_packets": 1 << 10,
        "rto_ps": 0,
        "qps": 1,
    }
    return Transport(**(values | changes))


# networks


def line_network(
    switches: int = 1,
    rate: int = RATE_BPS,
    latency: int = LATENCY_PS,
    queue_bytes: int = -1,
    last_rate: int | None = None,
) -> Network:
    """Return two hosts with a row of switches between them: ``switches + 1`` equal links.

    ``last_rate`` is the rate of the cable to host 1, where it differs.
    """
    wiring = Wiring()
    wiring.hosts(2, 1)
    ends = [(0, 0)]
    for number in range(switches):
        route = {"lo": 0, "hi": 1, "div": 1, "bundle": 1, "up_first": 1, "up_count": 1}
        switch = wiring.add(Kind.SWITCH, f"switch{number}", 2, **route)
        ends += [(switch, 0), (switch, 1)]
    ends.append((1, 0))
    for left, right in zip(ends[::2], ends[1::2], strict=True):
        own = last_rate if last_rate is not None and right == (1, 0) else rate
        limits = (-1 if left[0] == 0 else queue_bytes, -1 if right[0] == 1 else queue_bytes)
        wiring.join(left, right, own, latency, limits)
    return wiring.build(2, 1, 1)


def star(
    n: int,
    rate: int = RATE_BPS,
    latency: int = LATENCY_PS,
    queue_bytes: int = -1,
    slow: dict[int, int] | None = None,
) -> Network:
    """Return ``n`` hosts on one switch; ``slow`` gives other rates to the cables of some."""
    wiring = Wiring()
    wiring.hosts(n, 1)
    switch = wiring.add(Kind.SWITCH, "switch", n, lo=0, hi=n, div=1, bundle=1, up_first=n)
    for rank in range(n):
        own = (slow or {}).get(rank, rate)
        wiring.join((rank, 0), (switch, rank), own, latency, (-1, queue_bytes))
    return wiring.build(n, 1, 1)


def leaf_spine(
    leaves: int = 2,
    hosts_per_leaf: int = 2,
    spines: int = 2,
    bundle: int = 1,
    rates: tuple[int, int, int] = (RATE_BPS, RATE_BPS, 2 * RATE_BPS),
    latencies: tuple[int, int, int] = (LATENCY_PS, LATENCY_PS, LATENCY_PS),
    choice: Choice = Choice.ECMP,
    queue_bytes: int = -1,
    nic_ports: int = 1,
    scale_up: int = 1,
) -> Network:
    """Return a two-tier Clos; all NIC ports of a host go to one leaf.

    ``rates`` and ``latencies`` are those of host cables, fabric cables and scale-up cables.
    """
    ranks = leaves * hosts_per_leaf
    own = hosts_per_leaf * nic_ports
    wiring = Wiring()
    wiring.hosts(ranks, nic_ports + (scale_up > 1))
    for leaf in range(leaves):
        route = {"lo": leaf * own, "hi": (leaf + 1) * own, "div": 1, "bundle": 1}
        up = {"up_first": own, "up_count": spines * bundle, "choice": int(choice)}
        number = wiring.add(Kind.SWITCH, f"leaf{leaf}", own + spines * bundle, **route, **up)
        for port in range(own):
            end = divmod(leaf * own + port, nic_ports)
            wiring.join(end, (number, port), rates[0], latencies[0], (-1, queue_bytes))
    for spine in range(spines):
        route = {"lo": 0, "hi": leaves * own, "div": own, "bundle": bundle, "choice": int(choice)}
        number = wiring.add(Kind.SWITCH, f"spine{spine}", leaves * bundle, **route)
        for port in range(leaves * bundle):
            leaf, cable = divmod(port, bundle)
            down = (ranks + leaf, own + spine * bundle + cable)
            wiring.join(down, (number, port), rates[1], latencies[1], (queue_bytes, queue_bytes))
    add_scale_up(wiring, ranks, nic_ports, scale_up, rates[2], latencies[2])
    return wiring.build(ranks, nic_ports, scale_up)


def add_scale_up(
    wiring: Wiring, ranks: int, nic_ports: int, size: int, rate: int, latency: int
) -> None:
    """Add a switch for every ``size`` consecutive ranks, if that is more than one."""
    if size == 1:
        return
    for first in range(0, ranks, size):
        route = {"lo": first, "hi": first + size, "div": 1, "bundle": 1, "up_first": size}
        number = wiring.add(Kind.SCALE_UP, f"scaleup{first // size}", size, **route)
        for place in range(size):
            wiring.join((first + place, nic_ports), (number, place), rate, latency)


def ddc(
    leaves: int = 2,
    leaf_ports: int = 2,
    lanes: int = 4,
    lanes_per_element: int = 1,
    rates: tuple[int, int, int] = (RATE_BPS, 100 * 10**9, 2 * RATE_BPS),
    latencies: tuple[int, int, int] = (LATENCY_PS, LATENCY_PS, LATENCY_PS),
    choice: Choice = Choice.ROUND_ROBIN,
    queue_bytes: int = -1,
    nic_ports: int = 1,
    scale_up: int = 1,
    **changes: int | float | bool,
) -> Network:
    """Return a one-stage cell fabric; ``changes`` are fields of ``Ddc``.

    ``rates`` and ``latencies`` are those of host cables, lanes and scale-up cables;
    ``queue_bytes`` limits the egress ports.
    """
    ranks = leaves * leaf_ports // nic_ports
    values = ddc_values() | changes
    shape = (leaves, leaf_ports, lanes, lanes_per_element, ranks)
    parameters = Ddc(*shape, **values)  # type: ignore[arg-type]
    wiring = Wiring()
    wiring.hosts(ranks, nic_ports + (scale_up > 1))
    for leaf in range(leaves):
        number = wiring.add(Kind.LEAF, f"leaf{leaf}", leaf_ports + lanes)
        for port in range(leaf_ports):
            end = divmod(leaf * leaf_ports + port, nic_ports)
            wiring.join(end, (number, port), rates[0], latencies[0], (-1, queue_bytes))
    for element in range(lanes // lanes_per_element):
        route = {"lo": 0, "hi": leaves, "div": 1, "bundle": lanes_per_element}
        size = leaves * lanes_per_element
        number = wiring.add(Kind.ELEMENT, f"element{element}", size, **route, choice=int(choice))
        for port in range(size):
            leaf, lane = divmod(port, lanes_per_element)
            end = (ranks + leaf, leaf_ports + element * lanes_per_element + lane)
            wiring.join(end, (number, port), rates[1], latencies[1])
    add_scale_up(wiring, ranks, nic_ports, scale_up, rates[2], latencies[2])
    return wiring.build(ranks, nic_ports, scale_up, parameters)


def ddc_values() -> dict[str, int | float | bool]:
    """Return cells of 256 B and credits of 4096 B."""
    return {
        "cell_bytes": 256,
        "cell_header_bytes": 16,
        "control_cell_bytes": 64,
        "packing": True,
        "pad_cells": False,
        "credit_bytes": 4096,
        "credit_speedup": 1.05,
        "egress_threshold_bytes": 16384,
    }


# programs


@dataclass
class Draft:
    """An operation before it has its final number."""

    rank: int
    values: dict[str, int]
    after: list[int]
    after_start: list[int]


class ProgramBuilder:
    """Collects operations in any order; they keep that order within a rank."""

    COLUMNS = (
        ("kind", 0),
        ("stream", NONE),
        ("duration_ps", 0),
        ("start_ps", 0),
        ("bytes", 0),
        ("peer", 0),
        ("tag", 0),
        ("channel", 0),
        ("collective", NONE),
        ("mode", int(Gate.ALL)),
        ("count", 0),
        ("job", 0),
        ("name", NONE),
    )

    def __init__(self, n_ranks: int):
        self.n_ranks = n_ranks
        self.drafts: list[Draft] = []
        self.groups: list[list[int]] = []
        self.collectives: list[tuple[int, ...]] = []

    def add(
        self,
        rank: int,
        kind: Op,
        after: Iterable[int] = (),
        after_start: Iterable[int] = (),
        **values: int,
    ) -> int:
        """Return a handle of a new operation, for the ``after`` of others."""
        assert values.keys() <= {name for name, _ in self.COLUMNS}, values
        draft = Draft(rank, values | {"kind": int(kind)}, list(after), list(after_start))
        self.drafts.append(draft)
        return len(self.drafts) - 1

    def depend(self, op: int, after: Iterable[int]) -> None:
        """Add predecessors to an operation that exists."""
        self.drafts[op].after += after

    def send(self, rank: int, peer: int, size: int, **values: int) -> int:
        """Add a SEND without predecessors."""
        return self.add(rank, Op.SEND, (), (), peer=peer, bytes=size, **values)

    def recv(self, rank: int, peer: int, **values: int) -> int:
        """Add a RECV without predecessors."""
        return self.add(rank, Op.RECV, (), (), peer=peer, **values)

    def collective(
        self,
        kind: Collective,
        algorithm: Algorithm,
        ranks: list[int],
        size: int,
        channels: int = 1,
        chunks: int = 1,
        root: int = 0,
    ) -> int:
        """Return the row of a new collective instance; add a COLL for each rank to use it."""
        if ranks not in self.groups:
            self.groups.append(ranks)
        group = self.groups.index(ranks)
        row = (int(kind), int(algorithm), group, size, channels, chunks, root, 0)
        self.collectives.append(row)
        return len(self.collectives) - 1

    def build(self, send_done: SendDone = SendDone.LOCAL, eager_bytes: int = 0) -> Program:
        """Return the program, sorted by rank."""
        order = sorted(range(len(self.drafts)), key=lambda handle: self.drafts[handle].rank)
        ranks = [self.drafts[handle].rank for handle in order]
        dep_ptr, dep_idx, dep_start = self.edges(order)
        columns: dict[str, Any] = {
            name: ints([self.drafts[handle].values.get(name, default) for handle in order])
            for name, default in self.COLUMNS
        }
        return Program(
            n_ranks=self.n_ranks,
            rank_ptr=np.searchsorted(ranks, np.arange(self.n_ranks + 1)).astype(np.int64),
            dep_ptr=dep_ptr,
            dep_idx=dep_idx,
            dep_start=dep_start,
            group_ptr=pointers([len(group) for group in self.groups]),
            group_ranks=ints([rank for group in self.groups for rank in group]),
            collectives=self.table(),
            send_done=send_done,
            eager_bytes=eager_bytes,
            **columns,
        )

    def edges(self, order: list[int]) -> tuple[NDArray[np.int64], ...]:
        number = {handle: op for op, handle in enumerate(order)}
        rows = []
        for handle in order:
            draft = self.drafts[handle]
            row = [(number[h], 0) for h in draft.after] + [
                (number[h], 1) for h in draft.after_start
            ]
            rows.append(sorted(row))
        flat = [edge for row in rows for edge in row]
        ptr = pointers([len(row) for row in rows])
        return ptr, ints([op for op, _ in flat]), ints([start for _, start in flat])

    def table(self) -> Collectives:
        columns = np.array(self.collectives, dtype=np.int64).reshape(-1, 8)
        return Collectives(*(column.copy() for column in columns.T))


def ints(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def pointers(lengths: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def sends(
    rows: Sequence[tuple[int, ...]], n_ranks: int = 0, send_done: SendDone = SendDone.LOCAL
) -> Program:
    """Return a program of independent messages ``(src, dst, bytes[, start_ps[, channel]])``.

    Each has its RECV; messages of one pair have tags 0, 1, ... in the order of the rows.
    """
    n = max([n_ranks, *(max(row[:2]) + 1 for row in rows)])
    builder = ProgramBuilder(n)
    tags: dict[tuple[int, int], int] = defaultdict(int)
    for src, dst, size, *rest in rows:
        start, channel = [*rest, *(0, 0)[len(rest) :]]
        tag = tags[src, dst]
        tags[src, dst] += 1
        builder.send(src, dst, size, tag=tag, start_ps=start, channel=channel)
        builder.recv(dst, src, bytes=size, tag=tag, channel=channel)
    return builder.build(send_done)


def collective(
    kind: Collective,
    algorithm: Algorithm,
    n: int,
    size: int,
    channels: int = 1,
    chunks: int = 1,
    root: int = 0,
    repeats: int = 1,
    n_ranks: int = 0,
) -> Program:
    """Return a program of ``repeats`` collectives over ranks 0..n-1, one after the other.

    Ranks n .. ``n_ranks - 1`` have no operations.
    """
    builder = ProgramBuilder(max(n, n_ranks))
    ranks = list(range(n))
    rows = [
        builder.collective(kind, algorithm, ranks, size, channels, chunks, root)
        for _ in range(repeats)
    ]
    for rank in ranks:
        ops = [builder.add(rank, Op.COLL, collective=row) for row in rows]
        for before, op in pairwise(ops):
            builder.depend(op, [before])
    return builder.build()
