"""Ethernet switching and small networks with it, for tests."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Kind, Network, Switching
from tests.wiring import Wiring

RATE = 400 * 10**9
LATENCY = 500_000


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def at_all(network: Network, value: int) -> NDArray[np.int64]:
    """Return ``value`` for each port."""
    return np.full(network.n_ports, value, dtype=np.int64)


def at_ports(network: Network, *ports: int) -> NDArray[np.int64]:
    """Return 1 for each of ``ports``, else 0."""
    ones = at_all(network, 0)
    ones[list(ports)] = 1
    return ones


def ethernet(network: Network, **changes: Any) -> Network:
    """Return the network with one class, without marks, trimming, buffer, PFC; or ``changes``.

    Values of ports may be one number for all of them.
    """
    for name in {"ecn_low", "ecn_high", "headroom", "pfc"} & changes.keys():
        if isinstance(changes[name], int):
            changes[name] = at_all(network, changes[name])
    plain = Switching(
        weight=ints(0),
        lossless=ints(0),
        qp_class=(0,),
        ecn_low=at_all(network, -1),
        ecn_high=at_all(network, -1),
        ecn_max=0,
        ecn_at_enqueue=False,
        trim_bytes=0,
        buffer_bytes=-1,
        reserved_bytes=0,
        headroom=at_all(network, 0),
        alpha=1 << 16,
        alpha_lossy=1 << 16,
        pfc=at_all(network, 0),
        xoff_bytes=-1,
        xon_bytes=0,
        pause_bytes=64,
        pause_response_ps=0,
        weighted=False,
        bands=ints(),
        refresh_ps=0,
        flowlet_gap_ps=0,
        flowlet_entries=0,
    )
    return replace(network, switching=replace(plain, **changes))


def port(network: Network, device: int, index: int) -> int:
    """Return the number of a port."""
    return int(network.port_ptr[device]) + index


def merge(senders: int, switches: int, rate: int = RATE, latency: int = LATENCY) -> Network:
    """Return hosts 0 .. senders - 1, each behind its own row of ``switches``, and the last host.

    The rows end at one switch, whose port r leads to sender r and whose last port to the last
    host. Each way has ``switches + 2`` links.
    """
    wiring = Wiring()
    wiring.hosts(senders + 1, 1)
    ways = {"lo": 0, "hi": senders + 1, "div": 1, "bundle": 1}
    last = wiring.add(Kind.SWITCH, "last", senders + 1, **ways)
    wiring.join((senders, 0), (last, senders), rate, latency)
    for sender in range(senders):
        end = sender, 0
        for number in range(switches):
            ways = {"lo": sender, "hi": sender + 1, "div": 1, "bundle": 1}
            up = {"up_first": 1, "up_count": 1}
            switch = wiring.add(Kind.SWITCH, f"row{sender}-{number}", 2, **ways, **up)
            wiring.join(end, (switch, 0), rate, latency)
            end = switch, 1
        wiring.join(end, (last, sender), rate, latency)
    return wiring.build(senders + 1, 1, 1)
