"""The three statements of the claim, judged by confidence intervals over seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.vendor_claim_run import DDC, Condition

SAVING = 0.10  # of completion time, that DDC is said to have
NOTICEABLE = 0.01  # what is meant by slower
# Student's t, 97.5 %, for 1, 2, ... degrees of freedom (any table). For more than 30 the last
# one makes the interval a little too wide.
T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)

Times = Sequence[Sequence[float]]  # of each tenant, by seed
Runs = Mapping[str, Mapping[Condition, Times]]  # by fabric


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % confidence interval; from minus to plus infinity for one value."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Statement:
    """What is said about a fabric in a workload, and what came out, as shares.

    Attributes
    ----------
    what : str
    workload, fabric : str
    least, most : float
        Between which the value lies if the statement is right.
    values : list of float
        By seed.
    """

    what: str
    workload: str
    fabric: str
    least: float
    most: float
    values: list[float]

    @property
    def interval(self) -> Interval:
        """Mean and interval of the values."""
        return interval(self.values)

    @property
    def verdict(self) -> str:
        """Whether the whole interval is where it should be, or nowhere there, or neither."""
        found = self.interval
        if self.least <= found.low and found.high <= self.most:
            return "reproduced"
        outside = found.high < self.least or found.low > self.most
        return "not reproduced" if outside else "open"


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of values and its interval by Student's t."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Interval(mean, -math.inf, math.inf)
    t = T_975[min(len(values) - 1, len(T_975)) - 1]
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def statements(workload: str, runs: Runs) -> list[Statement]:
    """Return all statements about a workload, by statement and fabric."""
    found = [
        Statement("1: DDC takes less time", workload, fabric, SAVING, math.inf, values)
        for fabric, values in savings(runs).items()
    ]
    for fabric, times in runs.items():
        own, others = slowdowns(times[Condition.STEADY], times[Condition.SLOW_NICS])
        found += [
            Statement("2: slow tenant", workload, fabric, NOTICEABLE, math.inf, own),
            Statement("2: the others", workload, fabric, *expected(fabric), others),
        ]
    for fabric, times in runs.items():
        values = slower_links(fabric, times[Condition.STEADY], times[Condition.OTHER_LINKS])
        found.append(Statement("3: slower links", workload, fabric, *expected(fabric), values))
    return sorted(found, key=lambda statement: statement.what)


def expected(fabric: str) -> tuple[float, float]:
    """Return by how much a fabric gets slower where Ethernet is said to and DDC is not."""
    return (-math.inf, NOTICEABLE) if fabric == DDC else (NOTICEABLE, math.inf)


def savings(runs: Runs) -> dict[str, list[float]]:
    """Return, by Ethernet fabric, by what share of its time DDC takes less."""
    steady = {
        fabric: [statistics.fmean(tenants) for tenants in times[Condition.STEADY]]
        for fabric, times in runs.items()
    }
    ddc = steady.pop(DDC)
    return {
        fabric: [1 - ours / theirs for ours, theirs in zip(ddc, times, strict=True)]
        for fabric, times in steady.items()
    }


def slowdowns(before: Times, after: Times) -> tuple[list[float], list[float]]:
    """Return by what share the first tenant, and the others in the mean, take longer."""
    ratios = [
        [late / early - 1 for early, late in zip(*tenants, strict=True)]
        for tenants in zip(before, after, strict=True)
    ]
    return [seed[0] for seed in ratios], [statistics.fmean(seed[1:]) for seed in ratios]


def slower_links(fabric: str, steady: Times, other: Times) -> list[float]:
    """Return by what share a fabric takes longer with links of half the rate, twice as many.

    The links of an Ethernet fabric are the slower ones if they are the other ones, those of a
    DDC if they are not.
    """
    fast, slow = (other, steady) if fabric == DDC else (steady, other)
    return [
        statistics.fmean(late) / statistics.fmean(early) - 1
        for early, late in zip(fast, slow, strict=True)
    ]
