"""Idle times against the reference simulator: never beaten, and met where they are exact."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricemu.fabrics.build import build
from fabricemu.fabrics.paths import Paths
from fabricemu.spec.presets import load_fabric, preset_names
from tests.builders import sends
from tests.reference import simulate

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
    network, transport = small(name, "host.scale_up_ranks=2")
    delivered, acked = run(network, transport, dst, size, seed)
    paths = Paths(network, transport)
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
