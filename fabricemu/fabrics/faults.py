"""What is broken in a network: slow, lossy and dead links, and the routes that follow.

Ports change at once, routes ``clos.reconvergence`` after a link between switches went down or
came up. Rates of time 0 hold from the start; so do the routes of time 0 without reconvergence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from fabricemu.errors import ConfigError
from fabricemu.fabrics.failed import rate_share
from fabricemu.fabrics.link_names import ports_of
from fabricemu.fabrics.network import Change, Ints, Network, Routes
from fabricemu.fabrics.routing import find_routes, switch_links, unreached
from fabricemu.fabrics.ways import Bools
from fabricemu.fabrics.wiring import LOSS_UNITS
from fabricemu.spec.fabric import ClosSpec
from fabricemu.spec.topology import ChangeParams


class Event(NamedTuple):
    """The begin of a state of some ports, which ends with the next event of the same ``key``."""

    time_ps: int
    key: int | bytes
    ports: Ints
    state: int | str


class Condition(NamedTuple):
    """Rates and states of all ports, (n_ports,) each, from a time on."""

    time_ps: int
    rate_bps: Ints
    up: Bools


def broken(spec: ClosSpec, network: Network) -> Network:
    """Return the whole ``network`` with what the specification breaks.

    Raises
    ------
    ConfigError
        If a box or link does not exist.
    """
    slow = np.maximum(1, (network.rate_bps * rate_share(spec, network)).astype(np.int64))
    network = replace(network, rate_bps=slow, loss=_loss(spec, network))
    events = sorted(_events(spec.changes, network), key=lambda event: event.time_ps)
    return _changing(network, events, spec.clos.reconvergence) if events else network


def check_lasting(network: Network) -> None:
    """Raise ConfigError if a host is cut off at last: what is sent to it would never end."""
    down = np.zeros(network.n_ports, dtype=bool)
    routes = network.routes
    for change in network.changes:
        down[change.ports] = change.up == 0
        routes = change.routes or routes
    first = network.port_ptr[: network.n_ranks, np.newaxis]
    nic = first + np.arange(network.nic_ports)
    cut = np.flatnonzero((down[nic] | down[network.peer[nic]]).any(axis=1)).tolist()
    if network.changes and routes is not None:
        lost = unreached(network, routes)
        cut += [lost[1]] if lost is not None else []
    if cut:
        raise ConfigError(
            f"changes: host{cut[0]} is cut off for good, so messages may be sent again for ever;"
            " expected an until"
        )


def _loss(spec: ClosSpec, network: Network) -> Ints | None:
    """Return the loss of each port: of all links between switches, then of those named."""
    if not (spec.links.loss_rate or spec.loss):
        return network.loss
    none = np.zeros(network.n_ports, dtype=np.int64)
    loss = none if network.loss is None else network.loss.copy()
    between = switch_links(network).port
    loss[between] = np.maximum(loss[between], round(spec.links.loss_rate * LOSS_UNITS))
    for number, item in enumerate(spec.loss):
        ports = _ports_of(network, item.link, f"loss.{number}.link")
        loss[ports] = round(item.rate * LOSS_UNITS)
    return loss


def _ports_of(network: Network, what: str, field: str) -> Ints:
    try:
        return ports_of(network, what)
    except ConfigError as error:
        raise ConfigError(f"{field}: {error}") from None


def _events(changes: Iterable[ChangeParams], network: Network) -> Iterator[Event]:
    """Yield what happens; a change without end lasts until the next to the same ports."""
    for number, change in enumerate(changes):
        ports = _ports_of(network, change.what, f"changes.{number}.what")
        most = int(network.rate_bps[ports].max())
        if isinstance(change.state, int) and change.state > most:
            raise ConfigError(
                f"changes.{number}.state: {change.state} bit/s; {change.what} has at most {most}"
            )
        if isinstance(change.until, str):
            yield Event(change.at, np.sort(ports).tobytes(), ports, change.state)
            continue
        for outage in range(change.flap_count):
            later = outage * change.flap_period if isinstance(change.flap_period, int) else 0
            yield Event(change.at + later, number, ports, change.state)
            yield Event(change.until + later, number, ports, "up")


def _conditions(events: Iterable[Event], network: Network) -> Iterator[Condition]:
    """Yield the condition of all ports after each time at which something happens."""
    lasting: dict[int | bytes, Event] = {}
    for time_ps, together in groupby(events, key=lambda event: event.time_ps):
        lasting |= {event.key: event for event in together}
        rate, up = network.rate_bps.copy(), np.ones(network.n_ports, dtype=bool)
        for event in lasting.values():
            if event.state == "down":
                up[event.ports] = False
            elif isinstance(event.state, int):
                rate[event.ports] = np.minimum(rate[event.ports], event.state)
        yield Condition(time_ps, rate, up)


def _changing(network: Network, events: Iterable[Event], reconvergence: int) -> Network:
    """Return ``network`` as it is at first, with what changes later."""
    router = _Router(network)
    before = Condition(-1, network.rate_bps, np.ones(network.n_ports, dtype=bool))
    moves: dict[int, Change] = {}
    for now in _conditions(events, network):
        if now.time_ps == 0:
            before = before._replace(rate_bps=now.rate_bps)
            network = replace(network, rate_bps=now.rate_bps)
        moved = np.flatnonzero((now.rate_bps != before.rate_bps) | (now.up != before.up))
        if len(moved):
            up = now.up[moved].astype(np.int64)
            moves[now.time_ps] = Change(now.time_ps, moved, now.rate_bps[moved], up)
        router.note(now.time_ps + reconvergence, now.up)
        before = now
    none = np.zeros(0, dtype=np.int64)
    later = {time: routes for time, routes in router.found.items() if time > 0}
    changes = [
        replace(moves.get(time, Change(time, none, none, none)), routes=later.get(time))
        for time in sorted(moves.keys() | later.keys())
    ]
    return replace(network, changes=tuple(changes), routes=router.at_first())


class _Router:
    """Routes by the links between switches that are up, each found once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.between = switch_links(network).port
        self.now = np.ones(len(self.between), dtype=bool).tobytes()
        self.known: dict[bytes, Routes] = {}
        self.found: dict[int, Routes] = {}

    def note(self, time_ps: int, up: Bools) -> None:
        """Find the routes that hold from a time on, if the links have changed."""
        key = up[self.between].tobytes()
        if key != self.now:
            self.now = key
            if key not in self.known:
                self.known[key] = find_routes(self.network, up)
            self.found[time_ps] = self.known[key]

    def at_first(self) -> Routes | None:
        """Return the routes of the beginning, as tables if there are others later."""
        if 0 in self.found or not self.found:
            return self.found.get(0, self.network.routes)
        return self.network.routes or find_routes(self.network)
