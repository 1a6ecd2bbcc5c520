"""The experiment: a few workloads on the preset ``ddc``, one assumed parameter changed at a time.

Boxes are quarters of real ones, as in the vendor's comparison, so that few hosts have leaves
enough.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.assumptions_values import Variation
from benchmarks.vendor_claim_run import DDC, LANES, LEAF_PORTS, spec_of
from benchmarks.vendor_claim_run import Setting as Boxes
from fabricemu.engine.run import simulate
from fabricemu.fabrics.build import build
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.program import Algorithm, Collective, Ints, Program, SendDone

KIB, MIB = 1 << 10, 1 << 20
LONE_ROUNDS = 16


@dataclass(frozen=True)
class Setting:
    """What is the same in all runs.

    Attributes
    ----------
    hosts : int
    lanes : int
        Of a leaf, in real boxes: smaller ones have as much less.
    seeds : int
        Runs of each, whose times are averaged.
    """

    hosts: int = 72
    lanes: int = LANES
    seeds: int = 3

    @property
    def boxes(self) -> Boxes:
        """What says how large boxes are."""
        return Boxes(hosts=self.hosts)

    @property
    def fewer_lanes(self) -> tuple[str, ...]:
        """What gives a DDC its lanes."""
        return (f"ddc.lanes={self.lanes // self.boxes.divisor}",)


@dataclass(frozen=True)
class Times:
    """Means over the seeds, and by how many per cent of them the seeds differ.

    Attributes
    ----------
    jct_us : float
    fct_p99_us : float
        Of the times until a message is acknowledged.
    spread : float
        Largest less smallest, of the JCT or the p99, whichever differs more.
    """

    jct_us: float
    fct_p99_us: float
    spread: float


Found = dict[str, Times]  # by workload


@dataclass(frozen=True)
class Change:
    """What a variation does.

    Attributes
    ----------
    variation : Variation
    times : dict of Times
        Of the DDC, by workload.
    jct, fct_p99 : dict of float
        By how many per cent they are above those without it, by workload.
    reversals : list of (workload, fabric)
        Ethernet fabrics that now are on the other side of the DDC in JCT.
    """

    variation: Variation
    times: Found
    jct: dict[str, float]
    fct_p99: dict[str, float]
    reversals: list[tuple[str, str]]

    @property
    def largest(self) -> float:
        """The largest of all changes, in per cent, whatever its sign."""
        return max(abs(value) for value in (*self.jct.values(), *self.fct_p99.values()))


def across(hosts: int) -> list[int]:
    """Return all ranks in an order in which each is on another leaf than the one before."""
    each = LEAF_PORTS // Boxes(hosts=hosts).divisor
    return sorted(range(hosts), key=lambda rank: (rank % each, rank))


def all_reduce(hosts: int) -> Program:
    """Return a ring of 2 MiB that leaves the leaf at each step."""
    return collective(Collective.ALL_REDUCE, Algorithm.RING, across(hosts), 2 * MIB)


def all_to_all(hosts: int) -> Program:
    """Return an exchange of 2 MiB a rank, all messages at once."""
    return collective(Collective.ALL_TO_ALL, Algorithm.AT_ONCE, range(hosts), 2 * MIB)


def collective(kind: Collective, algorithm: Algorithm, ranks: Sequence[int], size: int) -> Program:
    """Return a program of one collective."""
    builder = ProgramBuilder(len(ranks))
    row = builder.collective(kind, algorithm, builder.group(ranks), size)
    for rank in ranks:
        builder.coll(rank, row)
    return builder.build()


def permutation(hosts: int) -> Program:
    """Return a program in which each host sends 1 MiB to the next of a random cycle."""
    cycle = np.random.default_rng(0).permutation(hosts).tolist()
    builder = ProgramBuilder(hosts)
    for source, target in zip(cycle, np.roll(cycle, -1).tolist(), strict=True):
        builder.send(source, target, MIB)
    return builder.build(send_done=SendDone.ACKED)


def incast(hosts: int) -> Program:
    """Return a program in which all send 64 KiB to the first host."""
    builder = ProgramBuilder(hosts)
    for source in range(1, hosts):
        builder.send(source, 0, 64 * KIB)
    return builder.build(send_done=SendDone.ACKED)


def lone(hosts: int) -> Program:
    """Return a program in which a host sends 4 KiB to one after another, when acknowledged."""
    builder = ProgramBuilder(hosts)
    step = max(hosts // LONE_ROUNDS, 1)
    for source in range(hosts):
        last = -1
        for target in range(1, min(hosts, step * LONE_ROUNDS), step):
            last = builder.send(source, (source + target) % hosts, 4 * KIB, after=last)
    return builder.build(send_done=SendDone.ACKED)


WORKLOADS: dict[str, Callable[[int], Program]] = {
    "all-reduce": all_reduce,
    "all-to-all": all_to_all,
    "permutation": permutation,
    "incast": incast,
    "lone": lone,
}


def times_of(preset: str, changes: Sequence[str], program: Program, setting: Setting) -> Times:
    """Return the times of a program on a fabric."""
    spec = spec_of(preset, setting.boxes, changes=changes)
    network, transport = build(spec, setting.hosts)
    found = np.empty((setting.seeds, 2))  # us
    for seed in range(setting.seeds):
        chunks: list[dict[str, Ints]] = []
        outcome = simulate(network, transport, program, chunks.append, seed=seed)
        fct = np.concatenate([part["acked"] - part["created"] for part in chunks])
        jct = outcome.op_finish_ps.max() - outcome.op_start_ps.min()
        found[seed] = jct / 1e6, np.percentile(fct, 99) / 1e6
    mean = found.mean(axis=0)
    return Times(*mean.tolist(), float(np.max(100 * np.ptp(found, axis=0) / mean)))


class Sweep:
    """Times of the default, and what each variation changes.

    Parameters
    ----------
    setting : Setting
    workloads : iterable of str
    fabrics : iterable of str
        Ethernet presets beside the DDC.
    """

    def __init__(self, setting: Setting, workloads: Iterable[str], fabrics: Iterable[str]) -> None:
        self.setting = setting
        self.programs = {name: WORKLOADS[name](setting.hosts) for name in dict.fromkeys(workloads)}
        self.fabrics = list(dict.fromkeys(fabrics))
        self.default = {preset: self._times(preset, ()) for preset in (DDC, *self.fabrics)}
        self._bases: dict[tuple[str, ...], Found] = {(): self.default[DDC]}

    def _times(self, preset: str, changes: Sequence[str]) -> Found:
        own = [*(self.setting.fewer_lanes if preset == DDC else ()), *changes]
        return {
            name: times_of(preset, own, program, self.setting)
            for name, program in self.programs.items()
        }

    def _base(self, beside: tuple[str, ...]) -> Found:
        """Return the times of the DDC to which those of a variation are compared."""
        if beside not in self._bases:
            self._bases[beside] = self._times(DDC, beside)
        return self._bases[beside]

    def change(self, variation: Variation) -> Change:
        """Return what a variation does."""
        base, times = self._base(variation.beside), self._times(DDC, variation.overrides)
        return Change(
            variation,
            times,
            {name: percent(new.jct_us, base[name].jct_us) for name, new in times.items()},
            {name: percent(new.fct_p99_us, base[name].fct_p99_us) for name, new in times.items()},
            list(self._reversals(variation, times)),
        )

    def _reversals(self, variation: Variation, times: Found) -> Iterator[tuple[str, str]]:
        """Yield workload and fabric where not the same one of DDC and Ethernet is faster."""
        base = self._base(variation.beside)
        for fabric in self.fabrics:
            default = self.default[fabric]
            other = self._times(fabric, variation.overrides) if variation.shared else default
            for name, found in times.items():
                before = base[name].jct_us < default[name].jct_us
                if before != (found.jct_us < other[name].jct_us):
                    yield name, fabric


def percent(value: float, base: float) -> float:
    """Return by how many per cent a value is above another."""
    return 100 * (value / base - 1)


def by_weight(changes: Iterable[Change]) -> list[Change]:
    """Return changes by parameter, what matters most first; values of one stay in order."""
    found = list(changes)
    weight: dict[str, float] = {}
    for change in found:
        key = change.variation.key
        weight[key] = max(weight.get(key, 0.0), change.largest)
    # Names keep the values of a key together where keys have the same weight.
    return sorted(found, key=lambda change: (-weight[change.variation.key], change.variation.key))
