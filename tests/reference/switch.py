"""Packet switch, fabric element and scale-up switch (section 2)."""

from tests.reference.choices import Chooser
from tests.reference.events import Events
from tests.reference.packets import Item
from tests.reference.port import Port
from tests.reference.routes import Route


class Switch:
    def __init__(self, number: int, seed: int, events: Events, route: Route, chooser: Chooser):
        self.number = number
        self.seed = seed
        self.events = events
        self.route = route
        self.chooser = chooser
        self.ports: list[Port] = []

    def receive(self, index: int, item: Item) -> None:
        group = self.route.group(item.address)
        if group is None:
            self.ports[index].lost += 1
            return
        number, members = group
        ports = [self.ports[member] for member in members]
        self.chooser.choose(number, ports, item, self.events.now).enqueue(item)
