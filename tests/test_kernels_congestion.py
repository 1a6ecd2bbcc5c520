"""Congestion controls of RC in the kernels, against published and worked numbers."""

import numpy as np
import pytest
from fabricemu.kernels import clock
from fabricemu.kernels.congestion import dcqcn, dctcp, hpcc, swift
from fabricemu.kernels.state import ALPHA, CE, DECREASE, INCREASE

from fabricemu.fabrics.transport import Transport
from tests import builders, ethernet, kernel_state
from tests.builders import line_network, sends, star
from tests.compare import run
from tests.ethernet import US, with_switching
from tests.kernel_state import plain

GBPS = 10**9
FULL = 4096  # bytes of payload of a full packet
T = 83_200  # ps of a full packet at 400 Gbit/s
L = 500_000  # ps of every link


class Pair:
    """Queue pair 0 of two hosts at one switch, under one control."""

    def __init__(self, control, rate=400 * GBPS, mtu=FULL):
        network = star(2, rate=rate)
        self.state = kernel_state.build(network, builders.transport(mtu=mtu, **control))
        self.host = self.state.hosts[0]
        self.flow = self.state.paces[0]
        self.sender = self.state.senders[0]

    def timer(self, kind):
        """Return when a timer is due, None if it is not set."""
        base = self.host["clock"] + kind
        return int(self.state.clock_time[base]) if self.state.clock_place[base] >= 0 else None


# DCQCN

PAPER = {
    "g": 1 / 256,
    "cnp_interval_ps": 50 * US,
    "alpha_ps": 55 * US,
    "increase_ps": 55 * US,
    "fast_recovery": 5,
    "ai_bps": 40e6,
    "hai_bps": 200e6,
    "min_bps": 100e6,
    "clamp": True,
}
SAMPLED = {"decrease_ps": 4 * US, "alpha_ps": US, "clamp": False}


class Dcqcn(Pair):
    """A queue pair under DCQCN with the paper's parameters but for ``changes``."""

    def __init__(self, rate=400 * GBPS, **changes):
        super().__init__(ethernet.dcqcn(**(PAPER | changes)), rate)
        self.law = self.state.dcqcn[0]

    def cnp(self, now=0):
        dcqcn.on_cnp(self.state, self.host, 0, now)

    def ring(self, kind, now=0):
        dcqcn.on_timer(self.state, self.host, 0, kind, now)

    def send(self, wire, now=0):
        dcqcn.on_send(self.state, self.host, 0, wire, now)


@plain
def test_first_cnp_halves_and_fast_recovery_climbs_half_way_each_time():
    pair = Dcqcn()
    pair.cnp()
    rates = [pair.flow["rate"] / GBPS]
    for _ in range(6):
        pair.ring(INCREASE)
        rates.append(pair.flow["rate"] / GBPS)
    assert rates == [200, 300, 350, 375, 387.5, 393.75, 396.875]
    assert (pair.law["rt"], pair.law["alpha"]) == (400 * GBPS, 1)


@plain
def test_five_steps_close_31_of_32_parts_of_the_gap():
    pair = Dcqcn(40 * GBPS)
    pair.cnp(0)
    assert pair.timer(INCREASE) == 55 * US
    for step in range(1, 6):
        pair.ring(INCREASE, step * 55 * US)
    assert (pair.flow["rate"], pair.timer(INCREASE)) == (39.375 * GBPS, 6 * 55 * US)


@plain
@pytest.mark.parametrize(
    ("g", "timers", "alpha"),
    [
        (1 / 256, 10, 0.961617),
        (1 / 256, 100, 0.676116),
        (1 / 256, 256, 0.367160),
        (5 / 1024, 4, 0.980611),
        (5 / 1024, 55, 0.763981),
        (5 / 1024, 300, 0.230286),
    ],
)
@pytest.mark.parametrize("decrease_ps", [0, 4 * US])
def test_alpha_decays_without_cnps(g, timers, alpha, decrease_ps):
    pair = Dcqcn(g=g, decrease_ps=decrease_ps)
    for _ in range(timers):
        pair.ring(ALPHA)
    assert round(float(pair.law["alpha"]), 6) == alpha


