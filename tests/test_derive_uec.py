"""NSCC and RCCC scale with the fabric as uet-htsim does: worked values of eight fabrics."""

from math import floor

import pytest

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.transport import Balance, Control, Protocol, Receiver
from fabricemu.spec.presets import load_fabric


def settings(rate, tiers, hop_us, frame):
    """Return the overrides of uet-nscc for another link speed, depth, hop latency and frame."""
    return [
        f"host.port_rate={rate}Gbps",
        f"clos.tiers={tiers}",
        f"links.host_latency={hop_us}us",
        f"links.fabric_latency={hop_us}us",
        f"transport.mtu={frame - 64}",
    ]


FABRICS = {
    "100G 3-tier": settings(100, 3, 1, 4150),
    "400G 3-tier": settings(400, 3, 0.5, 4150),
    "400G 3-tier 4160": settings(400, 3, 0.5, 4160),
    "100G 2-tier": settings(100, 2, 1, 4150),
    "200G 2-tier": settings(200, 2, 1, 4150),
    "400G 2-tier": settings(400, 2, 1, 4150),
    "800G 2-tier": settings(800, 2, 1, 4150),
    "400G 2-tier 4160": settings(400, 2, 0.5, 4160),
}


def built(*overrides, name="uet-nscc", ranks=16):
    return build(load_fabric(name, overrides), ranks)


def parameters(*overrides, name="uet-nscc"):
    return built(*overrides, name=name)[1].parameters


def row(*values):
    """Return a test case of each fabric with its worked value."""
    pairs = zip(FABRICS.values(), values, strict=True)
    return [pytest.param(*pair, id=name) for name, pair in zip(FABRICS, pairs, strict=True)]


@pytest.mark.parametrize(
    ("overrides", "rtt"),
    row(14022720, 6505680, 6506880, 9348480, 8674240, 8337120, 8168560, 4337920),
)
def test_the_base_rtt_is_that_of_the_longest_path(overrides, rtt):
    assert parameters(*overrides).rtt_ps == rtt


@pytest.mark.parametrize(
    ("overrides", "limit"),
    row(178450, 327850, 328640, 120350, 219950, 419150, 817550, 220480),
)
def test_queues_hold_a_bdp_in_whole_packets(overrides, limit):
    network, _ = built(*overrides)
    host_ports = network.n_ranks
    assert set(network.queue_bytes[:host_ports].tolist()) == {-1}
    assert set(network.queue_bytes[host_ports:].tolist()) == {limit}


@pytest.mark.parametrize(
    ("overrides", "thresholds"),
    row(
        (37350, 145250),
        (66400, 265600),
        (66560, 266240),
        (24900, 99600),
        (45650, 178450),
        (87150, 336150),
        (166000, 655700),
        (45760, 178880),
    ),
)
def test_marking_starts_at_a_fifth_of_a_bdp_and_is_certain_at_four_fifths(overrides, thresholds):
    switching = built(*overrides)[0].switching
    found = switching.ecn_low[-1], switching.ecn_high[-1], switching.ecn_max
    assert found == (*thresholds, 2**32)


@pytest.mark.parametrize(
    ("overrides", "target"),
    row(10517040, 4879260, 4880160, 7011360, 6505680, 6252840, 6126420, 3253440),
)
def test_the_target_is_three_quarters_of_an_rtt_with_trimming(overrides, target):
    assert parameters(*overrides).target_ps == target


@pytest.mark.parametrize(
    ("overrides", "windows"),
    row(
        (262926, 63),
        (487926, 117),
        (488016, 117),
        (175284, 42),
        (325284, 78),
        (625284, 150),
        (1225284, 295),
        (325344, 78),
    ),
)
def test_the_first_window_is_one_and_a_half_bdp(overrides, windows):
    found = parameters(*overrides)
    assert found.init_window == found.max_window == windows[0]
    assert found.max_window // found.min_window == windows[1]


@pytest.mark.parametrize(
    ("overrides", "alpha"),
    row(1591.58, 2953.58, 2961.35, 1061.05, 1969.05, 3785.05, 7417.05, 1974.24),
)
def test_the_proportional_increase_scales_with_the_bdp(overrides, alpha):
    assert round(parameters(*overrides).alpha * 1e6, 2) == alpha


@pytest.mark.parametrize(
    ("overrides", "steps"),
    row(
        (23873.7, 716.21),
        (44303.7, 1329.11),
        (44420.3, 1332.61),
        (15915.8, 477.47),
        (29535.8, 886.07),
        (56775.8, 1703.27),
        (111255.8, 3337.67),
        (29613.5, 888.41),
    ),
)
def test_fair_increase_and_eta_scale_with_the_bdp(overrides, steps):
    found = parameters(*overrides)
    assert (round(found.fair, 1), round(found.eta, 2)) == steps


