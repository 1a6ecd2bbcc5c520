"""What an idle fabric is like: the measures that congestion control and limits derive from."""

from dataclasses import dataclass

import numpy as np

from fabricemu.fabrics.network import Network
from fabricemu.fabrics.paths import Paths
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.transport import Transport
from fabricemu.spec.fields import amount_bytes


@dataclass(frozen=True)
class Baseline:
    """Measures of an idle fabric.

    Attributes
    ----------
    rate_bps : int
        Of a NIC port.
    rtt_ps : int
        Largest time of a full packet there and its ACK back.
    payload_bytes, packet_bytes : int
        Payload and frame of a full packet.
    """

    rate_bps: int
    rtt_ps: int
    payload_bytes: int
    packet_bytes: int

    @property
    def bdp_bytes(self) -> int:
        """Bytes that a NIC port sends in an RTT: the bandwidth-delay product."""
        return self.rtt_ps * self.rate_bps // (8 * 10**12)

    @property
    def bdp_packets(self) -> int:
        """Full packets that a NIC port sends in an RTT, rounded up."""
        return -(-self.rtt_ps * self.rate_bps // (8 * 10**12 * self.packet_bytes))

    def frame_bytes(self, amount: int | str) -> int:
        """Return frame bytes of an amount in a specification."""
        return amount_bytes(amount, self.packet_bytes, self.bdp_packets)


def baseline(network: Network, transport: Transport) -> Baseline:
    """Return the measures of ``network`` for packets and ACKs as those of ``transport``."""
    return Baseline(
        rate_bps=int(network.rate_bps[0]),
        rtt_ps=Paths(network, transport).largest_rtt_ps() or _turn_ps(network, transport),
        payload_bytes=transport.mtu,
        packet_bytes=transport.mtu + transport.header_bytes,
    )


def _turn_ps(network: Network, transport: Transport) -> int:
    """Return the RTT of a host with itself over its leaf: all there is to one host alone."""
    cable = [0, int(network.peer[0])]
    sizes = np.array([transport.mtu + transport.header_bytes, transport.ack_bytes])
    moving = tx_ps((sizes + transport.gap_bytes)[:, np.newaxis], network.rate_bps[cable])
    return int(2 * network.latency_ps[cable].sum() + moving.sum())
