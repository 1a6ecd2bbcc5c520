"""Parameters of DCQCN, DCTCP, Swift and HPCC follow the port rate and the idle fabric."""

import pytest

from fabricemu.fabrics.baseline import Baseline
from fabricemu.fabrics.build import build
from fabricemu.fabrics.congestion import congestion_parameters
from fabricemu.fabrics.transport import Dcqcn
from fabricemu.spec.congestion import Congestion
from fabricemu.spec.presets import load_fabric

GBPS = 10**9
US = 10**6
# 400 Gb/s and 8 us: a bandwidth-delay product of 400,000 bytes.
BASE = Baseline(400 * GBPS, 8 * US, 4096, 4160)


def derived(control, base=BASE, **values):
    congestion = Congestion.model_validate({"control": control, control: values})
    return congestion_parameters(congestion, base, trims=False)


def dcqcn(name, rate=400, **values):
    return derived("dcqcn", Baseline(rate * GBPS, 8 * US, 4096, 4160), set=name, **values)


def test_the_bdp_is_counted_in_bytes_and_whole_packets():
    assert (BASE.bdp_bytes, BASE.bdp_packets) == (400_000, 97)


@pytest.mark.parametrize(
    ("amount", "size"),
    [(1234, 1234), ("3 packets", 12_480), ("1 BDP", 97 * 4160), ("0.2 BDP", 20 * 4160)],
)
def test_amounts_are_bytes_packets_or_parts_of_a_bdp(amount, size):
    assert BASE.frame_bytes(amount) == size


def test_the_paper_of_dcqcn_is_met_at_its_rate():
    assert dcqcn("paper", 40) == Dcqcn(
        g=1 / 256,
        cnp_interval_ps=50 * US,
        alpha_ps=55 * US,
        decrease_ps=0,
        increase_ps=55 * US,
        byte_counter=10_000_000,
        fast_recovery=5,
        ai_bps=40e6,
        hai_bps=200e6,
        min_bps=100e6,
        clamp=True,
        window_bytes=0,
    )


def test_the_paper_of_dcqcn_scales_with_the_rate():
    found = dcqcn("paper", 400)
    rates = (found.ai_bps, found.hai_bps, found.min_bps)
    assert (*rates, found.byte_counter) == (400e6, 2e9, 1e9, 100_000_000)


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("tuned", (80e6, 800e6, 100e6)),
        ("connectx", (5e6, 50e6, 1e6)),
        ("hpcc-ns3", (80e6, 800e6, 1e9)),
        ("simai", (50e6, 100e6, 100e6)),
    ],
)
def test_the_sets_have_their_rates_at_400g(name, rates):
    found = dcqcn(name)
    assert (found.ai_bps, found.hai_bps, found.min_bps) == rates


@pytest.mark.parametrize(
    ("name", "timers"),
    [
        ("tuned", (4, 1, 4, 300)),
        ("paper", (50, 55, 0, 55)),
        ("connectx", (4, 1, 4, 300)),
        ("hpcc-ns3", (0, 1, 4, 300)),
        ("simai", (0, 1, 4, 900)),
    ],
)
def test_the_sets_have_their_timers(name, timers):
    found = dcqcn(name)
    periods = (found.cnp_interval_ps, found.alpha_ps, found.decrease_ps, found.increase_ps)
    assert periods == tuple(time * US for time in timers)


def test_adapters_of_all_rates_have_the_same_steps():
    assert dcqcn("connectx", 100).ai_bps == dcqcn("connectx", 800).ai_bps


def test_only_simai_has_a_window():
    names = ("tuned", "paper", "connectx", "hpcc-ns3", "simai")
    windows = {name: dcqcn(name).window_bytes for name in names}
    assert windows.pop("simai") == 97 * 4160
    assert set(windows.values()) == {0}


def test_single_fields_of_a_set_are_overridden():
    found = dcqcn("paper", g=0.01, byte_counter="none", ai_rate="1Gbps", clamp=False)
    assert (found.g, found.byte_counter, found.ai_bps) == (0.01, 0, 1e9)
    assert not found.clamp
    assert found.hai_bps == 2e9


def test_no_rate_is_kept_above_the_port():
    assert dcqcn("hpcc-ns3", 0.5).min_bps == 0.5 * GBPS


def test_dctcp_starts_at_line_rate():
    found = derived("dctcp")
    assert (found.g, found.init_bytes, found.max_bytes) == (1 / 16, 97 * 4160, 388 * 4160)


def test_swift_aims_above_the_base_rtt():
    found = derived("swift")
    assert (found.base_ps, found.fs_range_ps, found.max_cwnd) == (10 * US, 50 * US, 388)


def test_swift_takes_given_delays():
    found = derived("swift", base_delay="6us", flow_scaling="30us", hop_delay="1us")
    assert (found.base_ps, found.hop_ps, found.fs_range_ps) == (6 * US, US, 30 * US)


def test_hpcc_grows_by_the_headroom_of_its_flows():
    found = derived("hpcc", flows=10)
    assert found.rtt_ps == 8 * US
    assert round(found.ai_bytes, 6) == 2000  # 400,000 x 0.05 / 10
    assert found.min_bytes == 1000  # 1 Gb/s in 8 us


def test_hpcc_takes_a_given_step_and_rtt():
    found = derived("hpcc", ai=80, rtt="13us", min_rate="100Mbps")
    assert (found.ai_bytes, found.rtt_ps, found.min_bytes) == (80, 13 * US, 162.5)


def test_no_control_has_no_parameters():
    assert congestion_parameters(Congestion(), BASE, trims=False) is None


@pytest.mark.parametrize(
    ("ranks", "rtt"),
    [
        # one leaf: 2 links, 0.7 and 1.4 us, and one packet and ACK on each
        (64, 2 * (700_000 + 1_400_000 + 83_560 + 1_720)),
        # over a spine: two links of 1.2 us more
        (65, 2 * (700_000 + 1_400_000 + 2 * 1_200_000 + 2 * (83_560 + 1_720))),
    ],
)
def test_the_rtt_is_that_of_the_fabric_as_it_is_built(ranks, rtt):
    spec = load_fabric("clos-ecmp", ["congestion.control=hpcc", "transport.ack_every=1"])
    assert build(spec, ranks)[1].parameters.rtt_ps == rtt


def test_a_scale_up_domain_does_not_shorten_the_rtt():
    overrides = ["congestion.control=swift", "transport.ack_every=1"]
    flat = build(load_fabric("clos-ecmp", overrides), 64)[1]
    domains = build(load_fabric("clos-ecmp", [*overrides, "host.scale_up_ranks=64"]), 64)[1]
    assert domains.parameters == flat.parameters


def test_a_cell_fabric_has_an_rtt_too():
    found = build(load_fabric("ddc", ["congestion.control=swift", "transport.ack_every=1"]), 72)[1]
    packet, cell, ack, ack_cell = 83_560, 40_960, 1_720, 7_840
    there = 5_000_000 + 2 * (packet + cell)
    back = 5_000_000 + 2 * (ack + ack_cell)
    assert found.parameters.base_ps == there + back + 2 * US
