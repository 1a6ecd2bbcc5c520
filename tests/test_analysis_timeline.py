"""The parts of a message's time are all there, and sum to the whole."""

import numpy as np
import pytest

from fabricemu.engine.timeline import derive
from fabricemu.errors import EngineError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.paths import Paths
from fabricemu.results.schema import PARTS, message_types
from fabricemu.spec.presets import load_fabric

RAW = (
    *("message", "job", "collective", "part", "step", "src", "dst", "rail", "bytes", "packets"),
    *("retransmits", "out_of_order", "created", "first_tx", "sent", "completing", "delivered"),
    *("acked", "voq_in", "voq_head", "voq_out", "last_cell", "released", "last_cell_bytes"),
)
TX_FULL = 83_560  # 4,178 wire bytes at 400 Gbit/s
TX_LAST = 37_800  # 1,808 payload bytes and 82 around them


def paths_of(fabric, *settings):
    return Paths(*build(load_fabric(fabric, settings), 80))


def raw(**values):
    """Return one message of 10,000 bytes from rank 0, posted at 1,000 ps."""
    row = dict.fromkeys(RAW, 0) | {
        "message": 7,
        "bytes": 10_000,
        "packets": 3,
        "created": 1000,
        "sent": 1000 + 2 * TX_FULL,
        "completing": 2,
    }
    return {name: np.array([value], np.int64) for name, value in (row | values).items()}


def parts(columns):
    named = {part.name.removesuffix("_ps"): int(columns[part.name][0]) for part in PARTS}
    assert sum(named.values()) == int(columns["delivered_ps"][0] - columns["created_ps"][0])
    return {name: value for name, value in named.items() if value}


def test_columns_are_those_of_the_schema():
    paths = paths_of("clos-ecmp")
    done = 1000 + int(paths.unloaded_ps(0, 79, 10_000))
    columns = derive(raw(dst=79, delivered=done, acked=done + 5), paths)
    assert set(columns) == set(message_types())


def test_message_alone_is_on_wires_and_in_flight_only():
    paths = paths_of("clos-ecmp")
    ideal = int(paths.unloaded_ps(0, 1, 10_000))
    columns = derive(raw(dst=1, delivered=1000 + ideal), paths)
    found = parts(columns)
    latency = int(paths.latency_ps(0, 1))
    # The short last packet waits at the leaf until the full one before it has left.
    expected = {"serialisation": 2 * TX_FULL + 2 * TX_LAST, "propagation": latency}
    assert found == expected | {"queue": ideal - sum(expected.values())}
    assert columns["slowdown"].tolist() == [1.0]


def test_wait_in_the_host_is_apart_from_the_queues():
    paths = paths_of("clos-ecmp")
    ideal = int(paths.unloaded_ps(0, 1, 10_000))
    late = raw(dst=1, sent=1300 + 2 * TX_FULL, delivered=1300 + ideal)
    assert parts(derive(late, paths))["host_wait"] == 300


def test_completing_packet_need_not_be_the_last():
    paths = paths_of("clos-spray")
    moved = int(paths.serialisation_ps(0, 79, 4096) + paths.latency_ps(0, 79))
    first = raw(dst=79, completing=0, sent=1000, delivered=1000 + TX_FULL + moved + 9)
    found = parts(derive(first, paths))
    assert found["serialisation"] == TX_FULL + int(paths.serialisation_ps(0, 79, 4096))
    assert found["queue"] == 9


def waited(**values):
    """Return a message that left the host 300 ps late and waited 200 ps more in a switch."""
    paths = paths_of("clos-ecmp")
    ideal = int(paths.unloaded_ps(0, 1, 10_000))
    late = {"dst": 1, "sent": 1300 + 2 * TX_FULL, "delivered": 1500 + ideal}
    alone = derive(raw(dst=1, delivered=1000 + ideal), paths)["queue_ps"][0]
    found = parts(derive(raw(**late | values), paths))
    found["queue"] -= int(alone)  # the short last packet waits for the full ones before it
    names = ("host_wait", "retransmission", "pause", "queue")
    return tuple(found.get(name, 0) for name in names)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, (300, 0, 0, 200)),
        ({"pause": 150}, (300, 0, 150, 50)),
        ({"paused_host": 100}, (200, 0, 100, 200)),
        ({"paused_host": 999}, (0, 0, 300, 200)),
        ({"first_pass": 1050 + 2 * TX_FULL}, (50, 250, 0, 200)),
        ({"first_pass": 0}, (0, 300, 0, 200)),
        ({"first_pass": 1400 + 2 * TX_FULL}, (300, 0, 0, 200)),
        ({"pause": 7, "paused_host": 100, "first_pass": 0}, (0, 200, 107, 193)),
    ],
)
def test_pause_and_retransmission_are_taken_out_of_the_waits(values, expected):
    assert waited(**values) == expected


