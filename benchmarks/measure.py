"""Run cases in turn, and say how fast they were."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Sample, engine_case, inputs
from fabricemu.engine.run import warm_up
from fabricemu.errors import EngineError
from fabricemu.replay import peak_rss_bytes

SCRIPT = Path(__file__).resolve().parent / "run.py"


def interleave(
    cases: Sequence[Case], rounds: int, tell: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Run every case once unmeasured, then all of them in turn, ``rounds`` times.

    In turn, so that a change of the machine's load meets all cases alike.
    """
    for case in cases:
        case.run()
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    for number in range(rounds):
        for case in cases:
            sample = case.run()
            samples[case.name].append(sample)
            tell(f"round {number + 1} of {rounds}: {case.name} {sample.wall_s:.3f} s")
    return samples


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def row(case: Case, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the figures of a case."""
    packets, cells = samples[0].packet_hops, samples[0].cell_hops
    if any((sample.packet_hops, sample.cell_hops) != (packets, cells) for sample in samples):
        raise EngineError(f"benchmark: {case.name} was not the same run each time")
    wall = spread([sample.wall_s for sample in samples])
    return {
        "case": case.name,
        "threads": case.threads,
        "packet_hops": packets,
        "cell_hops": cells,
        "runs": len(samples),
        "wall_s": wall,
        "hops_per_s": (packets + cells) / wall["median"],
        "peak_rss_bytes": None,
    }


def ratio(fast: Sequence[Sample], slow: Sequence[Sample]) -> dict[str, float]:
    """Return how often faster the first was, round by round."""
    return spread([b.wall_s / a.wall_s for a, b in zip(fast, slow, strict=True)])


def memory_of_fresh(fabric: str, hosts: int, trace: str) -> dict[str, int]:
    """Return peak resident bytes of a fresh process that does one run, and those before it."""
    command = [sys.executable, str(SCRIPT), "--memory-of", fabric, "--hosts", str(hosts)]
    done = subprocess.run([*command, "--trace", trace], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise EngineError(f"benchmark: memory of {fabric}: {done.stderr.strip()[-200:]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


def memory_of_this(fabric: str, hosts: int, trace: str) -> dict[str, int]:
    """Do one run in this process; return its peak resident bytes, and those before the run."""
    warm_up()
    before = peak_rss_bytes()
    engine_case(fabric, inputs(fabric, hosts, trace), 1).run()
    return {"before_bytes": before, "peak_bytes": peak_rss_bytes()}
