"""Links that are slow, lossy or dead, from the start or in time, and the routes that follow."""

import numpy as np
import pytest

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.describe import describe
from fabricemu.fabrics.link_names import ports_of
from fabricemu.fabrics.verify import verify
from fabricemu.spec.presets import load_fabric, resolved_toml

GBPS = 10**9
US = 10**6
SMALL = ["clos.hosts_per_leaf=4", "clos.radix=8", "clos.spines=4", "transport.rto=1ms"]


def small(*changes, reconvergence="0ns", more=()):
    """Return 4 leaves of 4 hosts under 4 spines, with some changes as TOML tables."""
    overrides = [f"changes=[{', '.join(changes)}]", f"clos.reconvergence={reconvergence}"]
    network = build(load_fabric("clos-ecmp", [*SMALL, *overrides, *more]), 16)[0]
    verify(network)
    return network


def times(network):
    return [change.time_ps for change in network.changes]


def spines(network, routes, leaf, other):
    """Return the spines on the ways from a leaf to another."""
    number = routes.set_of[leaf, other]
    own = routes.set_ports[slice(*routes.set_ptr[number : number + 2])]
    far = network.peer[network.port_ptr[network.n_ranks + leaf] + own]
    return [network.names[device] for device in network.device_of[far]]


def down(what, at="0us", **more):
    fields = "".join(f', {name} = "{value}"' for name, value in more.items() if name != "count")
    count = f", flap_count = {more['count']}" if "count" in more else ""
    return f'{{what = "{what}", state = "down", at = "{at}"{fields}{count}}}'


def rate(what, bps, at="0us"):
    return f'{{what = "{what}", state = "{bps}", at = "{at}"}}'


def slow_links(ranks, number, *overrides):
    spec = load_fabric("uet-nscc", [f"clos.failed_links={number}", *overrides])
    network = build(spec, ranks)[0]
    return [row["link"] for row in describe(spec, ranks)["slow"]], network


def test_eight_failed_links_are_all_ways_down_to_the_first_agg_box():
    slow, network = slow_links(1024, 8)
    assert slow == [f"core{core} > agg0" for core in range(8)]
    ports = ports_of(network, "core5:agg0")
    assert sorted(network.rate_bps[ports].tolist()) == [25 * GBPS, 100 * GBPS]


def test_failed_links_go_on_as_box_and_core_add_up():
    # uet-htsim: l + A * (boxes of a pod) < n, here with 2 of each
    assert slow_links(16, 3)[0] == ["core0 > agg0", "core1 > agg0", "core2 > agg1"]


def test_failed_links_without_cores_are_those_of_spines():
    slow, network = slow_links(32, 1, "clos.tiers=2", "clos.radix=8", "clos.failed_rate=0.5")
    assert slow == [f"leaf{leaf} > spine0" for leaf in range(8)] + [
        f"spine0 > leaf{leaf}" for leaf in range(8)
    ]
    assert network.rate_bps[ports_of(network, "spine0")].tolist() == [50 * GBPS] * 16


def test_more_failed_links_than_there_are_is_an_error():
    with pytest.raises(ConfigError, match=r"clos.failed_links: 65; this fabric has at most 16"):
        build(load_fabric("uet-nscc", ["clos.failed_links=65"]), 16)


def test_a_link_dead_from_the_start_is_on_no_way():
    network = small(down("leaf1:spine2"))
    assert spines(network, network.routes, 1, 3) == ["spine0", "spine1", "spine3"]
    assert spines(network, network.routes, 3, 1) == ["spine0", "spine1", "spine3"]
    assert spines(network, network.routes, 3, 2) == ["spine0", "spine1", "spine2", "spine3"]
    assert times(network) == [0]
    assert network.changes[0].routes is None
    assert network.changes[0].up.tolist() == [0, 0]


def test_routes_follow_a_failure_after_reconvergence():
    network = small(down("spine1", "5us"), reconvergence="2us")
    assert times(network) == [5 * US, 7 * US]
    dead, late = network.changes
    assert sorted(dead.ports) == sorted(ports_of(network, "spine1"))
    assert (dead.routes, len(late.ports)) == (None, 0)
    assert spines(network, network.routes, 0, 1) == ["spine0", "spine1", "spine2", "spine3"]
    assert spines(network, late.routes, 0, 1) == ["spine0", "spine2", "spine3"]


def test_routes_follow_even_the_first_failure_late():
    network = small(down("spine1"), reconvergence="2us")
    assert times(network) == [0, 2 * US]
    assert len(spines(network, network.routes, 0, 1)) == 4


def test_a_repair_brings_the_first_routes_back():
    network = small(down("leaf0:spine0", "1us", until="9us"), reconvergence="1us")
    assert times(network) == [US, 2 * US, 9 * US, 10 * US]
    back = network.changes[3].routes
    for name in ("set_of", "set_ptr", "set_ports"):
        assert np.array_equal(getattr(back, name), getattr(network.routes, name))
    assert network.changes[2].up.tolist() == [1, 1]


def test_a_flapping_link_goes_down_again_and_again():
    network = small(down("leaf0:spine0", "1us", until="2us", flap_period="5us", count=3))
    assert times(network) == [US * at for at in (1, 2, 6, 7, 11, 12)]
    assert [change.up[0] for change in network.changes] == [0, 1, 0, 1, 0, 1]
    assert network.changes[4].routes is network.changes[0].routes


def test_a_rate_of_the_start_is_the_rate_of_the_network():
    network = small(rate("leaf2:spine3", "100Gbps"))
    assert network.rate_bps[ports_of(network, "leaf2:spine3")].tolist() == [100 * GBPS] * 2
    assert (network.changes, network.routes) == ((), None)


