"""How a switch chooses among the ports of a group (sections 2 and 6)."""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from fabricemu.fabrics.network import Choice
from tests.reference.flowlets import Flowlets
from tests.reference.hashing import fold, path_seed, pick
from tests.reference.packets import Item, Packet
from tests.reference.port import Port
from tests.reference.rotation import Rotation

MBIT = 10**6


@dataclass
class Rules:
    """What a choice follows besides its kind; the defaults are those of section 2."""

    choice: int
    weighted: bool = False
    bands: tuple[int, ...] = ()
    refresh: int = 0
    train_cells: int = 1


class Chooser:
    def __init__(self, seed: int, rules: Rules, flowlets: Flowlets | None = None):
        self.seed = path_seed(seed)
        self.rules = rules
        self.flowlets = flowlets
        self.choices = 0
        self.turns = defaultdict(lambda: Rotation(rules.train_cells))  # by group
        self.seen: dict[Port, tuple[int, int]] = {}  # time and number of a port's band

    def choose(self, group: int, ports: list[Port], item: Item, now: int) -> Port:
        """Return the port that ``item`` takes; those of a group have a fixed order."""
        if len(ports) == 1:
            return ports[0]
        if self.flowlets is None:
            return self.take(group, ports, item, now)
        assert isinstance(item, Packet)
        entry = self.flowlets.entry(item)
        if not entry.goes_on(ports, now):
            entry.port = self.take(group, ports, item, now)
        entry.last = now
        assert entry.port is not None
        return entry.port

    def take(self, group: int, ports: list[Port], item: Item, now: int) -> Port:
        match self.rules.choice:
            case Choice.ECMP:
                assert isinstance(item, Packet), "cells have no flow to hash"
                return ports[self.place(item.flow_hash(self.seed), ports)]
            case Choice.ROUND_ROBIN:
                turn = self.turns[group]
                turn.place %= len(ports)  # other routes may have fewer ports
                port = ports[turn.place]
                turn.add(item)
                return port
            case Choice.SPRAY:
                return ports[self.spray(ports)]
            case _:
                return self.least_loaded(ports, self.spray(ports), now)

    def spray(self, ports: list[Port]) -> int:
        h = fold(self.seed, self.choices)
        self.choices += 1
        return self.place(h, ports)

    def place(self, h: int, ports: list[Port]) -> int:
        """Return an index by a hash, in proportion to the rates if they are weighted."""
        if not self.rules.weighted:
            return pick(h, len(ports))
        point = pick(h, sum(weight(port) for port in ports))
        index = 0
        while point >= weight(ports[index]):
            point -= weight(ports[index])
            index += 1
        return index

    def least_loaded(self, ports: list[Port], first: int, now: int) -> Port:
        walk = ports[first:] + ports[:first]
        return min(walk, key=lambda port: self.relative_load(port, now))

    def relative_load(self, port: Port, now: int) -> Fraction:
        own = self.band(port, now) if self.rules.bands else load(port)
        return Fraction(own, weight(port) if self.rules.weighted else 1)

    def band(self, port: Port, now: int) -> int:
        """Return the number of bands that the port fills, perhaps that of a while ago."""
        if port in self.seen and now - self.seen[port][0] < self.rules.refresh:
            return self.seen[port][1]
        number = sum(band <= port.waiting_bytes for band in self.rules.bands)
        self.seen[port] = (now, number)
        return number


def load(port: Port) -> int:
    """Return what makes a port less welcome: what waits there, and a wire that is not free."""
    return 2 * port.waiting_bytes + port.busy


def weight(port: Port) -> int:
    """Return the rate of a port in Mbit/s."""
    return max(1, port.link.rate // MBIT)
