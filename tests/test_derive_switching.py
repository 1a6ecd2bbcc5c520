"""Limits, thresholds, headroom and classes of switches, port by port."""

import numpy as np
import pytest

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.spec.presets import load_fabric

PLAIN = [
    "congestion.control=none",
    "switch.pfc=false",
    "switch.buffer=unbounded",
    "switch.class=[]",
    "transport.rto=1ms",
]
PFC = ["switch.class=[]", "switch.pfc=true", "switch.buffer=100MB"]
LOSSY = ["transport.rto=1ms", "switch.pfc=false", "switch.class=[]"]


def network_of(*overrides, name="clos-ecmp", ranks=80):
    return build(load_fabric(name, overrides), ranks)[0]


def switching_of(*overrides, name="clos-ecmp", ranks=80):
    return network_of(*overrides, name=name, ranks=ranks).switching


def switch_ports(network):
    return np.arange(network.n_ports) >= network.n_ranks


def test_nothing_is_asked_of_plain_switches():
    assert switching_of(*PLAIN) is None


@pytest.mark.parametrize(
    "overrides",
    [
        ["switch.pfc=true", "switch.xoff=100kB"],
        ["switch.buffer=64MB"],
        ["switch.ecn_low=10kB", "switch.ecn_high=20kB"],
        ['switch.class=[{name="a"}, {name="b"}]'],
        ["clos.weighted=true"],
        ["clos.choice=adaptive", "clos.bands=[1000]"],
        ["clos.flowlet_gap=16us"],
        ["transport.balance=oblivious"],
        ["congestion.control=dctcp", "transport.ack_every=1"],
        ["congestion.control=hpcc", "transport.ack_every=1"],
    ],
)
def test_each_of_these_is_asked_of_switches(overrides):
    assert switching_of(*PLAIN, *overrides) is not None


@pytest.mark.parametrize("choice", ["ecmp", "spray", "adaptive", "round-robin"])
def test_a_choice_alone_leaves_switches_plain(choice):
    assert switching_of(*PLAIN, f"clos.choice={choice}") is None


def test_swift_asks_nothing_of_switches():
    assert switching_of(*PLAIN, "congestion.control=swift", "transport.ack_every=1") is None


def test_a_cell_fabric_has_no_packet_switches():
    assert switching_of(name="ddc") is None


# PFC

METRES = [(2, 67.4), (5, 68.9), (40, 86.4), (100, 116.4), (300, 216.4), (500, 316.4)]
METRES_800G = [(2, 68.4), (5, 71.4), (40, 106.4), (100, 166.4), (300, 366.4), (500, 566.4)]


@pytest.mark.parametrize(
    ("rate", "metres", "kilobytes"),
    [(400, *row) for row in METRES] + [(800, *row) for row in METRES_800G],
)
def test_headroom_covers_cable_response_and_packets(rate, metres, kilobytes):
    # Worked with two full packets; a port here counts the one that made it pause as well.
    cable = [
        "host.nic_latency=0ns",
        "clos.switch_latency=0ns",
        f"links.host_latency={5 * metres}ns",
    ]
    network = network_of(*PFC, f"host.port_rate={rate}Gbps", *cable, ranks=2)
    headroom = network.switching.headroom
    assert headroom[:2].tolist() == [0, 0]
    assert {round((int(size) - 4178) / 1000, 1) for size in headroom[2:]} == {kilobytes}


def test_longer_cables_get_more_headroom():
    network = network_of(*PFC)
    headroom = network.switching.headroom
    to_host, between = headroom[network.peer[0]], headroom[-1]
    # latencies there and back: 0.7 + 1.4 us, and 1.2 + 1.2 us; 50 bytes a nanosecond
    assert between - to_host == 50 * 300


def test_given_headroom_is_taken_for_every_port_of_a_switch():
    network = network_of(*PFC, "switch.headroom=445770")
    assert (network.switching.headroom == np.where(switch_ports(network), 445_770, 0)).all()


def test_without_pfc_nothing_is_paused_and_no_headroom_kept():
    found = switching_of(*LOSSY)
    assert not found.pfc.any()
    assert not found.headroom.any()