def test_a_link_degrades_and_recovers_in_time():
    one = '{what = "leaf2:spine3", state = "100Gbps", at = "3us", until = "4us"}'
    network = small(one)
    assert [(c.time_ps, c.rate_bps.tolist()) for c in network.changes] == [
        (3 * US, [100 * GBPS] * 2),
        (4 * US, [400 * GBPS] * 2),
    ]
    assert network.routes is None


def test_the_last_lasting_state_of_a_link_holds():
    network = small(
        rate("leaf2:spine3", "100Gbps"),
        rate("spine3:leaf2", "200Gbps", "1us"),
        '{what = "leaf2:spine3", state = "up", at = "2us"}',
    )
    assert [change.rate_bps[0] // GBPS for change in network.changes] == [200, 400]


def test_a_link_stays_down_while_its_box_is():
    network = small(down("leaf0:spine0", "1us", until="2us"), down("spine0", "1us", until="3us"))
    assert times(network) == [US, 3 * US]
    assert len(network.changes[0].ports) == len(network.changes[1].ports) == 8


def test_a_dead_nic_cable_leaves_the_routes_alone():
    network = small(down("host3", "1us"), more=["host.scale_up_ranks=2"])
    assert network.changes[0].ports.tolist() == sorted(ports_of(network, "host3"))
    assert len(network.changes[0].ports) == 2  # not the scale-up port
    assert network.routes is None


def test_one_nic_port_of_a_host_has_a_name():
    network = small(more=["host.nic_ports=2"])
    near = ports_of(network, "host3:1")[0]
    assert near == network.port_ptr[3] + 1
    assert sorted(ports_of(network, "host3:leaf1")) == sorted(ports_of(network, "host3"))


def test_one_cable_of_a_bundle_has_a_name():
    network = build(load_fabric("clos-ecmp", ["clos.hosts_per_leaf=64", "clos.spines=16"]), 256)[0]
    bundle = ports_of(network, "leaf1:spine2")
    assert len(bundle) == 2 * 4
    assert ports_of(network, "leaf1:spine2#3").tolist() == [bundle[3], bundle[7]]


def test_links_between_boxes_lose_and_named_ones_otherwise():
    more = ["links.loss_rate=0.25", 'loss=[{link="host0", rate=1.0}, {link="spine1", rate=0.0}]']
    network = small(more=more)
    assert network.loss[ports_of(network, "leaf0:spine0")].tolist() == [2**30] * 2
    assert network.loss[ports_of(network, "host0")].tolist() == [2**32] * 2
    assert network.loss[ports_of(network, "spine1")].tolist() == [0] * 8
    assert network.loss[ports_of(network, "host1")].tolist() == [0] * 2
    assert network.switching is not None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (down("spine4"), "changes.0.what: 'spine4' is no box; did you mean 'spine3'?"),
        (down("leaf0:spin1"), "'leaf0:spin1' is no link; did you mean 'leaf0:spine1'?"),
        (down("leaf0:leaf1"), "'leaf0:leaf1' is no link; did you mean 'leaf0:"),
        (down("leaf0:spine1#1"), "leaf0:spine1 has cables #0 to #0"),
        (down("host3:1"), "host3 has NIC ports 0 to 0"),
        (rate("leaf0:spine1", "800Gbps"), "changes.0.state: 800000000000 bit/s; leaf0:spine1 has"),
    ],
)
def test_what_does_not_exist_gets_the_nearest_that_does(change, expected):
    with pytest.raises(ConfigError) as error:
        small(change)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('{what = "a", state = "dead"}', "changes.0.state: 'dead': expected a rate"),
        ('{what = "a", state = "1kbps"}', "changes.0.state: '1kbps': expected at least 1Mbps"),
        ('{state = "down"}', "changes.0.what"),
        (down("a", "2us", until="2us"), "changes.0: until is not after at"),
        (down("a", until="1us", flap_period="2us"), "flap_period goes with a flap_count above 1"),
        (down("a", flap_period="2us", count=2), "changes.0: flap_period without until"),
        (down("a", until="2us", flap_period="2us", count=2), "not longer than an outage"),
    ],
)
def test_a_change_that_makes_no_sense_is_one_line(change, expected):
    with pytest.raises(ConfigError) as error:
        load_fabric("clos-ecmp", ["transport.rto=1ms", f"changes=[{change}]"])
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_changes_and_losses_survive_being_written_out(tmp_path):
    changes = [down("leaf0:spine0", "1us", until="2us", flap_period="5us", count=3)]
    changes.append(rate("spine1", "100Gbps"))
    overrides = ["transport.rto=1ms", f"changes=[{', '.join(changes)}]"]
    spec = load_fabric("clos-ecmp", [*overrides, 'loss=[{link="host0", rate=1e-5}]'])
    (tmp_path / "again.toml").write_text(resolved_toml(spec), encoding="utf-8")
    assert load_fabric(tmp_path / "again.toml") == spec


def test_a_description_lists_what_is_broken():
    changes = [down("spine1", "1us", until="2us"), rate("leaf0:spine0", "100Gbps")]
    overrides = [*SMALL, f"changes=[{', '.join(changes)}]", "links.loss_rate=0.5"]
    content = describe(load_fabric("clos-ecmp", overrides), 16)
    assert content["changes"] == [
        {"what": "spine1", "at_ps": US, "state": "down", "until_ps": 2 * US, "links": 4},
        {"what": "leaf0:spine0", "at_ps": 0, "rate_bps": 100 * GBPS, "links": 1},
    ]
    assert content["lossy"] == [{"loss": 0.5, "ports": 32, "such as": "leaf0 > spine0"}]
