"""How much what is assumed of a DDC matters: ``python benchmarks/assumptions.py --help``."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A script finds its own folder first; the packages are beside that.
sys.path[0] = str(ROOT)

from benchmarks.assumptions_command import main  # noqa: E402

if __name__ == "__main__":
    main()
