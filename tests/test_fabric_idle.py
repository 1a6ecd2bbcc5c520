"""Idle times against the reference simulator: never beaten, and met where they are exact."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Choice, Kind
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.routing import find_routes
from fabricemu.fabrics.verify import verify
from fabricemu.spec.presets import load_fabric, preset_names
from tests.builders import sends, transport
from tests.ethernet import with_switching
from tests.reference import simulate
from tests.wiring import Wiring

SMALL = {
    "clos": ["clos.hosts_per_leaf=2", "clos.radix=auto"],
    "ddc": ["ddc.leaf_ports=2", "ddc.lanes=6"],
}


def small(name, *overrides):
    spec = load_fabric(name)
    return build(load_fabric(name, [*SMALL[spec.kind], *overrides]), 12)


def run(network, transport, dst, size, seed):
    message = simulate(network, transport, sends([(0, dst, size)]), seed).messages[0]
    return message.delivered - message.created, message.acked - message.created


@pytest.mark.parametrize("name", preset_names())
@given(dst=st.integers(0, 11), size=st.integers(0, 60_000), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_no_message_beats_its_unloaded_time(name, dst, size, seed):
    network, nic = small(name, "host.scale_up_ranks=2")
    delivered, acked = run(network, nic, dst, size, seed)
    paths = Paths(network, nic)
    assert delivered >= paths.unloaded_ps(0, dst, size)
    assert acked >= paths.unloaded_ps(0, dst, size, acked=True)


@pytest.mark.parametrize("uplink", ["100Gbps", "400Gbps", "800Gbps"])
@given(dst=st.integers(1, 11), size=st.integers(0, 60_000))
@settings(max_examples=25, deadline=None)
def test_one_path_takes_exactly_its_unloaded_time(uplink, dst, size):
    network, transport = small("clos-ecmp", f"clos.uplink_rate={uplink}", "clos.hosts_per_leaf=4")
    expected = Paths(network, transport).unloaded_ps(0, dst, size)
    assert run(network, transport, dst, size, 1)[0] == expected


@pytest.mark.parametrize("size", [4086, 40_860, 408_600, 2_000_000])
def test_a_sprayed_message_of_uet_takes_the_closed_form(size):
    network, transport = build(load_fabric("uet-nscc"), 16)
    expected = Paths(network, transport).unloaded_ps(0, 13, size, acked=True)
    assert run(network, transport, 13, size, 1)[1] == expected


IRREGULAR = {
    "rails": ["clos.rail_optimised=true", "host.scale_up_ranks=3", "clos.hosts_per_leaf=2"],
    "planes": ["clos.planes=2", "host.nic_ports=2", "clos.hosts_per_leaf=3"],
    "three tiers of rails": [
        "clos.rail_optimised=true",
        "host.nic_ports=2",
        "clos.hosts_per_leaf=2",
        "clos.tiers=3",
        "clos.uplink_rate=100Gbps",
    ],
}


@pytest.mark.parametrize("overrides", IRREGULAR.values(), ids=IRREGULAR)
@given(dst=st.integers(1, 11), size=st.integers(0, 60_000), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_one_path_found_by_table_takes_exactly_its_unloaded_time(overrides, dst, size, seed):
    network, transport = build(load_fabric("clos-ecmp", ["clos.radix=auto", *overrides]), 12)
    paths = Paths(network, transport)
    delivered, acked = run(network, transport, dst, size, seed)
    assert delivered == paths.unloaded_ps(0, dst, size)
    assert acked == paths.unloaded_ps(0, dst, size, acked=True)


@st.composite
def cables(draw, switches):
    """Return links that join switches, each later one to one before, and some more."""
    links = [(draw(st.integers(0, s - 1)), s) for s in range(1, switches)]
    more = st.tuples(st.integers(0, switches - 1), st.integers(0, switches - 1))
    return links + draw(st.lists(more.filter(lambda ends: ends[0] != ends[1]), max_size=5))


@st.composite
def meshes(draw, tree):
    """Return a network of unlike links by table, without circles if it is a tree."""
    switches, hosts = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    links = [(hosts + a, hosts + b) for a, b in draw(cables(switches))]
    links = links[: switches - 1] if tree else links
    links += [(h, hosts + draw(st.integers(0, switches - 1))) for h in range(hosts)]
    degree = [sum(d in link for link in links) for d in range(hosts + switches)]
    wiring = Wiring()
    wiring.hosts(hosts, 1)
    for device in range(hosts, hosts + switches):
        wiring.add(Kind.SWITCH, f"switch{device}", degree[device])
    free = [iter(range(ports)) for ports in degree]
    for one, other in links:
        rate = draw(st.sampled_from([40, 100, 100, 400])) * 10**9
        latency = draw(st.sampled_from([1000, 100_000, 2_000_000]))
        wiring.join((one, next(free[one])), (other, next(free[other])), rate, latency)
    network = wiring.build(hosts, 1, 1)
    return replace(with_switching(network), routes=find_routes(network))


@given(network=meshes(tree=True), size=st.integers(0, 40_000), acked=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_only_path_between_unlike_links_takes_exactly_its_unloaded_time(network, size, acked):
    nic, dst = transport(), network.n_ranks - 1
    expected = Paths(network, nic).unloaded_ps(0, dst, size, acked=acked)
    assert run(network, nic, dst, size, 1)[acked] == expected


@given(
    network=meshes(tree=False),
    choice=st.sampled_from(Choice),
    size=st.integers(0, 40_000),
    seed=st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_no_message_beats_its_unloaded_time_in_a_mesh(network, choice, size, seed):
    network = replace(network, choice=np.full_like(network.choice, choice))
    nic, dst = transport(any_order=True), network.n_ranks - 1
    delivered, acked = run(network, nic, dst, size, seed)
    paths = Paths(network, nic)
    assert delivered >= paths.unloaded_ps(0, dst, size)
    assert acked >= paths.unloaded_ps(0, dst, size, acked=True)


LINKS = ["leaf0:spine0", "leaf2:spine1", "spine1", "leaf5", "leaf1:spine0", "host7"]
STATES = ["down", "100Gbps", "399Gbps", "up"]
change = st.builds(
    '{{what = "{}", state = "{}", at = "{}ns", until = "{}ns"}}'.format,
    st.sampled_from(LINKS),
    st.sampled_from(STATES),
    st.integers(0, 5000),
    st.integers(5001, 9000),
)


@given(
    changes=st.lists(change, min_size=1, max_size=4),
    name=st.sampled_from(["clos-ecmp", "clos-spray"]),
    wiring=st.sampled_from([[], ["clos.rail_optimised=true", "host.scale_up_ranks=3"]]),
    delay=st.integers(0, 2000),
    size=st.integers(0, 200_000),
    dst=st.integers(1, 11),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_no_message_beats_its_unloaded_time_whatever_breaks(
    changes, name, wiring, delay, size, dst, seed
):
    overrides = [f"changes=[{', '.join(changes)}]", f"clos.reconvergence={delay}ns"]
    counts = ["clos.hosts_per_leaf=2", "clos.radix=8", "clos.spines=2", "transport.rto=60us"]
    network, nic = build(load_fabric(name, [*counts, *wiring, *overrides]), 12)
    verify(network)
    delivered, acked = run(network, nic, dst, size, seed)
    paths = Paths(network, nic)
    assert delivered >= paths.unloaded_ps(0, dst, size)
    assert acked >= paths.unloaded_ps(0, dst, size, acked=True)
