"""The transport of a specification as the plain numbers of the rules."""

import pytest

from fabricemu.fabrics.build import NO_WINDOW, build
from fabricemu.fabrics.transport import Balance, Control, Protocol, Receiver
from fabricemu.spec.presets import load_fabric

ANY_ORDER = "transport.receiver=any-order"


def transport_of(*overrides, name="clos-ecmp", ranks=64):
    return build(load_fabric(name, overrides), ranks)[1]


def test_the_reliable_connection_is_the_default():
    found = transport_of("congestion.control=none")
    assert (found.protocol, found.control, found.parameters) == (Protocol.RC, Control.NONE, None)
    assert (found.ack_every, found.ack_in_bytes, found.rto_ps) == (16, False, 0)
    assert (found.window_packets, found.loss_distance, found.cnp_bytes) == (NO_WINDOW, 0, 78)


@pytest.mark.parametrize(
    ("text", "ack"),
    [
        ("7", (7, False)),
        ("32 packets", (32, False)),
        ("1 packet", (1, False)),
        ("16KiB", (16384, True)),
    ],
)
def test_acks_are_due_after_packets_or_bytes(text, ack):
    found = transport_of(f"transport.ack_every={text}")
    assert (found.ack_every, found.ack_in_bytes) == ack


@pytest.mark.parametrize(
    ("text", "packets"),
    [
        ("8192B", 2),
        ("9000B", 2),
        ("100B", 1),
        ("12 packets", 12),
        ("1 BDP", 53),  # 4.37056 us at 400 Gb/s are 218,528 bytes
        ("none", NO_WINDOW),
    ],
)
def test_a_window_is_rounded_down_to_packets(text, packets):
    assert transport_of(f"transport.window={text}").window_packets == packets


@pytest.mark.parametrize(
    ("text", "receiver"),
    [
        ("in-order", Receiver.IN_ORDER),
        ("window", Receiver.WINDOW),
        ("any-order", Receiver.ANY_ORDER),
    ],
)
def test_receivers_have_their_number(text, receiver):
    assert transport_of(f"transport.receiver={text}").receiver == receiver


@pytest.mark.parametrize("balance", list(Balance))
def test_balances_have_their_number(balance):
    found = transport_of(ANY_ORDER, f"transport.balance={balance.name.lower()}")
    assert found.balance == balance


def test_without_a_balance_there_is_one_entropy():
    assert transport_of().entropies == 1
    reps = transport_of(ANY_ORDER, "transport.balance=reps", "transport.entropies=128")
    assert reps.entropies == 128


@pytest.mark.parametrize(
    ("control", "number"),
    [
        ("nscc", Control.NSCC),
        ("constant", Control.CONSTANT),
        ("rccc", Control.RCCC),
        ("nscc+rccc", Control.BOTH),
        ("none", Control.NONE),
    ],
)
def test_controls_of_uec_have_their_number(control, number):
    assert transport_of(f"congestion.control={control}", name="uet-nscc").control == number


def test_a_time_out_of_a_cell_fabric_counts_a_bdp():
    uec = ["transport.protocol=uec", "transport.receiver=any-order", "congestion.control=nscc"]
    found = transport_of(*uec, "transport.rto=auto", name="ddc")
    rate, rtt = 400 * 10**9, found.parameters.rtt_ps
    packets = -(-rtt * rate // (8 * 10**12 * 4158))
    assert found.rto_ps == 15_000_000 + 6 * packets * 4158 * 20
