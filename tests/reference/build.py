"""Makes the devices of a network and joins their ports."""

from dataclasses import dataclass
from typing import cast

from fabricemu.fabrics.network import Kind, Network
from fabricemu.fabrics.transport import Transport
from tests.reference import rules
from tests.reference.element import Element
from tests.reference.element_port import ElementPort
from tests.reference.ethernet_switch import EthernetSwitch
from tests.reference.events import Events
from tests.reference.hashing import device_seed
from tests.reference.host import Host
from tests.reference.host_port import HostPort
from tests.reference.leaf import Leaf
from tests.reference.port import Link, Port
from tests.reference.routes import RegularRoute, TableRoute
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
        routes = self.network.routes
        for device in devices:
            if isinstance(device, Leaf):
                device.join()
                if routes is not None:
                    device.spray.route = TableRoute(routes, device.number, self.network.n_ranks)
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
        own = cast(list[Port], device.ports)  # each kind of device has its kind of ports
        for number in range(first, last):
            own.append(self.port(device, number, number - first))
            own[-1].number = number
        return own

    def port(self, device: Device, number: int, index: int) -> Port:
        cells = self.network.carries_cells[number]
        scheduler = Scheduler() if cells else self.scheduler()
        place = index, self.link(device.number, number), scheduler
        match device:
            case Host():
                return HostPort(self.events, device, *place)
            case EthernetSwitch():
                return self.switch_port(device, number, place)
            case Element():
                return ElementPort(self.events, device, *place)
            case _:
                return Port(self.events, device, *place)

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