@plain
@pytest.mark.parametrize(("alpha", "gbps"), [(0.5, 225), (0.99609375, 150.586)])
def test_cut_follows_alpha(alpha, gbps):
    pair = Dcqcn()
    pair.law["rc"], pair.law["alpha"] = 300e9, alpha
    pair.cnp()
    assert round(pair.flow["rate"] / GBPS, 3) == gbps


@plain
def test_cut_stops_at_the_least_rate():
    pair = Dcqcn(min_bps=350e9)
    pair.cnp()
    assert pair.flow["rate"] == 350e9


@plain
def test_cnp_in_every_fourth_period_cuts_by_an_eighth_in_the_mean():
    pair = Dcqcn(**SAMPLED)
    pair.cnp()
    alphas = []
    for period in range(4000):
        if period % 4 == 0:
            pair.cnp()
        pair.ring(ALPHA)
        alphas.append(float(pair.law["alpha"]))
    assert np.mean(alphas[2000:]) == pytest.approx(0.25, abs=0.001)


@plain
@pytest.mark.parametrize(
    ("clamp", "target", "recovered"), [(False, 400e9, 225e9), (True, 100e9, 75e9)]
)
def test_clamp_lowers_the_target_at_each_cut(clamp, target, recovered):
    pair = Dcqcn(**(SAMPLED | {"g": 0, "clamp": clamp}))
    rates = []
    for _ in range(3):
        pair.cnp()
        pair.ring(DECREASE)
        rates.append(pair.flow["rate"])
    assert (rates, pair.law["rt"]) == ([200e9, 100e9, 50e9], target)
    pair.ring(INCREASE)
    assert pair.flow["rate"] == recovered


@plain
def test_target_follows_the_rate_once_an_increase_came_between_two_cuts():
    pair = Dcqcn(**(SAMPLED | {"g": 0}))
    pair.cnp()
    pair.ring(DECREASE)
    pair.ring(INCREASE)
    assert pair.flow["rate"] == 300e9
    pair.cnp()
    pair.ring(DECREASE)
    assert (pair.law["rt"], pair.flow["rate"]) == (300e9, 150e9)


@plain
def test_sampled_cut_waits_for_its_timer_and_needs_a_cnp_since_the_last():
    pair = Dcqcn(**SAMPLED)
    pair.cnp(7)
    assert pair.law["rc"] == 400e9
    assert (pair.timer(ALPHA), pair.timer(DECREASE)) == (7 + US, 7 + 4 * US + 1000)
    pair.ring(DECREASE, 10 * US)
    pair.ring(DECREASE, 14 * US)
    assert pair.law["rc"] == 200e9
    assert (pair.timer(INCREASE), pair.timer(DECREASE)) == (65 * US, 18 * US)


@plain
@pytest.mark.parametrize(
    ("recovery", "grown"), [(0, [40, 240, 440]), (1, [0, 40, 240]), (2, [0, 0, 40])]
)
def test_timer_alone_recovers_then_adds_once_then_is_hyper(recovery, grown):
    pair = Dcqcn(fast_recovery=recovery)
    pair.cnp()
    pair.law["rt"] = 200e9
    targets = []
    for _ in range(3):
        pair.ring(INCREASE)
        targets.append((pair.law["rt"] - 200e9) / 1e6)
    assert targets == grown


@plain
def test_hyper_increase_needs_both_counters():
    pair = Dcqcn(byte_counter=1000, fast_recovery=1)
    pair.cnp()
    pair.law["rt"] = 200e9
    targets = []
    for _ in range(3):
        pair.ring(INCREASE)
        pair.send(1000)
        targets.append((pair.law["rt"] - 200e9) / 1e6)
    # stages (0, 0) recover; (1, 0), (1, 1), (2, 1) add; (2, 2) and (3, 2) are hyper
    assert targets == [40, 120, 520]


