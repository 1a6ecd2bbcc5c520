"""Congestion controls of the reference simulator, against published and hand-made numbers."""

from typing import Any

import pytest

from fabricemu.fabrics.transport import Control as Law
from fabricemu.fabrics.transport import Dcqcn as DcqcnParameters
from fabricemu.fabrics.transport import Dctcp as DctcpParameters
from fabricemu.fabrics.transport import Hpcc as HpccParameters
from fabricemu.fabrics.transport import Swift as SwiftParameters
from fabricemu.fabrics.transport import Transport
from tests.builders import line_network, sends, star, transport
from tests.ethernet import with_switching
from tests.reference import ReferenceResult, simulate
from tests.reference.congestion.control import Feedback
from tests.reference.congestion.dcqcn import Dcqcn
from tests.reference.congestion.dctcp import Dctcp
from tests.reference.congestion.hpcc import Hpcc
from tests.reference.congestion.swift import Swift
from tests.reference.packets import Stamp
from tests.reference.timers import Kind

FULL = 4096  # bytes of payload of a full packet
T = 83_200  # ps of a full packet at 400 Gbit/s
L = 500_000  # ps of every link
US = 10**6
GBPS = 10**9
MBPS = 10**6


def ack(**changes: Any) -> Feedback:
    values: dict[str, Any] = {
        "now": 0,
        "packets": 1,
        "marked": False,
        "echo": 0,
        "stamps": [],
        "una": 1,
        "nxt": 2,
    }
    return Feedback(**(values | changes))


# DCQCN


def dcqcn_parameters(**changes: Any) -> DcqcnParameters:
    values: dict[str, Any] = {
        "g": 1 / 256,
        "cnp_interval_ps": 50 * US,
        "alpha_ps": 55 * US,
        "decrease_ps": 0,
        "increase_ps": 55 * US,
        "byte_counter": 0,
        "fast_recovery": 5,
        "ai_bps": 40e6,
        "hai_bps": 200e6,
        "min_bps": 100e6,
        "clamp": True,
        "window_bytes": 0,
    }
    return DcqcnParameters(**(values | changes))


def dcqcn(rate: int = 400 * GBPS, **changes: Any) -> Dcqcn:
    return Dcqcn(dcqcn_parameters(**changes), rate)


def test_first_cnp_halves_and_fast_recovery_climbs_half_way_each_time() -> None:
    law = dcqcn()
    law.on_cnp(0)
    rates = [law.rate / GBPS]
    for _ in range(6):
        law.on_timer(Kind.INCREASE, 0)
        rates.append(law.rate / GBPS)
    assert rates == [200, 300, 350, 375, 387.5, 393.75, 396.875]
    assert (law.target, law.alpha) == (400 * GBPS, 1)


def test_five_steps_close_31_of_32_parts_of_the_gap() -> None:
    law = dcqcn(40 * GBPS)
    law.on_cnp(0)
    for _ in range(5):
        law.on_timer(Kind.INCREASE, 0)
    assert law.rate == 39.375 * GBPS


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
def test_alpha_decays_without_cnps(g: float, timers: int, alpha: float) -> None:
    law = dcqcn(g=g)
    for _ in range(timers):
        law.on_timer(Kind.ALPHA, 0)
    assert round(law.alpha, 6) == alpha


@pytest.mark.parametrize(("alpha", "gbps"), [(0.5, 225), (0.99609375, 150.586)])
def test_cut_follows_alpha(alpha: float, gbps: float) -> None:
    law = dcqcn()
    law.rate, law.alpha = 300e9, alpha
    law.on_cnp(0)
    assert round(law.rate / 1e9, 3) == gbps


def test_cut_stops_at_the_least_rate() -> None:
    law = dcqcn(min_bps=350e9)
    law.on_cnp(0)
    assert law.rate == 350e9


def test_cnp_in_every_fourth_period_holds_alpha_at_a_quarter() -> None:
    law = dcqcn(decrease_ps=4 * US, alpha_ps=US)
    law.on_cnp(0)
    for _ in range(4000):
        law.on_cnp(0)
        for _ in range(4):
            law.on_timer(Kind.ALPHA, 0)
    assert abs(law.alpha - 0.25) < 0.01


@pytest.mark.parametrize(
    ("clamp", "target", "recovered"), [(False, 400e9, 225e9), (True, 100e9, 75e9)]
)
def test_clamp_lowers_the_target_at_each_cut(clamp: bool, target: float, recovered: float) -> None:
    law = dcqcn(g=0, decrease_ps=4 * US, clamp=clamp)
    rates = []
    for _ in range(3):
        law.on_cnp(0)
        law.on_timer(Kind.DECREASE, 0)
        rates.append(law.rate)
    assert (rates, law.target) == ([200e9, 100e9, 50e9], target)
    law.on_timer(Kind.INCREASE, 0)
    assert law.rate == recovered


