"""The traces that come with the project, as rules: ``python -m fabricemu.workloads.shipped``."""

import sys
from pathlib import Path

from fabricemu.workloads.formats import load, save

SEED = 1
_ALL_REDUCE = {8: "1MiB", 64: "64MB", 1024: "256MiB"}
_WAYS = ("ring", "halving-doubling")


def shipped_traces() -> dict[str, str]:
    """Return the ``gen:`` URI of every file in ``traces/``, by file name."""
    found = {
        f"all-reduce-{ranks}-{way}.{'jsonl' if ranks == 8 else 'ftr.h5'}": (
            f"gen:all-reduce?ranks={ranks}&bytes={size}&algorithm={way}"
        )
        for ranks, size in _ALL_REDUCE.items()
        for way in _WAYS
    }
    return found | {
        "all-to-all-64.ftr.h5": "gen:all-to-all?ranks=64&bytes=256KiB&schedule=shift",
        "incast-33.jsonl": "gen:incast?ranks=33&bytes=1MiB",
        "permutation-128.ftr.h5": "gen:permutation?ranks=128&bytes=2MiB",
        "training-resnet50-8.jsonl": "gen:training?ranks=8&model=resnet50&steps=1",
    }


def write_shipped(folder: Path) -> None:
    """Write all shipped traces into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, uri in shipped_traces().items():
        way = "jsonl" if name.endswith(".jsonl") else "native"
        save(load(uri, seed=SEED), folder / name, way)


if __name__ == "__main__":
    write_shipped(Path(sys.argv[1] if len(sys.argv) > 1 else "traces"))
