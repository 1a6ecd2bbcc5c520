"""DCQCN's notification point: marked packets cause CNPs, not too many (section 7.2)."""

from fabricemu.fabrics.transport import Dcqcn, Transport
from tests.reference.packets import Cnp, Data, Packet


class NotificationPoint:
    """Silent unless the control of the transport is DCQCN."""

    def __init__(self, transport: Transport):
        self.transport = transport
        self.last: int | None = None
        self.cnps = 0

    def notice(self, packet: Data, now: int) -> list[Packet]:
        """Return the CNP that a packet causes, if any."""
        parameters = self.transport.parameters
        if not packet.marked or not isinstance(parameters, Dcqcn):
            return []
        if self.last is not None and now - self.last < parameters.cnp_interval_ps:
            return []
        self.last = now
        self.cnps += 1
        frame = self.transport.cnp_bytes
        wire = frame + self.transport.gap_bytes
        return [Cnp(packet.qp, packet.qp.ends.home, frame, wire)]