def test_sampled_cut_needs_a_cnp_since_the_last() -> None:
    law = dcqcn(decrease_ps=4 * US, alpha_ps=US)
    law.on_cnp(7)
    assert law.timers == {Kind.ALPHA: 7 + US, Kind.DECREASE: 7 + 4 * US + 1000}
    law.on_timer(Kind.DECREASE, 10 * US)
    law.on_timer(Kind.DECREASE, 14 * US)
    assert law.rate == 200e9
    assert law.timers[Kind.INCREASE] == 10 * US + law.given.increase_ps


def test_hyper_increase_needs_both_counters() -> None:
    law = dcqcn(byte_counter=1000, fast_recovery=1, clamp=False)
    law.on_cnp(0)
    law.target = law.rate  # room to see the target grow
    targets = []
    for _ in range(3):
        law.on_timer(Kind.INCREASE, 0)
        law.on_send(1000, 0)
        targets.append((law.target - 200e9) / 1e6)
    # stages (0, 0) recover; (1, 0), (1, 1), (2, 1) add; (2, 2) and (3, 2) are hyper
    assert targets == [40, 120, 520]


def test_calm_flow_stops_its_timers() -> None:
    law = dcqcn()
    law.on_cnp(0)
    law.alpha = 0.9e-4
    law.rate = 400e9 - 1
    law.on_timer(Kind.INCREASE, 0)
    assert (law.rate, law.timers, law.on) == (400e9, {}, False)


def test_window_follows_the_rate() -> None:
    law = dcqcn(window_bytes=220_000)
    law.on_cnp(0)
    assert law.window == 110_000


# DCTCP


def dctcp(window: float = 100.0) -> Dctcp:
    return Dctcp(DctcpParameters(g=1 / 16, init_bytes=window, max_bytes=10**6), mtu=1)


@pytest.mark.parametrize(("marked", "alpha"), [(0, 0.9375), (1, 0.96875)])
def test_dctcp_averages_the_share_of_marks(marked: int, alpha: float) -> None:
    law = dctcp()
    law.mark_end = 2
    law.on_ack(ack(una=1, marked=bool(marked)))
    law.on_ack(ack(una=2))
    assert law.alpha == alpha


def test_dctcp_cuts_by_half_of_alpha_or_grows_by_a_packet() -> None:
    law = dctcp()
    law.alpha = (0.25 - 1 / 16) * 16 / 15
    law.on_ack(ack(marked=True, nxt=5))
    assert (law.alpha, law.window, law.mark_end) == (0.25, 87.5, 5)
    law.on_ack(ack(una=5, nxt=9))
    assert law.window == 88.5


def test_dctcp_halves_on_a_nack_and_starts_again_after_a_timeout() -> None:
    law = dctcp()
    law.on_loss(False, 0)
    assert law.window == 50
    law.on_loss(True, 0)
    assert law.window == 1


# Swift


def swift(base_us: float = 20, **changes: Any) -> Swift:
    values: dict[str, Any] = {
        "base_ps": base_us * 1e6,
        "hop_ps": 0.0,
        "fs_range_ps": 5 * base_us * 1e6,
        "fs_min": 0.1,
        "fs_max": 100.0,
        "ai": 1.0,
        "beta": 0.8,
        "max_mdf": 0.5,
        "init_packets": 12.0,
        "min_cwnd": 0.001,
        "max_cwnd": 1000.0,
    }
    return Swift(SwiftParameters(**(values | changes)), mtu=FULL, switches=3)


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
def test_swift_target_grows_as_the_window_shrinks(base: int, cwnd: float, flow_us: float) -> None:
    law = swift(base)
    law.cwnd = cwnd
    assert round(law.target() / 1e6 - base, 4) == flow_us


def test_swift_target_counts_hops_and_has_the_published_constants() -> None:
    law = swift(hop_ps=1e6, init_packets=100.0)
    assert law.target() == 23e6
    constants = round(law.fs_alpha / 1e6, 6), round(law.fs_beta / 1e6, 6)
    assert constants == (32.655432, -3.265543)


@pytest.mark.parametrize(("delay_us", "cwnd"), [(60, 220 / 3), (400, 50)])
def test_swift_cuts_once_a_round_trip_by_the_excess(delay_us: int, cwnd: float) -> None:
    law = swift(40, init_packets=100.0)
    law.on_ack(ack(now=1000 * US, echo=(1000 - delay_us) * US))
    assert law.cwnd == pytest.approx(cwnd, rel=1e-12)
    law.on_ack(ack(now=1001 * US, echo=(1001 - delay_us) * US))
    assert law.cwnd == pytest.approx(cwnd, rel=1e-12)


def test_swift_grows_by_a_packet_a_window() -> None:
    law = swift()
    law.on_ack(ack(packets=3, now=US))
    assert law.cwnd == 12.25


