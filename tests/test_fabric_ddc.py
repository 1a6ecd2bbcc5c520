"""Cell fabrics of one and two stages: counts, wiring, and the kernels on them."""

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.ddc import build_ddc
from fabricemu.fabrics.describe import describe
from fabricemu.fabrics.verify import verify
from fabricemu.spec.presets import load_fabric
from tests import builders, scheduled, strategies
from tests.compare import assert_agrees, examples

WIRES = ("port_ptr", "peer", "kind", "lo", "hi", "div", "bundle", "up_first", "up_count")


def spec_of(*overrides):
    return load_fabric("ddc", overrides)


def small(pods, pod_leaves, elements, planes, *more):
    """Return a specification of two stages: leaves of 2 ports, as many lanes up as down."""
    keys = {
        "leaf_ports": 2,
        "lanes": elements,
        "lanes_per_element": 1,
        "element_lanes": max(2 * pod_leaves, pods * elements // planes),
        "pod_leaves": pod_leaves,
        "planes": planes,
    }
    return spec_of(*(f"ddc.{key}={value}" for key, value in keys.items()), *more)


@pytest.mark.parametrize(
    ("ranks", "name", "boxes", "lanes"),
    [
        (1152, "ddc", (32, 20, 0, 5, 0), (5120, None)),
        (4608, "ddc", (128, 80, 0, 20, 0), (20480, None)),
        (9216, "ddc", (256, 160, 0, 40, 0), (40960, None)),
        (18432, "ddc", (512, 640, 512, 160, 128), (81920, 81920)),
        (32768, "ddc-800g", (1821, 2400, 1280, 600, 320), (291360, 307200)),
        (36864, "ddc-800g", (2048, 2560, 1280, 640, 320), (327680, 327680)),
    ],
)
def test_counts_are_those_of_the_page(ranks, name, boxes, lanes):
    content = describe(load_fabric(name), ranks)
    names = ("leaf", "element", "spine", "fabric box", "spine box")
    assert tuple(content["boxes"].get(name, 0) for name in names) == boxes
    cells = content["cell_fabric"]
    assert (cells["lanes_of_leaves"], cells.get("lanes_between_stages")) == lanes


@pytest.mark.parametrize(
    ("pods", "pod_leaves", "elements", "planes"),
    [(2, 2, 2, 1), (3, 2, 4, 2), (2, 4, 4, 1), (4, 2, 4, 2)],
)
def test_two_stages_are_wired_as_by_hand(pods, pod_leaves, elements, planes):
    spec = small(pods, pod_leaves, elements, planes)
    built = build(spec, 2 * pods * pod_leaves)[0]
    expected = scheduled.two_stage(pods, pod_leaves, elements, planes)
    for name in WIRES:
        assert getattr(built, name).tolist() == getattr(expected, name).tolist(), name


@examples(60)
@given(
    leaves=st.integers(1, 40),
    pod_leaves=st.integers(1, 9),
    per_element=st.sampled_from(["auto", 1, 2, 4]),
    up_lanes=st.sampled_from(["auto", 1, 6]),
)
def test_two_stages_of_any_size_are_wired_right(leaves, pod_leaves, per_element, up_lanes):
    values = {"pod_leaves": pod_leaves, "lanes_per_element": per_element, "up_lanes": up_lanes}
    overrides = [f"ddc.{key}={value}" for key, value in values.items()]
    spec = spec_of("ddc.lanes=16", "ddc.leaf_ports=3", *overrides)
    verify(build(spec, 3 * leaves)[0])


def test_the_last_pod_may_be_part_full():
    spec = small(3, 2, 2, 1)
    network = build(spec, 9)[0]  # four leaves and one, whose element has a lane down for it alone
    verify(network)
    last = network.names.index("element5")
    assert network.port_ptr[last + 1] - network.port_ptr[last] == 1 + 2


def test_a_wrong_lane_between_stages_is_found():
    network = build(small(2, 2, 2, 1), 8)[0]
    elements = (network.names.index(name) for name in ("element0", "element2"))  # of two pods
    one, other = (int(network.port_ptr[element]) + 2 for element in elements)
    network.peer[[one, other]] = network.peer[[other, one]]
    network.peer[network.peer[[one, other]]] = [one, other]
    with pytest.raises(Exception, match="wrong device"):
        verify(network)


@pytest.mark.parametrize(
    ("overrides", "leaves", "words"),
    [
        (["ddc.pod_leaves=200"], 201, "ddc.pod_leaves: 200 with 200 leaves"),
        (["ddc.pod_leaves=200"], 201, "reach at most 128 leaves, that is 4608 NIC ports"),
        (["ddc.pod_leaves=1"], 300, "ddc.pod_leaves: 1 leaves make 300 pods"),
        (["ddc.planes=3"], 512, "ddc.planes: 3 for 160 elements in each of 4 pods"),
        (["ddc.planes=2"], 512, "the nearest valid choice is 4"),
        (["ddc.up_lanes=256"], 512, "the nearest valid choice is 255"),
        (["ddc.up_lanes=255", "ddc.lanes_per_element=2"], 512, "reach at most 0 leaves"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(overrides, leaves, words):
    with pytest.raises(ConfigError, match=words) as error:
        build(spec_of(*overrides), 36 * leaves)
    assert "\n" not in str(error.value)


def test_paths_grow_with_the_distance():
    rows = describe(small(2, 2, 4, 2), 8)["paths"]
    assert [row["switches"] for row in rows] == [1, 3, 5]
    # cable and NIC 700 ns, leaf 1 us each way; lane 500 ns, element 600 ns and 500 ns of lane
    assert [row["latency_ps"] for row in rows] == [3_400_000, 5_000_000, 7_200_000]


def test_the_credit_loop_crosses_all_stages():
    loop = describe(small(2, 2, 4, 2), 8)["credit_loop_ps"]
    assert loop == 2 * (500_000 + 3 * 1_100_000 + 4 * 3200)


@pytest.mark.parametrize("planes", [1, 2])
def test_kernels_agree_on_two_stages(planes):
    network = build(small(2, 2, 4, planes, "ddc.cell_bytes=256"), 8)[0]
    rows = [
        (src, (src + hop) % 8, 9_000 * hop, hop * 500_000) for src in range(8) for hop in (1, 5)
    ]
    assert_agrees(network, builders.transport(), builders.sends(rows, 8))


@examples(100)
@given(st.data())
def test_kernels_agree_on_any_two_stages(data):
    pods, elements = data.draw(st.integers(1, 3)), data.draw(st.sampled_from((1, 2, 4)))
    planes = data.draw(st.sampled_from([n for n in (1, 2) if elements % n == 0]))
    values = data.draw(strategies.cell_values())
    network = scheduled.two_stage(pods, data.draw(st.integers(1, 2)), elements, planes, **values)
    transport = data.draw(strategies.transports(network, False))
    program = data.draw(strategies.send_programs(network.n_ranks, transport))
    assert_agrees(network, transport, program)


def test_kernels_agree_where_all_cross_the_pods():
    network = build(small(3, 2, 4, 2), 12)[0]
    rows = [(src, (src + hop) % 12, 20_000) for src in range(12) for hop in range(1, 12)]
    found = assert_agrees(network, builders.transport(), builders.sends(rows, 12))
    above = [device for device, name in enumerate(network.names) if name.startswith("spine")]
    ports = np.concatenate([np.arange(*network.port_ptr[d : d + 2]) for d in above])
    assert (found.outcome.link_packets[ports] > 0).all()


@pytest.mark.parametrize(
    ("name", "ranks", "size", "emulated"),
    [
        ("ddc", 1152, 4, (40, 20, 0)),  # 8 lanes to each element are 2
        ("ddc", 1152, 32, (5, 5, 0)),  # and four elements are one
        ("ddc", 9216, 4, (40, 40, 0)),
        ("ddc", 18432, 4, (40, 160, 512)),
        ("ddc-800g", 32768, 16, (10, 150, 1280)),
    ],
)
def test_lanes_are_grouped_with_their_elements(name, ranks, size, emulated):
    spec = load_fabric(name, [f"ddc.lane_group={size}", "ddc.train_cells=1"])
    content = describe(spec, ranks)
    found = content["emulated"]
    assert (found["lanes_of_a_leaf"], found["elements"], found["spines"]) == emulated
    bill = {key: value for key, value in content.items() if key != "emulated"}
    assert bill == describe(load_fabric(name), ranks)


@examples(60)
@given(
    leaves=st.integers(1, 40),
    pod_leaves=st.integers(1, 9),
    per_element=st.sampled_from([1, 2, 4]),
    size=st.sampled_from([1, 2, 4, 8, 16]),
    planes=st.sampled_from(["auto", 2, 4]),
)
def test_grouped_lanes_carry_as_much(leaves, pod_leaves, per_element, size, planes):
    values = {"pod_leaves": pod_leaves, "lanes_per_element": per_element, "planes": planes}
    wired = ["ddc.lanes=16", "ddc.leaf_ports=3", *(f"ddc.{k}={v}" for k, v in values.items())]
    exact = build_ddc(spec_of(*wired), 3 * leaves)
    try:
        network = build_ddc(spec_of(*wired, f"ddc.lane_group={size}"), 3 * leaves)
    except ConfigError:
        reject()
    verify(network)
    assert network.ddc.lanes * size == 16
    capacities = [sum(n.rate_bps[n.carries_cells].tolist()) for n in (exact, network)]
    assert capacities[0] == capacities[1]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["ddc.lane_group=3"], "ddc.lane_group: 3 with 160 lanes of a leaf, 16 to an element"),
        (["ddc.lane_group=3"], "the nearest valid choice is 2"),
        (["ddc.lane_group=160"], "train_cells: 160 of 512 bytes; expected at most 65535 bytes"),
    ],
)
def test_groups_that_do_not_divide_are_refused(overrides, words):
    with pytest.raises(ConfigError, match=words):
        build(spec_of(*overrides), 36 * 16)


def test_trains_are_as_long_as_groups_unless_said():
    assert build_ddc(spec_of("ddc.lane_group=8"), 36).ddc.train_cells == 8
    assert build_ddc(spec_of("ddc.lane_group=8", "ddc.train_cells=2"), 36).ddc.train_cells == 2


@pytest.mark.parametrize("size", [2, 4])
def test_kernels_agree_on_grouped_lanes(size):
    network = build(small(2, 2, 4, 1, f"ddc.lane_group={size}"), 8)[0]
    rows = [(src, (src + hop) % 8, 9_000 * hop) for src in range(8) for hop in (1, 5)]
    assert_agrees(network, builders.transport(), builders.sends(rows, 8))
