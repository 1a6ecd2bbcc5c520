"""The largest fabrics: the first microseconds of a mixed load, each in a process of its own."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.cases import SEED, inputs
from benchmarks.measure import SCRIPT
from fabricemu.engine.run import Progress, simulate, warm_up
from fabricemu.errors import EngineError
from fabricemu.replay import peak_rss_bytes

QUICK = 50  # of the simulated time, one part in so many


@dataclass(frozen=True)
class Large:
    """A preset, its hosts, what they do, and how much of it is simulated."""

    fabric: str
    hosts: int
    trace: str
    until_ps: int


# An all-to-all among 512 ranks, spread evenly, and a ring over all.
MIXED = (
    "gen:all-to-all?ranks={hosts}&members=0-{last}:{step}&bytes=256KiB&schedule=at-once"
    "+all-reduce?bytes={size}&algorithm=ring"
)


def mixed(hosts: int, size: str) -> str:
    """Return the trace for a number of hosts; ``size`` is that of the all-reduce."""
    return MIXED.format(hosts=hosts, last=hosts - 1, step=hosts // 512, size=size)


LARGE = {
    "18,432 x 400G": Large("ddc-two-stage", 18_432, mixed(18_432, "8GiB"), 100 * 10**6),
    "32,768 x 800G": Large("ddc-800g", 32_768, mixed(32_768, "16GiB"), 50 * 10**6),
}


class _Begin:
    """Notes when the loop began, which is when all has been built."""

    at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Take the first look."""
        self.at = self.at or time.perf_counter() - progress.elapsed_s


def run_this(name: str, quick: bool) -> dict[str, Any]:
    """Do a case in this process and return its figures."""
    case = LARGE[name]
    warm_up()
    until = case.until_ps // QUICK if quick else case.until_ps
    start, begin = time.perf_counter(), _Begin()
    given = inputs(case.fabric, case.hosts, case.trace)
    outcome = simulate(
        given.network,
        given.transport,
        given.program,
        lambda columns: None,
        seed=SEED,
        progress=begin,
        until_ps=until,
    )
    cells = given.network.carries_cells
    return {
        "case": name,
        "trace": case.trace,
        "links": given.network.n_ports,
        "simulated_ps": until,
        "complete": outcome.complete,
        "build_s": begin.at - start,
        "wall_s": outcome.sim_s,
        "packet_hops": int(outcome.link_packets[~cells].sum()),
        "cell_hops": int(outcome.link_packets[cells].sum()),
        "hops_per_s": float(outcome.link_packets.sum() / outcome.sim_s),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def run_fresh(name: str, quick: bool) -> dict[str, Any]:
    """Do a case in a fresh process and return its figures."""
    command = [sys.executable, str(SCRIPT), "--large-of", name, *(["--quick"] if quick else [])]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise EngineError(f"benchmark: {name}: {done.stderr.strip()[-200:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
