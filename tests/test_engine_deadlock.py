"""Cycles of queues that wait for each other, in networks made by hand."""

from collections import namedtuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fabricemu.engine.deadlock import describe_cycle, find_cycles

Net = namedtuple("Net", "names port_ptr peer device_of")


def wired(names, cables):
    """Return devices joined by cables, each with a port for each of its cables in turn."""
    ends = sorted((device, number) for number, pair in enumerate(cables) for device in set(pair))
    port = {end: at for at, end in enumerate(ends)}
    peer = np.zeros(len(ends), np.int64)
    for number, (a, b) in enumerate(cables):
        peer[port[a, number]], peer[port[b, number]] = port[b, number], port[a, number]
    owner = np.array([device for device, _ in ends])
    pointers = np.searchsorted(owner, np.arange(len(names) + 1))
    return Net(names, pointers, peer, owner)


# Three switches in a ring, each with a host; ports of switch s: to host, then two of the ring.
RING = wired(["h0", "h1", "h2", "s0", "s1", "s2"], [(0, 3), (1, 4), (2, 5), (3, 4), (4, 5), (5, 3)])
TO_HOST = {device: int(RING.port_ptr[device]) for device in (3, 4, 5)}
NEXT = {3: int(RING.port_ptr[3]) + 1, 4: int(RING.port_ptr[4]) + 2, 5: int(RING.port_ptr[5]) + 2}
COMES = {4: int(RING.peer[NEXT[3]]), 5: int(RING.peer[NEXT[4]]), 3: int(RING.peer[NEXT[5]])}
AROUND = [(NEXT[3], 0), (NEXT[4], 0), (NEXT[5], 0)]


def paused(*queues, network=RING, classes=2):
    found = np.zeros((len(network.peer), classes), bool)
    for queue in queues:
        found[queue] = True
    return found


def round_the_ring(traffic_class=0, size=100):
    """Return bytes of every switch that wait for the next one and came from the one before."""
    return [(NEXT[s], traffic_class, COMES[s], size) for s in (3, 4, 5)]


def test_ring_of_three_switches_is_one_cycle():
    assert RING.device_of[RING.peer[NEXT[3]]] == 4
    assert find_cycles(RING, paused(*AROUND), round_the_ring()) == [AROUND]


def test_cycle_is_described_by_devices_and_their_ports():
    text = describe_cycle(RING, AROUND)
    assert text == "class 0: s0 port 1 > s1 port 2 > s2 port 2 > s0"


def test_one_queue_that_is_not_paused_breaks_the_cycle():
    assert find_cycles(RING, paused(*AROUND[:2]), round_the_ring()) == []


def test_bytes_that_wait_for_a_host_close_no_cycle():
    waiting = [*round_the_ring()[:2], (TO_HOST[5], 0, COMES[5], 100)]
    assert find_cycles(RING, paused(*AROUND, (TO_HOST[5], 0)), waiting) == []


def test_bytes_of_another_class_close_no_cycle():
    assert find_cycles(RING, paused(*AROUND), round_the_ring(1)) == []


def test_queue_without_bytes_closes_no_cycle():
    assert find_cycles(RING, paused(*AROUND), round_the_ring(size=0)) == []


def test_host_that_waits_for_the_cycle_is_not_part_of_it():
    waiting = [*round_the_ring(), (NEXT[3], 0, TO_HOST[3], 100)]
    host = (int(RING.peer[TO_HOST[3]]), 0)
    assert find_cycles(RING, paused(*AROUND, host), waiting) == [AROUND]


def test_classes_have_cycles_of_their_own():
    both = paused(*AROUND, *((port, 1) for port, _ in AROUND))
    cycles = find_cycles(RING, both, round_the_ring(0) + round_the_ring(1))
    assert [{traffic_class for _, traffic_class in cycle} for cycle in cycles] == [{0}, {1}]


MESH = wired(["a", "b", "c", "d"], [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
TURNS = [
    (port, ingress)
    for device in range(4)
    for port in range(3 * device, 3 * device + 3)
    for ingress in range(3 * device, 3 * device + 3)
]


@given(st.sets(st.integers(0, 11)), st.sets(st.sampled_from(TURNS)))
def test_exactly_the_queues_on_a_cycle_are_found(ports, turns):
    waiting = [(port, 0, ingress, 1) for port, ingress in turns]
    cycles = find_cycles(MESH, paused(*((p, 0) for p in ports), network=MESH), waiting)
    edges = np.zeros((12, 12), int)
    for port, ingress in turns:
        sender = MESH.peer[ingress]
        edges[sender, port] = sender in ports and port in ports
    for cycle in cycles:
        assert all(edges[a, b] for (a, _), (b, _) in zip(cycle, cycle[1:] + cycle[:1], strict=True))
    reach = np.linalg.matrix_power(np.eye(12, dtype=int) + edges, 12) > 0
    on_cycle = (edges @ reach).diagonal() > 0
    assert {port for cycle in cycles for port, _ in cycle} == set(np.flatnonzero(on_cycle).tolist())
