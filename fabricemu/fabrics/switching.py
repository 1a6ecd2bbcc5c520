"""What packet switches do beyond sending in order: the specification as numbers by port.

Limits and thresholds follow a port's share of its normal rate where a link is degraded.
"""

import numpy as np
from numpy.typing import NDArray

from fabricemu.errors import ConfigError
from fabricemu.fabrics.baseline import Baseline
from fabricemu.fabrics.failed import rate_share
from fabricemu.fabrics.network import Ints, Kind, Network, Switching
from fabricemu.fabrics.transport import Balance, Control, Transport
from fabricemu.spec.dcqcn import dcqcn_values
from fabricemu.spec.fabric import ClosSpec
from fabricemu.spec.switch import Classes, Switch

Numbers = NDArray[np.int64] | NDArray[np.float64]

XON_OFFSET_BYTES = 3556  # SONiC's profiles of Tomahawk 5
QUANTUM_BITS = 512  # of pause time (IEEE 802.1Qbb)
# Quanta from a pause frame's arrival to its effect, by Gb/s (SONiC's design page on buffers).
RESPONSE_QUANTA = {10: 67, 25: 80, 40: 118, 50: 147, 100: 394, 200: 453, 400: 905}


def queue_bytes(spec: ClosSpec, network: Network, base: Baseline) -> Ints:
    """Return the limit of waiting data bytes of each port, (n_ports,); -1 without limit."""
    limit = network.queue_bytes
    if str(spec.clos.queue).endswith("BDP"):
        free = _on_switch(network) & (limit < 0)  # a topology file may limit some ports
        limit = np.where(free, base.frame_bytes(spec.clos.queue), limit)
    return _scaled(limit, rate_share(spec, network))


def build_switching(
    spec: ClosSpec, network: Network, transport: Transport, base: Baseline
) -> Switching | None:
    """Return the numbers of section 6 of docs/ethernet.md, or None where none is asked for.

    Raises
    ------
    ConfigError
        If amounts in packets or parts of a BDP do not fit each other.
    """
    low, high, ecn_max = _marking(spec, network, base)
    if not (_asked_for(spec, transport) or (low >= 0).any() or _irregular(network)):
        return None
    switch, clos, classes = spec.switch, spec.clos, spec.switch.data_classes
    names = [item.name for item in classes]
    response = _pause_response_ps(spec, network)
    xoff, xon = pause_thresholds(switch, base)
    return Switching(
        weight=np.array([item.weight for item in classes], dtype=np.int64),
        lossless=np.array([item.lossless for item in classes], dtype=np.int64),
        qp_class=tuple(names.index(name) for name in switch.class_of_channel or names[:1]),
        ecn_low=low,
        ecn_high=high,
        ecn_max=round(ecn_max * 2**32),
        ecn_at_enqueue=switch.ecn_at == "enqueue",
        trim_bytes=_none_is(0, switch.trim),
        buffer_bytes=_none_is(-1, switch.buffer),
        reserved_bytes=switch.reserved,
        headroom=_headroom(spec, network, transport, response),
        alpha=round(switch.alpha * 2**16),
        alpha_lossy=round(switch.alpha_lossy * 2**16),
        pfc=_paused_by(switch, network),
        xoff_bytes=xoff,
        xon_bytes=xon,
        pause_bytes=switch.pause_bytes,
        pause_response_ps=response,
        weighted=clos.weighted,
        bands=_bands(spec, base),
        refresh_ps=_none_is(0, clos.refresh),
        flowlet_gap_ps=_none_is(0, clos.flowlet_gap),
        flowlet_entries=clos.flowlet_entries,
    )


def _asked_for(spec: ClosSpec, transport: Transport) -> bool:
    """Return whether switches or NICs do what section 2 of docs/model.md does not cover."""
    switch, clos = spec.switch, spec.clos
    return (
        switch.buffer != "unbounded"
        or switch.pfc
        or switch.trim != "none"
        or len(switch.data_classes) > 1
        or clos.weighted
        or bool(clos.bands)
        or clos.flowlet_gap != "none"
        or transport.balance != Balance.NONE
        or transport.control == Control.HPCC
    )


def _irregular(network: Network) -> bool:
    return network.loss is not None or network.routes is not None or bool(network.changes)


def _on_switch(network: Network) -> NDArray[np.bool_]:
    """Return which ports belong to packet switches, (n_ports,)."""
    return np.asarray((network.kind == Kind.SWITCH)[network.device_of])


def _to_host(network: Network) -> NDArray[np.bool_]:
    """Return which ports of packet switches lead to hosts, (n_ports,)."""
    host = (network.kind == Kind.HOST)[network.device_of]
    return np.asarray(_on_switch(network) & host[network.peer])


def _normal_rate(spec: ClosSpec, network: Network) -> NDArray[np.float64]:
    """Return the rate in bit/s for which each port was built, (n_ports,)."""
    return np.asarray(np.rint(network.rate_bps / rate_share(spec, network)))


def _none_is(number: int, value: int | str) -> int:
    """Return ``value``, or ``number`` for a word that stands for none."""
    return number if isinstance(value, str) else value


