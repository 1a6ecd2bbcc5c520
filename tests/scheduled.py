"""Scheduled fabrics for tests: two stages, and what breaks in them."""

from dataclasses import replace
from typing import Any

import numpy as np

from fabricemu.fabrics.network import Change, Ddc, Kind, Network
from tests.builders import LATENCY_PS, RATE_BPS, ddc_values
from tests.ethernet import with_switching
from tests.reference.reach import Reach
from tests.wiring import Wiring

LANE_BPS = 100 * 10**9


def two_stage(
    pods: int = 2, pod_leaves: int = 2, elements: int = 2, planes: int = 1, **changes: Any
) -> Network:
    """Return leaves of two hosts and one lane to each of the ``elements`` of their pod.

    Those have as many lanes up as down, one to each element of their plane.
    """
    leaves = pods * pod_leaves
    parameters = Ddc(leaves, 2, elements, 1, 2 * leaves, **(ddc_values() | changes))
    wiring = Wiring()
    wiring.hosts(2 * leaves, 1)
    for leaf in range(leaves):
        number = wiring.add(Kind.LEAF, f"leaf{leaf}", 2 + elements)
        for port in range(2):
            wiring.join((2 * leaf + port, 0), (number, port), RATE_BPS, LATENCY_PS)
    below = [[add_below(wiring, pod, pod_leaves) for _ in range(elements)] for pod in range(pods)]
    for pod in range(pods):
        for element in range(elements):
            for place in range(pod_leaves):
                leaf = 2 * leaves + pod * pod_leaves + place
                end = below[pod][element], place
                wiring.join((leaf, 2 + element), end, LANE_BPS, LATENCY_PS)
    width = elements // planes
    for first in range(0, elements, width):
        add_plane(wiring, leaves, pod_leaves, [row[first : first + width] for row in below])
    return wiring.build(2 * leaves, 1, 1, parameters)


def add_below(wiring: Wiring, pod: int, pod_leaves: int) -> int:
    """Add an element of a pod."""
    first = pod * pod_leaves
    down = {"lo": first, "hi": first + pod_leaves, "div": 1, "bundle": 1}
    up = {"up_first": pod_leaves, "up_count": pod_leaves, "choice": 3}
    return wiring.add(Kind.ELEMENT, "below", 2 * pod_leaves, **down, **up)


def add_plane(wiring: Wiring, leaves: int, pod_leaves: int, below: list[list[int]]) -> None:
    """Add the upper elements of a plane, joined to the lower ones of each pod in ``below``."""
    bundle = len(below[0])
    for up in range(pod_leaves):
        down = {"lo": 0, "hi": leaves, "div": pod_leaves, "bundle": bundle, "choice": 3}
        number = wiring.add(Kind.ELEMENT, "above", len(below) * bundle, **down)
        for pod, row in enumerate(below):
            for place, element in enumerate(row):
                end = number, pod * bundle + place
                wiring.join((element, pod_leaves + up), end, LANE_BPS, LATENCY_PS)


def failing(
    network: Network,
    ports: list[int],
    at_ps: int,
    until_ps: int | None = None,
    detection_ps: int | None = None,
    balanced: bool = False,
) -> Network:
    """Return the network with ports down from one time to another, which is known later.

    Without ``detection_ps`` nobody ever learns; without ``until_ps`` they stay down.
    """
    network = network if network.switching is not None else with_switching(network)
    whole = np.ones(network.n_ports, bool)
    broken = whole.copy()
    broken[ports] = False
    states = {at_ps: broken} if until_ps is None else {at_ps: broken, until_ps: whole}
    changes = {time: change(network, ports, time, up) for time, up in states.items()}
    if detection_ps is None:
        return replace(network, changes=tuple(changes.values()))
    for time, up in states.items():
        reach = Reach(network, up, balanced)
        now = changes.get(time + detection_ps, change(network, [], time + detection_ps, up))
        known = replace(now, routes=reach.routes(), lane_mbps=reach.lane_mbps())
        changes[time + detection_ps] = known
    first = Reach(network, whole, balanced).routes()
    return replace(network, routes=first, changes=tuple(changes[t] for t in sorted(changes)))


def change(network: Network, ports: list[int], time: int, up: np.ndarray) -> Change:
    """Return the states of some ports from ``time`` on."""
    rows = np.array(ports, dtype=np.int64)
    return Change(time, rows, network.rate_bps[rows], up[rows].astype(np.int64))
