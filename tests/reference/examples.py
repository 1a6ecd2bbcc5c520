"""Small networks, and the parameters of published runs of UEC, for tests."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Kind, Network, Routes
from fabricemu.fabrics.transport import Balance, Control, Protocol, Transport, Uec
from tests.builders import transport
from tests.ethernet import with_switching
from tests.wiring import Wiring

RATE = 400 * 10**9
LATENCY = 500_000


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def at_ports(network: Network, *ports: int) -> NDArray[np.int64]:
    """Return 1 for each of ``ports``, else 0."""
    ones = np.zeros(network.n_ports, np.int64)
    ones[list(ports)] = 1
    return ones


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


def ring(n: int, rate: int = RATE, latency: int = LATENCY) -> Network:
    """Return ``n`` switches in a ring, a host at each; all ways go up in number, then to 0.

    Ports of a switch: 0 to the host, 1 to the next switch, 2 to the one before.
    """
    wiring = Wiring()
    wiring.hosts(n, 1)
    for number in range(n):
        switch = wiring.add(Kind.SWITCH, f"switch{number}", 3)
        wiring.join((number, 0), (switch, 0), rate, latency)
    for number in range(n):
        wiring.join((n + number, 1), (n + (number + 1) % n, 2), rate, latency)
    addresses = np.arange(n)
    onward = np.where(np.eye(n, dtype=np.int64) == 1, -1, 0)
    routes = Routes(addresses, np.zeros(n, np.int64), addresses + n, onward, ints(0, 1), ints(1))
    return replace(wiring.build(n, 1, 1), routes=routes)


# the 100 Gbit/s network of three tiers and links of 1 us of uet-htsim, and its likes

MTU = 4150  # with headers


def uec(rate: int = 10**11, rtt: int = 14_022_720, mtu: int = MTU) -> Uec:
    """Return the parameters that follow from rate, round trip and full packet."""
    bdp = rtt * rate // (8 * 10**12)
    scale, payload = bdp / 150_000, mtu - 64
    window = int(1.5 * bdp)
    return Uec(
        rate_bps=rate,
        rtt_ps=rtt,
        target_ps=rtt * 3 // 4,
        max_window=window,
        init_window=window,
        min_window=mtu,
        alpha=4 * payload * scale / 12e6,
        fair=5 * payload * scale,
        eta=0.15 * payload * scale,
        fast_gain=0.25 * scale,
        gamma=0.8,
        ewma=0.0125,
        gate_shift=3,
        fulfil_bytes=8 * mtu,
        fast_ps=10**6,
        nack_updates_base=True,
        quantum_ps=int(256 * 8e12 / rate / 0.99),
    )


def uec_nic(control: Control, parameters: Uec | None = None, **changes: Any) -> Transport:
    """Return a NIC without preamble and gap, with 64 entropies."""
    given = parameters or uec()
    values: dict[str, Any] = {
        "mtu": given.min_window - 64,
        "ack_every": 16_384,
        "any_order": True,
        "reorder_packets": 1 << 12,
        "rto_ps": 100_656_000,
        "protocol": Protocol.UEC,
        "balance": Balance.MIXED,
        "entropies": 64,
        "control": control,
        "parameters": given,
    }
    return transport(**(values | changes))


def trimming(network: Network, marks: bool = True, **changes: Any) -> Network:
    """Return the network with trimmed headers, and marks from 0.2 to 0.8 round trips."""
    red = {"ecn_low": 37_350, "ecn_high": 145_250} if marks else {}
    return with_switching(network, trim_bytes=64, **red, **changes)
