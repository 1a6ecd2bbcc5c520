"""Makes the devices of a network and joins their ports."""

from dataclasses import dataclass

from fabricemu.fabrics.network import Kind, Network
from fabricemu.fabrics.transport import Transport
from tests.reference import rules
from tests.reference.ethernet_switch import EthernetSwitch
from tests.reference.events import Events
from tests.reference.hashing import device_seed
from tests.reference.host import Host
from tests.reference.host_port import HostPort
from tests.reference.leaf import Leaf
from tests.reference.port import Link, Port
from tests.reference.routes import RegularRoute
from tests.reference.scheduler import Scheduler
from tests.reference.switch import Switch
from tests.reference.switch_port import SwitchPort

Device = Host | Leaf | Switch


@dataclass
class Builder:
    network: Network
    transport: Transport
    seed: int
    events: Events

    def devices(self) -> list[Device]:
        """Return the devices with their ports, joined."""
        devices = [self.device(number) for number in range(self.network.n_devices)]
        ports = [port for device in devices for port in self.ports(device)]
        for number, port in enumerate(ports):
            port.peer = ports[self.network.peer[number]]
        return devices

    def device(self, number: int) -> Device:
        network, kind = self.network, self.network.kind[number]
        place = number, device_seed(self.seed, number), self.events
        if kind == Kind.HOST:
            return Host(*place)
        if kind == Kind.LEAF:
            assert network.ddc is not None
            return Leaf(*place, network.ddc)
        if network.switching is None:
            chooser = rules.plain_chooser(network, number, place[1])
            return Switch(*place, RegularRoute(network, number), chooser)
        way = rules.route(network, number, network.routes), rules.chooser(network, *place[:2])
        return EthernetSwitch(*place, way, rules.flow_control(network, self.transport, number))

    def ports(self, device: Device) -> list[Port]:
        """Give a device its ports."""
        first, last = self.network.port_ptr[device.number : device.number + 2].tolist()
        for number in range(first, last):
            place = number - first, self.link(device.number, number), self.scheduler()
            match device:
                case Host():
                    device.ports.append(HostPort(self.events, device, *place))
                case EthernetSwitch():
                    device.ports.append(self.switch_port(device, number, place))
                case _:
                    device.ports.append(Port(self.events, device, *place))
            device.ports[-1].number = number
        return list(device.ports)

    def switch_port(
        self, device: EthernetSwitch, number: int, place: tuple[int, Link, Scheduler]
    ) -> SwitchPort:
        port = SwitchPort(self.events, device, *place)
        port.marking = rules.marking(self.network, self.transport, device.number, number)
        return port

    def link(self, device: int, port: int) -> Link:
        network = self.network
        rate, latency = int(network.rate_bps[port]), int(network.latency_ps[port])
        loss = 0 if network.loss is None else int(network.loss[port])
        return Link(rate, latency, rules.limit_of(network, device, port), loss)

    def scheduler(self) -> Scheduler:
        switching = self.network.switching
        weights = [0] if switching is None else switching.weight.tolist()
        return Scheduler(weights, self.transport.mtu + self.transport.header_bytes)