def _marking(spec: ClosSpec, network: Network, base: Baseline) -> tuple[Ints, Ints, float]:
    """Return both thresholds of each port, -1 for none, and the probability at the upper."""
    low, high = np.full((2, network.n_ports), -1, dtype=np.int64)
    ports = _on_switch(network)
    if not _marks_to_hosts(spec):
        ports &= ~_to_host(network)
    normal = _normal_rate(spec, network)
    most = 1.0
    for rate in np.unique(normal[ports]):
        alike = ports & (normal == rate)
        thresholds, most = _thresholds(spec, int(rate), base)
        low[alike], high[alike] = thresholds
    share = rate_share(spec, network)
    return _scaled(low, share), _scaled(high, share), most


def _scaled(limit: Ints, share: NDArray[np.float64]) -> Ints:
    return np.where(limit < 0, -1, (limit * share).astype(np.int64))


def _marks_to_hosts(spec: ClosSpec) -> bool:
    asked = spec.switch.ecn_to_hosts
    return "rccc" not in spec.congestion.control if isinstance(asked, str) else asked


def _thresholds(spec: ClosSpec, rate_bps: int, base: Baseline) -> tuple[tuple[int, int], float]:
    """Return thresholds in bytes, -1 for none, and probability for ports of a rate."""
    switch = spec.switch
    *auto, most = _auto_marking(spec, rate_bps)
    given = (switch.ecn_low, switch.ecn_high)
    words = [own if asked == "auto" else asked for asked, own in zip(given, auto, strict=True)]
    low, high = (-1 if word == "none" else base.frame_bytes(word) for word in words)
    if (low < 0) != (high < 0):
        raise ConfigError("switch.ecn_low: none with a switch.ecn_high, or the reverse")
    if low > high:
        raise ConfigError(f"switch.ecn_low: {low} bytes is more than switch.ecn_high, {high} bytes")
    return (low, high), most if isinstance(switch.ecn_max, str) else switch.ecn_max


def _auto_marking(spec: ClosSpec, rate_bps: int) -> tuple[int | str, int | str, float]:
    """Return the marking that transport and control are made for; see docs/transports.md."""
    if spec.congestion.control == "dcqcn":
        values = dcqcn_values(spec.congestion.dcqcn, rate_bps)
        return values.ecn_low, values.ecn_high, values.ecn_max
    if spec.congestion.control == "dctcp":
        return "0.6 BDP", "0.6 BDP", 1.0
    if spec.transport.protocol == "uec":
        return "0.2 BDP", "0.8 BDP", 1.0
    return "none", "none", 1.0


def _paused_by(switch: Switch, network: Network) -> Ints:
    """Return 1 for the ports through which senders can be paused, (n_ports,)."""
    return np.where(switch.pfc, _on_switch(network), False).astype(np.int64)


def _pause_response_ps(spec: ClosSpec, network: Network) -> int:
    """Return the given time, or the longest by the rates of the switches' ports."""
    if isinstance(spec.switch.pause_response, int):
        return spec.switch.pause_response
    rates = np.unique(_normal_rate(spec, network)[_on_switch(network)])
    return max(response_ps(int(rate)) for rate in rates)


def response_ps(rate_bps: int) -> int:
    """Return the pause response at a rate, by the quanta of the next standard rate."""
    above = [quanta for gbps, quanta in RESPONSE_QUANTA.items() if gbps * 10**9 >= rate_bps]
    quanta = above[0] if above else RESPONSE_QUANTA[400]
    return -(-quanta * QUANTUM_BITS * 10**12 // rate_bps)


def pause_thresholds(switch: Classes, base: Baseline) -> tuple[int, int]:
    """Return the bytes that pause, -1 for dynamic, and those that resume or their offset."""
    if switch.xoff == "dynamic":
        return -1, base.frame_bytes(XON_OFFSET_BYTES if switch.xon == "auto" else switch.xon)
    xoff = base.frame_bytes(switch.xoff)
    xon = xoff * 4 // 5 if switch.xon == "auto" else base.frame_bytes(switch.xon)
    if xon > xoff:
        raise ConfigError(f"switch.xon: {xon} bytes is more than switch.xoff, {xoff} bytes")
    return xoff, xon


def _headroom(spec: ClosSpec, network: Network, transport: Transport, response: int) -> Ints:
    """Return the bytes each port keeps for what still comes after it paused, (n_ports,)."""
    rate = _normal_rate(spec, network)[network.peer]
    paused = _paused_by(spec.switch, network)
    return headroom(spec.switch, network, transport, response, rate) * paused


def headroom(
    switch: Classes, network: Network, transport: Transport, response: int, rate: Numbers
) -> Ints:
    """Return the bytes that a port needs after it paused, for senders of ``rate``, (n_ports,).

    What the sender puts on the wire until the frame has reached it and works, what is under way,
    and full packets: the one that made it pause, one ahead of the frame, one that had begun.
    """
    if isinstance(switch.headroom, int):
        return np.full(network.n_ports, switch.headroom, dtype=np.int64)
    both_ways = network.latency_ps + network.latency_ps[network.peer] + response
    under_way = np.ceil(rate / 8e12 * both_ways).astype(np.int64)
    packet = transport.mtu + transport.header_bytes + transport.gap_bytes
    frame = switch.pause_bytes + transport.gap_bytes
    return np.asarray(under_way + 3 * packet + frame)


def _bands(spec: ClosSpec, base: Baseline) -> Ints:
    """Return the limits of the bands in bytes, fractions being those of the queue."""
    bands = spec.clos.bands
    if any(isinstance(band, float) for band in bands):
        limit = base.frame_bytes(spec.clos.queue)
        bands = [int(band * limit) for band in bands]
    return np.array(bands, dtype=np.int64)
