"""Switches of the kernels: marks, shared buffer, pause frames, trimming, classes."""

from collections import Counter

import numpy as np
import pytest
from fabricemu.kernels import loop
from fabricemu.kernels._view import handle
from fabricemu.kernels.state import BULK, CONTROL, HOST, INF, NONE, Exit
from fabricemu.kernels.switch import buffer, marking, pause, scheduler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabricemu.errors import EngineError
from tests import kernel_state
from tests import strategies_ethernet as drawn
from tests.builders import line_network, sends, star, transport
from tests.compare import JIT, run
from tests.ethernet import ALWAYS, ONE, with_switching
from tests.kernel_state import plain
from tests.reference.examples import at_ports, merge, port, ring

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
A = 1_280  # ps of an ACK or a pause frame at 400 Gbit/s
L = 500_000  # ps of every link
RATE = 400 * 10**9
SLOW = RATE // 2  # a full packet takes 2 T


# marks


@plain
@pytest.mark.parametrize(
    ("queue", "roll", "marked"),
    [
        (400_000, 0, False),
        (500_000, 71_582_788, True),  # 2^32 / 60, a probability of 0.016667
        (500_000, 71_582_789, False),
        (1_600_000, 858_993_458, True),  # 2^32 / 5
        (1_600_000, 858_993_459, False),
        (1_600_001, ALWAYS - 1, True),
    ],
)
def test_red_marks_in_proportion(queue, roll, marked):
    rules = {"ecn_low": 400_000, "ecn_high": 1_600_000, "ecn_max": ALWAYS // 5}
    state = kernel_state.build(with_switching(star(2), **rules))
    state.entries[0]["flags"] = 0  # a packet's memory is not cleared
    marking.mark(state, 2, state.entries[0], queue, roll)
    assert bool(state.entries[0]["flags"]) == marked
    assert state.egress["marks"].tolist() == [0, 0, int(marked), 0]


@plain
@pytest.mark.parametrize(("queue", "marked"), [(5000, False), (5001, True)])
def test_equal_thresholds_are_a_step(queue, marked):
    state = kernel_state.build(with_switching(star(2), ecn_low=5000, ecn_high=5000))
    state.entries[0]["flags"] = 0
    marking.mark(state, 2, state.entries[0], queue, ALWAYS - 1)
    assert bool(state.entries[0]["flags"]) == marked


@plain
def test_no_threshold_no_mark():
    state = kernel_state.build(with_switching(star(2)))
    state.entries[0]["flags"] = 0
    marking.mark(state, 2, state.entries[0], 10**9, 0)
    assert state.entries[0]["flags"] == 0


@pytest.mark.parametrize(("at_enqueue", "marks"), [(False, 2), (True, 3)])
def test_mark_sees_the_queue_behind_or_with_the_packet(at_enqueue, marks):
    rules = {"ecn_low": FRAME - 1, "ecn_high": FRAME - 1, "ecn_at_enqueue": at_enqueue}
    network = with_switching(star(5), **rules)
    found = run(network, transport(), sends([(r, 0, FULL) for r in range(1, 5)]))
    # one starts, three wait: with two, one and none behind them
    assert found.outcome.link_marks[port(network, 5, 0)] == marks
    assert found.columns["marks"].sum() == marks


def first_marked(at_enqueue):
    """Return when the first marked packet of a sudden burst arrives, one packet a message."""
    rules = {"ecn_low": 4 * FRAME, "ecn_high": 4 * FRAME, "ecn_at_enqueue": at_enqueue}
    program = sends([(1 + k % 4, 0, FULL) for k in range(32)])
    found = run(with_switching(star(5), **rules), transport(), program)
    return found.columns["delivered"][found.columns["marks"] > 0].min()


def test_mark_at_dequeue_comes_a_queue_earlier():
    # four come every T; when the second four have come, five wait and the third of these is the
    # first that found four before it; when one of them leaves, more than four are behind it
    assert first_marked(True) == 2 * L + 8 * T
    assert first_marked(False) == 2 * L + 4 * T


# the shared buffer


@plain
@pytest.mark.parametrize(
    ("shift", "groups", "most"),
    [
        (0, 1, 82_252_820),
        (0, 8, 18_278_404),
        (0, 64, 2_530_856),
        (3, 1, 18_278_404),
        (3, 8, 10_281_602),
        (3, 64, 2_284_800),
    ],
)
def test_dynamic_threshold_ends_at_its_fixed_point(shift, groups, most):
    rules = {"lossless": [1], "buffer_bytes": 164_505_640, "alpha": ONE >> shift}
    state = kernel_state.build(with_switching(star(64), **rules))
    step = 41_780
    while all(buffer.charge(state, 64, 64 + i, 0, step) for i in range(groups)):
        pass
    held = state.queues["shared"][64 : 64 + groups]
    assert (abs(held - most) <= step).all()
    assert state.switches[64]["used"] == held.sum()


@plain
def test_threshold_of_an_empty_pool_is_its_alpha():
    rules = {"buffer_bytes": 23_692_288, "alpha": ONE // 8}
    state = kernel_state.build(with_switching(star(2), **rules))
    assert buffer.threshold(state, 2, ONE // 8) == 2_961_536
    assert buffer.threshold(kernel_state.build(with_switching(star(2))), 2, ONE) == INF


def group_of(state, group):
    return [int(state.queues[group][name]) for name in ("resv", "shared", "hdrm")]


@plain
def test_charge_fills_reserve_then_pool_then_headroom():
    rules = {"lossless": [1], "buffer_bytes": 6000, "reserved_bytes": 1000, "headroom": 2000}
    state = kernel_state.build(with_switching(star(2), **rules))
    held = []
    for size in (1000, 3000, 2000):
        assert buffer.charge(state, 2, 2, 0, size)
        held.append(group_of(state, 2))
    assert held == [[1000, 0, 0], [1000, 3000, 0], [1000, 3000, 2000]]
    assert not buffer.charge(state, 2, 2, 0, 1)
    assert (group_of(state, 2), state.switches[2]["used"]) == (held[-1], 3000)
    for size, left in ((1500, [1000, 3000, 500]), (2500, [1000, 1000, 0]), (1500, [500, 0, 0])):
        buffer.release(state, 2, 2, 0, size)
        assert group_of(state, 2) == left
    assert state.switches[2]["used"] == 0


@plain
def test_lossy_class_takes_from_the_pool_without_limit():
    state = kernel_state.build(with_switching(star(2), buffer_bytes=1000))
    assert buffer.charge(state, 2, 2, 0, 5000)
    assert group_of(state, 2) == [0, 5000, 0]


def test_lossy_packet_is_refused_by_its_egress_queue():
    network = with_switching(star(5), buffer_bytes=4 * FRAME)
    program = sends([(r, 0, FULL) for r in range(1, 5)])
    outcome = run(network, transport(rto_ps=10**8), program).outcome
    # of three that wait the first finds 4 left, the second 3, the third 2 with 3 needed
    assert outcome.link_drops[port(network, 5, 0)] == 1


# pause


def group_under(xon, held, **rules):
    """Return whether a port group pauses its sender, and then whether it lets it go on."""
    network = with_switching(star(2), lossless=[1], pfc=1, xon_bytes=xon, **rules)
    state = kernel_state.build(network)
    for name, size in held.items():
        state.queues[2][name] = size
    state.switches[2]["used"] = state.queues["shared"].sum()
    pause.check(state, 0, 2, 2, 0, 0)
    paused = bool(state.queues[2]["pausing"])
    state.queues[2]["pausing"] = 1
    pause.check_resume(state, 0, 2, 2, 0, 0)
    return paused, not state.queues[2]["pausing"]


@plain
@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (49_152, (False, True)),
        (49_153, (False, False)),
        (61_440, (False, False)),
        (61_441, (True, False)),
    ],
)
@pytest.mark.parametrize("name", ["resv", "shared", "hdrm"])
def test_static_thresholds_pause_above_and_resume_at_or_below(name, held, expected):
    assert group_under(49_152, {name: held}, xoff_bytes=61_440) == expected


@plain
@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"shared": 0}, (False, True)),
        ({"shared": 48_222}, (False, True)),  # 48,222 + 3,556 <= 100,000 - 48,222
        ({"shared": 48_223}, (False, False)),
        ({"shared": 49_999}, (False, False)),
        ({"shared": 50_000}, (True, False)),
        ({"hdrm": 1}, (True, False)),
        ({"resv": 90_000}, (False, True)),
    ],
)
def test_dynamic_threshold_pauses_what_reaches_it(held, expected):
    assert group_under(3556, held, buffer_bytes=100_000) == expected


