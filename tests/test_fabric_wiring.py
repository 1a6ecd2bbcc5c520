"""Built networks are wired as their routes say, whatever their size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Kind
from fabricemu.fabrics.verify import verify
from fabricemu.fabrics.walk import group_of
from fabricemu.spec.presets import load_fabric, preset_names


def network_of(name, ranks, *overrides):
    return build(load_fabric(name, overrides), ranks)[0]


def arrives(network, src, dst, rng):
    """Walk from one NIC port to another over random allowed ports; return where it ends."""
    port = int(network.port_ptr[src // network.nic_ports]) + src % network.nic_ports
    device_of = network.device_of
    for _ in range(8):
        far = int(network.peer[port])
        device = int(device_of[far])
        if device < network.n_ranks:
            return device * network.nic_ports + far - int(network.port_ptr[device])
        first, count = group_of(network, device, dst)
        port = int(network.port_ptr[device]) + first + int(rng.integers(count))
    return None


@pytest.mark.parametrize("name", preset_names())
@given(ranks=st.integers(1, 700), nic_ports=st.integers(1, 3), domain=st.integers(1, 9))
@settings(max_examples=15, deadline=None)
def test_presets_of_any_size_are_wired_right(name, ranks, nic_ports, domain):
    verify(network_of(name, ranks, f"host.nic_ports={nic_ports}", f"host.scale_up_ranks={domain}"))


@given(
    ranks=st.integers(2, 200),
    per_leaf=st.integers(1, 8),
    tiers=st.sampled_from([2, 3]),
    ratio=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_every_allowed_port_leads_to_the_address(ranks, per_leaf, tiers, ratio, seed):
    network = network_of(
        "clos-ecmp",
        ranks,
        f"clos.hosts_per_leaf={per_leaf * ratio}",
        f"clos.oversubscription={ratio}",
        f"clos.tiers={tiers}",
        "clos.radix=auto",
    )
    verify(network)
    rng = np.random.default_rng(seed)
    src, dst = rng.integers(ranks, size=2)
    assert src == dst or arrives(network, int(src), int(dst), rng) == dst


@given(
    ranks=st.integers(2, 100),
    ports=st.integers(1, 9),
    lanes=st.sampled_from([1, 3, 4, 12]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_every_lane_leads_to_the_leaf(ranks, ports, lanes, seed):
    network = network_of("ddc", ranks, f"ddc.leaf_ports={ports}", f"ddc.lanes={lanes}")
    verify(network)
    rng = np.random.default_rng(seed)
    src, dst = rng.integers(ranks, size=2)
    assert src == dst or arrives(network, int(src), int(dst), rng) == dst


def test_a_crossed_cable_is_found():
    network = network_of("uet-nscc", 16)
    a, b = network.port_ptr[16], network.port_ptr[17]
    for port, other in [(a, network.peer[b]), (b, network.peer[a])]:
        network.peer[port], network.peer[other] = other, port
    with pytest.raises(Exception, match="wrong device"):
        verify(network)


@pytest.mark.parametrize(("ranks", "boxes"), [(16, (8, 8, 4)), (1024, (128, 128, 64))])
def test_uet_nscc_is_the_fat_tree_of_uet_htsim(ranks, boxes):
    names = network_of("uet-nscc", ranks).names
    assert tuple(sum(n.startswith(p) for n in names) for p in ("leaf", "agg", "core")) == boxes


def test_a_clos_of_32768_hosts_has_three_tiers_and_full_bisection():
    network = network_of("clos-ecmp", 32768)
    kinds = np.bincount(network.kind)
    assert (kinds[Kind.HOST], kinds[Kind.SWITCH]) == (32768, 512 + 512 + 256)
    assert network.n_ports == 2 * 3 * 32768


def test_latencies_lie_where_the_model_says():
    network = network_of("ddc", 72)
    leaf, element = int(network.port_ptr[72]), int(network.port_ptr[74])
    lane = leaf + 36
    ports = [0, lane, element, leaf]
    assert network.latency_ps[ports].tolist() == [1_700_000, 500_000, 1_100_000, 1_700_000]


def test_a_switch_port_towards_a_host_includes_the_nic():
    network = network_of("clos-ecmp", 128)
    leaf = int(network.port_ptr[128])
    ports = [0, leaf, leaf + 64]
    assert network.latency_ps[ports].tolist() == [700_000, 1_400_000, 1_200_000]


@pytest.mark.parametrize(("leaves", "lanes"), [(1, 32), (8, 32), (32, 8), (128, 2), (256, 1)])
def test_ddc_takes_the_fewest_elements(leaves, lanes):
    assert network_of("ddc", leaves * 36).ddc.lanes_per_element == lanes


@pytest.mark.parametrize(
    ("name", "ranks", "overrides", "part"),
    [
        ("ddc", 9217, ["ddc.pod_leaves=257"], "at most 256 leaves, that is 9216 NIC ports"),
        ("clos-ecmp", 8193, ["clos.tiers=2"], "expected clos.tiers = 3"),
        ("clos-ecmp", 1000, ["clos.spines=3"], "the nearest valid choice is 8"),
        ("clos-ecmp", 1000, ["clos.hosts_per_leaf=100"], "the nearest valid choice is 64"),
        (
            "clos-ecmp",
            1000,
            ["clos.oversubscription=3", "clos.hosts_per_leaf=7"],
            "2.33333 uplinks do not make a box of 128 ports; the nearest valid choice is 6",
        ),
        ("uet-nscc", 64, ["clos.leaves_per_pod=90", "clos.radix=16"], "expected 1 to 8"),
        ("ddc", 0, [], "0 ranks; expected 1 to"),
    ],
)
def test_what_does_not_fit_says_what_would(name, ranks, overrides, part):
    with pytest.raises(ConfigError) as error:
        network_of(name, ranks, *overrides)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_window_is_whole_packets():
    spec = load_fabric("clos-ecmp", ["transport.window=10000"])
    assert build(spec, 2)[1].window_packets == 2
