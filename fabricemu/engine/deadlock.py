"""Queues that wait for each other in a circle, each paused because of the next.

The rule is that of docs/ethernet.md, section 6. Nothing here changes a run.
"""

from collections import defaultdict, deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Network

Queue = tuple[int, int]  # port and class
Graph = dict[Queue, set[Queue]]


def find_cycles(
    network: Network, paused: NDArray[np.bool_], waiting: Iterable[tuple[int, int, int, int]]
) -> list[list[Queue]]:
    """Return cycles of paused queues that wait for each other.

    Parameters
    ----------
    network : Network
    paused : (n_ports, classes) bool
        Whether a class of a port is paused. Without those that sent something since the last
        look, every cycle is a deadlock.
    waiting : iterable of (port, class, ingress_port, bytes)
        What waits at each port of a switch, by the port through which it came; ports are
        global numbers.

    Returns
    -------
    list of list of (port, class)
        Each queue waits for the next, the last for the first. Every queue that is on a cycle is
        in one of those returned, which are shortest ones, in a fixed order.
    """
    after = _edges(network, paused, waiting)
    _prune(after)
    cycles: list[list[Queue]] = []
    found: set[Queue] = set()
    for queue in sorted(after):
        cycle = [] if queue in found else _shortest_cycle(after, queue)
        if cycle:
            cycles.append(cycle)
            found.update(cycle)
    return cycles


def describe_cycle(network: Network, cycle: list[Queue]) -> str:
    """Return the devices and ports of a cycle as text, ports counted within their device."""
    devices = network.device_of[[port for port, _ in cycle]]
    names = [network.names[device] for device in devices]
    first = network.port_ptr[devices]
    hops = [
        f"{name} port {port - start}"
        for name, start, (port, _) in zip(names, first, cycle, strict=True)
    ]
    return f"class {cycle[0][1]}: {' > '.join([*hops, names[0]])}"


def _edges(
    network: Network, paused: NDArray[np.bool_], waiting: Iterable[tuple[int, int, int, int]]
) -> Graph:
    """Return for each paused queue the paused ones for which bytes wait that it sent."""
    after: Graph = defaultdict(set)
    for port, traffic_class, ingress_port, size in waiting:
        sender = int(network.peer[ingress_port])
        if size > 0 and paused[sender, traffic_class] and paused[port, traffic_class]:
            after[sender, traffic_class].add((port, traffic_class))
    return dict(after)


def _prune(after: Graph) -> None:
    """Remove queues from which no cycle is reached; without cycles nothing is left."""
    before: Graph = defaultdict(set)
    for queue, targets in after.items():
        for target in targets:
            before[target].add(queue)
    ends = [queue for queue in before if queue not in after]
    while ends:
        end = ends.pop()
        for queue in before[end]:
            after[queue].discard(end)
            if not after[queue]:
                del after[queue]
                ends.append(queue)


def _shortest_cycle(after: Graph, start: Queue) -> list[Queue]:
    """Return a shortest way from a queue back to itself; empty if there is none."""
    came_from: dict[Queue, Queue] = {}
    open_queues = deque([start])
    while open_queues:
        queue = open_queues.popleft()
        for target in sorted(after[queue]):
            if target == start:
                return _way(came_from, start, queue)
            if target not in came_from:
                came_from[target] = queue
                open_queues.append(target)
    return []


def _way(came_from: dict[Queue, Queue], start: Queue, end: Queue) -> list[Queue]:
    way = [end]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]
