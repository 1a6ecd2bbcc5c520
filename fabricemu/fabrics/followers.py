"""What follows some time after links went down or came up: routes, and sets and rates of lanes."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from fabricemu.fabrics.network import Ints, Kind, Network, Routes
from fabricemu.fabrics.reach import Reach
from fabricemu.fabrics.routing import find_routes, switch_links
from fabricemu.fabrics.ways import Bools
from fabricemu.spec.ddc import DdcParams

REACH_CYCLE_PS = 44_800_000  # of reachability cells (OpenBCM), as the next
REACH_WATCHDOG_PS = 100_000_000


class Condition(NamedTuple):
    """Rates and states of all ports, (n_ports,) each, from a time on."""

    time_ps: int
    rate_bps: Ints
    up: Bools


class Follower(Protocol):
    """What is told of the conditions of ports, and says what changes with them.

    Attributes
    ----------
    found : dict
        By time the fields of a ``Change`` that follow.
    """

    found: dict[int, dict[str, Any]]

    def note(self, time_ps: int, now: Condition) -> None:
        """Find what follows at a time from a condition, if it matters."""

    def at_first(self) -> Routes | None:
        """Return the routes of the beginning, as tables if there are others later."""


class Router:
    """Routes by the links between switches that are up, each found once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.between = switch_links(network).port
        self.now = np.ones(len(self.between), dtype=bool).tobytes()
        self.known: dict[bytes, Routes] = {}
        self.found: dict[int, dict[str, Any]] = {}

    def note(self, time_ps: int, now: Condition) -> None:
        """Find the routes that hold from a time on, if the links have changed."""
        key = now.up[self.between].tobytes()
        if key != self.now:
            self.now = key
            if key not in self.known:
                self.known[key] = find_routes(self.network, now.up)
            self.found[time_ps] = {"routes": self.known[key]}

    def at_first(self) -> Routes | None:
        """Return the routes of the beginning, as tables if there are others later."""
        if 0 in self.found or not self.found:
            return self.found.get(0, {}).get("routes", self.network.routes)
        return self.network.routes or find_routes(self.network)


class LaneRouter:
    """Lanes of a cell fabric: sets and rates by those that are up, each found once."""

    def __init__(self, network: Network, balanced: bool) -> None:
        self.reach = Reach(network, balanced)
        self.lanes = np.flatnonzero(network.carries_cells)
        self.whole = Condition(0, network.rate_bps, np.ones(network.n_ports, dtype=bool))
        self.now = self._key(self.whole)
        self.known: dict[bytes, dict[str, Any]] = {}
        self.found: dict[int, dict[str, Any]] = {}

    def note(self, time_ps: int, now: Condition) -> None:
        """Find the sets and rates that hold from a time on, if the lanes have changed."""
        key = self._key(now)
        if key != self.now:
            self.now = key
            if key not in self.known:
                self.known[key] = self.reach.known(now.rate_bps, now.up)
            self.found[time_ps] = self.known[key]

    def at_first(self) -> Routes | None:
        """Return the sets of the whole fabric, if there are others later."""
        return self.reach.routes(self.whole.up) if self.found else None

    def _key(self, now: Condition) -> bytes:
        return now.rate_bps[self.lanes].tobytes() + now.up[self.lanes].tobytes()


def detection_ps(ddc: DdcParams, network: Network) -> int:
    """Return the time until all know what broke: a cycle for each stage and a watchdog."""
    if isinstance(ddc.detection, int):
        return ddc.detection
    two = bool((network.up_count[network.kind == Kind.ELEMENT] > 0).any())
    return REACH_WATCHDOG_PS + (1 + two) * REACH_CYCLE_PS
