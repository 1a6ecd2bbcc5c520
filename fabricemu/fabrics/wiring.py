"""Groups of like devices and the cables between them, put together as one network."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fabricemu.fabrics.network import Choice, Ddc, Ints, Kind, Network

LOSS_UNITS = 2**32  # Network.loss counts in parts of 2^-32

_ROUTE = ("lo", "hi", "div", "bundle", "up_first", "up_count")


@dataclass(frozen=True)
class Group:
    """Consecutive devices of one kind.

    Attributes
    ----------
    ports : (n,) int64
        Ports of each device.
    route : dict
        Any of the routing fields of ``Network``, each a number or (n,) int64.
    """

    kind: Kind
    name: str
    ports: Ints
    choice: Choice = Choice.ECMP
    route: dict[str, Ints | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Cables:
    """Cables of one kind: device and port within the device at both ends.

    Attributes
    ----------
    device, port : (2, n) int64
        Row 0 is one end, row 1 the other.
    rate_bps : int or (n,) int64
        Both ways.
    latency_ps, queue_bytes : pair of int or (n,) int64
        Of what is sent by end 0 and by end 1.
    """

    device: Ints
    port: Ints
    rate_bps: Ints | int
    latency_ps: tuple[Ints | int, Ints | int]
    queue_bytes: tuple[Ints | int, Ints | int] = (-1, -1)


def ends(first: Ints, second: Ints) -> Ints:
    """Return both ends of cables as one (2, n) array."""
    return np.stack([first, second]).astype(np.int64)


def assemble(
    groups: Sequence[Group],
    cables: Sequence[Cables],
    nic_ports: int,
    scale_up: int,
    ddc: Ddc | None = None,
) -> Network:
    """Return the network of ``groups``, hosts first, joined by ``cables``."""
    sizes = [len(group.ports) for group in groups]
    port_ptr = np.concatenate([[0], np.cumsum(np.concatenate([g.ports for g in groups]))])
    port_ptr = port_ptr.astype(np.int64)
    links = _links(cables, port_ptr)
    lo, hi, div, bundle, up_first, up_count = (
        np.concatenate([_column(group, name) for group in groups]) for name in _ROUTE
    )
    return Network(
        n_ranks=sizes[0],
        nic_ports=nic_ports,
        scale_up=scale_up,
        kind=np.repeat([int(group.kind) for group in groups], sizes).astype(np.int64),
        port_ptr=port_ptr,
        peer=links[0],
        rate_bps=links[1],
        latency_ps=links[2],
        queue_bytes=links[3],
        lo=lo,
        hi=hi,
        div=div,
        bundle=bundle,
        up_first=up_first,
        up_count=up_count,
        choice=np.repeat([int(group.choice) for group in groups], sizes).astype(np.int64),
        names=[f"{group.name}{i}" for group in groups for i in range(len(group.ports))],
        ddc=ddc,
    )


def _column(group: Group, name: str) -> Ints:
    value = np.asarray(group.route.get(name, 0), dtype=np.int64)
    return np.broadcast_to(value, group.ports.shape)


def _links(cables: Sequence[Cables], port_ptr: Ints) -> Ints:
    """Return peer, rate, latency and queue limit of every port, (4, n_ports)."""
    links = np.full((4, int(port_ptr[-1])), -1, dtype=np.int64)
    for cable in cables:
        port = port_ptr[cable.device] + cable.port
        for end in (0, 1):
            links[0, port[end]] = port[1 - end]
            links[1, port[end]] = cable.rate_bps
            links[2, port[end]] = cable.latency_ps[end]
            links[3, port[end]] = cable.queue_bytes[end]
    return links
