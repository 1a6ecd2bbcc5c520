"""Ethernet switches in the reference simulator, against numbers worked out by hand."""

from collections import Counter
from dataclasses import replace

import pytest

from fabricemu.fabrics.network import Network
from tests.builders import line_network, sends, star, transport
from tests.ethernet import with_switching
from tests.reference import DeadlockError, LosslessDropError, ReferenceResult, simulate
from tests.reference.buffer import Buffer
from tests.reference.examples import at_ports, ints, merge, port
from tests.reference.hashing import LOSS, MARK, TRIM, at_instant, device_seed, fold, tie
from tests.reference.marking import Red
from tests.reference.scheduler import Scheduler

FULL = 4096  # bytes of payload of a full packet
FRAME = 4160
T = 83_200  # ps of a full packet at 400 Gbit/s
A = 1_280  # ps of an ACK or a pause frame at 400 Gbit/s
L = 500_000  # ps of every link
RATE = 400 * 10**9
SLOW = 200 * 10**9  # half the rate: a full packet takes 2 T
ALWAYS = 1 << 32  # the probability 1


def delivered(result: ReferenceResult) -> list[int]:
    return [message.delivered for message in result.messages]


# the plain switch


@pytest.mark.parametrize(
    ("packets", "hops", "completion"), [(1, 6, 6_506_880), (512, 6, 49_022_080)]
)
def test_unloaded_message_takes_its_closed_form(packets: int, hops: int, completion: int) -> None:
    network = with_switching(line_network(hops - 1))
    result = simulate(network, transport(), sends([(0, 1, packets * FULL)]), 1)
    assert result.messages[0].acked == completion


@pytest.mark.parametrize("limit", [-1, 0, 3 * FRAME])
def test_empty_rules_change_nothing(limit: int) -> None:
    network = star(5, queue_bytes=limit)
    case = transport(rto_ps=10**7), sends([(r, 0, 5 * FULL) for r in range(1, 5)]), 1
    assert simulate(with_switching(network), *case) == simulate(network, *case)


def test_limit_holds_the_packet_in_service_too() -> None:
    network = star(4, queue_bytes=2 * FRAME)
    program = sends([(r, 0, FULL) for r in range(1, 4)])
    result = simulate(network, transport(rto_ps=10**8), program, 1)
    # all three at once: one starts, one waits, one is dropped
    assert result.drops[port(network, 4, 0)] == 1


# scheduling


def serve(scheduler: Scheduler, heads: list[int | None], times: int) -> list[int | None]:
    nothing_paused = [False] * len(heads)
    return [scheduler.choose(heads, nothing_paused) for _ in range(times)]


def test_weights_share_the_bytes_of_the_wire() -> None:
    scheduler = Scheduler([3, 1], FRAME)
    assert serve(scheduler, [FRAME, FRAME], 8) == [0, 0, 0, 1] * 2


