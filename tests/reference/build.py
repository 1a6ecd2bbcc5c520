"""Makes the devices of a network and joins their ports."""

from dataclasses import dataclass

from fabricemu.fabrics.network import Kind, Network
from fabricemu.fabrics.transport import Transport
from tests.reference import rules
from tests.reference.element import Element
from tests.reference.ethernet_switch import EthernetSwitch
from tests.reference.events import Events
from tests.reference.hashing import device_seed
from tests.reference.host import Host
from tests.reference.host_port import HostPort
from tests.reference.lane_port import ElementPort, LanePort
from tests.reference.leaf import Leaf
from tests.reference.port import Link, Port
from tests.reference.routes import RegularRoute
from tests.reference.scheduler import Scheduler
from tests.reference.switch import Switch
from tests.reference.switch_port import SwitchPort

Device = Host | Leaf | Switch  # an element is a switch


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
        for device in devices:
            if isinstance(device, Leaf):
                device.join()
                if self.network.routes is not None:
                    device.spray.route = rules.route(
                        self.network, device.number, self.network.routes
                    )
        return devices

    def device(self, number: int) -> Device:
        network, kind = self.network, self.network.kind[number]
        place = number, device_seed(self.seed, number), self.events
        if kind == Kind.HOST:
            return Host(*place)
        if kind == Kind.LEAF:
            return self.leaf(place)
        if kind == Kind.ELEMENT:
            assert network.ddc is not None
            way = rules.route(network, number, network.routes)
            return Element(*place, (way, rules.plain_chooser(network, *place[:2])), network.ddc)
        if network.switching is None:
            chooser = rules.plain_chooser(network, *place[:2])
            return Switch(*place, RegularRoute(network, number), chooser)
        route = rules.route(network, number, network.routes)
        ways = route, rules.chooser(network, *place[:2])
        return EthernetSwitch(*place, ways, rules.flow_control(network, self.transport, number))

    def leaf(self, place: tuple[int, int, Events]) -> Leaf:
        assert self.network.ddc is not None
        plain = self.network.switching is None
        pfc = None if plain else rules.flow_control(self.network, self.transport, place[0])
        return Leaf(place, self.network.ddc, self.weights, pfc)

    def ports(self, device: Device) -> list[Port]:
        """Give a device its ports."""
        first, last = self.network.port_ptr[device.number : device.number + 2].tolist()
        for number in range(first, last):
            device.ports.append(self.port(device, number, number - first))
            device.ports[-1].number = number
        return list(device.ports)

    def port(self, device: Device, number: int, index: int) -> Port:
        link = self.link(device.number, number)
        if self.network.carries_cells[number]:
            return self.lane(device, index, link)
        place = index, link, self.scheduler()
        match device:
            case Host():
                return HostPort(self.events, device, *place)
            case EthernetSwitch():
                return self.switch_port(device, number, place)
            case _:
                return Port(self.events, device, *place)

    def lane(self, device: Device, index: int, link: Link) -> LanePort:
        assert self.network.ddc is not None
        kind = ElementPort if isinstance(device, Element) else LanePort
        port = kind(self.events, device, index, link, Scheduler())
        port.thresholds = self.network.ddc.rci_bytes
        return port

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
        return Scheduler(self.weights, self.transport.mtu + self.transport.header_bytes)

    @property
    def weights(self) -> list[int]:
        switching = self.network.switching
        return [0] if switching is None else switching.weight.tolist()
