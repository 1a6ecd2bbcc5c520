"""Runs here beside those of uet-htsim, with its commands, matrices and figures."""

import pytest

from benchmarks.acceptance_cases import MEASURED, PERMUTATION, Case, read_cases
from benchmarks.acceptance_command import CASES, MATRICES, label
from benchmarks.acceptance_run import compare, figures
from benchmarks.htsim import parse
from tests.compare import JIT

PRESENT = CASES.is_file() and MATRICES.is_dir()
COUNTABLE = 40  # fewer retransmissions are chance
pytestmark = [
    pytest.mark.skipif(not PRESENT, reason="no ../shared beside the checkout"),
    pytest.mark.skipif(not JIT, reason="takes minutes without the JIT"),
]
LISTED = read_cases(CASES) if PRESENT else []
LADDER = {
    "oblivious": "-load_balancing_algo oblivious",
    "reps": "-load_balancing_algo reps",
    "bitmap": "-load_balancing_algo bitmap",
    "mixed": "-load_balancing_algo mixed",
    "reps each": "-load_balancing_algo reps -sack_threshold 4000",
    "mixed each": "-load_balancing_algo mixed -sack_threshold 4000",
}


def parameters(cases: list[Case]) -> list[object]:
    """Return each case under its number and name, the long ones as slow."""
    slow = [pytest.mark.slow]
    return [
        pytest.param(
            case,
            id=f"{number} {label(case)}",
            marks=slow if case.job.matrix == PERMUTATION else [],
        )
        for number, case in enumerate(cases)
    ]


def most_seeds(case: Case) -> int:
    """Return over how many runs a median is taken: 20 where a run takes a fifth of a second.

    The slowest of 1,024 flows varies less, and ``benchmarks/acceptance.py`` takes 20 there too.
    """
    return 1 if case.job.matrix == PERMUTATION else 20


@pytest.mark.parametrize("case", parameters([*LISTED, *MEASURED]))
def test_run_is_as_close_as_it_should_be(case):
    result = compare(case, MATRICES, most_seeds(case))
    assert result.limits
    assert result.outside == [], result


@pytest.mark.parametrize("case", parameters(LISTED))
def test_as_many_packets_are_sent(case):
    assert figures(case.job, MATRICES, 0).packets == case.theirs.packets


def sender_controlled(cases: list[Case]) -> list[Case]:
    """Return those whose answers are ACKs and NACKs alone, and whose paths are many."""
    one = "transport.entropies=1"
    return [c for c in cases if c.job.preset == "uet-nscc" and one not in c.job.overrides]


@pytest.mark.parametrize("case", parameters(sender_controlled(LISTED)))
def test_senders_get_as_many_acks(case):
    assert figures(case.job, MATRICES, 0).acks == pytest.approx(case.theirs.acks, rel=0.03)


@pytest.mark.parametrize(
    "case",
    parameters([case for case in LISTED if case.theirs.retransmits >= COUNTABLE]),
)
def test_about_as_many_packets_are_sent_again(case):
    ours, theirs = figures(case.job, MATRICES, 0).retransmits, case.theirs.retransmits
    assert theirs / 2 <= ours <= 2 * theirs


def rung(options: str) -> float:
    """Return the slowest flow of the permutation of 1,024 hosts, in us."""
    return figures(parse(f"htsim_uec -tm {PERMUTATION} {options}"), MATRICES, 0).slowest_us


@pytest.mark.slow
def test_load_balancers_keep_their_order():
    slowest = {name: rung(f"-paths 128 {options}") for name, options in LADDER.items()}
    assert rung("-paths 1") > 2 * slowest["oblivious"]
    assert slowest["bitmap"] == pytest.approx(slowest["mixed"], rel=0.02)
    assert sorted(slowest, key=slowest.__getitem__, reverse=True) in (
        ["oblivious", "reps", "bitmap", "mixed", "reps each", "mixed each"],
        ["oblivious", "reps", "mixed", "bitmap", "reps each", "mixed each"],
    )
