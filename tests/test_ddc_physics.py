"""The scheduled fabric against closed forms; every tolerance is derived where it is used.

Numbers are those of the preset: hosts of 400 Gbit/s, lanes of 100 Gbit/s, packets of 4096 B and
62 B of header, cells of 512 B with 32 B of header, control cells of 40 B.
"""

import numpy as np
import pytest

from fabricemu.fabrics.build import build
from fabricemu.spec.presets import load_fabric
from tests import builders, kernel_state
from tests.bottleneck import Case, Train, program_of
from tests.compare import JIT, run

NEEDS_JIT = pytest.mark.skipif(not JIT, reason="too many packets for plain Python")

FULL, FRAME = 4096, 4158  # payload and frame of a full packet
WIRE = 83_560  # ps of a full packet, 4178 B with its gap, at 400 Gbit/s
CABLE = 1_700_000  # ps from a host to where its leaf looks at a packet, and from a leaf to a host
LANES = 1_600_000  # ps from leaf to leaf: two fibres and an element
CELL, CONTROL = 40_960, 3_200  # ps of a full cell and of a control cell at 100 Gbit/s
LOOP = 2 * (LANES + 2 * CONTROL)  # ps of a request and a credit through an idle fabric
CREDIT = 4096
BYTES_PER_PS = 0.05  # of a host


def ddc(hosts=72, *overrides):
    """Return network and NICs of the preset; with 72 hosts it has two full leaves."""
    return Case(*build(load_fabric("ddc", overrides), hosts))


def times(case, rows):
    """Return the run and the times of its messages in ps, by message."""
    found = run(case.network, case.transport, builders.sends(rows, case.network.n_ranks))
    return found, found.columns["delivered"] - found.columns["created"]


# one packet, one flow


def lone(payload):
    """Return the time of one packet to another leaf whose VOQ has nothing left, in ps."""
    wire = 20 * (payload + 62 + 20)
    cell = 80 * (min(payload + 62, 480) + 32)
    return 2 * (wire + CABLE) + LOOP + LANES + 2 * cell


@pytest.mark.parametrize("payload", [1, 418, 419, 4034, 4096])
def test_lone_packet_pays_for_a_round_of_credits(payload):
    assert times(ddc(), [(0, 40, payload)])[1].tolist() == [lone(payload)]


@pytest.mark.parametrize(("payload", "left"), [(1, 4033), (4033, 1), (4034, 0), (4096, 4034)])
def test_what_is_left_of_a_credit_saves_the_next_packet_the_round(payload, left):
    """A credit is 4096 B, a full packet 4158, so that it needs two and leaves much."""
    again = times(ddc(), [(0, 40, payload), (0, 40, payload, 10**8)])[1]
    assert again.tolist() == [lone(payload), lone(payload) - (LOOP if left else 0)]


def test_within_a_leaf_nothing_is_paid():
    assert times(ddc(), [(0, 1, FULL)])[1].tolist() == [2 * (WIRE + CABLE)]


def test_flow_keeps_a_round_of_credits_in_flight():
    """A packet waits for its own credit, a round, or for what the one before it left, less.

    So by Little what waits, and the credit under way for it, is what a host sends in a round.
    """
    packets, begin = 400 if JIT else 60, 45
    case = ddc()
    program = program_of(case, [Train(0, 40, packets, 1)])
    columns = run(case.network, case.transport, program).columns
    waits = (columns["voq_out"] - columns["voq_in"])[begin:]
    assert waits.min() == LOOP - WIRE
    assert waits.max() <= LOOP


