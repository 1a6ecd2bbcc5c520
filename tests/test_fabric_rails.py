"""Planes and rails: what is wired to what, and that every pair is reached."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.describe import describe
from fabricemu.fabrics.verify import verify
from fabricemu.spec.presets import load_fabric


def network_of(ranks, *overrides):
    return build(load_fabric("clos-ecmp", overrides), ranks)[0]


def leaf_names(network, rank):
    """Return the boxes to which the NIC ports of a rank lead."""
    nic = network.port_ptr[rank] + np.arange(network.nic_ports)
    return [network.names[device] for device in network.device_of[network.peer[nic]]]


def arrives(network, routes, src, dst, rng):
    """Walk between addresses over random ports of the tables; return where it ends."""
    port = network.port_ptr[src // network.nic_ports] + src % network.nic_ports
    for _ in range(9):
        far = network.peer[port]
        device = int(network.device_of[far])
        if device < network.n_ranks:
            return device * network.nic_ports + far - network.port_ptr[device]
        own = [routes.home[dst]]
        if device != routes.edge_device[routes.edge[dst]]:
            number = routes.set_of[device - network.n_ranks, routes.edge[dst]]
            own = routes.set_ports[slice(*routes.set_ptr[number : number + 2])]
        port = network.port_ptr[device] + rng.choice(own)
    return None


def test_ranks_of_a_server_attach_to_different_leaves():
    network = network_of(32, "clos.rail_optimised=true", "host.scale_up_ranks=8")
    assert [leaf_names(network, rank) for rank in range(8)] == [[f"leaf{r}"] for r in range(8)]


def test_equal_ranks_of_servers_share_a_leaf():
    overrides = ["clos.rail_optimised=true", "host.scale_up_ranks=8", "clos.hosts_per_leaf=4"]
    network = network_of(64, *overrides)
    assert [leaf_names(network, 8 * server + 3) for server in range(8)] == 4 * [["leaf3"]] + (
        4 * [["leaf11"]]
    )


def test_nic_ports_of_a_rank_are_rails_too():
    network = network_of(8, "clos.rail_optimised=true", "host.nic_ports=4")
    assert leaf_names(network, 5) == ["leaf0", "leaf1", "leaf2", "leaf3"]


def test_each_nic_port_is_on_its_plane():
    network = network_of(40, "clos.planes=2", "host.nic_ports=2", "clos.hosts_per_leaf=16")
    assert [leaf_names(network, rank) for rank in (0, 16, 39)] == [
        ["leaf0", "leaf3"],
        ["leaf1", "leaf4"],
        ["leaf2", "leaf5"],
    ]


def test_no_way_leads_from_plane_to_plane():
    network = network_of(40, "clos.planes=2", "host.nic_ports=2", "clos.hosts_per_leaf=16")
    routes = network.routes
    leaves = routes.set_of[routes.edge_device - network.n_ranks]
    same = np.arange(6)[:, None] // 3 == np.arange(6) // 3
    assert ((leaves >= 0) == (same & ~np.eye(6, dtype=bool))).all()


@given(
    servers=st.integers(1, 20),
    missing=st.integers(0, 3),
    size=st.sampled_from([1, 2, 4]),
    planes=st.integers(1, 3),
    ports=st.integers(1, 2),
    rails=st.booleans(),
    tiers=st.sampled_from([2, 3]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_every_pair_is_reached(servers, missing, size, planes, ports, rails, tiers, seed):
    ranks = max(1, servers * size - min(missing, size - 1))
    rails = rails and size * ports > 1
    network = network_of(
        ranks,
        f"host.scale_up_ranks={size}",
        f"host.nic_ports={planes * ports}",
        f"clos.planes={planes}",
        f"clos.rail_optimised={str(rails).lower()}",
        f"clos.tiers={tiers}",
        "clos.hosts_per_leaf=3",
        "clos.radix=auto",
    )
    verify(network)
    rng = np.random.default_rng(seed)
    src, dst, port = *rng.integers(ranks, size=2), rng.integers(planes * ports)
    a, b = (int(rank) * planes * ports + int(port) for rank in (src, dst))
    if network.routes is not None and src != dst:
        assert arrives(network, network.routes, a, b, rng) == b


def test_rails_have_no_more_leaf_ports_than_servers():
    content = describe(
        load_fabric("clos-ecmp", ["clos.rail_optimised=true", "host.scale_up_ranks=8"]), 64
    )
    assert content["boxes"] == {"leaf": 8, "spine": 1, "scaleup": 8}
    assert (content["rails"], content["planes"]) == (8, 1)
    assert content["oversubscription"] == {"leaf": 1.0}


def test_planes_are_as_many_fabrics():
    one = describe(load_fabric("clos-ecmp"), 2048)
    two = describe(load_fabric("clos-ecmp", ["clos.planes=2", "host.nic_ports=2"]), 2048)
    assert two["planes"] == 2
    assert two["boxes"] == {name: 2 * count for name, count in one["boxes"].items()}
    assert two["bisection_bps"] == 2 * one["bisection_bps"]
    assert two["paths"] == one["paths"]


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (["clos.planes=2"], "clos.planes: 1 NIC ports of a rank do not spread over 2 planes"),
        (["clos.planes=2", "host.nic_ports=3"], "expected host.nic_ports to be a multiple"),
        (["clos.rail_optimised=true"], "expected host.scale_up_ranks or host.nic_ports"),
        (
            ["clos.rail_optimised=true", "clos.planes=2", "host.nic_ports=2"],
            "a server has one NIC port on a plane",
        ),
    ],
)
def test_what_makes_no_planes_or_rails_says_why(overrides, part):
    with pytest.raises(ConfigError) as error:
        network_of(64, *overrides)
    assert part in str(error.value)
    assert "\n" not in str(error.value)