@plain
def test_byte_counter_keeps_what_is_over_and_counts_only_after_a_cnp():
    pair = Dcqcn(byte_counter=10_000)
    pair.send(10_000)
    assert (pair.law["sent"], pair.law["bs"]) == (0, 0)
    pair.cnp()
    pair.send(9_999)
    assert (pair.law["sent"], pair.law["bs"]) == (9_999, 0)
    pair.send(4_160)
    assert (pair.law["sent"], pair.law["bs"], pair.flow["rate"]) == (4_159, 1, 300e9)


@plain
def test_calm_queue_pair_stops_its_timers():
    pair = Dcqcn(**SAMPLED)
    pair.cnp()
    pair.law["alpha"], pair.law["rc"] = 0.9e-4, 400e9 - 3
    pair.ring(INCREASE)
    assert (pair.flow["rate"], pair.law["on"]) == (400e9 - 1.5, 1)
    pair.ring(ALPHA)
    pair.ring(INCREASE)
    assert (pair.flow["rate"], pair.law["on"]) == (400e9, 0)
    assert [pair.timer(kind) for kind in (ALPHA, DECREASE, INCREASE)] == [None] * 3


@plain
def test_window_follows_the_rate():
    pair = Dcqcn(window_bytes=220_000)
    assert pair.flow["window"] == 220_000
    pair.cnp()
    assert pair.flow["window"] == 110_000


@plain
def test_raised_rate_moves_the_next_packet_and_its_timer():
    pair = Dcqcn(min_bps=1e6)
    pair.law["rc"] = 2e6
    pair.cnp(US)
    pair.flow["last_start"], pair.flow["last_wire"] = US, 4160
    pair.flow["next_at"] = US + 33_280 * US  # at 1 Mbit/s
    clock.set_at(pair.state, pair.host, 1, pair.flow["next_at"])
    pair.law["rt"] = 400e9
    pair.ring(INCREASE, 2 * US)
    assert pair.flow["rate"] == 200e9 + 0.5e6
    # at 200 Gbit/s it could have gone long ago
    assert (pair.flow["next_at"], pair.timer(1)) == (2 * US, 2 * US)


# DCTCP


class Dctcp(Pair):
    """A queue pair under DCTCP that counts its window in packets of a byte."""

    def __init__(self, window=100.0):
        super().__init__(ethernet.dctcp(init_bytes=window), mtu=1)
        self.law = self.state.dctcp[0]

    def ack(self, una, nxt=2, marked=False, n=1):
        self.sender["una"], self.sender["nxt"] = una, nxt
        self.state.entries[0]["flags"] = CE if marked else 0
        dctcp.on_ack(self.state, 0, n, 0)


@plain
@pytest.mark.parametrize(("marked", "alpha"), [(False, 0.9375), (True, 0.96875)])
def test_dctcp_averages_the_share_of_marks(marked, alpha):
    pair = Dctcp()
    pair.law["mark_end"] = 2
    pair.ack(1, marked=marked)
    assert pair.law["alpha"] == 1
    pair.ack(2)
    assert pair.law["alpha"] == alpha


@plain
def test_dctcp_cuts_by_half_of_alpha_or_grows_by_a_packet():
    pair = Dctcp()
    pair.law["alpha"] = (0.25 - 1 / 16) * 16 / 15
    pair.ack(1, nxt=5, marked=True)
    assert (pair.law["alpha"], pair.flow["window"], pair.law["mark_end"]) == (0.25, 87.5, 5)
    pair.ack(5, nxt=9)
    assert pair.flow["window"] == 88.5


