"""What tables of a fabric cannot be combined: one line for each mistake, with the way out."""

from collections.abc import Iterable

from fabricemu.spec.clos import ClosParams
from fabricemu.spec.congestion import Congestion
from fabricemu.spec.dcqcn import DcqcnParams, dcqcn_values
from fabricemu.spec.ddc import DdcParams
from fabricemu.spec.switch import Classes, Switch
from fabricemu.spec.transport import TransportSpec

CONTROLS = {
    "rc": ("none", "dcqcn", "dctcp", "swift", "hpcc"),
    "uec": ("none", "nscc", "constant", "rccc", "nscc+rccc"),
}
ACK_CLOCKED = ("dctcp", "swift", "hpcc")
MARK_DRIVEN = ("dcqcn", "dctcp")


def found(checks: Iterable[tuple[bool, str]]) -> list[str]:
    """Return the texts of the checks that say wrong."""
    return [text for wrong, text in checks if wrong]


def nic_problems(transport: TransportSpec, congestion: Congestion) -> list[str]:
    """Return what is wrong between transport and congestion control."""
    control, allowed = congestion.control, CONTROLS[transport.protocol]
    checks = [
        (
            control not in allowed,
            f"congestion.control: {control!r} with transport.protocol {transport.protocol!r};"
            f" expected {' or '.join(allowed)}",
        ),
        (
            control in ACK_CLOCKED and not transport.acks_each_packet,
            f"transport.ack_every: {transport.ack_every} with congestion.control {control!r},"
            " which needs each packet acknowledged; expected 1",
        ),
        (
            control == "dcqcn" and not transport.acks_each_packet and _windowed(congestion.dcqcn),
            f"transport.ack_every: {transport.ack_every} with congestion.dcqcn.window, which may"
            " become one packet; expected 1",
        ),
        (
            control == "nscc+rccc" and congestion.rccc.max_window != "auto",
            "congestion.rccc.max_window: is that of nscc with control 'nscc+rccc'; expected"
            " congestion.nscc.max_window",
        ),
    ]
    idle = [
        f"congestion.{name}: changes nothing with congestion.control {control!r};"
        f" expected {_expected_table(control)}"
        for name in congestion.idle_tables()
    ]
    protocol = _uec_problems if transport.protocol == "uec" else _rc_problems
    return idle + found(checks) + protocol(transport)


def _windowed(params: DcqcnParams) -> bool:
    return dcqcn_values(params, 1).window != 0


def _expected_table(control: str) -> str:
    if control == "none":
        return "no table, or another control"
    return " and ".join(f"congestion.{name}" for name in control.split("+"))


def _rc_problems(transport: TransportSpec) -> list[str]:
    receiver = transport.receiver
    checks = [
        (
            transport.rto == "auto",
            "transport.rto: 'auto' with transport.protocol 'rc'; expected a time such as 1ms,"
            " or none",
        ),
        (
            transport.loss_distance > 0 and receiver != "any-order",
            f"transport.loss_distance: changes nothing with transport.receiver {receiver!r};"
            " expected any-order",
        ),
    ]
    return found(checks)


def _uec_problems(transport: TransportSpec) -> list[str]:
    with_uec = "with transport.protocol 'uec'"
    checks = [
        (
            transport.receiver != "any-order",
            f"transport.receiver: {transport.receiver!r} {with_uec}; expected any-order",
        ),
        (
            transport.window != "none",
            f"transport.window: changes nothing {with_uec}; expected none, and a"
            " congestion.control that keeps one",
        ),
        (
            transport.loss_distance > 0,
            f"transport.loss_distance: changes nothing {with_uec}; expected 0",
        ),
    ]
    return found(checks)


def ethernet_problems(
    transport: TransportSpec, congestion: Congestion, switch: Switch, clos: ClosParams
) -> list[str]:
    """Return what is wrong between NIC and packet switches."""
    control = congestion.control
    checks = [
        (
            control in MARK_DRIVEN and "none" in (switch.ecn_low, switch.ecn_high),
            f"switch.ecn_low: none with congestion.control {control!r}, which lives by marks;"
            " expected auto or bytes",
        ),
        (
            transport.balance != "none" and not clos.hashes_entropy,
            f"transport.balance: changes nothing with clos.choice {clos.choice!r}; expected ecmp",
        ),
    ]
    return found(checks) + _pfc_problems(switch, clos) + _trim_problems(transport, switch, clos)


def _pfc_problems(switch: Switch, clos: ClosParams) -> list[str]:
    lossless = [item.name for item in switch.data_classes if item.lossless]
    checks = [
        (
            switch.pfc and switch.xoff == "dynamic" and switch.buffer == "unbounded",
            "switch.xoff: 'dynamic' with an unbounded switch.buffer never pauses; expected bytes,"
            " or a buffer",
        ),
        (
            switch.pfc and bool(lossless) and clos.queue != "unbounded",
            f"clos.queue: a limit would drop packets of lossless class {' and '.join(lossless)};"
            " expected unbounded (switch.buffer is the limit), or switch.pfc = false",
        ),
    ]
    return _class_problems(switch) + found(checks)


def _class_problems(switch: Classes) -> list[str]:
    """Return what is wrong between PFC and classes."""
    lossless = [item.name for item in switch.data_classes if item.lossless]
    checks = [
        (
            switch.pfc and not lossless,
            "switch.pfc: true without a lossless class; expected a [[switch.class]] with"
            " lossless = true",
        ),
        (
            bool(lossless) and not switch.pfc,
            f"switch.class: {' and '.join(lossless)} cannot be lossless without PFC; expected"
            " switch.pfc = true",
        ),
    ]
    return found(checks)


def leaf_problems(ddc: DdcParams, switch: Classes) -> list[str]:
    """Return what is wrong between the classes and the buffer of a leaf."""
    checks = [
        (
            switch.pfc and switch.xoff == "dynamic" and ddc.deep_buffer == "unbounded",
            "switch.xoff: 'dynamic' with an unbounded ddc.deep_buffer never pauses; expected bytes,"
            " or a buffer",
        ),
    ]
    return _class_problems(switch) + found(checks)


def _trim_problems(transport: TransportSpec, switch: Switch, clos: ClosParams) -> list[str]:
    if switch.trim == "none":
        return []
    checks = [
        (
            transport.protocol == "rc",
            "switch.trim: transport.protocol 'rc' has no answer to a trimmed packet; expected none,"
            " or protocol uec",
        ),
        (
            clos.queue == "unbounded" and not switch.drops_when_full,
            "switch.trim: changes nothing with an unbounded clos.queue and no lossy class in a"
            " bounded switch.buffer; expected none, or a queue",
        ),
        (
            isinstance(switch.trim, int) and switch.trim >= transport.frame_bytes,
            f"switch.trim: {switch.trim} bytes; expected less than a packet,"
            f" {transport.frame_bytes}",
        ),
    ]
    return found(checks)[:1]


def ddc_problems(transport: TransportSpec, congestion: Congestion) -> list[str]:
    """Return what a NIC cannot have over a cell fabric."""
    control = congestion.control
    checks = [
        (
            control == "hpcc",
            "congestion.control: 'hpcc' needs the stamps of packet switches; over a cell fabric"
            " expected none or swift",
        ),
        (
            control in MARK_DRIVEN,
            f"congestion.control: {control!r} lives by marks, and a cell fabric makes none;"
            " expected none or swift",
        ),
        (
            transport.balance != "none",
            "transport.balance: changes nothing over a cell fabric; expected none",
        ),
    ]
    return found(checks)
