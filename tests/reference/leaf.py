"""A DDC leaf: both sides of the cell fabric, and its lanes (sections 5 and 12 to 17)."""

from collections.abc import Sequence

from fabricemu.fabrics.network import Ddc
from tests.reference.choices import weight
from tests.reference.egress import Egress
from tests.reference.events import Events
from tests.reference.ingress import Ingress
from tests.reference.leaf_counts import LeafCounts
from tests.reference.packets import Cell, ControlCell, Item, Packet, VoqKey, Word
from tests.reference.pfc import Pfc
from tests.reference.port import Port
from tests.reference.spray import Spray


class Leaf:
    """``weights`` are those of the data classes; without ``pfc`` its buffer has no end."""

    spray: Spray

    def __init__(
        self, place: tuple[int, int, Events], ddc: Ddc, weights: Sequence[int], pfc: Pfc | None
    ):
        self.number, self.seed, self.events = place
        self.ddc = ddc
        self.index = self.number - ddc.first_leaf
        self.ports: list[Port] = []
        self.counts = LeafCounts()
        self.ingress = Ingress(self, pfc)
        self.egress = Egress(self, weights)

    def join(self) -> None:
        """Learn what the lanes are, once all ports have their peers."""
        self.spray = Spray(self.seed, self.ports, self.ddc)
        lanes = self.ports[self.hosts :]
        self.learn_rates(sum(weight(lane.peer) for lane in lanes), sum(map(weight, lanes)))

    def learn_rates(self, into: int, out: int) -> None:
        """Learn what the lanes carry both ways, in Mbit/s."""
        self.egress.live_mbps = into
        self.ingress.pacer.mbps = out

    @property
    def hosts(self) -> int:
        """Number of ports to hosts; lanes follow."""
        return len(self.ports) - self.ddc.lanes

    def receive(self, index: int, item: Item) -> None:
        match item:
            case Cell():
                self.egress.on_cell(item)
            case ControlCell(word=Word.CREDIT):
                self.ingress.on_credit(item.voq)
            case ControlCell():
                self.egress.on_request(item)
            case Packet():
                self.ingress.on_packet(index, item)

    def say(self, leaf: int, voq: VoqKey, word: Word, n: int) -> None:
        """Send a control cell; within the leaf it takes no time."""
        cell = ControlCell(leaf, self.ddc.control_cell_bytes, voq, word, n)
        if leaf == self.index:
            self.receive(0, cell)
        else:
            self.send(cell)

    def send(self, cell: Cell | ControlCell) -> None:
        lane = self.spray.choose(cell.address, cell)
        if lane is None:
            self.counts.unreached += 1
        else:
            lane.enqueue(cell)