def test_what_comes_in_through_any_port_of_a_switch_can_be_paused():
    network = network_of(*PFC)
    assert (network.switching.pfc == switch_ports(network)).all()


@pytest.mark.parametrize(
    ("rate", "response"),
    [
        ("10Gbps", 3_430_400),
        ("100Gbps", 2_017_280),
        ("200Gbps", 1_159_680),
        ("400Gbps", 1_158_400),
        ("800Gbps", 579_200),
        ("300Gbps", 1_544_534),  # the quanta of 400G, rounded up
    ],
)
def test_the_pause_response_is_in_quanta_of_the_rate(rate, response):
    assert switching_of(*PFC, f"host.port_rate={rate}").pause_response_ps == response


def test_a_given_pause_response_is_taken():
    assert switching_of(*PFC, "switch.pause_response=5us").pause_response_ps == 5_000_000


def test_a_dynamic_threshold_resumes_below_itself():
    found = switching_of(*PFC, "switch.xon=auto", "switch.alpha=0.125")
    assert (found.xoff_bytes, found.xon_bytes, found.alpha) == (-1, 3556, 8192)


def test_a_static_threshold_resumes_at_four_fifths():
    found = switching_of(*PFC, "switch.xon=auto", "switch.xoff=15 packets")
    assert (found.xoff_bytes, found.xon_bytes) == (15 * 4158, 12 * 4158)


def test_a_threshold_that_resumes_above_itself_is_refused():
    with pytest.raises(ConfigError, match=r"switch.xon: 20000 bytes is more than switch.xoff"):
        switching_of(*PFC, "switch.xon=20kB", "switch.xoff=10kB")


# Marking


@pytest.mark.parametrize(
    ("name", "thresholds"),
    [
        ("tuned", (150_000, 1_500_000, 0.05)),
        ("paper", (50_000, 2_000_000, 0.01)),
        ("connectx", (800_000, 3_200_000, 0.2)),
        ("hpcc-ns3", (1_600_000, 6_400_000, 0.2)),
    ],
)
def test_dcqcn_brings_the_marking_of_its_set(name, thresholds):
    found = switching_of(f"congestion.dcqcn.set={name}")
    marking = (found.ecn_low[-1], found.ecn_high[-1], round(found.ecn_max / 2**32, 9))
    assert marking == thresholds


@pytest.mark.parametrize(
    ("rate", "thresholds"),
    [
        (25, (100, 400, 0.2)),
        (100, (400, 1600, 0.2)),
        (200, (300, 1200, 0.8)),
        (400, (800, 3200, 0.2)),
    ],
)
def test_simai_marks_by_its_table(rate, thresholds):
    simai = ["congestion.dcqcn.set=simai", "transport.ack_every=1", f"host.port_rate={rate}Gbps"]
    found = switching_of(*simai)
    marking = (found.ecn_low[-1] / 1000, found.ecn_high[-1] / 1000, round(found.ecn_max / 2**32, 9))
    assert marking == thresholds


def test_faster_ports_mark_later():
    network = network_of("clos.uplink_rate=800Gbps")
    fast = network.rate_bps == 800 * 10**9
    marks = network.switching.ecn_low
    assert set(marks[fast].tolist()) == {300_000}
    assert set(marks[switch_ports(network) & ~fast].tolist()) == {150_000}


def test_hosts_do_not_mark():
    network = network_of()
    assert (network.switching.ecn_low[: network.n_ranks] == -1).all()


def test_dctcp_marks_at_one_step():
    found = switching_of("congestion.control=dctcp", "transport.ack_every=1", ranks=64)
    # RTT 4.37056 us: a BDP of 218,528 bytes or 53 packets, of which 32 are 0.6
    assert found.ecn_low[-1] == found.ecn_high[-1] == 32 * 4158


