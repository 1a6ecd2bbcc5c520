"""Scheduled fabrics of two stages in the reference simulator, by hand (section 16)."""

import numpy as np
import pytest

from fabricemu.fabrics.network import Kind
from tests.builders import sends, transport
from tests.reference import simulate
from tests.reference.reach import Reach
from tests.scheduled import failing, two_stage

FULL = 4096
T = 83_200
L = 500_000
CELL = 20_480
WORD = 5_120
US = 10**6


@pytest.mark.parametrize(("pod_leaves", "lanes"), [(2, 2), (1, 4)])
def test_packet_crosses_as_many_lanes_as_it_has_to(pod_leaves: int, lanes: int) -> None:
    network = two_stage(pod_leaves=pod_leaves, elements=1)
    result = simulate(network, transport(), sends([(0, 2, FULL)]), 1)
    message = result.messages[0]
    out = T + L + 2 * lanes * (WORD + L)
    # 17 full cells follow each other, and one of 96 B, on each lane
    assert message.voq_out == out
    assert message.last_cell == out + (17 + lanes - 1) * CELL + 7_680 + lanes * L


def test_upper_elements_share_alike() -> None:
    network = two_stage(pods=2, pod_leaves=4, elements=4, planes=2)
    rows = [(src, (src + 8) % 16, 32 * FULL) for src in range(16)]
    result = simulate(network, transport(), sends(rows), 1)
    above = [device for device, name in enumerate(network.names) if name == "above"]
    sent = [sum(result.tx_packets[slice(*network.port_ptr[d : d + 2])]) for d in above]
    assert len(above) == 8
    assert max(sent) - min(sent) < max(sent) // 20
    assert all(message.retransmits == 0 for message in result.messages)


@pytest.mark.parametrize("planes", [1, 2])
def test_whole_fabric_reaches_all_leaves_by_all_lanes(planes: int) -> None:
    network = two_stage(pods=3, pod_leaves=2, elements=4, planes=planes)
    whole = Reach(network, np.ones(network.n_ports, bool), True)
    leaves = np.flatnonzero(network.kind == Kind.LEAF)
    for leaf in range(6):
        others = [device for device in leaves if device != leaves[leaf]]
        assert {whole.within(int(device), leaf) for device in others} == {(2, 3, 4, 5)}


def test_cells_go_round_a_dead_lane_two_hops_away() -> None:
    whole = two_stage(elements=8, planes=2, watchdog_ps=50 * US, reassembly_ps=20 * US)
    nic = transport(any_order=True, ack_every=1, rto_ps=100 * US)
    dead = int(whole.port_ptr[20])  # of pod 1's first element, towards its first leaf
    network = failing(whole, [dead], 10 * US, None, 20 * US, balanced=True)
    result = simulate(network, nic, sends([(0, 4, 300 * FULL)]), 1)
    # one lane in eight carries a packet of 4.5 KB in 83 ns, or 135 B; 20 us are 240 packets
    assert 0 < result.lost[dead] < 240 * 18 // 8
    # what is under way to elements that no longer have a way is lost there
    assert sum(result.lost) - result.lost[dead] < 240
    assert result.messages[0].delivered > 0
    # towards the other leaf of that pod nothing changes
    other = simulate(network, nic, sends([(0, 6, 300 * FULL)]), 1)
    assert sum(other.lost) == 0
