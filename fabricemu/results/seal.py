"""The seal of a result file: the last bytes, with a hash of all before them.

HDF5 ignores what follows its own end of file. The hash finds damage before the HDF5 library
touches the file: flipped bits can otherwise make it return wrong numbers or never return.
"""

import hashlib
import os
from pathlib import Path

MAGIC = b"\nfabricemu sha256 "
LENGTH = len(MAGIC) + 64 + 1
BLOCK = 1 << 20


def seal(path: Path) -> bytes:
    """Return the seal for the file as it stands."""
    return MAGIC + _digest(path, os.path.getsize(path)).encode() + b"\n"


def is_sound(path: Path) -> bool | None:
    """Return whether the file is as it was sealed; None where there is no seal."""
    content = os.path.getsize(path) - LENGTH
    if content < 0:
        return None
    with path.open("rb") as file:
        file.seek(content)
        end = file.read(LENGTH)
    if not end.startswith(MAGIC):
        return None
    return end == MAGIC + _digest(path, content).encode() + b"\n"


def _digest(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (block := file.read(min(BLOCK, size))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()