def test_given_thresholds_are_taken():
    found = switching_of("switch.ecn_low=100 packets", "switch.ecn_high=1MiB", "switch.ecn_max=0.5")
    marking = (found.ecn_low[-1], found.ecn_high[-1], found.ecn_max)
    assert marking == (415_800, 2**20, 2**31)


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (["switch.ecn_low=2MB"], "switch.ecn_low: 2000000 bytes is more than switch.ecn_high"),
        (["congestion.control=none", "switch.ecn_low=1kB"], "none with a switch.ecn_high"),
    ],
)
def test_thresholds_that_do_not_fit_are_refused(overrides, part):
    with pytest.raises(ConfigError) as error:
        network_of(*overrides)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_marking_can_leave_out_ports_to_hosts():
    network = network_of("switch.ecn_to_hosts=false")
    to_host = network.peer[: network.n_ranks]
    assert (network.switching.ecn_low[to_host] == -1).all()
    assert network.switching.ecn_low[-1] == 150_000


def test_marking_at_enqueue_is_passed_on():
    assert switching_of("switch.ecn_at=enqueue").ecn_at_enqueue
    assert not switching_of().ecn_at_enqueue


# Buffer, classes, paths


def test_a_bounded_buffer_is_shared_as_asked():
    found = switching_of(
        *LOSSY, "switch.buffer=64MiB", "switch.reserved=4kB", "switch.alpha_lossy=2"
    )
    shared = (found.buffer_bytes, found.reserved_bytes, found.alpha_lossy)
    assert shared == (2**26, 4000, 131_072)


def test_one_class_is_lossless_with_pfc():
    assert switching_of(*PFC).lossless.tolist() == [1]
    assert switching_of(*LOSSY).lossless.tolist() == [0]


def test_channels_take_their_classes_in_turn():
    classes = 'switch.class=[{name="rdma", lossless=true}, {name="bulk", weight=3}]'
    found = switching_of(
        classes, 'switch.class_of_channel=["bulk","rdma","rdma"]', "transport.rto=1ms"
    )
    assert found.qp_class == (1, 0, 0)
    assert (found.weight.tolist(), found.lossless.tolist()) == ([0, 3], [1, 0])


def test_all_channels_are_in_the_first_class_if_nothing_is_said():
    found = switching_of('switch.class=[{name="a"}, {name="b"}]', *PLAIN[:3])
    assert found.qp_class == (0,)


def test_bands_are_bytes_or_parts_of_the_queue():
    adaptive = [*PLAIN, "clos.choice=adaptive"]
    assert switching_of(*adaptive, 'clos.bands=["1kB", 5000]').bands.tolist() == [1000, 5000]
    queue = ["clos.queue=100kB", "transport.rto=1ms"]
    found = switching_of(*adaptive, *queue, "clos.bands=[0.05, 0.1, 0.2]", "clos.refresh=100ns")
    assert (found.bands.tolist(), found.refresh_ps) == ([5000, 10_000, 20_000], 100_000)


def test_flowlets_are_passed_on():
    found = switching_of(name="clos-flowlet")
    assert (found.flowlet_gap_ps, found.flowlet_entries) == (16_000_000, 2048)
    assert (len(found.bands), found.refresh_ps) == (7, 1_000_000)


def test_trimming_cuts_to_a_header():
    assert switching_of(name="clos-uec").trim_bytes == 64
    assert switching_of().trim_bytes == 0


# Links that are slow, lose or have ways by table


def test_a_slow_link_has_smaller_limits_and_thresholds():
    network = network_of("clos.failed_links=8", name="uet-nscc", ranks=1024)
    slow = network.rate_bps == 25 * 10**9
    switching = network.switching
    assert slow.sum() == 8
    found = network.queue_bytes, switching.ecn_low, switching.ecn_high
    assert [set(limits[slow].tolist()) for limits in found] == [{44_612}, {9337}, {36_312}]
    fast = switch_ports(network) & ~slow
    assert set(network.queue_bytes[fast].tolist()) == {178_450}


@pytest.mark.parametrize(
    "overrides",
    [
        ["links.loss_rate=1e-6", "transport.rto=1ms"],
        ["clos.planes=2", "host.nic_ports=2"],
        ['changes=[{what="spine0", state="down", at="1us"}]', "transport.rto=1ms"],
    ],
)
def test_losses_tables_and_changes_are_for_switches_with_rules(overrides):
    assert switching_of(*PLAIN, *overrides) is not None