def test_marks_and_trims_are_those_of_the_engine():
    own = raw(dst=0, rail=-2, sent=1000, delivered=1000, marks=2, trims=3)
    columns = derive(own, paths_of("clos-ecmp"))
    assert (columns["ecn_marks"][0], columns["trims"][0]) == (2, 3)


def cells(paths, **values):
    """Return a message through a cell fabric that waits 10, 20, 30, 40 and 50 ps on its way."""
    ports = np.array([0, 79])
    flight = int(paths.cell_latency_ps(*ports) + paths.cell_tx_ps(*ports, 512))
    voq_in = 5_000_000
    last_cell = voq_in + 10 + 20 + flight + 30
    rest = int(paths.latency_ps(*ports) + paths.serialisation_ps(*ports, 1808)[()])
    times = {
        "voq_in": voq_in,
        "voq_head": voq_in + 10,
        "voq_out": voq_in + 30,
        "last_cell": last_cell,
        "last_cell_bytes": 512,
        "released": last_cell + 40,
        "delivered": 1000 + 2 * TX_FULL + TX_LAST + rest + flight + 150,
    }
    return raw(dst=79, **(times | values))


def test_waits_in_a_cell_fabric_are_told_apart():
    paths = paths_of("ddc")
    found = parts(derive(cells(paths), paths))
    waits = ("voq_wait", "credit_wait", "cell_queue", "reorder_wait", "queue")
    assert [found[name] for name in waits] == [10, 20, 30, 40, 50]


def test_message_to_itself_takes_no_time():
    paths = paths_of("ddc")
    own = raw(dst=0, rail=-2, sent=1000, first_tx=1000, delivered=1000, acked=1000)
    columns = derive(own, paths)
    assert parts(columns) == {}
    assert (columns["way"][0], columns["rail"][0], columns["slowdown"][0]) == (2, -1, 1.0)


def test_message_in_a_domain_uses_the_rate_of_the_domain():
    settings = ("host.scale_up_ranks=8", "host.scale_up_rate=800Gbps")
    paths = paths_of("ddc", *settings)
    ideal = int(paths.unloaded_ps(0, 1, 10_000))
    sent = 1000 + 2 * TX_FULL // 2
    columns = derive(raw(dst=1, rail=-1, sent=sent, delivered=1000 + ideal), paths)
    assert parts(columns)["serialisation"] == 2 * TX_FULL // 2 + TX_LAST
    assert (columns["way"][0], columns["rail"][0]) == (1, -1)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"pause": 10**9, "delivered": 10**9}, "queue_ps"),
        ({"paused_host": -1, "delivered": 10**9}, "pause_ps"),
        ({"sent": 1000, "paused_host": 9, "first_pass": 0, "delivered": 10**9}, "host_wait_ps"),
        ({"delivered": 2000}, "queue_ps"),
        ({"sent": 1000, "delivered": 10**9}, "host_wait_ps"),
        ({"voq_in": 9, "voq_head": 5, "delivered": 10**9}, "voq_wait_ps"),
    ],
)
def test_message_faster_than_the_network_is_an_error(values, part):
    with pytest.raises(EngineError, match=f"message 7, rank 0 to 79: {part} is -"):
        derive(raw(dst=79, **values), paths_of("clos-ecmp"))


def test_no_messages_give_no_rows():
    empty = {name: np.zeros(0, np.int64) for name in RAW}
    assert {len(column) for column in derive(empty, paths_of("ddc")).values()} == {0}
