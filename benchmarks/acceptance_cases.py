"""What others found, and how close a run here must come to it."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.htsim import Flow, Job, parse
from fabricemu.errors import TraceError

SEEDS_OF_ONE_PATH = 20  # another hash there: only the distribution can agree
SEEDS_OF_MEASURED = 3
DIGITS = 6  # that uet-htsim prints
PERMUTATION = "perm_1024n_1024c_0u_2000000b.cm"
MB, MIB = 2_000_000, 2 << 20


@dataclass(frozen=True)
class Figures:
    """What a run gave; None where nobody said.

    Attributes
    ----------
    fastest_us, mean_us, slowest_us : float or None
        Of the flows, until the sender has the last ACK.
    packets, retransmits : int or None
        Data packets without those sent again, and those.
    acks, answers : int or None
        ACKs; and ACKs, NACKs, PULLs and RTSs together.
    """

    fastest_us: float | None = None
    mean_us: float | None = None
    slowest_us: float | None = None
    packets: int | None = None
    retransmits: int | None = None
    acks: int | None = None
    answers: int | None = None


@dataclass(frozen=True)
class Case:
    """A run and what others found for it.

    Attributes
    ----------
    name : str
    job : Job
    theirs : Figures
    measured : bool
        Whether ``theirs`` is not upstream's own list but what was measured with its program.
    """

    name: str
    job: Job
    theirs: Figures
    measured: bool = False


@dataclass(frozen=True)
class Limit:
    """A figure of a run and its allowed range in us."""

    figure: str
    low_us: float
    high_us: float


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a table of upstream's commands and what they print.

    Raises
    ------
    TraceError
        The file cannot be read, or a row lacks a column or has no number there.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_case(path, row) for row in csv.DictReader(file)]
    except OSError as error:
        raise TraceError(
            f"{path}: {error.strerror}; expected the table of uet-htsim's runs"
        ) from None


def _case(path: Path, row: dict[str, str]) -> Case:
    try:
        counts = {name: int(row[name]) for name in ("new", "rtx", "acks", "nacks", "pulls", "rts")}
        theirs = Figures(
            fastest_us=float(row["min_us"]),
            slowest_us=float(row["tail_us"]),
            packets=counts["new"],
            retransmits=counts["rtx"],
            acks=counts["acks"],
            answers=sum(counts[name] for name in ("acks", "nacks", "pulls", "rts")),
        )
        job = parse(row["cmd"])
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(
            f"{path}: row {row}: {error}; expected the columns experiment, cmd, min_us, tail_us,"
            " new, rtx, acks, nacks, pulls, rts"
        ) from None
    if not job.matrix:
        raise TraceError(f"{path}: {row['cmd']!r}: expected a connection matrix, -tm FILE")
    return Case(row["experiment"], job, theirs)


def kind_of(case: Case, pairs: set[tuple[int, int]]) -> str:
    """Return the kind of a case by its options and the sources and destinations of its flows."""
    if len(pairs) == 1:
        return "idle"
    if case.measured:
        return "measured"
    if len(pairs) == 2 and {pair[::-1] for pair in pairs} == pairs:
        return "two ways"
    if len({destination for _, destination in pairs}) == 1:
        return "incast"
    return "one path" if "transport.entropies=1" in case.job.overrides else "permutation"


def seeds_of(kind: str) -> int:
    """Return over how many seeds a figure is the median."""
    return {"one path": SEEDS_OF_ONE_PATH, "measured": SEEDS_OF_MEASURED}.get(kind, 1)


def limits(case: Case, kind: str, bound_us: float) -> list[Limit]:
    """Return what a run must keep to; ``bound_us`` is the least that physics allows."""
    return LIMITS[kind](case, bound_us)


def _digits(case: Case, bound_us: float) -> list[Limit]:
    return [limit for figure in ("fastest_us", "slowest_us") for limit in _printed(case, figure)]


def _printed(case: Case, figure: str) -> list[Limit]:
    """Return what is printed like their figure."""
    value = getattr(case.theirs, figure)
    digits = max(DIGITS, len(str(value).replace(".", "")))
    half = 0.5 * 10 ** (len(str(int(value))) - digits)
    return [Limit(figure, value - half, value + half)]


def _share(figure: str, share: float) -> Callable[[Case, float], list[Limit]]:
    """Return limits of so much above and below their figure; none where they say nothing."""

    def around(case: Case, bound_us: float) -> list[Limit]:
        value = getattr(case.theirs, figure)
        if value is None:
            return []
        return [Limit(figure, value * (1 - share), value * (1 + share))]

    return around


def _incast(case: Case, bound_us: float) -> list[Limit]:
    share = 0.03 if case.job.preset == "uet-rccc" else 0.08
    return [Limit("slowest_us", bound_us, bound_us * (1 + share))]


def _measured(case: Case, bound_us: float) -> list[Limit]:
    mean, slowest = _share("mean_us", 0.02), _share("slowest_us", 0.05)
    return mean(case, bound_us) + slowest(case, bound_us)


LIMITS: dict[str, Callable[[Case, float], list[Limit]]] = {
    "idle": _digits,
    "two ways": _share("slowest_us", 0.005),
    "incast": _incast,
    "permutation": _share("slowest_us", 0.10),
    "one path": _share("slowest_us", 0.25),
    "measured": _measured,
}


def _flows(
    name: str, options: str, hosts: int, flows: tuple[Flow, ...], *times: float | None
) -> Case:
    job = replace(parse(f"htsim_uec {options}"), flows=flows, hosts=hosts)
    return Case(name, job, Figures(*times), measured=True)


def _permutation(
    name: str, options: str, mean: float | None = None, slowest: float | None = None
) -> Case:
    job = parse(f"htsim_uec -tm {PERMUTATION} {options}")
    return Case(name, job, Figures(mean_us=mean, slowest_us=slowest), measured=True)


_FAST = "-sender_cc_only -linkspeed 400000 -hop_latency 0.5 -mtu 4160"
_NSCC, _RCCC, _SLOW = "-sender_cc_only", "-receiver_cc_only", "-paths 128 -failed 8"
_REPS = "-paths 128 -load_balancing_algo reps"
_TWO = ((1, 0, MB), (2, 0, MB))
_THREE = (*_TWO, (3, 0, MB))
_PODS = ((32, 0, MIB), (64, 0, MIB))

# Measured with uet-htsim 40ccb05 by others, not in its own list. Fastest, mean and slowest; of
# ranges over seeds the middle. The eight slow links have 25 % of their rate.
MEASURED = [
    _flows("1 flow, 2 hops, NSCC", _NSCC, 16, ((0, 1, MB),), 166.85104, None, 166.85104),
    _flows("1 flow, 2 hops, RCCC", _RCCC, 16, ((0, 1, MB),), 167.871, None, 167.871),
    _flows("2 to 1, one leaf, NSCC", _NSCC, 128, _TWO, 321.9, 325.63, 329.36),
    _flows("2 to 1, one leaf, RCCC", _RCCC, 128, _TWO, 328.203, 328.7815, 329.36),
    _flows("3 to 1, one leaf, NSCC", _NSCC, 128, _THREE, 458.0, 475.7, 492.6),
    _flows("3 to 1, one leaf, RCCC", _RCCC, 128, _THREE, 489.887, 490.933, 491.869),
    _flows("400G, 1 packet, 6 hops", _FAST, 128, ((64, 0, 4096),), 6.50688, None, 6.50688),
    _flows("400G, 2 MiB, 6 hops", _FAST, 128, ((64, 0, MIB),), 49.02208, None, 49.02208),
    _flows("400G, 2 MiB, 2 hops", _FAST, 128, ((1, 0, MIB),), 44.68416, None, 44.68416),
    _flows("400G, 2 to 1, other pods", _FAST, 128, _PODS, 86.3, 90.05, 93.8),
    _permutation("mixed", "-paths 128", 193.9),
    _permutation("bitmap", "-paths 128 -load_balancing_algo bitmap", 193.5),
    _permutation("REPS", _REPS, 197.7),
    _permutation("REPS, SACK each", f"{_REPS} -sack_threshold 4000", 189.5),
    _permutation("oblivious", "-paths 128 -load_balancing_algo oblivious", 199.5),
    _permutation("mixed, RCCC", f"-paths 128 {_RCCC}", 193.2),
    _permutation("oblivious, RCCC", f"-paths 128 {_RCCC} -load_balancing_algo oblivious", 198.5),
    _permutation("one path", "-paths 1", 403.2),
    _permutation("64 entropies", "-paths 64", 195.6, 205.6),
    _permutation("256 entropies", "-paths 256", 193.5, 201.3),
    _permutation("constant window", "-paths 128 -sender_cc_algo constant", 193.4, 203.2),
    _permutation(
        "constant window, oblivious",
        "-paths 128 -sender_cc_algo constant -load_balancing_algo oblivious",
        199.3,
        211.8,
    ),
    _permutation("adaptive switches", "-strat ecmp_ar", 189.4, 198.4),
    _permutation("switches in turn", "-strat ecmp_rr", 190.8, 199.9),
    _permutation(
        "8 slow links, oblivious", f"{_SLOW} -load_balancing_algo oblivious", slowest=280.8
    ),
    _permutation(
        "8 slow links, oblivious, large queues",
        f"{_SLOW} -load_balancing_algo oblivious -q 500",
        slowest=564.7,
    ),
    # Of those that adapt only the range is known, 206.7 to 245.8.
    _permutation("8 slow links, REPS", f"{_SLOW} -load_balancing_algo reps", slowest=245.8),
    _permutation("8 slow links, mixed, SACK each", f"{_SLOW} -sack_threshold 4000", slowest=206.7),
]
