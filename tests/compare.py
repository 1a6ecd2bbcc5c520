"""The engine beside the reference simulator: every time and every counter must be equal."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numba
import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from fabricemu.engine.run import simulate
from fabricemu.errors import EngineError
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.results.outcome import Outcome
from fabricemu.workloads.program import Algorithm, Program
from tests.reference import DeadlockError, ReferenceResult
from tests.reference import simulate as simulate_reference
from tests.reference.switch_port import LosslessDropError

JIT = not numba.config.DISABLE_JIT
MESSAGE = (
    *("src", "dst", "bytes", "packets", "collective", "part", "step"),
    *("created", "first_tx", "sent", "completing", "delivered", "acked", "retransmits"),
    *("voq_in", "voq_head", "voq_out", "last_cell", "released"),
    *("pause", "paused_host", "first_pass", "marks", "trims"),
)
OF_OP = {"op_start": "op_start_ps", "op_finish": "op_finish_ps"}
OF_PORT = {
    "tx_bytes": "link_bytes",
    "tx_packets": "link_packets",
    "drops": "link_drops",
    "peak": "link_peak_bytes",
    "marks": "link_marks",
    "trims": "link_trims",
    "lost": "link_lost",
}
PAUSES = ("link", "traffic_class", "start_ps", "end_ps")
OF_DEVICE = {
    **{name: name for name in ("requests", "credits", "blocked", "cells")},
    **{name: name for name in ("renewals", "excess", "cell_bytes")},
    **{name: name for name in ("unreached", "late", "refused", "incomplete")},
    "held_peak": "held_peak_bytes",
    "deep": "deep_bytes",
    "gaps": "contexts_peak",
    "left": "voq_packets",
    "credit_wait": "credit_wait_ps",
    "packets": "cut_packets",
    "packet_bytes": "cut_bytes",
    "voq_peak": "voq_peak_bytes",
    "voq_age": "voq_age_peak_ps",
    "balance_peak": "balance_peak_bytes",
    **{name: name for name in ("retransmits", "timeouts", "nacks", "duplicates", "discards")},
    "cnps": "cnps",
    "reorder": "reorder_peak_cells",
}


def examples(count: int) -> settings:
    """Return settings: the same examples in each run, few of them in plain Python."""
    return settings(
        max_examples=count if JIT else max(count // 20, 5),
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class Run:
    """A finished run of the engine; the columns are those of all messages, by number."""

    outcome: Outcome
    columns: dict[str, NDArray[np.int64]]

    def rows(self, *names: str) -> list[tuple[int, ...]]:
        """Return the named columns, a tuple for each message."""
        if not self.columns:
            return []
        return list(zip(*(self.columns[name].tolist() for name in names), strict=True))


def run(
    network: Network,
    transport: Transport,
    program: Program,
    *,
    seed: int = 1,
    threads: int = 1,
    windows: int = 0,
) -> Run:
    """Run the engine and collect its messages, sorted by number."""
    chunks: list[dict[str, NDArray[np.int64]]] = []
    outcome = simulate(
        network, transport, program, chunks.append, seed=seed, threads=threads, windows=windows
    )
    if not chunks:
        return Run(outcome, {})
    joined = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    order = np.argsort(joined["message"], kind="stable")
    return Run(outcome, {name: column[order] for name, column in joined.items()})


def assert_same_runs(first: Run, second: Run) -> None:
    """Fail unless two runs of the engine agree in all rows, times and counters."""
    assert first.columns.keys() == second.columns.keys()
    for name in first.columns:
        assert_same(name, first.columns[name], second.columns[name])
    for name in (*OF_OP.values(), *OF_PORT.values()):
        assert_same(name, getattr(first.outcome, name), getattr(second.outcome, name))
    for name in first.outcome.device:
        assert_same(name, first.outcome.device[name], second.outcome.device[name])
    assert first.outcome.end_ps == second.outcome.end_ps
    assert first.outcome.packets == second.outcome.packets


def assert_agrees(
    network: Network, transport: Transport, program: Program, *, seed: int = 1, threads: int = 1
) -> Run | None:
    """Fail unless engine and reference agree; both may find that the program cannot finish.

    Returns
    -------
    Run or None
        The engine's run; None if the program cannot finish, or a lossless class lost a packet.
    """
    failures = (DeadlockError, LosslessDropError)
    expected = attempt(simulate_reference, failures, network, transport, program, seed)
    engine = partial(run, seed=seed, threads=threads)
    found = attempt(engine, (EngineError,), network, transport, program)
    if isinstance(expected, DeadlockError):
        assert "cannot finish" in str(found) or "deadlock" in str(found), found
        return None
    if isinstance(expected, LosslessDropError):
        assert f"a packet of lossless class {expected.data_class}" in str(found), found
        return None
    assert isinstance(found, Run), f"the engine alone fails: {found}"
    assert_messages(program, expected, found)
    assert_counters(expected, found.outcome)
    return found


def attempt(
    simulator: Callable[..., Any], failures: tuple[type[Exception], ...], *case: Any
) -> Any:
    """Return what a simulator returns, or the error that it raises."""
    try:
        return simulator(*case)
    except failures as error:
        return error


def assert_messages(program: Program, expected: ReferenceResult, found: Run) -> None:
    """Fail unless each message has the same times."""
    rows = sorted(tuple(getattr(m, name) for name in MESSAGE) for m in expected.messages)
    assert_same("messages", rows, sorted(engine_rows(program, found)))
    if rows:
        assert found.columns["out_of_order"].max() == max(expected.qp_reorder, default=0)


def engine_rows(program: Program, found: Run) -> list[tuple[int, ...]]:
    """Return the rows of the messages as the reference numbers steps.

    SENDs and the one step of an at-once have step 0.
    """
    if not found.columns:
        return []
    columns = dict(found.columns)
    instance = columns["collective"]
    stepped = instance >= 0
    columns["part"] = np.where(stepped, columns["part"], 0)
    if len(program.collectives):
        algorithm = program.collectives.algorithm[np.maximum(instance, 0)]
        stepped &= algorithm != Algorithm.AT_ONCE
    columns["step"] = np.where(stepped, columns["step"], 0)
    return Run(found.outcome, columns).rows(*MESSAGE)


def assert_counters(expected: ReferenceResult, found: Outcome) -> None:
    """Fail unless times of operations, counters of ports and of devices are equal."""
    for name, own in (OF_OP | OF_PORT).items():
        assert_same(name, getattr(expected, name), getattr(found, own))
    for name, own in OF_DEVICE.items():
        values = list(getattr(expected, name))
        counters = found.device[own]
        assert_same(name, values + [0] * (len(counters) - len(values)), counters)
    assert found.retransmits == sum(expected.retransmits)
    rows = zip(*(found.pauses[name].tolist() for name in PAUSES), strict=True)
    assert_same("pauses", sorted(expected.pauses), sorted(rows))


def assert_same(name: str, expected: Iterable[object], found: Iterable[object]) -> None:
    """Fail with the first place where two sequences differ."""
    left, right = list(expected), list(found)
    assert len(left) == len(right), f"{name}: {len(left)} expected, {len(right)} found"
    for place, (one, other) in enumerate(zip(left, right, strict=True)):
        assert one == other, f"{name}[{place}]: expected {one}, found {other}"
