"""Makes the queue pairs of a program (section 3): who sends where, by which transport."""

from dataclasses import dataclass, field

from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Protocol, Transport, Uec
from tests.reference import congestion
from tests.reference.balance import balance
from tests.reference.distance import switches_between
from tests.reference.host import Host
from tests.reference.host_port import HostPort
from tests.reference.queue_pair import Ends, QueuePair
from tests.reference.rc.notification import NotificationPoint
from tests.reference.rc.receiver import RcReceiver
from tests.reference.rc.sender import RcSender
from tests.reference.uec.credit import Credit
from tests.reference.uec.pacer import Pacer
from tests.reference.uec.receiver import UecReceiver
from tests.reference.uec.sender import Laws, UecSender


@dataclass
class Connector:
    network: Network
    transport: Transport
    seed: int
    hosts: list[Host]
    pacers: dict[tuple[int, int], Pacer] = field(default_factory=dict)  # by host and port

    def connect(self, connections: set[tuple[int, int, int]]) -> list[QueuePair]:
        """Make the queue pairs of every connection (src, dst, channel), numbered in order."""
        qps: list[QueuePair] = []
        for src, dst, channel in sorted(connections):
            own = []
            for i in range(self.transport.qps):
                port, ends = self.ends(len(qps) + i, (src, dst, channel), i)
                rc = self.transport.protocol == Protocol.RC
                own.append(self.reliable(port, ends) if rc else self.unordered(port, ends))
            self.hosts[src].connections[dst, channel] = own
            qps += own
        return qps

    def ends(self, number: int, connection: tuple[int, int, int], i: int) -> tuple[HostPort, Ends]:
        """Return the port and the ends of queue pair i of a connection."""
        src, dst, channel = connection
        index, address, home = self.path(src, dst, channel * self.transport.qps + i)
        switches = switches_between(self.network, src, dst, index)
        ends = Ends(number, src, dst, address, home, self.data_class(channel), switches)
        return self.hosts[src].ports[index], ends

    def path(self, src: int, dst: int, turn: int) -> tuple[int, int, int]:
        """Return the sending port and the addresses of receiver and sender."""
        network = self.network
        if src // network.scale_up == dst // network.scale_up:
            return network.nic_ports, dst, src
        port = turn % network.nic_ports
        return port, dst * network.nic_ports + port, src * network.nic_ports + port

    def data_class(self, channel: int) -> int:
        switching = self.network.switching
        classes = (0,) if switching is None else switching.qp_class
        return classes[channel % len(classes)]

    def reliable(self, port: HostPort, ends: Ends) -> QueuePair:
        transport = self.transport
        law = congestion.control(transport, port.link.rate, ends.switches)
        sender = RcSender(ends, port, transport, law, balance(transport, self.seed, ends.number))
        sender.receiver = RcReceiver(sender, transport, NotificationPoint(transport))
        return sender

    def unordered(self, port: HostPort, ends: Ends) -> QueuePair:
        transport, given = self.transport, self.transport.parameters
        laws = Laws(None, None, balance(transport, self.seed, ends.number))
        pacer = None
        if isinstance(given, Uec):
            laws.window = congestion.window(transport, given)
        if isinstance(given, Uec) and transport.has_credit:
            laws.credit = Credit(given.max_window, transport.mtu + transport.header_bytes)
            pacer = self.pacer(ends.dst, port.index, given)
        sender = UecSender(ends, port, transport, laws)
        sender.receiver = UecReceiver(sender, transport, pacer)
        return sender

    def pacer(self, rank: int, index: int, given: Uec) -> Pacer:
        """Return the pacer of a host's port, one for all that send there."""
        if (rank, index) not in self.pacers:
            pacer = Pacer(self.hosts[rank], index, self.transport, given)
            self.pacers[rank, index] = pacer
        return self.pacers[rank, index]
