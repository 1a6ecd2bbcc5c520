"""Measure the emulator's speed: ``python benchmarks/run.py --help``."""

import sys
from pathlib import Path

# A script finds its own folder first; the packages are beside that.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.command import main  # noqa: E402

if __name__ == "__main__":
    main()
