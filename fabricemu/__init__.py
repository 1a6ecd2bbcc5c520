"""Packet-level emulation of network fabrics."""

from pathlib import Path as _Path

__version__ = "0.1.0"

# An installed package holds its kernels; in a checkout they lie beside it.
_root = _Path(__file__).resolve().parent.parent
if (_root / "setup.cfg").is_file():
    __path__.append(str(_root))
