"""Kernels of the scheduled fabric against the reference simulator: equal to the picosecond."""

from hypothesis import given
from hypothesis import strategies as st

from tests import strategies, strategies_ethernet, strategies_scheduled
from tests.compare import assert_agrees, examples

PROGRAMS = (strategies_ethernet.crowds, strategies.send_programs, strategies.collective_programs)


def check(data, network, bounded):
    """Draw a NIC and a program for a network, and fail unless both simulators agree."""
    transport = data.draw(strategies.transports(network, bounded=bounded))
    program = data.draw(data.draw(st.sampled_from(PROGRAMS))(network.n_ranks, transport))
    assert_agrees(network, transport, program, seed=data.draw(st.integers(0, 3)))


@examples(400)
@given(st.data())
def test_leaves_agree(data):
    """Credits, their bound and their renewal, pacer, trains, lanes by load, limits of VOQs."""
    check(data, data.draw(strategies_scheduled.leaves_alone()), bounded=True)


@examples(400)
@given(st.data())
def test_fabrics_agree(data):
    """One stage and two, with flow control of lanes and levels of congestion."""
    check(data, data.draw(strategies_scheduled.networks()), bounded=False)


@examples(300)
@given(st.data())
def test_classes_agree(data):
    """Classes with strict and weighted service, buffers of leaves with and without end, PFC."""
    network = data.draw(strategies_scheduled.networks())
    network = data.draw(strategies_scheduled.with_classes(network))
    if data.draw(st.booleans()):
        network = data.draw(strategies_scheduled.with_buffers(network))
    check(data, network, bounded=True)


@examples(300)
@given(st.data())
def test_losses_agree(data):
    """Lanes and devices that fail and come back, lost cells, contexts, time-outs."""
    network = data.draw(strategies_scheduled.networks())
    if data.draw(st.booleans()):
        network = data.draw(strategies_scheduled.with_classes(network))
    network = data.draw(strategies_scheduled.losing(network))
    check(data, network, bounded=True)
