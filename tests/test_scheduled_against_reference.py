"""Kernels of the scheduled fabric against the reference simulator: equal to the picosecond."""

from hypothesis import given
from hypothesis import strategies as st

from tests import strategies, strategies_ethernet, strategies_scheduled
from tests.compare import assert_agrees, examples

PROGRAMS = (strategies_ethernet.crowds, strategies.send_programs, strategies.collective_programs)


@examples(600)
@given(st.data())
def test_leaves_agree(data):
    """Credits, their bound and their renewal, pacer, trains, lanes by load, limits of VOQs."""
    network = data.draw(strategies_scheduled.leaves_alone())
    transport = data.draw(strategies.transports(network, bounded=True))
    program = data.draw(data.draw(st.sampled_from(PROGRAMS))(network.n_ranks, transport))
    assert_agrees(network, transport, program, seed=data.draw(st.integers(0, 3)))