def test_swift_below_a_packet_paces_by_the_round_trip() -> None:
    law = swift(init_packets=0.25)
    law.on_ack(ack(packets=0, now=10 * US))
    assert (law.window, law.gap) == (FULL, 40 * US)


def test_swift_gives_up_after_five_timeouts() -> None:
    law = swift()
    windows = []
    for _ in range(5):
        law.on_loss(True, 1000 * US)
        windows.append(law.cwnd)
    assert windows == [6, 6, 6, 6, 0.001]


# HPCC


def hpcc(utilisation: float, reference: float = 200_000, **changes: Any) -> Hpcc:
    values = {"rtt_ps": 8 * US, "eta": 0.95, "max_stage": 5, "ai_bytes": 80.0, "min_bytes": 1000.0}
    law = Hpcc(HpccParameters(**(values | changes)), 400 * GBPS)
    law.utilisation, law.reference = utilisation, reference
    return law


def test_hpcc_measures_the_busiest_hop() -> None:
    law = hpcc(0.9)
    quiet = Stamp(0, 0, 0, 400 * GBPS), Stamp(US, 40_000, 0, 400 * GBPS)
    busy = Stamp(0, 0, 20_000, 400 * GBPS), Stamp(US, 48_000, 30_000, 400 * GBPS)
    for hops in zip(quiet, busy, strict=True):
        law.on_ack(ack(stamps=list(hops)))
    assert law.utilisation == pytest.approx(0.91375, rel=1e-12)
    assert (law.current, law.window, law.rate) == (200_080, 200_080, 200.08e9)


def test_hpcc_divides_by_the_excess() -> None:
    law = hpcc(0)
    assert law.adjust(1.14 / 0.95) == 0
    law.publish()
    assert round(law.window, 2) == 166_746.67
    assert round(law.rate / 1e9, 3) == 166.747


def test_hpcc_renews_its_reference_once_a_round() -> None:
    law = hpcc(0.5)
    idle = [[Stamp(k * US, 0, 0, 400 * GBPS)] for k in range(4)]
    law.on_ack(ack(stamps=idle[0], una=1, nxt=10))
    law.on_ack(ack(stamps=idle[1], una=10, nxt=20))
    assert (law.reference, law.stage) == (200_000, 0)
    law.on_ack(ack(stamps=idle[2], una=11, nxt=20))
    assert (law.reference, law.stage, law.update) == (200_080, 1, 20)


def test_hpcc_stays_between_its_bounds() -> None:
    law = hpcc(0.5, reference=400_000)
    law.adjust(0.5)
    assert law.current == 400_000
    law.adjust(1e6)
    assert law.current == 1000


# at work in a sender


def nic(law: Law, parameters: object, **changes: Any) -> Transport:
    return transport(ack_every=1, control=law, parameters=parameters, **changes)


def test_cnp_spaces_packets_and_an_increase_brings_the_next_forward() -> None:
    network = with_switching(line_network(1, last_rate=200 * GBPS), ecn_low=0, ecn_high=0)
    parameters = dcqcn_parameters(increase_ps=200_000, alpha_ps=US)
    program = sends([(0, 1, FULL)] * 35)
    result = simulate(network, nic(Law.DCQCN, parameters), program, 1)
    # packet 2 leaves with packet 3 behind it at 5 T + L: its CNP comes at 7 T + 4 L + 4680
    cnp = 7 * T + 4 * L + 3 * 1560
    assert 31 * T < cnp < 32 * T
    assert [m.sent for m in result.messages[30:33]] == [30 * T, 31 * T, 33 * T]
    # at 300 Gbit/s from the start of the last
    assert 33 * T < cnp + 200_000 < 35 * T
    assert result.messages[33].sent == 33 * T + 110_934
    assert result.cnps == [0, 1]


def incast(law: Law, parameters: object, **changes: Any) -> ReferenceResult:
    network = with_switching(star(5), ecn_low=16 * FULL, ecn_high=16 * FULL)
    program = sends([(r, 0, 60 * FULL) for r in range(1, 5)])
    return simulate(network, nic(law, parameters, **changes), program, 1)


@pytest.mark.parametrize(
    ("law", "parameters"),
    [
        (Law.DCTCP, DctcpParameters(g=1 / 16, init_bytes=20.0 * FULL, max_bytes=200.0 * FULL)),
        (Law.HPCC, HpccParameters(2_200_000, 0.95, 5, 1000.0, 1000.0)),
        (Law.SWIFT, swift(2.0, init_packets=20.0).given),
    ],
)
def test_control_keeps_the_queue_of_an_incast_shorter(law: Law, parameters: object) -> None:
    free, governed = incast(Law.NONE, None), incast(law, parameters)
    last = max(message.delivered for message in governed.messages)
    assert max(governed.peak) < max(free.peak) / 2
    assert last < 1.2 * max(message.delivered for message in free.messages)
