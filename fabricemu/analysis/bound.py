"""What no run of a program on a network can beat."""

from itertools import product
from typing import NamedTuple

import numpy as np

from fabricemu.analysis.ideal import ideal_ps
from fabricemu.fabrics.paths import Paths
from fabricemu.workloads.program import NONE, Ints, Op, Program, SendDone
from fabricemu.workloads.schedule import schedule_of

SHAPE = ("kind", "algorithm", "group", "bytes", "channels", "chunks", "root")


class Load(NamedTuple):
    """Messages from each ``src`` to its ``dst`` together, each (n,) int64."""

    src: Ints
    dst: Ints
    payload: Ints
    wire: Ints


def bound_ps(program: Program, paths: Paths) -> int:
    """Return a time that the job completion of no run is below.

    The largest of the longest path through the program with every message at its unloaded
    time, and of the bytes of the busiest host and of the busiest leaf over their rates.

    Returns
    -------
    int, ps
    """
    load = traffic(program, paths)
    return max(ideal_ps(program, paths), busiest_nic_ps(load, paths), busiest_leaf_ps(load, paths))


def busiest_nic_ps(load: Load, paths: Paths) -> int:
    """Return the longest time that any host needs to send or to receive its wire bytes."""
    network = paths.network
    outside = load.src // network.scale_up != load.dst // network.scale_up
    sent, received = np.zeros((2, network.n_ranks), np.int64)
    np.add.at(sent, load.src[outside], load.wire[outside])
    np.add.at(received, load.dst[outside], load.wire[outside])
    return paths.busiest_rate_ps(sent, received)


def busiest_leaf_ps(load: Load, paths: Paths) -> int:
    """Return the longest time that any leaf needs for what crosses its uplinks.

    With several NIC ports a message may cross a leaf that it would not by another port, so
    nothing is said about those.
    """
    if paths.network.nic_ports > 1:
        return 0
    return paths.uplink_rate_ps(load.src, load.dst, load.payload)


def traffic(program: Program, paths: Paths) -> Load:
    """Return what must be sent before the program can end.

    Messages for whose arrival no operation waits do not count.
    """
    send = awaited_sends(program)
    size = program.bytes[send]
    loads = [Load(program.rank_of[send], program.peer[send], size, paths.wire_bytes(size))]
    for row, times in _shapes(program):
        loads += _collective_loads(program, row, times, paths)
    return Load(*(np.concatenate(column) for column in zip(*loads, strict=True)))


def _collective_loads(program: Program, row: int, times: int, paths: Paths) -> list[Load]:
    """Return the traffic of equal collectives, one entry for all steps with the same peers."""
    schedule, members = schedule_of(program, row), program.members(row)
    loads: dict[bytes, Load] = {}
    for (part, count), step in product(schedule.distinct(), range(schedule.rounds)):
        exchange = schedule.exchange(step, part)
        sender = np.flatnonzero(exchange.peer != NONE)
        peer, size = exchange.peer[sender], exchange.bytes[sender]
        key = exchange.peer.tobytes()
        if key not in loads:
            zero = np.zeros((2, len(peer)), np.int64)
            loads[key] = Load(members[sender], members[peer], *zero)
        load = loads[key]
        load.payload[:] += times * count * size
        load.wire[:] += times * count * paths.wire_bytes(size)
    return list(loads.values())


def awaited_sends(program: Program) -> Ints:
    """Return the SENDs that some operation waits for: acknowledged ones, or all received."""
    send = np.flatnonzero(program.kind == Op.SEND)
    recv = np.flatnonzero(program.kind == Op.RECV)
    to = np.bincount(program.peer[send], minlength=program.n_ranks)
    at = np.bincount(program.rank_of[recv], minlength=program.n_ranks)
    waited = (at >= to)[program.peer[send]]
    if program.send_done == SendDone.ACKED:
        waited[:] = True
    elif program.send_done == SendDone.EAGER:
        waited |= program.bytes[send] > program.eager_bytes
    return send[waited]


def _shapes(program: Program) -> list[tuple[int, int]]:
    """Return one row of each distinct collective, and how often it occurs."""
    if not len(program.collectives):
        return []
    keys = np.stack([getattr(program.collectives, name) for name in SHAPE], axis=1)
    _, first, times = np.unique(keys, axis=0, return_index=True, return_counts=True)
    return list(zip(first.tolist(), times.tolist(), strict=True))
