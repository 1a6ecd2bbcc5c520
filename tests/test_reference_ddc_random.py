"""What holds for every scheduled fabric, whatever its mechanisms: by the reference simulator."""

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.workloads.program import Program
from tests import strategies, strategies_scheduled
from tests.builders import sends, transport
from tests.compare import examples
from tests.ethernet import US, with_switching
from tests.reference import ReferenceResult, simulate
from tests.reference.result import Message

NIC = transport(any_order=True, ack_every=1, rto_ps=400 * US)


@st.composite
def messages(draw: st.DrawFn, n_ranks: int) -> Program:
    """Draw a few messages between ranks."""
    rank = st.integers(0, n_ranks - 1)
    size = st.integers(0, 12 * NIC.mtu)
    start = st.sampled_from((0, 0, US, 12 * US))
    row = st.tuples(rank, rank, size, start, st.integers(0, 2))
    return sends(draw(st.lists(row, min_size=1, max_size=8)), n_ranks)


def check_physics(network: Network, nic: Transport, own: list[Message]) -> None:
    """Fail if a message is not delivered, or sooner than its bytes allow."""
    rate = int(network.rate_bps[: network.n_ranks].max())
    for message in own:
        needed = 0 if message.src == message.dst else 8 * 10**12 * message.bytes // rate
        assert message.delivered - message.created >= needed


def losses(result: ReferenceResult) -> list[int]:
    """Return the sums of all that is lost anywhere."""
    names = ("lost", "drops", "unreached", "incomplete", "late", "refused", "timeouts")
    return [sum(getattr(result, name)) for name in names]


@examples(150)
@given(st.data())
def test_nothing_is_lost_where_nothing_breaks(data: st.DataObject) -> None:
    network = data.draw(strategies_scheduled.networks())
    network = data.draw(strategies_scheduled.with_classes(network))
    program = data.draw(messages(network.n_ranks))
    result = simulate(network, NIC, program, data.draw(st.integers(0, 3)))
    check_physics(network, NIC, result.messages)
    if max(m.acked - m.created for m in result.messages) < NIC.rto_ps:
        assert losses(result) == [0] * 7


@examples(150)
@given(st.data())
def test_what_broke_for_a_while_is_made_good(data: st.DataObject) -> None:
    network = data.draw(strategies_scheduled.networks())
    network = data.draw(strategies_scheduled.with_classes(network))
    network = data.draw(strategies_scheduled.losing(network))
    program = data.draw(messages(network.n_ranks))
    result = simulate(network, NIC, program, data.draw(st.integers(0, 3)))
    check_physics(network, NIC, result.messages)


@examples(100)
@given(strategies.ddcs(), st.data())
def test_switching_that_asks_for_nothing_changes_nothing(
    network: Network, data: st.DataObject
) -> None:
    program = data.draw(messages(network.n_ranks))
    plain = simulate(network, NIC, program, 1)
    assert asdict(simulate(with_switching(network), NIC, program, 1)) == asdict(plain)


@examples(100)
@given(strategies.ddcs(), st.data())
def test_looks_and_bounds_that_find_nothing_change_nothing(
    network: Network, data: st.DataObject
) -> None:
    """Periods longer than the run, limits above all that waits."""
    program = data.draw(messages(network.n_ranks))
    plain = simulate(network, NIC, program, 1)
    assert network.ddc is not None
    idle = {
        "voq_bytes": 1 << 40,
        "balance_bytes": 1 << 40,
        "watchdog_ps": 1 << 33,
        "llfc_xoff_bytes": 1 << 40,
        "rci_bytes": (1 << 40,),
        "rci_slow": (1 << 20,),
        "rci_period_ps": US,
        "contexts": 1 << 20,
        "reassembly_ps": 1 << 33,
    }
    idle_ddc = type(network.ddc)(**(asdict(network.ddc) | idle))
    found = simulate(type(network)(**(vars(network) | {"ddc": idle_ddc})), NIC, program, 1)
    assert asdict(found) == asdict(plain)
