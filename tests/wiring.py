"""Devices and cables put together by hand into a ``Network``."""

from dataclasses import dataclass, field

import numpy as np

from fabricemu.fabrics.network import Ddc, Kind, Network


@dataclass
class Wiring:
    """Devices and cables as they are added; ``build`` turns them into arrays."""

    kinds: list[Kind] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    routes: list[dict[str, int]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    cables: dict[tuple[int, int], tuple[int, int, int, int, int]] = field(default_factory=dict)

    def add(self, kind: Kind, name: str, ports: int, **route: int) -> int:
        """Return the number of a new device."""
        self.kinds.append(kind)
        self.names.append(name)
        self.ports.append(ports)
        self.routes.append(route)
        return len(self.kinds) - 1

    def hosts(self, n: int, ports: int) -> None:
        """Add ``n`` hosts."""
        for rank in range(n):
            self.add(Kind.HOST, f"host{rank}", ports)

    def join(
        self,
        one: tuple[int, int],
        other: tuple[int, int],
        rate: int,
        latency: int,
        queues: tuple[int, int] = (-1, -1),
    ) -> None:
        """Connect two (device, port); ``queues`` are the limits of the two ends."""
        assert one not in self.cables, one
        assert other not in self.cables, other
        self.cables[one] = (*other, rate, latency, queues[0])
        self.cables[other] = (*one, rate, latency, queues[1])

    def build(self, ranks: int, nic_ports: int, scale_up: int, ddc: Ddc | None = None) -> Network:
        """Return the network; every port must be connected."""
        ptr = np.concatenate([[0], np.cumsum(self.ports)]).astype(np.int64)
        every = [(d, p) for d, n in enumerate(self.ports) for p in range(n)]
        rows = np.array([self.cables[end] for end in every], dtype=np.int64)
        names = ("lo", "hi", "div", "bundle", "up_first", "up_count", "choice")
        return Network(
            n_ranks=ranks,
            nic_ports=nic_ports,
            scale_up=scale_up,
            kind=np.array(self.kinds, dtype=np.int64),
            port_ptr=ptr,
            peer=ptr[rows[:, 0]] + rows[:, 1],
            rate_bps=rows[:, 2].copy(),
            latency_ps=rows[:, 3].copy(),
            queue_bytes=rows[:, 4].copy(),
            names=self.names,
            ddc=ddc,
            **{n: np.array([r.get(n, 0) for r in self.routes], dtype=np.int64) for n in names},
        )
