"""The kernels against the reference simulator: equal to the picosecond, always."""

import pytest
from hypothesis import HealthCheck, given, settings

from fabricemu.fabrics.network import Choice
from fabricemu.workloads.program import Algorithm, Collective
from tests import builders, strategies
from tests.compare import JIT, assert_agrees


def examples(count):
    """Return settings: the same examples in each run, few of them in plain Python."""
    return settings(
        max_examples=count if JIT else max(count // 10, 5),
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@examples(250)
@given(strategies.cases(strategies.send_programs))
def test_messages_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(60)
@given(strategies.cases(strategies.incasts))
def test_incasts_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(150)
@given(strategies.cases(strategies.send_programs, bounded=True))
def test_messages_agree_where_packets_are_lost(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(250)
@given(strategies.cases(strategies.dags))
def test_programs_of_everything_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(150)
@given(strategies.cases(strategies.collective_programs))
def test_collectives_agree(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)


@examples(50)
@given(strategies.cases(strategies.collective_programs, bounded=True))
def test_collectives_agree_where_packets_are_lost(case):
    network, transport, program, seed = case
    assert_agrees(network, transport, program, seed=seed)