def paused_line(switches, packets, **changes):
    """Run a message over a line whose last cable is slow and whose last switch pauses."""
    network = line_network(switches, last_rate=SLOW)
    watched = at_ports(network, port(network, 1 + switches, 0))
    rules = {"lossless": [1], "xoff_bytes": FRAME, "xon_bytes": 0} | changes
    network = with_switching(network, pfc=watched, **rules)
    return network, run(network, transport(), sends([(0, 1, packets * FULL)]))


def intervals(found):
    names = ("link", "traffic_class", "start_ps", "end_ps")
    return list(zip(*(found.outcome.pauses[name].tolist() for name in names), strict=True))


def test_host_obeys_pause_and_resume():
    network, found = paused_line(1, 20)
    # packets 2 and 3 wait at 4 T + L; 17 come in all, and the last of them leaves at 33 T + L
    start, end = 4 * T + 2 * L + A, 33 * T + 2 * L + A
    assert intervals(found) == [(port(network, 0, 0), 0, start, end)]
    times = found.rows("sent", "delivered", "paused_host", "pause")
    assert times == [(end + 2 * T, end + 7 * T + 2 * L, end - start, 0)]


def test_switch_obeys_pause_and_the_packet_knows_how_long():
    network, found = paused_line(2, 20)
    start, end = 5 * T + 3 * L + A, 34 * T + 3 * L + A
    assert intervals(found) == [(port(network, 2, 1), 0, start, end)]
    # the last packet comes to the first switch at 20 T + L
    assert found.rows("pause", "paused_host") == [(end - (20 * T + L), 0)]


