"""Congestion control, pauses, losses and path choice against theory and published behaviour.

The set-up is that of ``docs/congestion.md``; bands are stated with each claim.
"""

from dataclasses import replace

import numpy as np
import pytest

from fabricemu.errors import EngineError
from fabricemu.workloads.program import Algorithm, Collective
from tests import bottleneck, builders, ethernet
from tests.bottleneck import (
    AT_40G,
    COMMON,
    MS,
    RECEIVER,
    US,
    Train,
    case,
    incast,
    jain,
    run,
    star,
    step,
)
from tests.compare import JIT
from tests.compare import run as run_program
from tests.reference.examples import ring

pytestmark = pytest.mark.skipif(not JIT, reason="too many packets for plain Python")


def control(name):
    """Return the override that chooses a congestion control."""
    return f"congestion.control={name}"


def dcqcn(name):
    """Return the overrides that choose a set of DCQCN."""
    return control("dcqcn"), f"congestion.dcqcn.set={name}"


def uec(hosts, name):
    """Return hosts on one switch that trims, with a control of UEC."""
    return case("clos-uec", hosts, *COMMON, "transport.balance=none", control(name))


def overall(run, senders, duration):
    """Return goodput, Jain's index and the queue in kB of the second half."""
    half = duration // 2
    shares = run.goodput(range(1, senders + 1), half, duration)
    queue = run.queue_bytes(np.arange(half, duration, duration // 600)) / 1e3
    return shares.sum(), jain(shares), queue


# DCQCN: the bands of another program for this set-up, ranges over its seeds +-20 % for queues.


@pytest.mark.parametrize(
    ("overrides", "senders", "mean_kb", "p95_kb"),
    [
        ((*AT_40G, *dcqcn("paper")), 2, (21, 27), (60, 73)),
        ((*AT_40G, *dcqcn("paper")), 8, (114, 127), (188, 193)),
        ((*AT_40G, *dcqcn("paper")), 32, (195, 195), (199, 200)),
        (dcqcn("paper"), 8, (505, 549), (886, 1003)),
        (dcqcn("hpcc-ns3"), 8, (1011, 1046), (2604, 2646)),
        (dcqcn("simai"), 8, (807, 809), (811, 815)),
        (dcqcn("connectx"), 2, (785, 798), (820, 828)),
        (dcqcn("tuned"), 2, (161, 168), (258, 275)),
        (dcqcn("tuned"), 8, (242, 244), (520, 541)),
        (dcqcn("tuned"), 32, (364, 487), (474, 982)),
    ],
)
def test_dcqcn_settles_at_the_queue_of_its_set(overrides, senders, mean_kb, p95_kb):
    found = incast(star(senders + 1, *overrides), senders, 60 * MS, packets=8)
    goodput, fairness, queue = overall(found, senders, 60 * MS)
    assert goodput > 0.985
    assert fairness > 0.95
    assert 0.8 * mean_kb[0] < queue.mean() < 1.2 * mean_kb[1]
    assert 0.8 * p95_kb[0] < np.quantile(queue, 0.95) < 1.2 * p95_kb[1]
    assert found.outcome.link_drops.sum() == 0


def test_flow_alone_is_never_notified():
    found = incast(star(2, *dcqcn("tuned")), 1, 2 * MS)
    assert found.outcome.device["cnps"].sum() == 0
    assert found.outcome.link_peak_bytes.max() <= 2 * 4160


def test_marked_share_rises_about_with_the_square_of_the_flows():
    """A rate of C / N is cut as often as additive increase makes up for: p ~ N^2 (Zhu 2015)."""
    shares = []
    for senders in (4, 8, 16):
        run = incast(star(senders + 1, *AT_40G, *dcqcn("paper")), senders, 20 * MS, packets=8)
        late = run.columns["delivered"] > 10 * MS
        shares.append(run.columns["marks"][late].mean() / 8)
    exponent = np.polyfit(np.log([4, 8, 16]), np.log(shares), 1)[0]
    assert 1.3 < exponent < 2.3


def test_notifications_of_a_flow_keep_their_interval():
    senders, duration = 8, 10 * MS
    found = incast(star(senders + 1, *AT_40G, *dcqcn("paper")), senders, duration)
    most = senders * (found.columns["delivered"].max() // (50 * US) + 1)
    assert 0 < found.outcome.device["cnps"].sum() <= most


def test_rates_of_two_flows_swing_by_less_than_a_quarter():
    """The check program saw 159 to 230 Gb/s about 200."""
    found = incast(star(3, *dcqcn("paper")), 2, 60 * MS, packets=8)
    samples = found.outcome.qp_samples
    times = samples["time_ps"]
    rates = samples["rate_bps"][(times > 30 * MS) & (times < 60 * MS)] / 200e9
    assert len(rates) > 20
    assert rates.min() > 0.75
    assert rates.max() < 1.25
    assert rates.max() - rates.min() > 0.05


def test_slow_timers_of_qcn_share_less_fairly():
    """The paper's strawman: byte counter 150 kB, timer 1.5 ms, g 1/16."""
    slow = [f"congestion.dcqcn.{x}" for x in ("byte_counter=150kB", "increase_period=1500us")]
    indices = []
    for more in ((), (*slow, "congestion.dcqcn.g=0.0625")):
        run = incast(star(3, *AT_40G, *dcqcn("paper"), *more), 2, 60 * MS, packets=8)
        shares = [run.goodput([1, 2], t, t + MS) for t in range(20 * MS, 60 * MS, MS)]
        indices.append(np.mean([jain(share) for share in shares]))
    assert indices[1] < indices[0] - 0.01


# windows, delays, telemetry and credit


@pytest.mark.parametrize(
    ("senders", "goodput", "mean_kb", "max_kb"),
    [(2, 0.985, 5.8, 8), (8, 0.973, 9, 29), (32, 0.957, 14, 54)],
)
def test_hpcc_keeps_the_link_busy_and_the_queue_almost_empty(senders, goodput, mean_kb, max_kb):
    """Goodput is up to 2 % above the check program's, the queue at most 20 % above its."""
    network = star(senders + 1, control("hpcc"), f"congestion.hpcc.flows={senders}")
    found, fairness, queue = overall(incast(network, senders, 5 * MS), senders, 5 * MS)
    assert goodput < found < goodput + 0.02
    assert fairness > 0.995
    assert queue.mean() < 1.2 * mean_kb
    assert queue.max() < 1.5 * max_kb


@pytest.mark.parametrize(
    ("senders", "mean_kb", "max_kb", "marked"),
    [(2, 113, 129, 0.17), (8, 113, 158, 0.31), (32, 144, 279, 0.63)],
)
def test_dctcp_queues_about_its_threshold(senders, mean_kb, max_kb, marked):
    """K = 120 kB; the check program's rate variant within 20 %, marks within 25 %."""
    marks = ("switch.ecn_low=120000", "switch.ecn_high=120000")
    run = incast(star(senders + 1, control("dctcp"), *marks), senders, 5 * MS)
    goodput, fairness, queue = overall(run, senders, 5 * MS)
    assert goodput > 0.999
    assert fairness > 0.95
    assert 0.8 * mean_kb < queue.mean() < 1.2 * mean_kb
    assert 0.8 * max_kb < queue.max() < 1.2 * max_kb
    late = run.columns["delivered"] > 2 * MS
    assert run.columns["marks"][late].mean() == pytest.approx(marked, rel=0.25)


@pytest.mark.parametrize(("senders", "mean_kb"), [(2, 171), (8, 229), (32, 328)])
def test_swift_queues_what_its_target_allows(senders, mean_kb):
    """Within 20 %: a window is rounded up to whole packets, half a packet a flow on average."""
    given = ("congestion.swift.base_delay=6us", "congestion.swift.flow_scaling=30us")
    run = incast(star(senders + 1, control("swift"), *given), senders, 5 * MS)
    goodput, fairness, queue = overall(run, senders, 5 * MS)
    assert goodput > 0.999
    assert fairness > 0.999
    assert 0.8 * mean_kb < queue.mean() < 1.2 * mean_kb


@pytest.mark.parametrize("senders", [2, 8, 32])
def test_nscc_queues_about_its_target(senders):
    """Three quarters of a round trip, within 25 %; once settled few packets are trimmed."""
    network = uec(senders + 1, "nscc")
    run = incast(network, senders, 5 * MS)
    goodput, fairness, queue = overall(run, senders, 5 * MS)
    target = network.transport.parameters.target_ps * network.rate_bps / 8e12 / 1e3
    assert goodput > 0.999
    assert fairness > 0.95
    assert queue.mean() == pytest.approx(target, rel=0.25)
    assert run.columns["trims"][run.columns["delivered"] > 2.5 * MS].mean() < 0.05


@pytest.mark.parametrize("name", ["rccc", "nscc+rccc"])
@pytest.mark.parametrize("senders", [2, 8, 32])
def test_credit_paces_all_senders_to_99_percent_of_the_port(senders, name):
    run = incast(uec(senders + 1, name), senders, 5 * MS)
    goodput, fairness, queue = overall(run, senders, 5 * MS)
    assert goodput == pytest.approx(0.99, abs=0.001)
    assert fairness > 0.9999
    assert queue.max() < senders * 4.16 + 4.16 + 16.4


def test_constant_windows_trim_for_ever():
    run = incast(uec(9, "constant"), 8, MS)
    goodput, _, _ = overall(run, 8, MS)
    assert goodput < 0.95
    assert run.outcome.retransmits > 0.3 * run.outcome.packets


@pytest.mark.parametrize("senders", [2, 8, 32])
def test_pause_alone_shares_one_link_fairly_and_fills_every_ingress(senders):
    """Each holds XOFF and what comes in the 2 us until the pause works, 50 B a ns."""
    run = incast(star(senders + 1, control("none")), senders, 2 * MS)
    goodput, fairness, _ = overall(run, senders, 2 * MS)
    assert goodput > 0.999
    assert fairness > 0.999
    peak = run.outcome.link_peak_bytes.max()
    assert senders * 1e6 < peak < senders * (1e6 + 2 * 50_000 + 3 * 4160)
    assert run.outcome.link_drops.sum() == 0


SETTLED_AFTER = {"none": 50, "dctcp": 500, "swift": 300, "hpcc": 100}
SETTLED_AFTER |= dict.fromkeys(("nscc", "rccc", "nscc+rccc"), 50)


@pytest.mark.parametrize("name", SETTLED_AFTER)
def test_second_flow_gets_its_share_and_gives_it_back(name):
    """In us after its start; alone a flow has at least 94 % (HPCC: eta), before and after."""
    network = star(3, control(name)) if name in ("none", "dctcp", "swift", "hpcc") else None
    run = step(network or uec(3, name), MS // 2, 3 * MS // 2, 2 * MS)
    left = run.columns["delivered"][run.columns["src"] == 2].max()
    settled = MS // 2 + SETTLED_AFTER[name] * US
    for begin in range(settled, 3 * MS // 2 - 100 * US, 100 * US):
        assert jain(run.goodput([1, 2], begin, begin + 100 * US)) > 0.95
    assert run.goodput([1], 350 * US, 500 * US)[0] > 0.94
    assert run.goodput([1], left + 50 * US, left + 150 * US)[0] > 0.94


@pytest.mark.parametrize("name", ["paper", "connectx", "hpcc-ns3", "simai"])
def test_second_flow_of_dcqcn_gets_its_share_within_8_ms(name):
    run = step(star(3, *dcqcn(name)), 5 * MS, 15 * MS, 16 * MS, packets=4)
    for begin in range(13 * MS, 14 * MS, 500 * US):
        assert jain(run.goodput([1, 2], begin, begin + 500 * US)) > 0.95


# pauses


ONE_SPINE = ("clos.hosts_per_leaf=8", "clos.spines=1", "clos.uplink_rate=3200Gbps")
BOXES = ("clos.hosts_per_leaf=8", "clos.spines=8")
SPRAY = (*BOXES, "clos.choice=spray", "transport.receiver=any-order")


@pytest.mark.parametrize(
    ("overrides", "duration_ms", "least", "most"),
    [
        ((*ONE_SPINE, control("none")), 2, 0, 0.3),
        ((*ONE_SPINE, *dcqcn("tuned")), 10, 0.85, 1),
        ((*ONE_SPINE, *dcqcn("hpcc-ns3")), 10, 0, 0.3),  # marks only above what pauses
        ((*ONE_SPINE, control("dctcp")), 2, 0.9, 1),
        ((*ONE_SPINE, control("swift")), 2, 0.9, 1),
        ((*ONE_SPINE, control("hpcc")), 2, 0.9, 1),
        ((*SPRAY, control("none")), 2, 0, 0.3),
        ((*SPRAY, *dcqcn("tuned")), 2, 0.95, 1),
    ],
)
def test_control_frees_the_victim_of_pauses_and_spray_alone_does_not(
    overrides, duration_ms, least, most
):
    """Seven hosts send to host 0, and one beside them to host 1, over links with room for all."""
    network = case("clos-ecmp", 16, *COMMON, *bottleneck.PAUSED, *overrides)
    end = duration_ms * MS
    found = run(network, bottleneck.incast_and_victim(end, packets=8))
    assert found.outcome.link_drops.sum() == 0
    assert least <= found.goodput([bottleneck.VICTIM], end // 2, end)[0] <= most + 2e-3


def test_flows_around_a_ring_end_in_a_deadlock_with_a_name():
    rules = {"lossless": [1], "pfc": 1, "xoff_bytes": 2 * 4160, "xon_bytes": 0}
    network = ethernet.with_switching(ring(3), headroom=10**6, **rules)
    program = builders.sends([(rank, (rank + 2) % 3, 200 * 4096) for rank in range(3)])
    with pytest.raises(EngineError, match="deadlock: ports pause each other in a circle: class 0"):
        run_program(network, builders.transport(), program)


@pytest.mark.parametrize(("part", "enough"), [(1, True), (2, False)])
def test_headroom_by_the_cable_is_enough_and_half_of_it_is_not(part, enough):
    """63 senders at line rate into a buffer that 64 port groups soon fill."""
    small = ("switch.buffer=10MB", "switch.xoff=dynamic", "switch.xon=3556", control("none"))
    auto = star(64, *small)
    headroom = int(auto.network.switching.headroom.max())
    network = star(64, *small, f"switch.headroom={headroom // part}")
    trains = [Train(source, 0, 150, 1) for source in range(1, 64)]
    if enough:
        assert run(network, trains).outcome.link_drops.sum() == 0
    else:
        with pytest.raises(EngineError, match="dropped a packet of lossless class 0"):
            run(network, trains)


# losses and reordering


def lossy(probability, *overrides):
    """Return two hosts whose packets are lost at random on the cable to the receiver."""
    network = star(2, control("none"), "transport.rto=10us", *overrides)
    loss = np.zeros(network.network.n_ports, dtype=np.int64)
    loss[network.network.peer[RECEIVER]] = round(probability * 2**32)
    return replace(network, network=replace(network.network, loss=loss))


SELECTIVE = ("transport.receiver=any-order", "transport.loss_distance=3")


def efficiency(probability, *overrides):
    """Return the share of a cable that arrives for the first time, in 8 ms."""
    found = run(lossy(probability, *overrides), [Train(1, RECEIVER, 100_000, 1)])
    return float(found.goodput([1], 10 * US, 8 * MS)[0])


@pytest.mark.parametrize("probability", [1e-3, 1e-2])
def test_go_back_n_loses_a_window_for_each_loss(probability):
    """Efficiency 1 / (1 + p W) within 5 %, W a round trip of packets.

    A first packet that is lost again waits for the time-out instead, for nothing repeats a NACK.
    """
    network = lossy(probability)
    packet, round_trip = network.packet_ps, 4 * network.latency_ps
    window = (round_trip + 2 * packet + probability * network.transport.rto_ps) / packet
    expected = 1 / (1 + probability * window)
    assert efficiency(probability) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("probability", [1e-3, 1e-2])
def test_selective_repeat_loses_little_more_than_what_is_lost(probability):
    assert 1 - 3 * probability < efficiency(probability, *SELECTIVE) < 1


def permutation_goodput(*overrides):
    """Return the mean share of 32 hosts that send to others over sprayed paths, lossless."""
    boxes = ("clos.hosts_per_leaf=8", "clos.spines=8", "clos.choice=spray")
    pauses = (*bottleneck.PAUSED, "transport.rto=100us", control("none"))
    network = case("clos-ecmp", 32, *COMMON, *pauses, *boxes, *overrides)
    found = run(network, [Train(source, (source + 8) % 32, 800, 1) for source in range(32)])
    return float(found.goodput(range(32), 20 * US, 60 * US).mean())


def test_go_back_n_collapses_under_spray():
    selective = permutation_goodput("transport.receiver=any-order")
    assert selective > 0.9
    assert permutation_goodput("transport.receiver=window") > 0.95 * selective
    assert permutation_goodput("transport.receiver=in-order") < 0.5 * selective


@pytest.mark.parametrize("seed", [0, 2])
def test_flowlets_end_by_the_time_out_of_their_preset(seed):
    """A repeat that is overtaken is discarded behind a NACK that was answered: only time helps."""
    boxes = case("clos-flowlet", 64, "clos.radix=16")
    program = builders.collective(Collective.ALL_TO_ALL, Algorithm.AT_ONCE, 64, 64 * 131_072)
    found = run_program(boxes.network, boxes.transport, program, seed=seed)
    assert found.outcome.link_drops.sum() == 0
    assert found.outcome.device["timeouts"].sum() > 0
    assert len(found.columns["acked"]) == 64 * 63


# path choice


# Throughput of hosts and of the worst: draws of sub-flows min(1 / k, 1 / balls in the bin).
TABLE = [(8, 1, 0.658, 0.410), (8, 4, 0.817, 0.692), (8, 16, 0.906, 0.868), (16, 4, 0.811, 0.643)]


@pytest.mark.parametrize(("hosts", "qps", "mean", "worst"), TABLE)
def test_hashed_queue_pairs_fall_like_balls_into_bins(hosts, qps, mean, worst):
    """Within 3 standard errors of 24 seeds; one stage, for down the same spine all is as up."""
    boxes = (f"clos.hosts_per_leaf={hosts}", f"clos.spines={hosts}", f"transport.qps={qps}")
    free = (*bottleneck.PAUSED, "switch.xoff=1000000000", "switch.xon=1", control("none"))
    network = case("clos-ecmp", 2 * hosts, *COMMON, *free, *boxes)
    trains = [Train(source, hosts + source, 400, 4) for source in range(hosts)]
    begin, end = 30 * US, 130 * US
    shares = np.stack(
        [run(network, trains, seed).goodput(range(hosts), begin, end) for seed in range(24)]
    )
    for found, expected in ((shares.mean(axis=1), mean), (shares.min(axis=1), worst)):
        assert abs(found.mean() - expected) < 3 * found.std(ddof=1) / np.sqrt(24) + 0.005


def test_second_tier_hashes_anew():
    """With one hash for all tiers an aggregation switch would use one of its uplinks."""
    boxes = ("clos.tiers=3", "clos.radix=16", "clos.hosts_per_leaf=8", "clos.leaves_per_pod=8")
    network = case("clos-ecmp", 128, *COMMON, *boxes, control("none"), "transport.qps=128")
    found = run(network, [Train(source, 64 + source, 128, 1) for source in range(8)])
    wires, packets = network.network, found.outcome.link_packets
    above = np.flatnonzero(wires.device_of[wires.peer] >= wires.n_devices - 8)
    ups = above[packets[above] > 0]
    assert len(np.unique(wires.device_of[ups])) == 16  # 8 of each pod, one's carry ACKs
    assert len(ups) == 16 * 8


def test_weights_follow_the_rates():
    """7 : 8 within 1 %, of 200,000 packets."""
    boxes = ("clos.hosts_per_leaf=8", "clos.spines=2", "clos.choice=spray", "clos.weighted=true")
    free = ("transport.receiver=any-order", control("none"), "clos.uplink_rate=1600Gbps")
    network = case("clos-ecmp", 16, *COMMON, *boxes, *free)
    ups = [int(network.network.port_ptr[16]) + 8 + spine for spine in range(2)]
    rates = network.network.rate_bps.copy()
    rates[ups[0]] = 1400 * 10**9
    network = replace(network, network=replace(network.network, rate_bps=rates))
    found = run(network, [Train(source, 8 + source, 25_000 // 8, 8) for source in range(8)])
    packets = found.outcome.link_packets[ups]
    assert packets.sum() == 200_000
    assert packets[0] / packets[1] == pytest.approx(7 / 8, rel=0.01)


@pytest.mark.parametrize(("gap_us", "paths"), [(0, 1), (5, 8)])
def test_flow_without_a_gap_keeps_its_path(gap_us, paths):
    """Eight spines, a gap of 2 us; messages 5 us apart choose anew and meet all paths."""
    flowlets = ("clos.choice=spray", "clos.flowlet_gap=2us", "transport.rto=1ms")
    network = case("clos-ecmp", 16, *COMMON, *BOXES, *flowlets, control("none"))
    trains = [Train(0, 8, 1, 1, gap_us * US * number) for number in range(200)]
    found = run(network, trains)
    first = int(network.network.port_ptr[16]) + 8
    assert np.count_nonzero(found.outcome.link_packets[first : first + 8]) == paths


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_sprayed_packets_wait_as_in_m_d_1_queues(load):
    """Mean wait load / (2 (1 - load)) packets; sources Poisson on cables ten times as fast."""
    fast = ("host.port_rate=4Tbps", "clos.uplink_rate=400Gbps", "clos.choice=spray")
    spray = (*BOXES, "clos.oversubscription=10", "transport.receiver=any-order")
    network = case("clos-ecmp", 16, *COMMON, *fast, *spray, control("none"))
    generator = np.random.default_rng(3)
    slot = 83_200
    count = 100_000
    starts = np.cumsum(generator.exponential(slot / load / 8, count)).astype(np.int64)
    sources = generator.integers(0, 8, count)
    trains = [
        Train(source, 8 + source, 1, 1, start)
        for source, start in zip(sources.tolist(), starts.tolist(), strict=True)
    ]
    columns = run(network, trains).columns
    late = columns["created"] > starts[count // 10]
    waits = (columns["delivered"] - columns["sent"])[late]
    mean = (waits.mean() - 2 * network.packet_ps - 2 * slot - 4 * network.latency_ps) / slot
    assert mean == pytest.approx(load / (2 * (1 - load)), rel=0.1)


# the pictures


@pytest.mark.slow
def test_pictures_of_the_docs_can_be_drawn(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from docs import make_congestion

    monkeypatch.setattr("sys.argv", ["make_congestion", "--small", "--folder", str(tmp_path)])
    make_congestion.main()
    drawn = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(drawn) == {f"congestion_{name}.svg" for name in ("steps", "queues", "victims")}
    assert min(drawn.values()) > 5_000
