"""Classes that pause each other in a circle (section 6)."""

from tests.reference.events import NETWORK, Events
from tests.reference.packets import DATA, Data
from tests.reference.port import Port
from tests.reference.switch_port import SwitchPort

LOOK_PS = 10**9  # from look to look

Node = tuple[SwitchPort, int]  # a level of a port that is paused


class DeadlockError(RuntimeError):
    """Nothing is left to happen, or ports wait for each other, and operations are unfinished."""


class Watch:
    """Looks now and then; a circle in which nothing was sent since the last look ends the run."""

    def __init__(self, ports: list[Port], events: Events):
        self.ports = [port for port in ports if isinstance(port, SwitchPort)]
        self.events = events
        self.last: dict[Node, int] = {}  # packets started by each node of the circle

    def look(self) -> None:
        circle = find_circle(self.paused())
        started = {(port, level): port.started[level] for port, level in circle}
        if circle and started == self.last:
            names = ", ".join(f"{port.number} (class {level - DATA})" for port, level in circle)
            raise DeadlockError(f"ports pause each other in a circle: {names}")
        self.last = started
        if circle or self.events.left:
            self.events.at(self.events.now + LOOK_PS, NETWORK, 1, (), self.look)

    def paused(self) -> list[Node]:
        return [
            (port, level)
            for port in self.ports
            for level, stopped in enumerate(port.pauses.paused)
            if stopped
        ]


def find_circle(paused: list[Node]) -> list[Node]:
    """Return nodes of which each waits for the next, and the last for the first; or none."""
    waits = {node: [other for other in paused if waits_for(node, other)] for node in paused}
    stuck = set(paused)
    while free := {node for node in stuck if not stuck.intersection(waits[node])}:
        stuck -= free
    walk: list[Node] = []
    node = next((node for node in paused if node in stuck), None)
    while node is not None and node not in walk:
        walk.append(node)
        node = next(other for other in waits[node] if other in stuck)
    return walk[walk.index(node) :] if node is not None else []


def waits_for(node: Node, other: Node) -> bool:
    """Return whether the port group that paused a port has packets that wait at another."""
    group = node[0].peer
    if other[0].device is not group.device or other[1] != node[1]:
        return False
    waiting = other[0].queues[other[1]]
    return any(isinstance(item, Data) and item.ingress == group.index for item in waiting)