def test_pause_acts_after_the_response_time():
    _, found = paused_line(1, 20, pause_response_ps=1000)
    assert found.outcome.pauses["start_ps"].tolist() == [4 * T + 2 * L + A + 1000]


def test_pause_frame_waits_for_the_packet_in_service():
    network = line_network(1, last_rate=SLOW)
    watched = at_ports(network, port(network, 2, 0))
    rules = {"lossless": [1], "xoff_bytes": FRAME, "xon_bytes": 0}
    # what comes back is on the wire to host 0 from 3.5 T + L to 4.5 T + L, and more behind it
    program = sends([(0, 1, 20 * FULL), (1, 0, 5 * FULL, 3 * T // 2)])
    found = run(with_switching(network, pfc=watched, **rules), transport(), program)
    assert found.outcome.pauses["start_ps"].tolist() == [9 * T // 2 + 2 * L + A]


@pytest.mark.parametrize("rto", [0, 10**8])
def test_ring_of_three_switches_that_pause_each_other_is_a_deadlock(rto):
    rules = {"lossless": [1], "pfc": 1, "xoff_bytes": 2 * FRAME, "xon_bytes": 0}
    program = sends([(i, (i + 2) % 3, 200 * FULL) for i in range(3)])
    with pytest.raises(EngineError, match="deadlock: ports pause each other in a circle: class 0"):
        run(with_switching(ring(3), **rules), transport(rto_ps=rto), program)


def test_two_to_one_under_pfc_ends_as_published():
    rules = {"lossless": [1], "pfc": 1, "xoff_bytes": 15 * FRAME, "xon_bytes": 12 * FRAME}
    program = sends([(0, 2, 1 << 21), (1, 2, 1 << 21)])
    found = run(with_switching(merge(2, 4), **rules), transport(ack_every=1), program)
    assert sorted(found.columns["delivered"]) == [88_529_600, 88_612_800]
    assert sorted(found.columns["acked"]) == [91_537_280, 91_620_480]
    assert len(intervals(found)) > 0


def headroom():
    """Return what comes in until a pause acts: two cables, two packets and the frame itself."""
    return 2 * L * RATE // (8 * 10**12) + 2 * FRAME + 64


def incast(n, headroom):
    """Return the run of ``n`` to one, with room for few packets beside the headroom."""
    rules = {"lossless": [1], "pfc": 1, "buffer_bytes": 20 * FRAME, "headroom": headroom}
    program = sends([(r, 0, 60 * FULL) for r in range(1, n + 1)])
    return run(with_switching(star(n + 1), **rules), transport(), program)


SENDERS = [7, pytest.param(63, marks=pytest.mark.slow)]


@pytest.mark.parametrize("senders", SENDERS)
def test_headroom_by_the_formula_loses_nothing(senders):
    found = incast(senders, headroom())
    assert (found.outcome.link_drops.sum(), len(intervals(found)) > 0) == (0, True)


@pytest.mark.parametrize("senders", SENDERS)
def test_half_the_headroom_loses_packets(senders):
    with pytest.raises(EngineError, match="a packet of lossless class 0"):
        incast(senders, headroom() // 2)


# trimming


def crowd(n, seed=1, **rules):
    """Return one packet each of ``n`` senders that meet at one port, and the network."""
    limit = rules.pop("queue_bytes", -1)
    network = with_switching(star(n + 1, queue_bytes=limit), trim_bytes=64, **rules)
    program = sends([(r, 0, FULL) for r in range(1, n + 1)])
    return network, run(network, transport(rto_ps=10**8), program, seed=seed)


def test_refused_packet_is_trimmed_and_its_header_overtakes():
    _, found = crowd(3, queue_bytes=2 * FRAME)
    trims = found.columns["trims"]
    assert (found.outcome.link_trims.sum(), found.outcome.link_drops.sum()) == (1, 0)
    # the header leaves after the packet in service, before the one that waits
    assert sorted(found.columns["delivered"][trims == 0]) == [2 * T + 2 * L, 3 * T + 2 * L + A]


def test_coin_trims_the_newest_or_the_arriving_packet():
    outcomes = [crowd(3, seed, queue_bytes=2 * FRAME)[1] for seed in range(12)]
    trimmed = Counter(tuple(found.columns["trims"].tolist()) for found in outcomes)
    assert len(trimmed) > 1
    assert all(sum(trims) == 1 for trims in trimmed)


def test_shared_buffer_trims_the_arriving_packet():
    _, found = crowd(4, buffer_bytes=4 * FRAME)
    assert found.outcome.link_trims.sum() == 1


def test_header_that_finds_no_room_is_dropped():
    network, found = crowd(3, queue_bytes=31)
    at = port(network, 4, 0)
    # two of three, and one of these two again when both come after the same time-out
    assert (found.outcome.link_trims.sum(), found.outcome.link_drops[at]) == (0, 3)


# classes


class Port:
    """Port 2 of a switch with some data classes, looked at by the scheduler alone."""

    def __init__(self, weight):
        rules = {"weight": weight, "lossless": [0] * len(weight)}
        self.state = kernel_state.build(with_switching(star(2), **rules))
        self.classes = len(weight)

    def serve(self, heads):
        """Return the class that is chosen when these are the bytes of its packets."""
        self.state.heads[0, : self.classes] = heads
        found = scheduler.pick(self.state, 0, 2, FRAME)
        return None if found == NONE else found

    @property
    def deficits(self):
        return self.state.deficits[2 * self.classes : 3 * self.classes]


EMPTY, HELD = scheduler.EMPTY, scheduler.HELD


@plain
def test_weights_share_the_bytes_of_the_wire():
    one = Port([3, 1])
    assert [one.serve([FRAME, FRAME]) for _ in range(8)] == [0, 0, 0, 1] * 2


@plain
def test_short_packets_get_as_many_bytes():
    one = Port([1, 1])
    assert Counter(one.serve([FRAME, FRAME // 4]) for _ in range(50)) == {0: 10, 1: 40}


@plain
def test_published_weights_share_by_themselves():
    one = Port([20, 10, 70])
    served = Counter(one.serve([FRAME] * 3) for _ in range(200))
    assert served == {0: 40, 1: 20, 2: 140}


@plain
def test_class_without_weight_comes_first():
    one = Port([1, 0, 0])
    assert one.serve([FRAME, FRAME, FRAME]) == 1
    assert one.serve([FRAME, EMPTY, FRAME]) == 2
    assert one.serve([FRAME, HELD, HELD]) == 0


@plain
def test_paused_class_keeps_its_deficit_and_an_empty_one_loses_it():
    one = Port([1, 1])
    one.deficits[:] = [70, 80]
    assert one.serve([HELD, FRAME]) == 1
    assert one.deficits.tolist() == [70, 80]
    assert one.serve([EMPTY, FRAME]) == 1
    assert one.deficits.tolist() == [0, 80]


@plain
def test_class_whose_last_packet_left_passes_the_turn_on():
    one = Port([2, 1])
    assert one.serve([FRAME, FRAME]) == 0
    assert one.deficits.tolist() == [FRAME, 0]
    scheduler.emptied(one.state, 2, 0)
    assert one.deficits.tolist() == [0, 0]
    assert one.serve([FRAME, FRAME]) == 1


@plain
def test_nothing_changes_when_all_is_paused():
    one = Port([1, 1])
    one.deficits[:] = [5, 6]
    assert one.serve([HELD, EMPTY]) is None
    assert (one.state.rounds[2]["turn"], one.deficits.tolist()) == (0, [5, 6])


def test_backlogged_classes_of_a_switch_share_three_to_one():
    rules = {"weight": [3, 1], "lossless": [0, 0], "qp_class": (0, 1)}
    network = with_switching(star(3, slow={0: RATE // 4}), **rules)
    rows = [(1 + c, 0, FULL, 0, c) for c in (0, 1) for _ in range(24)]
    found = run(network, transport(), sends(rows))
    order = np.argsort(found.columns["delivered"])
    classes = (found.columns["src"][order] - 1).tolist()
    # whichever came first is on the wire when the others come
    assert [sum(classes[k : k + 4]) for k in range(1, 25, 4)] == [1] * 6


def test_classes_of_a_host_take_turns_by_weight():
    rules = {"weight": [2, 1], "lossless": [0, 0], "qp_class": (0, 1)}
    program = sends([(0, 1, 9 * FULL, 0, 0), (0, 1, 9 * FULL, 0, 1)])
    found = run(with_switching(line_network(0), **rules), transport(), program)
    # posting the first makes it leave alone; 0 0 1 0 0 1 ... then what is left of class 1
    assert found.columns["delivered"].tolist() == [13 * T + L, 18 * T + L]


def test_pause_stops_one_class_only():
    network = star(3, slow={1: SLOW})
    rules = {"weight": [0, 0], "lossless": [1, 0], "qp_class": (0, 1), "pfc": 1}
    program = sends([(0, 1, 40 * FULL, 0, 0), (0, 2, 9 * FULL, 0, 1)])
    limits = {"xoff_bytes": FRAME, "xon_bytes": 0}
    found = run(with_switching(network, **rules, **limits), transport(), program)
    # class 0 is strictly first until it is paused, while packet 16 leaves
    start = 4 * T + 2 * L + A
    assert intervals(found)[0] == (port(network, 0, 0), 0, start, 33 * T + 2 * L + A)
    first, second = found.rows("first_tx", "delivered", "paused_host")
    assert (first[2] > 0, second) == (True, (17 * T, 27 * T + 2 * L, 0))


# what is kept


def of_ports(state, column):
    """Return a column of rings as (ports, FIFOs)."""
    return column[: int(state.config[0]["port_rings"])].reshape(len(state.ports), -1)


def check_kept(state):
    """Fail unless all that waits at switches is accounted for, in queues and port groups."""
    groups = state.queues.reshape(len(state.ports), -1)
    for name in ("waiting", "resv", "shared", "hdrm", "paused_total"):
        assert (groups[name] >= 0).all(), name
    for d in np.flatnonzero(state.devices["kind"] != HOST):
        first, count = (int(state.devices[d][name]) for name in ("first_port", "n_ports"))
        check_switch(state, int(d), slice(first, first + count), groups[first : first + count])


def check_switch(state, d, ports, own):
    bulk = slice(BULK, BULK + own.shape[1])
    kept = own["resv"].sum() + own["shared"].sum() + own["hdrm"].sum()
    # Groups are kept only where a shared buffer or a pause asks for them.
    assert kept == own["waiting"].sum() * state.config[0]["charged"]
    assert state.switches[d]["used"] == own["shared"].sum()
    control = state.egress["control_waiting"][ports]
    assert (state.ports["waiting_bytes"][ports] == own["waiting"].sum(axis=1) + control).all()
    inside = of_ports(state, state.outs["tail"] - state.outs["committed"])[ports]
    assert ((own["waiting"] > 0) == (inside[:, bulk] > 0)).all()
    assert ((control > 0) == (inside[:, CONTROL] > 0)).all()
    packets = slice(CONTROL, bulk.stop)  # pause frames begin and end here
    taken = of_ports(state, state.ins["head"])[ports, packets].sum()
    given_on = of_ports(state, state.outs["tail"])[ports, packets].sum()
    assert taken == given_on + state.limits["drops"][ports].sum()


@settings(
    max_examples=30 if JIT else 5,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_switches_keep_account_of_every_byte(data):
    """After every window; at the end of a run nothing is left."""
    fabric = data.draw(st.sampled_from((drawn.pausing_fabrics, drawn.switched, drawn.trimmed)))
    transports = drawn.uec_transports if fabric is drawn.trimmed else drawn.rc_transports
    case = data.draw(drawn.cases(fabric(), transports, drawn.crowds))
    network, nic, program, seed = case
    state = kernel_state.build(network, nic, program, seed)
    status = Exit.CHUNK
    while status in (Exit.CHUNK, Exit.DRAIN):
        status = loop.run(handle(state), 1)
        check_kept(state)
    if status == Exit.DONE:
        assert state.queues["waiting"].sum() == state.ports["waiting_bytes"].sum() == 0
        assert state.switches["used"].sum() == state.queues["pausing"].sum() == 0
