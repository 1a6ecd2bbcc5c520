"""What changes while a program runs: rates, links and ways (sections 11 and 17)."""

from functools import partial

from fabricemu.fabrics.network import Change, Network, Routes
from tests.reference import rules
from tests.reference.build import Device
from tests.reference.events import NETWORK, Events
from tests.reference.leaf import Leaf
from tests.reference.switch import Switch


def schedule(network: Network, devices: list[Device], events: Events) -> None:
    """See to it that each change happens, before all else at its time."""
    for number, change in enumerate(network.changes):
        action = partial(apply, change, network, devices)
        events.at(change.time_ps, NETWORK, 0, (number,), action)


def apply(change: Change, network: Network, devices: list[Device]) -> None:
    links = [port.link for device in devices for port in device.ports]
    rows = zip(change.ports.tolist(), change.rate_bps.tolist(), change.up.tolist(), strict=True)
    for port, rate, up in rows:
        links[port].rate = rate
        links[port].up = bool(up)
    for device in devices:
        if change.routes is not None:
            turn(device, network, change.routes)
        if change.lane_mbps is not None and isinstance(device, Leaf):
            device.learn_rates(*change.lane_mbps[:, device.index].tolist())


def turn(device: Device, network: Network, routes: Routes) -> None:
    """Tell a switch or leaf its ways."""
    match device:
        case Leaf():
            device.spray.route = rules.route(network, device.number, routes)
        case Switch():
            device.route = rules.route(network, device.number, routes)
