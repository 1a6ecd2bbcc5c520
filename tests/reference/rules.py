"""Which rules hold at which switch: what a network says, as parts of the simulator."""

from dataclasses import replace
from typing import Any

import numpy as np

from fabricemu.fabrics.network import Kind, Network, Routes, Switching
from fabricemu.fabrics.transport import Transport
from tests.reference.buffer import Buffer
from tests.reference.choices import Chooser, Rules
from tests.reference.flowlets import Flowlets
from tests.reference.marking import Red
from tests.reference.pfc import Pfc
from tests.reference.result import NONE
from tests.reference.routes import RegularRoute, Route, TableRoute
from tests.reference.switch_port import Marking


def switching_of(network: Network, device: int) -> Switching:
    """Return the rules of a switch; a scale-up switch has no limits, marks, PFC or choices."""
    assert network.switching is not None
    if network.kind[device] != Kind.SCALE_UP:
        return network.switching
    none = np.full(network.n_ports, NONE)
    absent: dict[str, Any] = {"ecn_low": none, "ecn_high": none, "pfc": np.zeros_like(none)}
    plain: dict[str, Any] = {
        "weighted": False,
        "bands": np.array([], np.int64),
        "flowlet_gap_ps": 0,
    }
    return replace(network.switching, buffer_bytes=NONE, trim_bytes=0, **absent, **plain)


def limit_of(network: Network, device: int, port: int) -> int:
    """Return the limit of a port's queue; scale-up switches lose it where there is switching."""
    lifted = network.switching is not None and network.kind[device] == Kind.SCALE_UP
    return NONE if lifted else int(network.queue_bytes[port])


def route(network: Network, device: int, routes: Routes | None) -> Route:
    if routes is None or network.kind[device] == Kind.SCALE_UP:
        return RegularRoute(network, device)
    return TableRoute(routes, device, network.n_ranks)


def plain_chooser(network: Network, device: int, seed: int) -> Chooser:
    return Chooser(seed, Rules(int(network.choice[device]), train_cells=train_cells(network)))


def train_cells(network: Network) -> int:
    return 1 if network.ddc is None else network.ddc.train_cells


def chooser(network: Network, device: int, seed: int) -> Chooser:
    switching = switching_of(network, device)
    rules = Rules(
        int(network.choice[device]),
        switching.weighted,
        tuple(switching.bands.tolist()),
        switching.refresh_ps,
        train_cells(network),
    )
    if switching.flowlet_gap_ps == 0:
        return Chooser(seed, rules)
    flowlets = Flowlets(seed, switching.flowlet_gap_ps, switching.flowlet_entries)
    return Chooser(seed, rules, flowlets)


def flow_control(network: Network, transport: Transport, device: int) -> Pfc:
    """Return PFC and the buffer that it watches."""
    switching = switching_of(network, device)
    own = slice(*network.port_ptr[device : device + 2])
    buffer = Buffer(switching, switching.headroom[own].tolist())
    return Pfc(switching, buffer, switching.pfc[own].tolist(), transport.gap_bytes)


def marking(network: Network, transport: Transport, device: int, port: int) -> Marking:
    switching = switching_of(network, device)
    low, high = int(switching.ecn_low[port]), int(switching.ecn_high[port])
    red = Red(low, high, switching.ecn_max)
    trim = switching.trim_bytes
    return Marking(red, switching.ecn_at_enqueue, trim, trim + transport.gap_bytes)