@plain
def test_dctcp_halves_on_a_nack_and_starts_again_after_a_timeout():
    pair = Dctcp()
    dctcp.on_loss(pair.state, 0, False)
    assert pair.flow["window"] == 50
    dctcp.on_loss(pair.state, 0, True)
    assert pair.flow["window"] == 1


# Swift


class Swift(Pair):
    """A queue pair under Swift with a base delay of ``base_us`` and no delay a hop."""

    def __init__(self, base_us=20, **changes):
        values = {
            "base_ps": base_us * 1e6,
            "fs_range_ps": 5 * base_us * 1e6,
            "hop_ps": 0.0,
            "min_cwnd": 0.001,
            "max_cwnd": 1000.0,
        }
        super().__init__(ethernet.swift(**(values | changes)))
        self.law = self.state.swift[0]

    def target(self, cwnd):
        return swift.target(self.state, 0, cwnd)

    def ack(self, now, delay, n=1):
        kernel_state.tag_of(self.state, 0)["echo"] = now - delay
        swift.on_ack(self.state, self.host, 0, n, 0, now)

    def lose(self, timeout, now):
        swift.on_loss(self.state, self.host, 0, timeout, now)


@plain
@pytest.mark.parametrize(
    ("base", "cwnd", "flow_us"),
    [
        (20, 0.01, 100),
        (20, 0.1, 100),
        (20, 1, 29.3899),
        (20, 4, 13.0622),
        (20, 10, 7.0610),
        (20, 50, 1.3526),
        (20, 100, 0),
        (20, 200, 0),
        (6, 1, 8.8170),
        (6, 4, 3.9187),
        (6, 10, 2.1183),
        (6, 50, 0.4058),
    ],
)
def test_swift_target_grows_as_the_window_shrinks(base, cwnd, flow_us):
    assert round(Swift(base).target(cwnd) / 1e6 - base, 4) == flow_us


@plain
def test_swift_target_counts_switches_and_has_the_published_constants():
    pair = Swift(hop_ps=3e6)
    assert pair.target(100.0) == 23e6
    parameters = pair.state.parameters[0]
    constants = [round(float(parameters[name]) / 1e6, 6) for name in ("fs_alpha", "fs_beta")]
    assert constants == [32.655432, -3.265543]


@plain
@pytest.mark.parametrize(("delay_us", "cwnd"), [(60, 220 / 3), (400, 50)])
def test_swift_cuts_once_a_round_trip_by_the_excess(delay_us, cwnd):
    pair = Swift(40, init_packets=100.0)
    pair.ack(1000 * US, delay_us * US)
    assert pair.law["cwnd"] == pytest.approx(cwnd, rel=1e-12)
    pair.ack((1000 + delay_us) * US - 1, delay_us * US)
    assert pair.law["cwnd"] == pytest.approx(cwnd, rel=1e-12)
    pair.ack((1000 + delay_us) * US, delay_us * US)
    assert pair.law["cwnd"] < 0.8 * cwnd


@plain
@pytest.mark.parametrize(("cwnd", "grown"), [(12.0, 12.25), (0.5, 3.5)])
def test_swift_grows_by_a_packet_a_window(cwnd, grown):
    pair = Swift(init_packets=cwnd)
    pair.ack(100 * US, US, n=3)
    assert (pair.law["cwnd"], pair.flow["window"]) == (grown, grown * FULL)


@plain
def test_swift_below_a_packet_paces_by_the_round_trip():
    pair = Swift(init_packets=0.25)
    pair.ack(100 * US, 10 * US, n=0)
    assert (pair.flow["window"], pair.flow["gap"]) == (FULL, 40 * US)


@plain
def test_swift_gives_up_after_five_timeouts():
    pair = Swift()
    windows = []
    for _ in range(5):
        pair.lose(True, 1000 * US)
        windows.append(float(pair.law["cwnd"]))
    assert windows == [6, 6, 6, 6, 0.001]


