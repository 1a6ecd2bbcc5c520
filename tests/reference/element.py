"""A fabric element: a switch that tells who sends too much (section 14)."""

from collections import defaultdict

from fabricemu.fabrics.network import Ddc
from tests.reference.choices import Chooser
from tests.reference.events import Events
from tests.reference.packets import DATA, Cell, Item, PauseFrame
from tests.reference.routes import Route
from tests.reference.switch import Switch


class Element(Switch):
    def __init__(
        self, number: int, seed: int, events: Events, way: tuple[Route, Chooser], ddc: Ddc
    ):
        super().__init__(number, seed, events, *way)
        self.ddc = ddc
        self.held: dict[int, int] = defaultdict(int)  # bytes, by ingress port
        self.pausing: set[int] = set()

    def receive(self, index: int, item: Item) -> None:
        if isinstance(item, Cell):
            item.ingress = index
        super().receive(index, item)

    def congestion(self, queue: int) -> int:
        """Return the level of a queue of so many bytes."""
        return sum(queue >= threshold for threshold in self.ddc.rci_bytes)

    def hold(self, cell: Cell) -> None:
        """Note that a cell waits, and perhaps pause the lane through which it came."""
        port, most = cell.ingress, self.ddc.llfc_xoff_bytes
        self.held[port] += cell.frame
        if 0 <= most < self.held[port] and port not in self.pausing:
            self.pausing.add(port)
            self.say(port, stop=True)

    def let_go(self, cell: Cell) -> None:
        """Note that a cell waits no longer."""
        port = cell.ingress
        self.held[port] -= cell.frame
        if port in self.pausing and self.held[port] <= self.ddc.llfc_xon_bytes:
            self.pausing.remove(port)
            self.say(port, stop=False)

    def say(self, port: int, stop: bool) -> None:
        size = self.ddc.control_cell_bytes
        self.ports[port].send_pause(PauseFrame(DATA, stop, size, size, self.ddc.llfc_response_ps))
