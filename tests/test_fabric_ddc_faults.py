"""What breaks in a cell fabric: names, sets of lanes, and when all know."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricemu.errors import ConfigError, EngineError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.faults import check_lasting
from fabricemu.fabrics.link_names import ports_of
from fabricemu.fabrics.reach import Reach, lane_mbps
from fabricemu.fabrics.speedup import least_share
from fabricemu.fabrics.verify import verify
from fabricemu.spec.presets import load_fabric
from tests import scheduled
from tests.compare import examples
from tests.reference.reach import Reach as Expected

US = 10**6
RECOVERS = ("transport.rto=1ms", "ddc.credit_watchdog=500us", "ddc.reassembly_timeout=100us")


def broken(spec, ranks, *changes, more=()):
    """Return the network in which boxes or links change; ``changes`` are tables of TOML."""
    rows = ", ".join(f"{{{row}}}" for row in changes)
    override = f"changes=[{rows}]"
    found = load_fabric("ddc", [*spec, *RECOVERS, *more, override])
    return build(found, ranks)[0]


TWO_STAGES = (
    "ddc.leaf_ports=2",
    "ddc.lanes=4",
    "ddc.lanes_per_element=1",
    "ddc.element_lanes=4",
    "ddc.pod_leaves=2",
    "ddc.planes=2",
)


def sets_of(routes):
    """Return the ports of each device towards each leaf."""
    ptr, ports = routes.set_ptr.tolist(), routes.set_ports.tolist()
    return [
        [ports[ptr[number] : ptr[number + 1]] if number >= 0 else [] for number in row]
        for row in routes.set_of.tolist()
    ]


@examples(150)
@given(
    pods=st.integers(1, 3),
    pod_leaves=st.integers(1, 3),
    planes=st.sampled_from((1, 2, 4)),
    share=st.sampled_from((0.0, 0.1, 0.5)),
    balanced=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sets_and_rates_are_those_of_the_reference(pods, pod_leaves, planes, share, balanced, seed):
    network = scheduled.two_stage(pods, pod_leaves, 4, planes)
    up = np.random.default_rng(seed).random(network.n_ports) >= share
    expected, found = Expected(network, up, balanced), Reach(network, balanced)
    assert sets_of(found.routes(up)) == sets_of(expected.routes())
    assert lane_mbps(network, network.rate_bps, up).tolist() == expected.lane_mbps().tolist()


@examples(60)
@given(share=st.sampled_from((0.1, 0.5)), balanced=st.booleans(), seed=st.integers(0, 99))
def test_bundles_of_lanes_are_balanced_as_in_the_reference(share, balanced, seed):
    wide = ["ddc.lanes_per_element=2", "ddc.element_lanes=8", "ddc.pod_leaves=2"]
    spec = load_fabric("ddc", ["ddc.leaf_ports=2", "ddc.lanes=8", *wide])
    network = build(spec, 11)[0]
    up = np.random.default_rng(seed).random(network.n_ports) >= share
    expected, found = Expected(network, up, balanced), Reach(network, balanced)
    assert sets_of(found.routes(up)) == sets_of(expected.routes())


@pytest.mark.parametrize("balanced", [True, False])
def test_an_outage_is_that_of_the_reference(balanced):
    network = broken(
        TWO_STAGES,
        8,
        "what='element1', state='down', at='10us', until='200us'",
        more=("ddc.detection=50us", f"ddc.input_balanced={str(balanced).lower()}"),
    )
    plain = replace(network, routes=None, changes=())
    dead = ports_of(network, "element1").tolist()
    expected = scheduled.failing(plain, dead, 10 * US, 200 * US, 50 * US, balanced)
    assert sets_of(network.routes) == sets_of(expected.routes)
    assert len(network.changes) == 4
    for own, other in zip(network.changes, expected.changes, strict=True):
        assert own.time_ps == other.time_ps
        rows = [sorted(zip(c.ports.tolist(), c.up.tolist(), strict=True)) for c in (own, other)]
        assert rows[0] == rows[1]
        assert (own.routes is None) == (other.routes is None)
        if own.routes is not None:
            assert sets_of(own.routes) == sets_of(other.routes)
            assert own.lane_mbps.tolist() == other.lane_mbps.tolist()
    verify(network)
    check_lasting(network)


@pytest.mark.parametrize(
    ("spec", "ranks", "time"), [((), 72, 144_800_000), (TWO_STAGES, 8, 189_600_000)]
)
def test_detection_takes_a_cycle_for_each_stage(spec, ranks, time):
    network = broken(spec, ranks, "what='leaf0:element0', state='down'")
    assert [change.time_ps for change in network.changes] == [0, time]


@pytest.mark.parametrize(
    ("name", "boxes"),
    [
        ("box0", ["element0", "element1"]),
        ("box3", ["element6", "element7"]),
        ("spinebox1", ["spine2", "spine3"]),
        ("leaf1", ["leaf1"]),
    ],
)
def test_boxes_are_called_by_number(name, boxes):
    network = build(load_fabric("ddc", TWO_STAGES), 8)[0]
    ports = np.concatenate([ports_of(network, box) for box in boxes])
    assert sorted(ports_of(network, name, 2)) == sorted(ports)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("what='box9', state='down'", "changes.0.what: 'box9' is no box; there are 2 of them"),
        ("what='leaf0:spine0', state='down'", "changes.0.what: 'leaf0:spine0' is no link"),
        ("what='element0', state='800Gbps'", "element0 has at most 100000000000"),
    ],
)
def test_what_does_not_exist_cannot_break(change, words):
    with pytest.raises(ConfigError, match=words):
        broken(TWO_STAGES, 8, change)


def test_a_set_of_other_lanes_is_found():
    network = broken(TWO_STAGES, 8, "what='element1', state='down', at='1us'")
    network.routes.set_of[-1] = np.roll(network.routes.set_of[-1], 2)
    with pytest.raises(EngineError, match="spine3 has a way by the wrong lane"):
        verify(network)


def test_slow_lanes_are_known_by_their_rate():
    network = broken(TWO_STAGES, 8, "what='leaf0:element0', state='25Gbps', at='1us'")
    assert network.changes[1].lane_mbps.tolist() == [[325_000, 400_000, 400_000, 400_000]] * 2
    spec = load_fabric("ddc", TWO_STAGES)
    assert least_share(spec, network) == 325 / 400


def test_a_cable_of_a_host_changes_no_set():
    network = broken(TWO_STAGES, 8, "what='host0', state='down', until='9us'")
    assert network.routes is None
    assert all(change.routes is None for change in network.changes)


def test_loss_rate_is_of_all_lanes():
    network = broken(TWO_STAGES, 8, more=("links.loss_rate=0.5",))
    assert network.loss.tolist() == (network.carries_cells * 2**31).tolist()


@pytest.mark.parametrize("what", ["leaf1", "element0", "host2"])
def test_what_is_cut_off_for_good_is_refused(what):
    network = broken(TWO_STAGES, 8, f"what='{what}', state='down'")
    if what == "element0":
        check_lasting(network)
        return
    with pytest.raises(ConfigError, match="host2 is cut off for good"):
        check_lasting(network)


def test_groups_of_lanes_fail_together():
    network = broken((), 72, "what='element0', state='down'", more=("ddc.lane_group=32",))
    first = network.changes[1].lane_mbps
    assert first.tolist() == [[4 * 32 * 100_000] * 2] * 2