@plain
def test_swift_forgets_timeouts_when_something_is_acknowledged():
    pair = Swift()
    for k in range(4):
        pair.lose(True, (1000 + 100 * k) * US)
    pair.ack(2000 * US, US)
    pair.lose(True, 3000 * US)
    assert pair.law["cwnd"] > 0.001


# HPCC


class Hpcc(Pair):
    """A queue pair under HPCC with a round trip of 8 us."""

    def __init__(self, utilisation=1.0, reference=200_000.0, **changes):
        values = {"rtt_ps": 8 * US, "eta": 0.95, "ai_bytes": 80.0, "min_bytes": 1000.0}
        super().__init__(ethernet.hpcc(**(values | changes)))
        self.law = self.state.hpcc[0]
        self.law["utilisation"], self.law["reference"] = utilisation, reference

    def ack(self, *hops, una=1, nxt=2):
        """Acknowledge with stamps (start, bytes sent, bytes waiting, rate) of each hop."""
        self.sender["una"], self.sender["nxt"] = una, nxt
        words = [len(hops), *(word for hop in hops for word in hop)]
        self.state.stamps[0, : len(words)] = words
        hpcc.on_ack(self.state, self.host, 0, 0, 0)


RATE = 400 * GBPS


@plain
def test_hpcc_begins_with_what_the_line_carries_in_a_round_trip():
    pair = Hpcc()
    assert (pair.law["window"], pair.flow["window"], pair.flow["rate"]) == (400_000, 400_000, RATE)


@plain
def test_hpcc_measures_the_busiest_hop():
    pair = Hpcc(0.9)
    pair.ack((0, 0, 0, RATE), (0, 0, 20_000, RATE))
    pair.ack((US, 40_000, 0, RATE), (US, 48_000, 30_000, RATE))
    assert pair.law["utilisation"] == pytest.approx(0.91375, rel=1e-12)
    assert (pair.flow["window"], pair.flow["rate"]) == (200_080, 200.08e9)


@plain
def test_hpcc_divides_by_the_excess():
    pair = Hpcc(1.14)
    hpcc.adapt(pair.state, 0, 1.14, US)
    hpcc.apply(pair.state, pair.host, 0, 0)
    assert round(float(pair.flow["window"]), 2) == 166_746.67
    assert round(float(pair.flow["rate"]) / GBPS, 3) == 166.747
    assert pair.law["stage"] == 0


@plain
def test_hpcc_renews_its_reference_once_a_round():
    pair = Hpcc(0.5)
    pair.ack((0, 0, 0, RATE), una=1, nxt=10)
    pair.ack((US, 0, 0, RATE), una=10, nxt=20)
    assert (pair.law["reference"], pair.law["stage"], pair.law["update"]) == (200_000, 0, 10)
    pair.ack((2 * US, 0, 0, RATE), una=11, nxt=20)
    assert (pair.law["reference"], pair.law["stage"], pair.law["update"]) == (200_080, 1, 20)


@plain
def test_hpcc_adds_only_so_many_rounds_in_a_row():
    pair = Hpcc(0.475, max_stage=2)
    stages = []
    for una in (1, 2, 3, 4):
        pair.sender["una"], pair.sender["nxt"] = una, una
        pair.law["update"] = una - 1
        hpcc.adapt(pair.state, 0, 0.475, US)
        stages.append((int(pair.law["stage"]), float(pair.law["reference"])))
    doubled = 2 * 200_160.0 + 80
    assert stages[:2] == [(1, 200_080), (2, 200_160)]
    # divided by a half once, and as far as the line allows
    assert stages[2] == (0, min(doubled, 400_000))
    assert stages[3] == (1, 400_000)


@plain
def test_hpcc_counts_a_long_interval_as_one_round_trip():
    pair = Hpcc(0.9)
    hpcc.adapt(pair.state, 0, 0.3, 80 * US)
    assert pair.law["utilisation"] == 0.3


