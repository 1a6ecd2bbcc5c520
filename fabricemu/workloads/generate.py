"""Programs made by rule, named by ``gen:`` URIs (table ``GENERATORS``)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fabricemu.errors import TraceError
from fabricemu.workloads.build import MAX_RANKS, ProgramBuilder
from fabricemu.workloads.compose import Part, compose
from fabricemu.workloads.program import Algorithm, Collective, Ints, Program
from fabricemu.workloads.schedule import ALGORITHMS
from fabricemu.workloads.training import MODELS, Training, training_program
from fabricemu.workloads.uri import EVERY, Key, choice, members, size, split, values, whole

RANKS = Key(whole(2))
CUT = {"channels": Key(whole(1), "1"), "chunks": Key(whole(1), "1")}


class Generator(NamedTuple):
    """One generator: its keys, and what makes the program of their values and a seed."""

    keys: dict[str, Key]
    make: Callable[..., Program]


def algorithm_name(algorithm: Algorithm) -> str:
    """Return the name of an algorithm in URIs and files."""
    return algorithm.name.lower().replace("_", "-")


def algorithm_named(name: str) -> Algorithm:
    """Return the algorithm called ``name`` in URIs and files."""
    return Algorithm[name.upper().replace("-", "_")]


def _algorithms(kind: Collective) -> Key:
    names = [algorithm_name(algorithm) for algorithm in ALGORITHMS[kind]]
    return Key(choice(names), names[0])


def _one_collective(
    kind: Collective,
    seed: int,
    *,
    ranks: int,
    bytes: int = 0,  # noqa: A002 (the key of the URI)
    algorithm: str | None = None,
    schedule: str | None = None,
    channels: int = 1,
    chunks: int = 1,
    root: int = 0,
) -> Program:
    """Return one collective of all ranks."""
    if root >= ranks:
        raise TraceError(f"gen:broadcast: root {root} is not below the number of ranks, {ranks}")
    way = algorithm or schedule
    builder = ProgramBuilder(ranks)
    row = builder.collective(
        kind,
        algorithm_named(way) if way else ALGORITHMS[kind][0],
        builder.group(range(ranks)),
        bytes * ranks if kind == Collective.ALL_TO_ALL else bytes,
        channels=channels,
        chunks=chunks,
        root=root,
    )
    for rank in range(ranks):
        builder.coll(rank, row)
    return builder.build()


def _collective(kind: Collective, **keys: Key) -> Generator:
    def make(seed: int, **found: int) -> Program:
        return _one_collective(kind, seed, **found)  # type: ignore[arg-type]

    return Generator({"ranks": RANKS, **keys}, make)


def _flows(ranks: int, pairs: list[tuple[int, int]], size_bytes: int) -> Program:
    """Return one message for each pair of source and destination."""
    builder = ProgramBuilder(ranks)
    for source, destination in pairs:
        builder.send(source, destination, size_bytes)
        builder.recv(destination, source, size_bytes)
    return builder.build()


def _permutation(seed: int, *, ranks: int, bytes: int) -> Program:  # noqa: A002
    return _flows(ranks, list(enumerate(derangement(ranks, seed).tolist())), bytes)


def _incast(seed: int, *, ranks: int, bytes: int) -> Program:  # noqa: A002
    return _flows(ranks, [(source, 0) for source in range(1, ranks)], bytes)


def derangement(n: int, seed: int) -> Ints:
    """Return a random permutation without fixed point, (n,), the same on every machine."""
    attempt = 0
    while True:
        # Each permutation is equally likely, so each derangement is; e attempts on average.
        found = np.argsort(_hash(seed, attempt, np.arange(n)), kind="stable")
        if not np.any(found == np.arange(n)):
            return found
        attempt += 1


def _hash(seed: int, attempt: int, index: Ints) -> np.ndarray:
    """Return 64-bit hashes of (seed, attempt, index) by the splitmix64 finaliser."""
    value = np.zeros(len(index), np.uint64)
    for word in (np.uint64(seed % (1 << 64)), np.uint64(attempt), index.astype(np.uint64)):
        value = (value ^ word) + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value ^= value >> np.uint64(31)
    return value


def _training(seed: int, **found: int) -> Program:
    return training_program(Training(**found))  # type: ignore[arg-type]


def _floating(text: str) -> int:
    """Read sustained TFLOP/s as whole FLOP/s."""
    try:
        value = round(float(text) * 1e12)
    except (ValueError, OverflowError):
        value = 0
    if value <= 0:
        raise ValueError(f"expected a positive number of TFLOP/s, got {text!r}")
    return value


_AR, _A2A = Collective.ALL_REDUCE, Collective.ALL_TO_ALL
GENERATORS: dict[str, Generator] = {
    "all-reduce": _collective(_AR, bytes=Key(size(1)), algorithm=_algorithms(_AR), **CUT),
    "all-gather": _collective(Collective.ALL_GATHER, bytes=Key(size(1)), **CUT),
    "reduce-scatter": _collective(Collective.REDUCE_SCATTER, bytes=Key(size(1)), **CUT),
    "all-to-all": _collective(_A2A, bytes=Key(size(1)), schedule=_algorithms(_A2A), **CUT),
    "broadcast": _collective(
        Collective.BROADCAST, bytes=Key(size(1)), root=Key(whole(0), "0"), **CUT
    ),
    "barrier": _collective(Collective.BARRIER),
    "permutation": Generator({"ranks": RANKS, "bytes": Key(size(1))}, _permutation),
    "incast": Generator({"ranks": RANKS, "bytes": Key(size(1))}, _incast),
    "training": Generator(
        {
            "ranks": RANKS,
            "model": Key(choice(MODELS), "resnet50"),
            "steps": Key(whole(1), "1"),
            "batch": Key(whole(1), "64"),
            "tflops": Key(_floating, "60"),
            "bucket": Key(size(1), "25MiB"),
            "algorithm": _algorithms(_AR),
            **CUT,
        },
        _training,
    ),
}


def generate(uri: str, seed: int = 0, ranks: int | None = None) -> Program:
    """Return the program that a ``gen:`` URI names.

    Parameters
    ----------
    uri : str
        Such as ``gen:all-reduce?ranks=64&bytes=64MB&algorithm=ring``. Several joined by ``+`` are
        a job each and all begin at time 0; ``members`` of each are the ranks that take part.
    seed : int
        Of the random generators.
    ranks : int, optional
        Number of ranks where the URI does not say.
    """
    texts = split(uri, GENERATORS)
    n_ranks = _ranks(uri, [keys for _, keys in texts], ranks)
    parts = [_part(uri, name, keys, n_ranks, seed) for name, keys in texts]
    alone = len(texts) == 1 and "members" not in texts[0][1]
    program = parts[0].program if alone else compose(_distinct(parts), n_ranks)
    program.source = uri
    return program


def _ranks(uri: str, texts: list[dict[str, str]], ranks: int | None) -> int:
    """Return the number of ranks, which any generator of a URI may give for all of them."""
    given = sorted({keys["ranks"] for keys in texts if "ranks" in keys})
    if len(given) > 1:
        raise TraceError(f"{uri!r}: ranks is given as {' and as '.join(given)}")
    if ranks is not None and given not in ([], [str(ranks)]):
        raise TraceError(f"{uri!r}: {ranks} ranks are asked for, the trace has {given[0]}")
    text = {"ranks": given[0]} if given else {} if ranks is None else {"ranks": str(ranks)}
    found: int = values(uri, text, {"ranks": RANKS})["ranks"]
    if found > MAX_RANKS:
        raise TraceError(f"{uri!r}: ranks: at most {MAX_RANKS}, got {found}")
    return found


def _part(uri: str, name: str, texts: dict[str, str], n_ranks: int, seed: int) -> Part:
    """Return what one generator of a URI makes, and its members."""
    generator = GENERATORS[name]
    keys = generator.keys | {"members": Key(members(n_ranks), EVERY)}
    found = values(uri, texts | {"ranks": str(n_ranks)}, keys)
    chosen = np.array(found.pop("members") or range(n_ranks), np.int64)
    return Part(name, generator.make(seed, **found | {"ranks": len(chosen)}), chosen)


def _distinct(parts: list[Part]) -> list[Part]:
    """Return the parts with the second and later jobs of one name numbered."""
    names = [part.job for part in parts]
    return [
        part._replace(job=f"{part.job}-{nth}")
        if (nth := names[: k + 1].count(part.job)) > 1
        else part
        for k, part in enumerate(parts)
    ]
