"""A packet switch with a buffer and flow control (section 6)."""

from tests.reference.choices import Chooser
from tests.reference.events import Events
from tests.reference.packets import Item, Packet
from tests.reference.pfc import Pfc
from tests.reference.routes import Route
from tests.reference.switch import Switch


class EthernetSwitch(Switch):
    def __init__(
        self, number: int, seed: int, events: Events, way: tuple[Route, Chooser], pfc: Pfc
    ):
        super().__init__(number, seed, events, *way)
        self.buffer = pfc.buffer
        self.pfc = pfc

    def receive(self, index: int, item: Item) -> None:
        assert isinstance(item, Packet)
        item.ingress = index
        super().receive(index, item)
