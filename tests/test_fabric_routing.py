"""Ways by table: all shortest ones and no others, in any network of switches."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricemu.errors import EngineError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Kind
from fabricemu.fabrics.routing import find_routes, needs_tables
from fabricemu.fabrics.verify_routes import verify_routes
from fabricemu.fabrics.walk import group_of
from fabricemu.spec.presets import load_fabric
from tests.wiring import Wiring

GBPS = 10**9


def clos(ranks, *overrides):
    return build(load_fabric("clos-ecmp", overrides), ranks)[0]


def wired(switches, cables, homes):
    """Return switches joined by ``cables``, and one host at each of ``homes``."""
    degree = [sum(end == s for cable in cables for end in cable) for s in range(switches)]
    degree = [n + homes.count(s) for s, n in enumerate(degree)]
    wiring = Wiring()
    wiring.hosts(len(homes), 1)
    boxes = [wiring.add(Kind.SWITCH, f"switch{s}", ports) for s, ports in enumerate(degree)]
    free = [iter(range(ports)) for ports in degree]
    for host, home in enumerate(homes):
        wiring.join((host, 0), (boxes[home], next(free[home])), 100 * GBPS, 1000)
    for one, other in cables:
        near, far = (boxes[one], next(free[one])), (boxes[other], next(free[other]))
        wiring.join(near, far, 100 * GBPS, 1000)
    return wiring.build(len(homes), 1, 1)


def ports_towards(network, routes, switch, edge):
    """Return the devices behind the ports of a switch towards an edge, as often as ports."""
    number = routes.set_of[switch, edge]
    if number < 0:
        return []
    own = routes.set_ports[slice(*routes.set_ptr[number : number + 2])]
    far = network.peer[network.port_ptr[network.n_ranks + switch] + own]
    return sorted((network.device_of[far] - network.n_ranks).tolist())


def shortest(switches, cables, target):
    """Return the neighbours one link nearer to a switch, for each switch, by a plain search."""
    hops, queue = {target: 0}, deque([target])
    beside = {s: [] for s in range(switches)}
    for one, other in cables:
        beside[one].append(other)
        beside[other].append(one)
    while queue:
        at = queue.popleft()
        for other in beside[at]:
            if other not in hops:
                hops[other] = hops[at] + 1
                queue.append(other)
    far = switches + 1
    return [
        sorted(o for o in beside[s] if hops.get(o, far) == hops.get(s, -1) - 1)
        for s in range(switches)
    ]


graphs = st.integers(1, 7).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda c: c[0] != c[1]),
            max_size=14 if n > 1 else 0,
        ),
        st.lists(st.integers(0, n - 1), min_size=1, max_size=5),
    )
)


@given(graph=graphs)
@settings(max_examples=150, deadline=None)
def test_ways_are_all_the_shortest_ones_of_any_graph(graph):
    switches, cables, homes = graph
    network = wired(switches, cables, homes)
    routes = find_routes(network)
    verify_routes(network, routes)
    for edge, device in enumerate(routes.edge_device):
        expected = shortest(switches, cables, int(device) - network.n_ranks)
        found = [ports_towards(network, routes, s, edge) for s in range(switches)]
        assert found == expected


@given(
    ranks=st.integers(2, 150),
    per_leaf=st.integers(1, 6),
    tiers=st.sampled_from([2, 3]),
    ratio=st.sampled_from([1, 2]),
)
@settings(max_examples=40, deadline=None)
def test_tables_of_a_regular_clos_say_what_its_arithmetic_says(ranks, per_leaf, tiers, ratio):
    hosts = f"clos.hosts_per_leaf={per_leaf * ratio}"
    counts = [hosts, f"clos.oversubscription={ratio}", f"clos.tiers={tiers}", "clos.radix=auto"]
    network = clos(ranks, *counts)
    routes = find_routes(network)
    for device in range(ranks, network.n_devices):
        for address in range(ranks):
            first, count = group_of(network, device, address)
            if device == routes.edge_device[routes.edge[address]]:
                own = [routes.home[address]]
            else:
                number = routes.set_of[device - ranks, routes.edge[address]]
                own = routes.set_ports[slice(*routes.set_ptr[number : number + 2])]
            assert list(own) == list(range(first, first + count))


def test_a_link_that_is_down_is_avoided():
    network = wired(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0, 3])
    up = np.ones(network.n_ports, dtype=bool)
    up[network.port_ptr[2] + 1] = False  # switch 0 to switch 1
    routes = find_routes(network, up)
    assert ports_towards(network, routes, 0, 1) == [2]
    assert ports_towards(network, routes, 1, 0) == [3]  # back the long way


def test_what_cannot_be_reached_has_no_ports():
    network = wired(3, [(0, 1)], [0, 2])
    routes = find_routes(network)
    assert routes.set_of.tolist() == [[-1, -1], [0, -1], [-1, -1]]


def test_hosts_pass_nothing_on():
    wiring = Wiring()
    wiring.hosts(2, 2)
    one, other = (wiring.add(Kind.SWITCH, f"switch{s}", 2) for s in range(2))
    for host in range(2):
        wiring.join((host, 0), (one, host), GBPS, 1000)
        wiring.join((host, 1), (other, host), GBPS, 1000)
    routes = find_routes(wiring.build(2, 2, 1))
    assert routes.edge.tolist() == [0, 1, 0, 1]
    assert (routes.set_of == -1).all()


def test_like_sets_are_kept_once():
    routes = find_routes(clos(32_768))
    assert routes.set_of.shape == (1280, 512)
    assert len(routes.set_ptr) - 1 == 73  # 64 leaves down, 8 pods down, and all ports up


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        ([], False),
        (["clos.rail_optimised=true", "host.scale_up_ranks=8"], True),
        (["clos.planes=2", "host.nic_ports=2"], True),
    ],
)
def test_only_planes_and_rails_need_tables(overrides, wanted):
    network = clos(200, *overrides)
    assert needs_tables(network) == wanted
    assert (network.routes is not None) == wanted


def test_a_cell_fabric_needs_no_tables():
    assert not needs_tables(build(load_fabric("ddc"), 72)[0])


def test_a_circle_of_ways_is_found():
    network = wired(3, [(0, 1), (1, 2)], [0, 2])
    routes = find_routes(network)
    routes.set_of[1, 1] = routes.set_of[1, 0]  # switch 1 sends back what is for switch 2
    with pytest.raises(EngineError, match="circle"):
        verify_routes(network, routes)


def test_a_way_round_beside_a_short_one_is_found():
    network = wired(3, [(0, 2), (0, 1), (1, 2)], [0, 2])
    routes = find_routes(network)
    both = replace(routes, set_ptr=np.array([0, 2, 3, 4]), set_ports=np.array([1, 2, 1, 1]))
    both.set_of[:] = [[-1, 0], [1, 2], [2, -1]]
    with pytest.raises(EngineError, match="unequal"):
        verify_routes(network, both)
