"""Congestion control of a queue pair, one law a file (sections 7.1 to 7.5, 8.1)."""

from fabricemu.fabrics import transport as parameters
from fabricemu.fabrics.transport import Control as Law
from fabricemu.fabrics.transport import Transport, Uec
from tests.reference.congestion.control import Control
from tests.reference.congestion.dcqcn import Dcqcn
from tests.reference.congestion.dctcp import Dctcp
from tests.reference.congestion.hpcc import Hpcc
from tests.reference.congestion.nscc import Nscc, Window
from tests.reference.congestion.swift import Swift

__all__ = ["Control", "Window", "control", "window"]


def control(transport: Transport, rate: int, switches: int) -> Control:
    """Return the law of an RC queue pair over a port of ``rate`` bit/s and so many switches."""
    match transport.parameters:
        case parameters.Dcqcn() as given:
            return Dcqcn(given, rate)
        case parameters.Dctcp() as given:
            return Dctcp(given, transport.mtu)
        case parameters.Swift() as given:
            return Swift(given, transport.mtu, switches)
        case parameters.Hpcc() as given:
            return Hpcc(given, rate)
        case _:
            return Control()


def window(transport: Transport, given: Uec) -> Window | None:
    """Return the window of a UEC queue pair, if it has one."""
    if transport.control == Law.CONSTANT:
        return Window(given)
    return Nscc(given, transport.has_credit) if transport.has_window else None
