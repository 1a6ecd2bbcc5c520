"""Proof that a network is wired as its routes say."""

import numpy as np

from fabricemu.fabrics.network import Ints, Kind, Network
from fabricemu.fabrics.routing import needs_tables
from fabricemu.fabrics.verify_routes import require, verify_changes, verify_routes


def verify(network: Network) -> None:
    """Check ports, cables and routes of a network.

    Raises
    ------
    EngineError
        If a cable is loose, a latency or rate is not positive, or some output port that the
        routes allow does not lead towards the address.
    """
    ports = np.arange(network.n_ports)
    peer = network.peer
    require(bool(((peer >= 0) & (peer < network.n_ports)).all()), "a port has no cable")
    require(bool((peer[peer] == ports).all() and (peer != ports).all()), "cables disagree")
    require(bool((network.latency_ps > 0).all()), "a latency is not positive")
    require(bool((network.rate_bps > 0).all()), "a rate is not positive")
    _check_ends(network)
    reach = _Reach(network)
    by_table = needs_tables(network)
    require(not by_table or network.routes is not None, "no ways by arithmetic nor by table")
    for device in range(network.n_ranks, network.n_devices):
        if network.kind[device] != Kind.SWITCH or not by_table:
            reach.check(device)
    if network.routes is not None:
        verify_routes(network, network.routes)
    verify_changes(network)


def _check_ends(network: Network) -> None:
    """Check that every NIC port is on the leaf, at the port, that its address says."""
    if network.ddc is None:
        return
    ddc, count = network.ddc, network.n_ranks * network.nic_ports
    address = np.arange(count)
    rank, port = np.divmod(address, network.nic_ports)
    leaf, leaf_port = np.divmod(address, ddc.leaf_ports)
    far = network.peer[network.port_ptr[rank] + port]
    near = network.port_ptr[ddc.first_leaf + leaf] + leaf_port
    require(bool((far == near).all()), "a NIC port is at the wrong leaf port")


class _Reach:
    """Checks the routes of one device at a time.

    Every port down must lead to a device whose range is the part of the address space that
    the route gives it; every port up to one whose range holds this one's. Together, by
    induction over the tiers, every address is reached from everywhere.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.device_of = network.device_of

    def check(self, device: int) -> None:
        kind = Kind(int(self.network.kind[device]))
        if kind == Kind.LEAF:
            self._check_lanes(device)
            return
        self._check_down(device)
        self._check_up(device)

    def _neighbours(self, device: int, first: int, count: int) -> tuple[Ints, Ints]:
        """Return the devices, and their ports, behind some ports of a device."""
        net = self.network
        start = int(net.port_ptr[device]) + first
        far = net.peer[start : start + count]
        owner = self.device_of[far]
        return owner, far - net.port_ptr[owner]

    def _check_down(self, device: int) -> None:
        net = self.network
        lo, hi, div, bundle = (
            int(field[device]) for field in (net.lo, net.hi, net.div, net.bundle)
        )
        groups = -(-(hi - lo) // div)
        ports = int(net.port_ptr[device + 1] - net.port_ptr[device])
        expected = groups * bundle + int(net.up_count[device])
        require(ports == expected, f"{net.names[device]} has {ports} ports for {expected}")
        owner, port = self._neighbours(device, 0, groups * bundle)
        first = np.repeat(lo + np.arange(groups) * div, bundle)
        below_lo, below_hi = self._range(device, owner, port)
        wrong = (below_lo != first) | (below_hi != np.minimum(first + div, hi))
        require(not wrong.any(), f"{net.names[device]} sends down to the wrong device")

    def _range(self, device: int, owner: Ints, port: Ints) -> tuple[Ints, Ints]:
        """Return the addresses served by each neighbour below, [lo, hi)."""
        net = self.network
        kind = Kind(int(net.kind[device]))
        if kind == Kind.SCALE_UP:
            return owner, owner + 1
        if kind == Kind.ELEMENT:
            assert net.ddc is not None
            leaf = owner - net.ddc.first_leaf
            below = net.kind[owner] == Kind.ELEMENT
            return np.where(below, net.lo[owner], leaf), np.where(below, net.hi[owner], leaf + 1)
        host = net.kind[owner] == Kind.HOST
        address = owner * net.nic_ports + port
        return np.where(host, address, net.lo[owner]), np.where(host, address + 1, net.hi[owner])

    def _check_up(self, device: int) -> None:
        net = self.network
        count = int(net.up_count[device])
        owner, _ = self._neighbours(device, int(net.up_first[device]), count)
        addresses = net.n_ranks * net.nic_ports
        if net.kind[device] == Kind.ELEMENT and net.ddc is not None:
            addresses = net.ddc.leaves
        covered = int(net.lo[device]) == 0 and int(net.hi[device]) == addresses
        local = net.kind[device] == Kind.SCALE_UP
        require(count > 0 or covered or local, f"{net.names[device]} reaches not all addresses")
        wider = (net.lo[owner] <= net.lo[device]) & (net.hi[owner] >= net.hi[device])
        taller = owner > device  # tiers are numbered upwards, so nothing can go round
        require(bool((wider & taller).all()), f"{net.names[device]} has a wrong uplink")

    def _check_lanes(self, device: int) -> None:
        net = self.network
        assert net.ddc is not None
        lanes, per_element = net.ddc.lanes, net.ddc.lanes_per_element
        ports = int(net.port_ptr[device + 1] - net.port_ptr[device])
        owner, port = self._neighbours(device, ports - lanes, lanes)
        number, strand = np.divmod(np.arange(lanes), per_element)
        leaf = device - net.ddc.first_leaf
        elements = (net.kind == Kind.ELEMENT) & (net.lo <= leaf) & (leaf < net.hi)
        element = np.flatnonzero(elements)[: lanes // per_element][number]
        right = (owner == element) & (port == (leaf - net.lo[element]) * per_element + strand)
        require(bool(right.all()), f"{net.names[device]} has a lane at the wrong element")