def test_short_packets_get_as_many_bytes() -> None:
    served = Counter(serve(Scheduler([1, 1], FRAME), [FRAME, FRAME // 4], 50))
    assert served == {0: 10, 1: 40}


def test_class_without_weight_comes_first() -> None:
    scheduler = Scheduler([1, 0, 0], FRAME)
    assert scheduler.choose([FRAME, FRAME, FRAME], [False] * 3) == 1
    assert scheduler.choose([FRAME, None, FRAME], [False] * 3) == 2
    assert scheduler.choose([FRAME, FRAME, FRAME], [False, True, True]) == 0


def test_paused_class_keeps_its_deficit_and_empty_loses_it() -> None:
    scheduler = Scheduler([1, 1], FRAME)
    scheduler.deficit = [70, 80]
    assert scheduler.choose([FRAME, FRAME], [True, False]) == 1
    assert scheduler.deficit == [70, 80]
    assert scheduler.choose([None, FRAME], [False, False]) == 1
    assert scheduler.deficit == [0, 80]


def test_nothing_changes_when_all_is_paused() -> None:
    scheduler = Scheduler([1, 1], FRAME)
    assert scheduler.choose([FRAME, None], [True, False]) is None
    assert (scheduler.turn, scheduler.deficit) == (0, [0, 0])


def test_classes_of_a_host_take_turns_by_weight() -> None:
    network = with_switching(
        line_network(0), weight=ints(2, 1), lossless=ints(0, 0), qp_class=(0, 1)
    )
    program = sends([(0, 1, 9 * FULL, 0, 0), (0, 1, 9 * FULL, 0, 1)])
    result = simulate(network, transport(), program, 1)
    # posting the first makes it leave alone; 0 0 1 0 0 1 ... then what is left of class 1
    assert delivered(result) == [13 * T + L, 18 * T + L]


# marks


@pytest.mark.parametrize(
    ("queue", "roll", "marked"),
    [
        (400_000, 0, False),
        (500_000, 71_582_788, True),  # 2^32 / 60
        (500_000, 71_582_789, False),
        (1_600_000, 858_993_458, True),
        (1_600_000, 858_993_459, False),
        (1_600_001, ALWAYS - 1, True),
    ],
)
def test_red_marks_in_proportion(queue: int, roll: int, marked: bool) -> None:
    assert Red(400_000, 1_600_000, ALWAYS // 5).marks(queue, roll) == marked


def test_no_threshold_no_mark() -> None:
    assert not Red(-1, -1, ALWAYS).marks(10**9, 0)


@pytest.mark.parametrize(("at_enqueue", "marks"), [(False, 2), (True, 3)])
def test_mark_sees_the_queue_behind_or_with_the_packet(at_enqueue: bool, marks: int) -> None:
    network = star(5)
    rules = {"ecn_low": FRAME - 1, "ecn_high": FRAME - 1, "ecn_at_enqueue": at_enqueue}
    program = sends([(r, 0, FULL) for r in range(1, 5)])
    result = simulate(with_switching(network, **rules), transport(), program, 1)
    # one starts, three wait: three, two, one of them at most behind or with each
    assert result.marks[port(network, 5, 0)] == marks
    assert sum(message.marks for message in result.messages) == marks


def test_mark_rolls_the_hash_of_instant_and_port() -> None:
    network = star(4)
    rules = {"ecn_low": 0, "ecn_high": 2 * FRAME, "ecn_max": ALWAYS}
    program = sends([(r, 0, FULL) for r in range(1, 4)])
    seed = fold(device_seed(7, 4), MARK)
    roll = fold(at_instant(seed, 2 * T + L), 0)
    result = simulate(with_switching(network, **rules), transport(), program, 7)
    # of two that wait the first leaves with the other behind it: marked in half the cases
    assert result.marks[port(network, 4, 0)] == (2 * roll < ALWAYS)


# the shared buffer


def buffer(**changes: object) -> Buffer:
    network = with_switching(line_network(), lossless=[1], **changes)
    assert network.switching is not None
    return Buffer(network.switching, [2000, 2000])


@pytest.mark.parametrize(
    ("shift", "groups", "most"),
    [(0, 1, 82_252_820), (0, 8, 18_278_404), (3, 1, 18_278_404), (3, 8, 10_281_602)],
)
def test_dynamic_threshold_ends_at_its_fixed_point(shift: int, groups: int, most: int) -> None:
    size, step = 164_505_640, 41_780
    shared = buffer(buffer_bytes=size, alpha=(1 << 16) >> shift)
    shared.headroom = [0] * groups
    while all(shared.charge((i, 0), step) for i in range(groups)):
        pass
    assert abs(shared.groups[0, 0].shared - most) <= step


def test_charge_fills_reserve_then_pool_then_headroom() -> None:
    shared = buffer(buffer_bytes=6000, reserved_bytes=1000)
    group = shared.groups[0, 0]
    held = []
    for size in (1000, 3000, 2000):
        assert shared.charge((0, 0), size)
        held.append((group.resv, group.shared, group.hdrm))
    assert held == [(1000, 0, 0), (1000, 3000, 0), (1000, 3000, 2000)]
    assert not shared.charge((0, 0), 1)
    shared.release((0, 0), 2500)
    assert (group.resv, group.shared, group.hdrm, shared.used) == (1000, 2500, 0, 2500)


def test_lossless_packet_without_room_ends_the_run() -> None:
    network = with_switching(star(5), lossless=[1], buffer_bytes=2 * FRAME)
    program = sends([(r, 0, FULL) for r in range(1, 5)])
    with pytest.raises(LosslessDropError) as caught:
        simulate(network, transport(), program, 1)
    assert caught.value.data_class == 0
    assert caught.value.port in range(port(network, 5, 1), port(network, 5, 5))


def test_lossy_packet_is_refused_by_its_egress_queue() -> None:
    network = with_switching(star(5), buffer_bytes=4 * FRAME)
    program = sends([(r, 0, FULL) for r in range(1, 5)])
    result = simulate(network, transport(rto_ps=10**8), program, 1)
    # of three that wait the first finds 4 left, the second 3, the third 2 with 3 needed
    assert result.drops[port(network, 5, 0)] == 1


# PFC


def paused_line(switches: int, packets: int) -> tuple[Network, ReferenceResult]:
    """Run a message over a line whose last cable is slow and whose last switch pauses."""
    network = line_network(switches, last_rate=SLOW)
    watched = port(network, 1 + switches, 0)
    rules = {"lossless": [1], "xoff_bytes": FRAME, "xon_bytes": 0}
    network = with_switching(network, pfc=at_ports(network, watched), **rules)
    return network, simulate(network, transport(), sends([(0, 1, packets * FULL)]), 1)


def test_host_obeys_pause_and_resume() -> None:
    network, result = paused_line(1, 20)
    # packets 2 and 3 wait at 4 T + L; 17 come in all, and the last of them leaves at 33 T + L
    start, end = 4 * T + 2 * L + A, 33 * T + 2 * L + A
    assert result.pauses == [(port(network, 0, 0), 0, start, end)]
    message = result.messages[0]
    assert (message.sent, message.paused_host, message.pause) == (end + 2 * T, end - start, 0)
    assert message.delivered == end + 7 * T + 2 * L


def test_switch_obeys_pause_and_the_packet_knows_how_long() -> None:
    network, result = paused_line(2, 20)
    start, end = 5 * T + 3 * L + A, 34 * T + 3 * L + A
    assert result.pauses == [(port(network, 2, 1), 0, start, end)]
    # the last packet comes to the first switch at 20 T + L
    assert result.messages[0].pause == end - (20 * T + L)
    assert result.messages[0].paused_host == 0


def test_pause_acts_after_the_response_time() -> None:
    network, before = paused_line(1, 20)
    assert network.switching is not None
    switching = replace(network.switching, pause_response_ps=1000)
    slower = replace(network, switching=switching)
    after = simulate(slower, transport(), sends([(0, 1, 20 * FULL)]), 1)
    assert after.pauses[0][2] == before.pauses[0][2] + 1000


def test_two_to_one_under_pfc_ends_as_published() -> None:
    network = merge(2, 4)
    packet = FRAME
    rules = {"lossless": [1], "pfc": 1, "xoff_bytes": 15 * packet, "xon_bytes": 12 * packet}
    program = sends([(0, 2, 1 << 21), (1, 2, 1 << 21)])
    result = simulate(with_switching(network, **rules), transport(ack_every=1), program, 1)
    assert sorted(delivered(result)) == [88_529_600, 88_612_800]
    assert sorted(message.acked for message in result.messages) == [91_537_280, 91_620_480]
    assert len(result.pauses) > 0


def headroom() -> int:
    """Return what comes in until a pause acts: two cables, two packets and the frame itself."""
    return 2 * L * RATE // (8 * 10**12) + 2 * FRAME + 64


def small_buffer(headroom: int) -> ReferenceResult:
    rules = {"lossless": [1], "pfc": 1, "buffer_bytes": 20 * FRAME, "headroom": headroom}
    program = sends([(r, 0, 60 * FULL) for r in range(1, 8)])
    return simulate(with_switching(star(8), **rules), transport(), program, 1)


def test_headroom_by_the_formula_loses_nothing() -> None:
    result = small_buffer(headroom())
    assert (sum(result.drops), len(result.pauses) > 0) == (0, True)


def test_half_the_headroom_loses_packets() -> None:
    with pytest.raises(LosslessDropError):
        small_buffer(headroom() // 2)


# trimming


def test_refused_packet_is_trimmed_and_its_header_overtakes() -> None:
    network = with_switching(star(4, queue_bytes=2 * FRAME), trim_bytes=64)
    program = sends([(r, 0, FULL) for r in range(1, 4)])
    result = simulate(network, transport(rto_ps=10**8), program, 1)
    trimmed = [message for message in result.messages if message.trims]
    assert (sum(result.trims), sum(result.drops), len(trimmed)) == (1, 0, 1)
    # the header leaves after the packet in service, before the one that waits
    full = sorted(message.delivered for message in result.messages if not message.trims)
    assert full == [2 * T + 2 * L, 3 * T + 2 * L + A]


@pytest.mark.parametrize("seed", range(6))
def test_coin_decides_which_packet_is_trimmed(seed: int) -> None:
    network = with_switching(star(4, queue_bytes=2 * FRAME), trim_bytes=64)
    program = sends([(r, 0, FULL) for r in range(1, 4)])
    result = simulate(network, transport(rto_ps=10**8), program, seed)
    # all come at one instant: the second waits, the third is refused
    own = device_seed(seed, 4)
    _, second, third = sorted((1, 2, 3), key=lambda port: tie(own, port, T + L))
    coin = fold(fold(at_instant(fold(own, TRIM), T + L), 0), third) & 1
    trimmed = [message.trims for message in result.messages].index(1) + 1
    assert trimmed == (second if coin else third)


def test_shared_buffer_trims_the_arriving_packet_alone() -> None:
    rules = {"buffer_bytes": 4 * FRAME, "trim_bytes": 64}
    program = sends([(r, 0, FULL) for r in range(1, 5)])
    results = [
        simulate(with_switching(star(5), **rules), transport(rto_ps=10**8), program, s)
        for s in range(8)
    ]
    assert [sum(result.trims) for result in results] == [1] * 8


def test_header_without_room_is_dropped() -> None:
    network = with_switching(star(4, queue_bytes=31), trim_bytes=64)
    program = sends([(r, 0, FULL) for r in range(1, 4)])
    result = simulate(network, transport(rto_ps=10**8), program, 1)
    assert (sum(result.trims), result.drops[port(network, 4, 0)] > 0) == (0, True)


# loss


def test_lost_packet_takes_its_time_on_the_wire() -> None:
    network = with_switching(line_network(0))
    seed = fold(device_seed(1, 0), LOSS)
    first, second = (fold(at_instant(seed, k * T), 0) for k in range(2))
    assert second < first
    network = replace(network, loss=ints(second + 1, 0))
    result = simulate(network, transport(rto_ps=10**8), sends([(0, 1, 2 * FULL)]), 1)
    # the time-out sends both again
    assert (result.lost, result.tx_packets[0], result.timeouts) == ([1, 0], 4, [1, 0])


def test_link_that_loses_all_ends_nothing() -> None:
    network = replace(with_switching(line_network()), loss=ints(ALWAYS, 0, 0, 0))
    with pytest.raises(DeadlockError):
        simulate(network, transport(), sends([(0, 1, FULL)]), 1)
