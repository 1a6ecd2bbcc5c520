"""Proof that ways by table lead to their addresses, and that changes make sense."""

import numpy as np

from fabricemu.errors import EngineError
from fabricemu.fabrics.network import Ddc, Ints, Kind, Network, Routes
from fabricemu.fabrics.routing import UNREACHED, edges_of
from fabricemu.fabrics.table_ways import route_hops
from fabricemu.fabrics.ways import Bools
from fabricemu.fabrics.wiring import LOSS_UNITS


def require(holds: bool, problem: str) -> None:
    """Raise an EngineError unless something holds."""
    if not holds:
        raise EngineError(f"wiring: {problem}")


def verify_routes(network: Network, routes: Routes) -> None:
    """Check that every port of every set leads to a switch one link nearer to the edge.

    Raises
    ------
    EngineError
        If one does not, or an address has another edge or port than its cable.
    """
    if network.ddc is not None:
        _verify_lanes(network, network.ddc, routes)
        return
    edges = edges_of(network)
    for name, own, real in (
        ("edge", routes.edge, edges.edge),
        ("home", routes.home, edges.home),
        ("edge_device", routes.edge_device, edges.device),
    ):
        require(np.array_equal(own, real), f"routes.{name} is not as the cables are")
    hops = route_hops(network, routes)
    require(bool((hops[routes.set_of >= 0] < UNREACHED).all()), "routes go round in a circle")
    for switch in range(len(hops)):
        for number in np.unique(routes.set_of[switch]):
            if number >= 0:
                _check_set(network, routes, hops, switch, int(number))


def _verify_lanes(network: Network, ddc: Ddc, routes: Routes) -> None:
    """Check that sets of leaves and elements are among the lanes that the routing fields give."""
    leaves = np.arange(ddc.leaves)
    require(np.array_equal(routes.edge_device, leaves + ddc.first_leaf), "routes of other leaves")
    for row in range(len(routes.set_of)):
        device = network.n_ranks + row
        for number in np.unique(routes.set_of[row]).tolist():
            if number >= 0:
                port = routes.set_ports[slice(*routes.set_ptr[number : number + 2])]
                leaf = np.flatnonzero(routes.set_of[row] == number)[:, np.newaxis]
                right = _leads_to(network, ddc, device, port, leaf)
                require(bool(right.all()), f"{network.names[device]} has a way by the wrong lane")


def _leads_to(network: Network, ddc: Ddc, device: int, port: Ints, leaf: Ints) -> Bools:
    """Return which ports of a leaf or element lead to which leaves, by the routing fields."""
    degree = int(network.port_ptr[device + 1] - network.port_ptr[device])
    if network.kind[device] == Kind.LEAF:
        lane = (port >= degree - ddc.lanes) & (port < degree)
        return np.asarray(lane & (leaf != device - ddc.first_leaf))
    lo, hi, first = (int(field[device]) for field in (network.lo, network.hi, network.up_first))
    div, bundle = int(network.div[device]), int(network.bundle[device])
    below = port // bundle == (leaf - lo) // div
    above = (port >= first) & (port < first + network.up_count[device])
    return np.asarray(np.where((lo <= leaf) & (leaf < hi), below, above), dtype=np.bool_)


def _check_set(network: Network, routes: Routes, hops: Ints, switch: int, number: int) -> None:
    """Check one set of ports of a switch towards all edges that have it."""
    device = network.n_ranks + switch
    port = routes.set_ports[slice(*routes.set_ptr[number : number + 2])]
    degree = network.port_ptr[device + 1] - network.port_ptr[device]
    name = network.names[device]
    require(bool(((port >= 0) & (port < degree)).all()), f"{name} has a way by no port")
    far = network.device_of[network.peer[network.port_ptr[device] + port]]
    require(bool((network.kind[far] == Kind.SWITCH).all()), f"{name} has a way by no switch")
    edge = np.flatnonzero(routes.set_of[switch] == number)
    nearer = hops[np.ix_(far - network.n_ranks, edge)] == hops[switch, edge] - 1
    require(bool(nearer.all()), f"{name} has ways of unequal length")


def verify_changes(network: Network) -> None:
    """Check loss, and order, ports, rates, states and routes of all changes.

    Raises
    ------
    EngineError
        If something is out of range or out of order.
    """
    if network.loss is not None:
        right = (network.loss >= 0) & (network.loss <= LOSS_UNITS)
        require(bool(right.all()), "a loss is not a probability")
    times = [change.time_ps for change in network.changes]
    require(all(a < b for a, b in zip([-1, *times], times, strict=False)), "changes out of order")
    for change in network.changes:
        port = change.ports
        inside = (port >= 0) & (port < network.n_ports)
        require(bool(inside.all()) and len(np.unique(port)) == len(port), "a change of no port")
        require(bool((change.rate_bps > 0).all()), "a changed rate is not positive")
        require(bool(((change.up == 0) | (change.up == 1)).all()), "a link neither up nor down")
        require(network.routes is not None or change.routes is None, "no routes to change")
        if change.routes is not None:
            verify_routes(network, change.routes)