@plain
def test_hpcc_passes_over_hops_that_stand_still():
    pair = Hpcc(0.9)
    pair.ack((5, 0, 0, RATE))
    pair.ack((5, 100_000, 0, RATE))
    assert (pair.law["utilisation"], pair.law["window"]) == (0.9, 400_000)


@plain
def test_hpcc_stays_between_its_bounds():
    pair = Hpcc(0.5, reference=400_000.0)
    hpcc.adapt(pair.state, 0, 0.5, US)
    assert pair.law["window"] == 400_000
    hpcc.adapt(pair.state, 0, 1e6, 8 * US)
    assert pair.law["window"] == 1000


# at work


def governed(control, **changes) -> Transport:
    return builders.transport(ack_every=1, **control, **changes)


def test_cnp_spaces_packets_and_an_increase_brings_the_next_forward():
    network = with_switching(line_network(1, last_rate=200 * GBPS), ecn_low=0, ecn_high=0)
    given = ethernet.dcqcn(**(PAPER | {"increase_ps": 200_000, "alpha_ps": US}))
    found = run(network, governed(given), sends([(0, 1, FULL)] * 35))
    # packet 2 leaves with packet 3 behind it at 5 T + L: its CNP comes at 7 T + 4 L + 4680
    cnp = 7 * T + 4 * L + 3 * 1560
    assert 31 * T < cnp < 32 * T
    sent = found.columns["sent"].tolist()
    assert sent[30:33] == [30 * T, 31 * T, 33 * T]
    # at 300 Gbit/s from the start of the last
    assert 33 * T < cnp + 200_000 < 35 * T
    assert sent[33] == 33 * T + 110_934
    assert found.outcome.device["cnps"].tolist() == [0, 1, 0]


def test_flow_alone_gets_no_cnp_and_waits_nowhere():
    network = with_switching(line_network(1), ecn_low=FULL, ecn_high=FULL)
    outcome = run(network, governed(ethernet.dcqcn()), sends([(0, 1, 60 * FULL)])).outcome
    assert (outcome.device["cnps"].sum(), outcome.link_marks.sum()) == (0, 0)
    assert outcome.link_peak_bytes.max() == 0


@pytest.mark.parametrize(("interval", "cnps"), [(0, 27), (2 * T, 27), (10 * T, 6)])
def test_cnps_keep_their_distance(interval, cnps):
    network = with_switching(line_network(1, last_rate=200 * GBPS), ecn_low=0, ecn_high=0)
    control = ethernet.dcqcn(cnp_interval_ps=interval, min_bps=400e9)
    found = run(network, builders.transport(**control), sends([(0, 1, 30 * FULL)]))
    # packets 2 .. 28 have others behind them; they come 2 T apart
    assert found.columns["marks"].tolist() == [27]
    assert found.outcome.device["cnps"].tolist() == [0, cnps, 0]


@pytest.mark.parametrize(
    "control",
    [
        ethernet.dctcp(init_bytes=20.0 * FULL, max_bytes=200.0 * FULL),
        ethernet.hpcc(rtt_ps=2_200_000, ai_bytes=1000.0, min_bytes=1000.0),
        ethernet.swift(base_ps=2e6, hop_ps=0.0, fs_range_ps=1e7, init_packets=20.0),
    ],
    ids=["dctcp", "hpcc", "swift"],
)
def test_control_keeps_the_queue_of_an_incast_shorter(control):
    network = with_switching(star(5), ecn_low=16 * FULL, ecn_high=16 * FULL)
    program = sends([(r, 0, 60 * FULL) for r in range(1, 5)])
    free, kept = (run(network, governed(c), program) for c in ({}, control))
    assert kept.outcome.link_peak_bytes.max() < free.outcome.link_peak_bytes.max() / 2
    assert kept.columns["delivered"].max() < 1.2 * free.columns["delivered"].max()
