"""Ethernet kernels against the reference simulator: equal to the picosecond, always."""

from hypothesis import given
from hypothesis import strategies as st

from tests import strategies
from tests import strategies_ethernet as ethernet
from tests.compare import assert_agrees, examples

PROGRAMS = st.sampled_from(
    (ethernet.crowds, ethernet.crowds, strategies.send_programs, strategies.collective_programs)
)


def check(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(600)
@given(st.data())
def test_switches_agree(data):
    """Classes, marks, shared buffers, pause frames and path choice under plain NICs."""
    program = data.draw(PROGRAMS)
    check(data.draw(ethernet.cases(ethernet.switched(), ethernet.rc_transports, program)))


@examples(400)
@given(st.data())
def test_switches_that_lose_agree(data):
    program = data.draw(PROGRAMS)
    lossy = ethernet.switched(lossy=True)
    check(data.draw(ethernet.cases(lossy, ethernet.rc_transports, program, harmed=True)))


@examples(300)
@given(st.data())
def test_pauses_agree(data):
    """Pause frames that travel back through the fabric."""
    paused = ethernet.pausing_fabrics()
    check(data.draw(ethernet.cases(paused, ethernet.rc_transports, ethernet.crowds)))


@examples(600)
@given(st.data())
def test_uec_agrees(data):
    """Windows and credits on switches that trim."""
    program = data.draw(PROGRAMS)
    check(data.draw(ethernet.cases(ethernet.trimmed(), ethernet.uec_transports, program)))


@examples(300)
@given(st.data())
def test_uec_on_damaged_links_agrees(data):
    program = data.draw(PROGRAMS)
    trimmed = ethernet.trimmed()
    check(data.draw(ethernet.cases(trimmed, ethernet.uec_transports, program, harmed=True)))


@examples(200)
@given(st.data())
def test_uec_through_cells_agrees(data):
    """A cell fabric carries what NICs tell each other."""
    program = data.draw(PROGRAMS)
    check(data.draw(ethernet.cases(strategies.ddcs(), ethernet.uec_transports, program)))