@pytest.mark.parametrize(
    ("overrides", "gain"),
    row(0.29214, 0.54214, 0.54224, 0.19476, 0.36143, 0.69476, 1.36143, 0.36149),
)
def test_the_fast_increase_scales_with_the_bdp(overrides, gain):
    assert round(parameters(*overrides).fast_gain, 5) == gain


@pytest.mark.parametrize(
    ("overrides", "gate"),
    row(
        (42.068, 32865),
        (19.517, 60990),
        (19.521, 61002),
        (28.045, 21910),
        (26.023, 40660),
        (25.011, 78160),
        (24.506, 153160),
        (13.014, 40668),
    ),
)
def test_quick_adapt_fires_above_four_targets_and_below_an_eighth_of_the_window(overrides, gate):
    found = parameters(*overrides)
    assert round(4 * found.target_ps / 1e6, 3) == gate[0]
    assert found.max_window >> found.gate_shift == gate[1]


@pytest.mark.parametrize(
    ("overrides", "rto"),
    row(100.656, 54.342, 54.437, 72.768, 67.788, 65.298, 64.053, 41.458),
)
def test_the_time_out_is_15_us_and_six_queues(overrides, rto):
    assert round(built(*overrides)[1].rto_ps / 1e6, 3) == rto


@pytest.mark.parametrize(
    ("overrides", "quantum"), row(20686, 5171, 5171, 20686, 10343, 5171, 2585, 5171)
)
def test_credit_is_paced_at_99_percent(overrides, quantum):
    assert parameters(*overrides).quantum_ps == quantum


def test_without_trimming_queues_are_longer_and_the_target_is_an_rtt():
    network, transport = built("switch.trim=none", "clos.queue=5 BDP")
    assert network.queue_bytes[-1] == 892_250
    assert transport.parameters.target_ps == 14_022_720
    assert transport.rto_ps == 443_280_000
    assert network.switching.ecn_high[-1] == 145_250


def test_a_deeper_queue_leaves_the_thresholds_as_they_are():
    network, transport = built("clos.queue=500 packets")
    assert network.queue_bytes[-1] == 500 * 4150
    assert network.switching.ecn_low[-1] == 37_350
    assert transport.parameters.max_window == 262_926


def test_uet_nscc_is_the_transport_of_uet_htsim():
    transport = built()[1]
    assert (transport.protocol, transport.receiver) == (Protocol.UEC, Receiver.ANY_ORDER)
    assert (transport.control, transport.balance) == (Control.NSCC, Balance.MIXED)
    assert (transport.ack_every, transport.ack_in_bytes, transport.entropies) == (16384, True, 64)


def test_packets_to_an_ack_are_bytes_with_uec():
    transport = built("transport.ack_every=4 packets")[1]
    assert (transport.ack_every, transport.ack_in_bytes) == (4 * 4150, True)


def test_with_credit_ports_to_hosts_do_not_mark():
    network = built(name="uet-rccc")[0]
    marks = network.switching.ecn_low >= 0
    leaf_down = [int(network.peer[rank]) for rank in range(network.n_ranks)]
    assert not marks[leaf_down].any()
    assert marks.sum() == network.n_ports - 2 * network.n_ranks


def test_a_window_that_stays_is_the_first_one():
    found = parameters("congestion.control=constant", "congestion.constant.window=20 packets")
    assert (found.init_window, found.max_window) == (83_000, 262_926)


def test_another_first_window_leaves_the_largest():
    found = parameters("congestion.nscc.init_window=10 packets")
    assert (found.init_window, found.max_window) == (41_500, 262_926)


def test_values_that_are_given_are_taken():
    found = parameters(
        "congestion.nscc.target=5us",
        "congestion.nscc.alpha=1500",
        "congestion.nscc.gate_shift=4",
        "congestion.nscc.max_window=100 packets",
    )
    assert (found.target_ps, found.gate_shift, found.max_window) == (5_000_000, 4, 415_000)
    assert floor(found.alpha * 1e9) == 1_500_000


def test_a_least_window_above_the_largest_is_refused():
    with pytest.raises(ConfigError, match=r"min_window: 8300000 bytes is more"):
        built("congestion.nscc.min_window=2000 packets")


@pytest.mark.parametrize(
    "overrides",
    [
        ["congestion.nscc.init_window=4149"],
        ["congestion.nscc.max_window=1kB"],
        ["congestion.nscc.min_window=100"],
        ["congestion.control=constant", "congestion.constant.window=1kB"],
        ["congestion.control=rccc", "congestion.rccc.max_window=1kB"],
    ],
)
def test_a_window_of_less_than_a_packet_is_refused(overrides):
    key = overrides[-1].partition("=")[0]
    with pytest.raises(ConfigError, match=rf"{key}: \d+ bytes; expected at least a full packet"):
        built(*overrides)


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_smallest_fabrics_have_an_rtt_too(ranks):
    # host and leaf: two links there and two back
    two_links = 2 * (2 * 1_000_000 + 332_000 + 5_120)
    expected = two_links if ranks == 1 else 3 * two_links
    assert built(ranks=ranks)[1].parameters.rtt_ps == expected
