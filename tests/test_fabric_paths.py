"""Idle times and bounds: closed forms, and a packet-by-packet count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricemu.fabrics.build import build
from fabricemu.fabrics.paths import Paths, _many_paths, _one_path
from fabricemu.fabrics.routing import find_routes
from fabricemu.fabrics.table_ways import TableWays
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.walk import RegularWays
from fabricemu.spec.presets import load_fabric
from tests.compare import examples
from tests.reference.cutting import frame_bytes, payloads

times = st.integers(1, 50)


def paths_of(name, ranks, *overrides):
    return Paths(*build(load_fabric(name, overrides), ranks))


@pytest.mark.parametrize(
    ("size", "fct"), [(2_000_000, 176_199_520), (40_860, 17_010_720), (408_600, 46_890_720)]
)
def test_uet_htsim_fct_on_an_idle_fat_tree_is_met(size, fct):
    # (P-1) t + t_last + 5 t + 12 us + 6 ACK times; uet-htsim prints 176.200, 17.0107, 46.8907.
    assert paths_of("uet-nscc", 16).unloaded_ps(0, 13, size, acked=True) == fct


@pytest.mark.parametrize(("dst", "hops"), [(0, 0), (1, 2), (2, 4), (13, 6)])
def test_hops_follow_the_distance(dst, hops):
    assert paths_of("uet-nscc", 16).hops(0, dst) == hops


def test_a_scale_up_neighbour_is_reached_without_the_fabric():
    paths = paths_of("ddc", 64, "host.scale_up_ranks=8")
    assert paths.latency_ps(8, [15, 16]).tolist() == [1_000_000, 3_400_000]


@examples(200)
@given(
    frames=st.lists(st.integers(1, 6000), min_size=1, max_size=4),
    train_cells=st.integers(1, 9),
    pad=st.booleans(),
)
def test_every_packet_has_a_part_in_a_train_of_the_least_size(frames, train_cells, pad):
    overrides = [f"ddc.train_cells={train_cells}", f"ddc.pad_cells={str(pad).lower()}"]
    paths = paths_of("ddc", 72, *overrides)
    ddc = paths.network.ddc
    sizes = payloads(sum(frames), ddc)
    stops = np.cumsum(sizes)
    trains = np.array([frame_bytes(size, ddc) for size in sizes])
    ends = np.cumsum(frames)
    first = np.searchsorted(stops, ends - frames, side="right")
    last = np.searchsorted(stops, ends - 1, side="right")
    largest = [trains[a : b + 1].max() for a, b in zip(first, last, strict=True)]
    assert (paths.least_cell_bytes(frames) <= largest).all()


def test_rails_decide_the_leaf():
    paths = paths_of("ddc", 36, "host.nic_ports=2", "ddc.leaf_ports=37")
    assert paths.hops(0, 18, [0, 1]).tolist() == [2, 4]


def test_a_message_to_itself_takes_no_time():
    assert paths_of("ddc", 4).unloaded_ps(2, 2, 10**6, acked=True) == 0


def test_one_packet_over_a_cell_fabric_pays_each_part():
    paths = paths_of("ddc", 72)
    parts = (
        paths.nic_tx_ps(0, 40, 4096)
        + paths.serialisation_ps(0, 40, 4096)
        + paths.cell_tx_ps(0, 40, 512)
        + paths.latency_ps(0, 40)
        + paths.cell_latency_ps(0, 40)
    )
    assert parts == paths.unloaded_ps(0, 40, 4096) == 2 * 83_560 + 2 * 40_960 + 5_000_000


def test_a_small_packet_fits_a_short_cell():
    paths = paths_of("ddc", 72)
    assert paths.unloaded_ps(0, 40, 1) == 2 * 1660 + 2 * 7600 + 5_000_000


def test_padding_makes_a_short_cell_whole():
    paths = paths_of("ddc", 72, "ddc.pad_cells=true")
    assert paths.unloaded_ps(0, 40, 1) == 2 * 1660 + 2 * 40_960 + 5_000_000


def test_pairs_are_answered_together():
    paths = paths_of("clos-ecmp", 200)
    src, dst = np.arange(200), np.arange(200)[::-1]
    one_by_one = [int(paths.unloaded_ps(a, b, 9000)) for a, b in zip(src, dst, strict=True)]
    assert paths.unloaded_ps(src, dst, 9000).tolist() == one_by_one


@given(full=st.lists(times, min_size=1, max_size=6), share=st.floats(0, 1), n=st.integers(1, 9))
def test_one_path_equals_a_count_packet_by_packet(full, share, n):
    last = [max(1, int(time * share)) for time in full]
    free = [0] * len(full)
    for packet in range(n):
        at = 0
        for hop, time in enumerate(last if packet == n - 1 else full):
            at = free[hop] = max(at, free[hop]) + time
    columns = [np.array([[time] for time in row]) for row in (full, last)]
    assert _one_path(*columns, np.array([n])) == free[-1]


@given(
    full=st.lists(times, min_size=2, max_size=6),
    share=st.floats(0, 1),
    lanes=st.lists(st.integers(0, 3), min_size=1, max_size=9),
)
def test_no_choice_of_paths_beats_the_bound(full, share, lanes):
    n = len(lanes)
    last = [max(1, int(time * share)) for time in full]
    arrivals = [(sum(full[:1]) * packet, packet, lane) for packet, lane in enumerate(lanes)]
    arrivals = [(at + (last if p == n - 1 else full)[0], p, lane) for at, p, lane in arrivals]
    for hop in range(1, len(full)):
        shared = hop == len(full) - 1
        free, after = {}, []
        for at, packet, lane in sorted(arrivals):
            key = 0 if shared else lane
            time = (last if packet == n - 1 else full)[hop]
            free[key] = max(at, free.get(key, 0)) + time
            after.append((free[key], packet, lane))
        arrivals = after
    columns = [np.array([[time] for time in row]) for row in (full, last)]
    bound = _many_paths(*columns, np.array([n]))
    assert bound <= max(at for at, _, _ in arrivals)


@given(size=st.integers(0, 2**50), rate=st.integers(1, 10**13))
def test_transmission_times_are_exact_and_rounded_up(size, rate):
    expected = -(-size * 8 * 10**12 // rate)
    if expected < 2**63:
        assert tx_ps(size, rate) == expected


def test_the_busiest_nic_bounds_both_ways():
    paths = paths_of("ddc", 4)
    assert paths.busiest_rate_ps([100, 0, 0, 0], [0, 50, 50, 0]) == 2000
    assert paths.busiest_rate_ps([50, 50, 0, 0], [0, 0, 0, 100]) == 2000


def test_an_oversubscribed_leaf_bounds_what_leaves_it():
    paths = paths_of("clos-ecmp", 16, "clos.hosts_per_leaf=8", "clos.oversubscription=4")
    src = np.arange(8)
    wire = 8 * int(paths.wire_bytes(10**6))
    assert paths.uplink_rate_ps(src, src + 8, 10**6) == wire * 20 // 2


def test_lanes_carry_cell_headers():
    paths = paths_of("ddc", 72)
    frames = 480 * 8 + 62  # one packet
    expected = tx_ps(frames + frames * 32 // 480, 160 * 10**11)
    assert paths.uplink_rate_ps(np.array([0]), np.array([40]), np.array([480 * 8])) == expected


@pytest.mark.parametrize(
    ("ranks", "overrides"),
    [
        (100, ["clos.hosts_per_leaf=3", "clos.radix=auto", "clos.tiers=3"]),
        (64, ["clos.uplink_rate=800Gbps", "clos.radix=16", "host.scale_up_ranks=4"]),
        (50, ["clos.radix=8", "host.nic_ports=2"]),
        (40, []),
    ],
)
def test_tables_and_arithmetic_tell_the_same_paths(ranks, overrides):
    network = build(load_fabric("clos-ecmp", overrides), ranks)[0]
    every = np.meshgrid(
        np.arange(ranks), np.arange(ranks), np.arange(network.nic_ports), indexing="ij"
    )
    found = []
    for ways in (RegularWays(network), TableWays(network, find_routes(network))):
        row, table = ways.row(*every), ways.table
        sums = [column.sum(axis=1)[row] for column in (table.rate, table.latency)]
        found.append(np.stack([*sums, table.hops[row], ways.switches_on_path(*every)]))
    assert np.array_equal(*found)


@pytest.mark.parametrize(("dst", "switches"), [(0, 0), (1, 1), (2, 3), (13, 5)])
def test_switches_on_a_path_are_one_less_than_its_links(dst, switches):
    assert paths_of("uet-nscc", 16).switches_on_path(0, dst) == switches


def test_a_scale_up_switch_is_one_switch():
    assert paths_of("clos-ecmp", 64, "host.scale_up_ranks=8").switches_on_path(0, 7) == 1


@pytest.mark.parametrize("name", ["ddc", "clos-ecmp", "uet-nscc"])
def test_the_largest_rtt_is_that_of_the_farthest_pair(name):
    paths = paths_of(name, 200, "host.scale_up_ranks=8")
    ranks = np.arange(8, 200)
    expected = paths.unloaded_ps(0, ranks, paths.transport.mtu, acked=True).max()
    assert paths.largest_rtt_ps() == expected


def test_a_slow_link_does_not_raise_the_bound_of_paths_beside_it():
    whole = paths_of("clos-ecmp", 200)
    slow = paths_of("clos-ecmp", 200, 'changes=[{what="leaf0:spine0", state="1Gbps"}]')
    assert slow.unloaded_ps(0, 199, 10**6) == whole.unloaded_ps(0, 199, 10**6)


def test_a_nic_that_is_always_slow_raises_the_bound():
    change = '{what="host0", state="100Gbps"}'
    slow = paths_of(
        "clos-ecmp", 200, "clos.rail_optimised=true", "host.scale_up_ranks=2", f"changes=[{change}]"
    )
    assert slow.nic_tx_ps([0, 2], 4, 4096).tolist() == [4 * 83_560, 83_560]
    assert slow.busiest_rate_ps(np.eye(1, 200)[0] * 100, np.zeros(200)) == 8000


def test_a_link_counts_at_the_best_rate_that_it_ever_has():
    change = '{what="host0", state="100Gbps", until="1us"}'
    paths = paths_of("clos-ecmp", 200, f"changes=[{change}]")
    assert paths.nic_tx_ps(0, 4, 4096) == 83_560


def test_uplinks_of_rails_bound_what_leaves_a_leaf():
    overrides = ["clos.rail_optimised=true", "host.scale_up_ranks=2", "clos.hosts_per_leaf=8"]
    paths = paths_of("clos-ecmp", 16, *overrides, "clos.oversubscription=4")
    src = np.arange(0, 16, 2)  # all on leaf 0, two uplinks
    wire = 8 * int(paths.wire_bytes(10**6))
    assert paths.uplink_rate_ps(src, (src + 3) % 16, 10**6) == wire * 20 // 2
