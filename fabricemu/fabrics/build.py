"""From a specification and a number of ranks to what the engine runs on."""

from dataclasses import replace

from fabricemu.errors import ConfigError
from fabricemu.fabrics.baseline import Baseline, baseline
from fabricemu.fabrics.congestion import CONTROLS, congestion_parameters
from fabricemu.fabrics.ddc import build_ddc
from fabricemu.fabrics.ddc_switching import leaf_switching
from fabricemu.fabrics.faults import broken
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.switching import build_switching, queue_bytes
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.topology import wire
from fabricemu.fabrics.transport import Balance, Protocol, Receiver, Transport
from fabricemu.spec.fabric import ClosSpec, DdcSpec, FabricSpec
from fabricemu.spec.fields import amount_bytes
from fabricemu.spec.transport import TransportSpec
from fabricemu.spec.units import parse_bytes

NO_WINDOW = 1 << 40  # packets; more than any message has
MAX_RANKS = 1 << 22
UEC_RTO_PS = 15 * 10**6  # and the drain of so many queues (uet-htsim)
UEC_RTO_QUEUES = 6
_RECEIVER = {
    "in-order": Receiver.IN_ORDER,
    "window": Receiver.WINDOW,
    "any-order": Receiver.ANY_ORDER,
}


def build(spec: FabricSpec, n_ranks: int) -> tuple[Network, Transport]:
    """Return the network and the transport of ``spec`` for ``n_ranks`` hosts.

    Raises
    ------
    ConfigError
        If the hosts do not fit the fabric.
    """
    if not 1 <= n_ranks <= MAX_RANKS:
        raise ConfigError(f"{spec.name}: {n_ranks} ranks; expected 1 to {MAX_RANKS}")
    try:
        if isinstance(spec, ClosSpec):
            return _build_clos(spec, n_ranks)
        return _build_ddc(spec, n_ranks)
    except ConfigError as error:
        raise ConfigError(f"{spec.name}: {error} ({n_ranks} ranks)") from None


def _build_clos(spec: ClosSpec, n_ranks: int) -> tuple[Network, Transport]:
    spec, network = wire(spec, n_ranks)
    base = baseline(network, bare_transport(spec.transport))
    transport = build_transport(spec, base)
    network = broken(spec, network)
    network = replace(network, queue_bytes=queue_bytes(spec, network, base))
    if not transport.rto_ps and (network.loss is not None or (network.queue_bytes >= 0).any()):
        raise ConfigError("transport.rto: none, but links lose or queues have a limit")
    return replace(network, switching=build_switching(spec, network, transport, base)), transport


def _build_ddc(spec: DdcSpec, n_ranks: int) -> tuple[Network, Transport]:
    network = build_ddc(spec, n_ranks)
    base = baseline(network, bare_transport(spec.transport))
    transport = build_transport(spec, base)
    switching = leaf_switching(spec, network, transport, base)
    return replace(broken(spec, network), switching=switching), transport


def idle_baseline(spec: FabricSpec, n_ranks: int) -> Baseline:
    """Return the measures of a fabric that ``build`` accepts, idle and before anything breaks."""
    network = wire(spec, n_ranks)[1] if isinstance(spec, ClosSpec) else build_ddc(spec, n_ranks)
    return baseline(network, bare_transport(spec.transport))


def bare_transport(spec: TransportSpec) -> Transport:
    """Return packets, ACKs and receiver as plain numbers: all that an idle fabric asks for."""
    count, in_bytes = _ack_every(spec)
    return Transport(
        mtu=spec.mtu,
        header_bytes=spec.header_bytes,
        gap_bytes=spec.gap_bytes,
        ack_bytes=spec.ack_bytes,
        ack_every=count,
        window_packets=NO_WINDOW,
        receiver=_RECEIVER[spec.receiver],
        reorder_packets=spec.reorder_packets,
        rto_ps=0,
        qps=spec.qps,
        protocol=Protocol[spec.protocol.upper()],
        ack_in_bytes=in_bytes,
        loss_distance=spec.loss_distance,
        cnp_bytes=spec.cnp_bytes,
        balance=Balance[spec.balance.upper()],
        entropies=1 if spec.balance == "none" else spec.entropies,
    )


def build_transport(spec: FabricSpec, base: Baseline) -> Transport:
    """Return the transport as plain numbers, with what derives from the idle fabric."""
    trims = isinstance(spec, ClosSpec) and spec.switch.trim != "none"
    return replace(
        bare_transport(spec.transport),
        window_packets=_window_packets(spec.transport, base),
        rto_ps=_rto_ps(spec, base),
        control=CONTROLS[spec.congestion.control],
        parameters=congestion_parameters(spec.congestion, base, trims),
    )


def _ack_every(spec: TransportSpec) -> tuple[int, bool]:
    """Return after how much an ACK is due, and whether that is bytes; UEC always counts bytes."""
    if isinstance(spec.ack_every, str):
        return parse_bytes(spec.ack_every), True
    if spec.protocol == "uec":
        return spec.ack_every * spec.frame_bytes, True
    return spec.ack_every, False


def _window_packets(spec: TransportSpec, base: Baseline) -> int:
    """Return the window in packets; bytes are rounded down to whole packets."""
    if spec.window == "none":
        return NO_WINDOW
    return max(1, amount_bytes(spec.window, spec.mtu, base.bdp_packets) // spec.mtu)


def _rto_ps(spec: FabricSpec, base: Baseline) -> int:
    rto = spec.transport.rto
    if isinstance(rto, int):
        return rto
    if rto == "none":
        return 0
    queue = spec.clos.queue if isinstance(spec, ClosSpec) else "unbounded"
    limit = base.frame_bytes("1 BDP" if queue == "unbounded" else queue)
    return UEC_RTO_PS + UEC_RTO_QUEUES * int(tx_ps(limit, base.rate_bps))
