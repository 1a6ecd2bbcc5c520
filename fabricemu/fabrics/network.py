"""A wired network: devices, ports, latencies and routes as arrays.

The fields are those of sections 1, 2, 5, 6, 11 and 12 to 17 of ``docs/model.md``,
``docs/ethernet.md`` and ``docs/ddc.md``. A network is built once and never changed.
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
    """A cell fabric (sections 5, 12 to 17); one leaf holds ``leaf_ports`` consecutive NIC ports.

    Attributes
    ----------
    voq_bytes : int
        Limit of the data that waits in a VOQ; -1 without limit.
    onchip_bytes : int
        Size above which what waits in a leaf is counted as deep; -1 without limit.
    balance_bytes : int
        Most credit that a VOQ keeps; -1 without limit.
    ahead_bytes : int
        Credit that a VOQ asks for beyond what waits in it.
    watchdog_ps : int
        From look to look at what was asked and has not come; 0 for none.
    paced : bool
        Whether no more leaves a leaf than its lanes carry.
    drm : int
        Rate of lanes over rate of NIC ports below which credits slow down, in units of 2^-16.
    train_cells : int
        Cells that travel as one.
    least_loaded : bool
        Whether a cell takes the lane with the shortest queue.
    llfc_xoff_bytes, llfc_xon_bytes : int
        Bytes of a lane's cells that wait in an element and pause it, -1 for never, and resume it.
    llfc_response_ps : int
        From the arrival of an off or on cell until it takes effect.
    rci_bytes : tuple of int
        Ascending waiting bytes of a lane that give cells the levels 1, 2, ...
    rci_slow : tuple of int
        Factor of each of these levels on the time between credits, in units of 2^-16.
    rci_period_ps : int
        A leaf remembers levels for one to two periods.
    contexts : int
        Streams of a leaf that may have a gap at one time; 0 without limit.
    reassembly_ps : int
        From look to look at missing cells; 0 for none.
    """

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
    voq_bytes: int = -1
    onchip_bytes: int = -1
    balance_bytes: int = -1
    ahead_bytes: int = 0
    watchdog_ps: int = 0
    paced: bool = False
    drm: int = 0
    train_cells: int = 1
    least_loaded: bool = False
    llfc_xoff_bytes: int = -1
    llfc_xon_bytes: int = 0
    llfc_response_ps: int = 0
    rci_bytes: tuple[int, ...] = ()
    rci_slow: tuple[int, ...] = ()
    rci_period_ps: int = 0
    contexts: int = 0
    reassembly_ps: int = 0


@dataclass(frozen=True)
class Switching:
    """What packet switches do beyond two FIFOs a port (section 6); sizes in bytes, times in ps.

    Attributes
    ----------
    weight : (classes,) int64
        Of each data class in deficit round robin; 0 for strict priority.
    lossless : (classes,) int64
        1 where a class must not lose a packet to a full buffer.
    qp_class : tuple of int
        Class of a QP by its channel, cyclically.
    ecn_low, ecn_high : (n_ports,) int64
        Marking thresholds; -1 for none.
    ecn_max : int
        Probability at ``ecn_high``, in units of 2^-32.
    ecn_at_enqueue : bool
    trim_bytes : int
        Frame bytes of a trimmed header; 0 for no trimming.
    buffer_bytes : int
        Shared pool of a switch; -1 without limit.
    reserved_bytes : int
        Of each (port, class) before it takes from the pool.
    headroom : (n_ports,) int64
        Of each (ingress port, lossless class).
    alpha, alpha_lossy : int
        Of the dynamic threshold of lossless and lossy classes, in units of 2^-16.
    pfc : (n_ports,) int64
        1 where what comes in through the port can be paused.
    xoff_bytes, xon_bytes : int
        Static thresholds; with ``xoff_bytes`` -1 dynamic, ``xon_bytes`` then the offset.
    pause_bytes : int
        Frame bytes of a pause frame.
    pause_response_ps : int
        From the arrival of a pause frame until it takes effect.
    weighted : bool
        Whether choices follow the rates of ports.
    bands : (n,) int64
        Ascending waiting bytes that ADAPTIVE tells apart; empty for exact bytes.
    refresh_ps : int
        How old a band may get; 0 for always fresh.
    flowlet_gap_ps, flowlet_entries : int
        0 for no flowlets; size of the table of a switch.
    """

    weight: Ints
    lossless: Ints
    qp_class: tuple[int, ...]
    ecn_low: Ints
    ecn_high: Ints
    ecn_max: int
    ecn_at_enqueue: bool
    trim_bytes: int
    buffer_bytes: int
    reserved_bytes: int
    headroom: Ints
    alpha: int
    alpha_lossy: int
    pfc: Ints
    xoff_bytes: int
    xon_bytes: int
    pause_bytes: int
    pause_response_ps: int
    weighted: bool
    bands: Ints
    refresh_ps: int
    flowlet_gap_ps: int
    flowlet_entries: int


@dataclass(frozen=True)
class Routes:
    """Ways by table, for networks without the regular numbering (section 6).

    In a cell fabric the edges are the leaves, addresses are their numbers, and ``set_of`` has
    the lanes of leaves too (section 17).

    Attributes
    ----------
    edge, home : (addresses,) int64
        Number of the edge switch of an address, and the port there that leads to it.
    edge_device : (edges,) int64
        Device of each edge switch.
    set_of : (n_devices - n_ranks, edges) int64
        Set of ports of a switch towards an edge; -1 for no way.
    set_ptr, set_ports : (sets + 1,), (...) int64
        Ports of each set, counted within the device.
    """

    edge: Ints
    home: Ints
    edge_device: Ints
    set_of: Ints
    set_ptr: Ints
    set_ports: Ints


@dataclass(frozen=True)
class Change:
    """What changes at one time (section 11).

    Attributes
    ----------
    time_ps : int
    ports : (n,) int64
        Ports that change.
    rate_bps : (n,) int64
        Their rates from now on.
    up : (n,) int64
        1 where the link works from now on, 0 where what it carries is lost.
    routes : Routes or None
        The ways from now on, if they change.
    lane_mbps : (2, leaves) int64 or None
        Mbit/s of all lanes into and out of each leaf that are known to work from now on, if
        that changes.
    """

    time_ps: int
    ports: Ints
    rate_bps: Ints
    up: Ints
    routes: Routes | None = None
    lane_mbps: Ints | None = None


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
    switching : Switching or None
        Present where switches, leaves or links have more than sections 1, 2 and 5.
    routes : Routes or None
        Ways by table instead of the routing fields; needs ``switching``.
    loss : (n_ports,) int64 or None
        Probability of losing a packet, in units of 2^-32; needs ``switching``.
    changes : tuple of Change
        In the order of time; need ``switching``.
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
    switching: Switching | None = None
    routes: Routes | None = None
    loss: Ints | None = None
    changes: tuple[Change, ...] = ()

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
