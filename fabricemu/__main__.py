"""``python -m fabricemu``."""

import sys

from fabricemu.cli import main

if __name__ == "__main__":
    sys.exit(main())
