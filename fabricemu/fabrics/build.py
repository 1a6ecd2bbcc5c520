"""From a specification and a number of ranks to what the engine runs on."""

from fabricemu.errors import ConfigError
from fabricemu.fabrics.clos import build_clos
from fabricemu.fabrics.ddc import build_ddc
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Receiver, Transport
from fabricemu.spec.fabric import ClosSpec, FabricSpec
from fabricemu.spec.transport import TransportSpec

NO_WINDOW = 1 << 40  # packets; more than any message has
MAX_RANKS = 1 << 22
_RECEIVER = {"in-order": Receiver.IN_ORDER, "any-order": Receiver.ANY_ORDER}


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
            return build_clos(spec, n_ranks), build_transport(spec.transport)
        return build_ddc(spec, n_ranks), build_transport(spec.transport)
    except ConfigError as error:
        raise ConfigError(f"{spec.name}: {error} ({n_ranks} ranks)") from None


def build_transport(spec: TransportSpec) -> Transport:
    """Return the transport as plain numbers; a window is rounded down to whole packets."""
    return Transport(
        mtu=spec.mtu,
        header_bytes=spec.header_bytes,
        gap_bytes=spec.gap_bytes,
        ack_bytes=spec.ack_bytes,
        ack_every=spec.ack_every,
        window_packets=_window_packets(spec),
        receiver=_RECEIVER[spec.receiver],
        reorder_packets=spec.reorder_packets,
        rto_ps=0 if isinstance(spec.rto, str) else spec.rto,
        qps=spec.qps,
    )


def _window_packets(spec: TransportSpec) -> int:
    if isinstance(spec.window, str):
        return NO_WINDOW
    return max(1, spec.window // spec.mtu)