def test_flow_asks_for_rate_times_loop_and_keeps_less_than_a_credit():
    """39.2 credits of 4096 B are a round at 400 Gbit/s, so 40 are asked for and not yet there."""
    case = ddc()
    program = builders.sends([(0, 40, 100 * FULL)], 72)
    state = kernel_state.build(case.network, case.transport, program)
    asked, balance = [], []
    for time in range(0, 200 * WIRE, WIRE // 2):
        kernel_state.run_until(state, time)
        asked.append(state.voqs["asked"].max())
        balance.append(state.voqs["balance"].max())
    assert max(asked) == -int(-BYTES_PER_PS * LOOP // CREDIT) * CREDIT == 40 * CREDIT
    assert 0 < max(balance) < CREDIT


# incast


def incast(case, sources, packets):
    """Return the run and the times of messages of the second leaf's hosts to host 0."""
    return times(case, [(36 + source, 0, packets * FULL) for source in range(sources)])


@pytest.mark.parametrize("sources", [1, 2, 7, pytest.param(35, marks=NEEDS_JIT)])
def test_incast_keeps_the_last_wire_busy_and_ends_for_all_in_one_turn(sources):
    """To the ps: the first packet as if alone, then one after another, the last of each in turn."""
    packets = 256 if JIT else 20
    found, taken = incast(ddc(), sources, packets)
    assert taken.max() == lone(FULL) + (sources * packets - 1) * WIRE
    assert taken.max() - taken.min() == (sources - 1) * WIRE
    assert found.outcome.link_drops.sum() == found.outcome.retransmits == 0


FLIGHT = LOOP // 2 + LANES + 2 * CELL  # ps from a credit's start until what it released is there


@NEEDS_JIT
@pytest.mark.parametrize("sources", [2, 7, 35])
@pytest.mark.parametrize("threshold", [65_536, 131_072, 262_144, 524_288])
def test_threshold_must_hold_what_credits_bring_after_they_stop(threshold, sources):
    """Credits are 5 % faster than the port, so its queue grows until they stop.

    It grows on for the time of a credit and its cells, by 5.5 % of the rate (the gap is not
    credited), a packet more or less at either end. Then nothing comes for that time, which
    the queue must bridge: 164 kB.
    """
    packets = 24_000_000 // sources // FULL
    case = ddc(72, f"ddc.egress_threshold={threshold}")
    found, taken = incast(case, sources, packets)
    port = int(case.network.port_ptr[case.network.ddc.first_leaf])
    growth = (1.05 * 4178 / FRAME - 1) * BYTES_PER_PS * FLIGHT
    assert abs(found.outcome.link_peak_bytes[port] - threshold - growth) <= 2 * FRAME
    idle = taken.max() - lone(FULL) - (sources * packets - 1) * WIRE
    assert (idle > 0) == (threshold < BYTES_PER_PS * FLIGHT)


# permutation


@NEEDS_JIT
@pytest.mark.parametrize(
    ("shift", "lanes"), [(1, "100Gbps"), (41, "100Gbps"), (36, "110Gbps"), (36, "200Gbps")]
)
def test_permutation_is_within_2_percent_of_the_bound(shift, lanes):
    """The bound: all packets of a host, one after another, and the credit loop.

    With a shift of 36 all traffic of two full leaves crosses the fabric both ways. Lanes of
    100 Gbit/s then carry 99 % with headers, requests, credits and acknowledgements, so faster
    ones stand in for a net speed-up.
    """
    packets = 512
    case = ddc(72, f"ddc.lane_rate={lanes}")
    rows = [(src, (src + shift) % 72, packets * FULL) for src in range(72)]
    found, taken = times(case, rows)
    wires = 2 * CABLE + (packets + 1) * WIRE
    assert taken.min() >= wires
    assert taken.max() <= 1.02 * (wires + LOOP + LANES + 2 * CELL)
    assert found.outcome.link_drops.sum() == found.outcome.retransmits == 0


# load against capacity: four leaves of nine hosts, everyone sends to everyone of other leaves

LEAVES, PORTS = 4, 9
# Of a packet: nine cells, a request, 4158 / 4096 credits.
ON_LANES = FRAME + 9 * 32 + 40 * (1 + FRAME / CREDIT)


def uniform(lanes, packets):
    """Return the run, the time of the last delivery, and the largest queues.

    These are those of lanes out of leaves and of lanes out of elements, in bytes.
    """
    shape = (f"ddc.leaf_ports={PORTS}", f"ddc.lanes={lanes}", "transport.ack_every=1000000")
    n = LEAVES * PORTS
    case = ddc(n, *shape)
    pairs = [(src, (src + k) % n) for src in range(n) for k in range(1, n)]
    rows = [(s, d, packets * FULL) for s, d in pairs if s // PORTS != d // PORTS]
    found, taken = times(case, rows)
    network = case.network
    leaf = network.port_ptr[network.ddc.first_leaf + np.arange(LEAVES)]
    up = (leaf[:, np.newaxis] + PORTS + np.arange(lanes)).ravel()
    queues = found.outcome.link_peak_bytes
    return taken.max(), queues[up].max(), queues[network.peer[up]].max()


def speed_up(lanes):
    """Return what the lanes of a leaf carry over what its hosts send."""
    return lanes * 100e9 / 8e12 / (PORTS * ON_LANES / WIRE)


@NEEDS_JIT
def test_load_below_capacity_is_stable():
    """40 lanes carry 102.5 %: twice the packets take twice the time to the ps, in equal queues."""
    assert 1.02 < speed_up(40) < 1.03
    few, many = uniform(40, 20), uniform(40, 40)
    peers = (LEAVES - 1) * PORTS
    assert many[0] - few[0] == peers * 20 * WIRE
    assert many[1:] == few[1:]


@NEEDS_JIT
@pytest.mark.parametrize("lanes", [38, 32, 24])
def test_load_above_capacity_queues_what_lanes_cannot_carry(lanes):
    """38 lanes carry 97.4 %. No time is below bytes / capacity; lanes are busy to the end.

    Lanes that are always full queue like a random walk whose steps are cells: of n cells, two
    deviations are 2 sqrt(n).
    """
    packets = 160
    s = speed_up(lanes)
    assert s < 0.975
    last, backlog, _ = uniform(lanes, packets)
    sending = (LEAVES - 1) * PORTS * packets * WIRE
    spread = 2 * np.sqrt(sending / s / CELL)
    assert sending / s <= last <= sending / s + spread * CELL + lone(FULL)
    left = (1 / s - 1) * sending / 80  # bytes at a lane when the hosts have sent everything
    assert abs(backlog - left) <= spread * 512


@NEEDS_JIT
def test_lanes_that_are_missing_take_their_share_of_throughput():
    """24 of 32 lanes carry three quarters, with the random walk of the test above."""
    whole, less = (uniform(lanes, 160)[0] - lone(FULL) for lanes in (32, 24))
    assert whole / less == pytest.approx(24 / 32, rel=2 / np.sqrt(whole / CELL))


# the queue of the last stage: cells of many leaves into the lanes of one


def cell_waits(load, leaves, lanes, count=60_000):
    """Return the waits of one-cell packets between leaves, in units of a full cell.

    They come at Poisson times from hosts so fast that nothing else is waited for, each by a
    credit of its own; control cells are of one byte.
    """
    fast = 10**13
    small = {"cell_bytes": 512, "cell_header_bytes": 32, "control_cell_bytes": 1}
    free = {"credit_bytes": 480, "credit_speedup": 10.0, "egress_threshold_bytes": 1 << 40}
    network = builders.ddc(leaves + 1, 1, lanes, 1, (fast, 10**11, fast), **small, **free)
    case = Case(network, builders.transport(mtu=479, header_bytes=1, ack_bytes=1))
    generator = np.random.default_rng(7)
    starts = np.cumsum(generator.exponential(CELL / load / lanes, count)).astype(np.int64)
    sources = generator.integers(1, leaves + 1, count)
    cells = zip(sources.tolist(), starts.tolist(), strict=True)
    trains = [Train(source, 0, 1, 1, start) for source, start in cells]
    columns = run(network, case.transport, program_of(case, trains)).columns
    order = np.argsort(columns["voq_out"])
    idle = 2 * (CELL + builders.LATENCY_PS)
    return ((columns["last_cell"] - columns["voq_out"])[order] - idle)[count // 10 :] / CELL


def batch_mean(values, batches=40):
    """Return the mean and its standard error from the means of long batches (correlated)."""
    means = values[: len(values) // batches * batches].reshape(batches, -1).mean(axis=1)
    return means.mean(), means.std(ddof=1) / np.sqrt(batches)


def m_d_1(load):
    """Return the mean wait in services."""
    return load / (2 * (1 - load))


@NEEDS_JIT
@pytest.mark.parametrize("load", [0.66, 0.80, 0.92, 0.95])
def test_poisson_cells_wait_for_a_lane_as_in_an_m_d_1_queue(load):
    """32 leaves have a lane each. Theirs delay cells by M/D/1 at load / 32, and smooth nothing.

    Beside a cell a lane carries the byte of a request and that of an acknowledgement's credit.
    """
    leaves = 32
    mean, error = batch_mean(cell_waits(load, leaves, 1))
    least, most = m_d_1(load), m_d_1(load * (1 + 2 / 512)) + m_d_1(load / leaves)
    assert error < 0.15 * mean
    assert least - 4 * error < mean < most + 4 * error


def decay(load):
    """Return the rate r at which the tail of M/D/1 falls: load (e^r - 1) = r, r > 0."""
    r = 2 * (1 - load) / load  # Newton from above, for e^r - 1 > r + r^2 / 2
    for _ in range(50):
        r -= (load * (np.exp(r) - 1) - r) / (load * np.exp(r) - 1)
    return r


@NEEDS_JIT
@pytest.mark.parametrize("load", [0.66, 0.80])
def test_waits_of_poisson_cells_have_the_tail_of_m_d_1(load):
    """P(W > 2 t) = P(W > t) exp(-r t) far out, here from two mean waits on.

    A wait at the leaf's own lane shifts both alike; control cells are as above.
    """
    waits, far = cell_waits(load, 32, 1), 2 * m_d_1(load)
    for r, sign in ((decay(load), 1), (decay(load * (1 + 2 / 512)), -1)):
        excess = (waits > 2 * far) - np.exp(-r * far) * (waits > far)
        mean, error = batch_mean(excess)
        assert error < 0.2 * (waits > 2 * far).mean()
        assert sign * mean > -4 * error


@NEEDS_JIT
@pytest.mark.parametrize("load", [0.66, 0.80, 0.92, 0.95])
def test_permuted_spray_is_smoother_than_poisson(load):
    """Each leaf gives each of 8 lanes one of 8 cells, so a lane's arrivals vary less.

    They vary more than if all leaves together took strict turns: then an eighth as much (Kingman).
    """
    mean, error = batch_mean(cell_waits(load, 32, 8))
    assert m_d_1(load) / 8 + 4 * error < mean < m_d_1(load) - 4 * error


@NEEDS_JIT
def test_cells_of_one_leaf_wait_at_its_own_lanes_alone():
    """Elements get one stream for each lane, at its rate: D/D/1. A short cell may catch up."""
    network = builders.ddc(2, 8, 8, 1)
    rows = [(8 + host, host, 200 * FULL) for host in range(8)]
    found = run(network, builders.transport(), builders.sends(rows, 16))
    first = int(network.port_ptr[network.ddc.first_leaf]) + 8
    down = network.peer[first : first + 8]
    assert found.outcome.link_packets[down].min() > 1000
    assert found.outcome.link_peak_bytes[down].max() < network.ddc.cell_bytes
