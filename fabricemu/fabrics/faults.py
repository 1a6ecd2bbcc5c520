"""What is broken in a network: slow, lossy and dead links, and the routes that follow.

Ports change at once, routes ``clos.reconvergence`` or ``ddc.detection`` after a link between
boxes did. Rates of time 0 hold from the start; so do routes of time 0 that follow at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from fabricemu.errors import ConfigError
from fabricemu.fabrics.failed import rate_share
from fabricemu.fabrics.followers import Condition, Follower, LaneRouter, Router, detection_ps
from fabricemu.fabrics.link_names import ports_of
from fabricemu.fabrics.network import Change, Ints, Network, Routes
from fabricemu.fabrics.routing import switch_links, unreached
from fabricemu.fabrics.wiring import LOSS_UNITS
from fabricemu.spec.fabric import ClosSpec, DdcSpec, FabricSpec


class Event(NamedTuple):
    """The begin of a state of some ports, which ends with the next event of the same ``key``."""

    time_ps: int
    key: int | bytes
    ports: Ints
    state: int | str


def broken(spec: FabricSpec, network: Network) -> Network:
    """Return the whole ``network`` with what the specification breaks.

    Raises
    ------
    ConfigError
        If a box or link does not exist.
    """
    if isinstance(spec, ClosSpec):
        slow = np.maximum(1, (network.rate_bps * rate_share(spec, network)).astype(np.int64))
        network = replace(network, rate_bps=slow)
    network = replace(network, loss=_loss(spec, network))
    events = sorted(_events(spec, network), key=lambda event: event.time_ps)
    if not events:
        return network
    if isinstance(spec, ClosSpec):
        return _changing(network, events, spec.clos.reconvergence, Router(network))
    lanes = LaneRouter(network, spec.ddc.input_balanced)
    return _changing(network, events, detection_ps(spec.ddc, network), lanes)


def box_elements(spec: FabricSpec) -> int:
    """Return the elements of a box, 0 where boxes have no names."""
    return spec.ddc.box_elements if isinstance(spec, DdcSpec) and spec.ddc.lane_group == 1 else 0


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
        cut += _unreached(network, routes)
    if cut:
        raise ConfigError(
            f"changes: host{cut[0]} is cut off for good, so messages may be sent again for ever;"
            " expected an until"
        )


def _unreached(network: Network, routes: Routes) -> list[int]:
    """Return a host that others have no way to at last, if there is one."""
    if network.ddc is None:
        lost = unreached(network, routes)
        return [] if lost is None else [lost[1]]
    sets = routes.set_of[routes.edge_device - network.n_ranks] >= 0
    leaf = np.flatnonzero(~(sets | np.eye(len(sets), dtype=bool)).all(axis=0))
    return [int(leaf[0]) * network.ddc.leaf_ports // network.nic_ports] if len(leaf) else []


def _loss(spec: FabricSpec, network: Network) -> Ints | None:
    """Return the loss of each port: of all links between boxes, then of those named."""
    if not (spec.links.loss_rate or spec.loss):
        return network.loss
    none = np.zeros(network.n_ports, dtype=np.int64)
    loss = none if network.loss is None else network.loss.copy()
    lanes = network.carries_cells
    between = np.flatnonzero(lanes) if lanes.any() else switch_links(network).port
    loss[between] = np.maximum(loss[between], round(spec.links.loss_rate * LOSS_UNITS))
    for number, item in enumerate(spec.loss):
        ports = _ports_of(spec, network, item.link, f"loss.{number}.link")
        loss[ports] = round(item.rate * LOSS_UNITS)
    return loss


def _ports_of(spec: FabricSpec, network: Network, what: str, field: str) -> Ints:
    try:
        return ports_of(network, what, box_elements(spec))
    except ConfigError as error:
        raise ConfigError(f"{field}: {error}") from None


def _events(spec: FabricSpec, network: Network) -> Iterator[Event]:
    """Yield what happens; a change without end lasts until the next to the same ports."""
    for number, change in enumerate(spec.changes):
        ports = _ports_of(spec, network, change.what, f"changes.{number}.what")
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


def _changing(
    network: Network, events: Iterable[Event], delay_ps: int, follower: Follower
) -> Network:
    """Return ``network`` as it is at first, with what changes later, and what follows it."""
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
        follower.note(now.time_ps + delay_ps, now)
        before = now
    none = np.zeros(0, dtype=np.int64)
    later = {time: known for time, known in follower.found.items() if time > 0}
    changes = [
        replace(moves.get(time, Change(time, none, none, none)), **later.get(time, {}))
        for time in sorted(moves.keys() | later.keys())
    ]
    return replace(network, changes=tuple(changes), routes=follower.at_first())
