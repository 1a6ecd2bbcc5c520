"""A wired network: devices, ports, latencies and routes as arrays.

The fields are those of sections 1, 2 and 5 of ``docs/model.md``. A network is built once
by ``clos.py`` or ``ddc.py`` and never changed.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Kind(IntEnum):
    """What a device is."""

    HOST = 0
    SWITCH = 1
    LEAF = 2
    ELEMENT = 3
    SCALE_UP = 4


class Choice(IntEnum):
    """How a switch chooses among the ports of a group."""

    ECMP = 0
    SPRAY = 1
    ADAPTIVE = 2
    ROUND_ROBIN = 3


@dataclass(frozen=True)
class Ddc:
    """Parameters of a cell fabric; one leaf holds ``leaf_ports`` consecutive NIC ports."""

    leaves: int
    leaf_ports: int
    lanes: int
    lanes_per_element: int
    first_leaf: int
    cell_bytes: int
    cell_header_bytes: int
    control_cell_bytes: int
    packing: bool
    pad_cells: bool
    credit_bytes: int
    credit_speedup: float
    egress_threshold_bytes: int


@dataclass(frozen=True)
class Network:
    """Devices, ports and routes.

    Attributes
    ----------
    n_ranks : int
        Devices 0..n_ranks-1 are the hosts.
    nic_ports : int
        NIC ports of a host; its fabric addresses are ``rank * nic_ports + port``.
    scale_up : int
        Ranks of a scale-up domain; 1 if there is none.
    kind : (n_devices,) int64
        A ``Kind`` per device.
    port_ptr : (n_devices + 1,) int64
        Ports of device d are ``port_ptr[d] .. port_ptr[d + 1] - 1``.
    peer : (n_ports,) int64
        The port at the other end.
    rate_bps, latency_ps : (n_ports,) int64
        Of what is sent through the port.
    queue_bytes : (n_ports,) int64
        Limit of waiting data bytes; -1 without limit.
    lo, hi, div, bundle, up_first, up_count, choice : (n_devices,) int64
        Routing of switches and elements; zero elsewhere.
    names : list of str
        One per device.
    ddc : Ddc or None
        Present where leaves are DDC leaves.
    """

    n_ranks: int
    nic_ports: int
    scale_up: int
    kind: Ints
    port_ptr: Ints
    peer: Ints
    rate_bps: Ints
    latency_ps: Ints
    queue_bytes: Ints
    lo: Ints
    hi: Ints
    div: Ints
    bundle: Ints
    up_first: Ints
    up_count: Ints
    choice: Ints
    names: list[str]
    ddc: Ddc | None = None

    @property
    def n_devices(self) -> int:
        """Number of devices, hosts included."""
        return len(self.kind)

    @property
    def n_ports(self) -> int:
        """Number of ports, which is the number of directed links."""
        return len(self.peer)

    @property
    def device_of(self) -> Ints:
        """Device of each port, (n_ports,)."""
        return np.repeat(np.arange(self.n_devices), np.diff(self.port_ptr))

    @property
    def carries_cells(self) -> NDArray[np.bool_]:
        """Whether cells, not packets, go through each port, (n_ports,): no gap there."""
        element = (self.kind == Kind.ELEMENT)[self.device_of]
        return np.asarray(element | element[self.peer])

    @property
    def lookahead_ps(self) -> int:
        """Smallest latency of any link: the engine's window and the gate latency."""
        return int(self.latency_ps.min())
