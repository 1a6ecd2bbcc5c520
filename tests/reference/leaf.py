"""A DDC leaf: both sides of the cell fabric, and its lanes (section 5)."""

from functools import partial
from math import gcd

from fabricemu.fabrics.network import Ddc
from tests.reference.egress import Scheduler, Stream
from tests.reference.events import TIMER, Events
from tests.reference.hashing import fold, lane_seed, pick, tie
from tests.reference.packets import Cell, ControlCell, Item, Packet, VoqKey
from tests.reference.port import Port, transmission
from tests.reference.voq import Voq


class Lanes:
    """The permuted round robin over ``n`` lanes towards one leaf."""

    def __init__(self, seed: int, n: int):
        self.seed = seed  # of the pair of leaves
        self.n = n
        self.used = 0
        self.steps = [step for step in range(1, n) if gcd(step, n) == 1] or [1]

    def take(self) -> int:
        cycle, place = divmod(self.used, self.n)
        self.used += 1
        h = fold(self.seed, cycle)
        step = self.steps[pick(h, len(self.steps))]
        return (pick(fold(h, 1), self.n) + place * step) % self.n


class Leaf:
    def __init__(self, number: int, seed: int, events: Events, ddc: Ddc):
        self.number = number
        self.seed = seed
        self.events = events
        self.ddc = ddc
        self.index = number - ddc.first_leaf
        self.ports: list[Port] = []
        self.voqs: dict[VoqKey, Voq] = {}
        self.schedulers: dict[int, Scheduler] = {}
        self.streams: dict[VoqKey, Stream] = {}
        self.lanes: dict[int, Lanes] = {}
        self.requests = self.credits = self.blocked = self.reorder = self.cells = 0

    def receive(self, index: int, item: Item) -> None:
        if isinstance(item, Cell):
            self.on_cell(item)
        elif isinstance(item, ControlCell):
            if item.request:
                self.on_request(item.voq, item.request)
            else:
                self.on_credit(item.voq)
        else:
            self.on_packet(item)

    # source side

    def on_packet(self, packet: Packet) -> None:
        key = (self.index, packet.address, packet.level)
        voq = self.voqs.setdefault(key, Voq(key))
        voq.enter(packet, self.events.now)
        self.let_go(voq)
        n = voq.ask(self.ddc.credit_bytes)
        if n:
            self.requests += 1
            self.send_control(packet.address // self.ddc.leaf_ports, key, n)

    def on_credit(self, key: VoqKey) -> None:
        voq = self.voqs[key]
        voq.asked -= self.ddc.credit_bytes
        voq.balance += self.ddc.credit_bytes
        self.let_go(voq)

    def let_go(self, voq: Voq) -> None:
        batch = voq.leave(self.events.now)
        leaf = voq.key[1] // self.ddc.leaf_ports
        if leaf == self.index:
            for packet in batch:
                packet.last_cell = self.events.now
                self.release(packet)
            return
        for cell in voq.cells(batch, leaf, self.ddc):
            self.cells += 1
            self.spray(cell)

    # both sides

    def send_control(self, leaf: int, key: VoqKey, request: int) -> None:
        """Send a request, or a credit if ``request`` is 0; within the leaf it takes no time."""
        cell = ControlCell(leaf, self.ddc.control_cell_bytes, key, request)
        if leaf == self.index:
            self.receive(0, cell)
        else:
            self.spray(cell)

    def spray(self, cell: Cell | ControlCell) -> None:
        if cell.address not in self.lanes:
            seed = fold(lane_seed(self.seed), cell.address)
            self.lanes[cell.address] = Lanes(seed, self.ddc.lanes)
        lane = self.lanes[cell.address].take()
        self.ports[self.ddc.leaf_ports + lane].enqueue(cell)

    # egress side

    def on_request(self, key: VoqKey, n: int) -> None:
        port = key[1] % self.ddc.leaf_ports
        if port not in self.schedulers:
            self.schedulers[port] = Scheduler(self.interval(port))
        scheduler = self.schedulers[port]
        scheduler.request(key, n)
        if not scheduler.ticking:
            scheduler.ticking = True
            self.set_tick(port, scheduler.first_tick(self.events.now))

    def interval(self, port: int) -> int:
        rate = int(self.ports[port].link.rate * self.ddc.credit_speedup)
        return transmission(self.ddc.credit_bytes, rate)

    def set_tick(self, port: int, time: int) -> None:
        key = (tie(self.seed, port, time), port)
        self.events.at(time, self.number, TIMER, key, partial(self.tick, port))

    def tick(self, port: int) -> None:
        scheduler = self.schedulers[port]
        scheduler.last_tick = self.events.now
        if self.ports[port].waiting_bytes > self.ddc.egress_threshold_bytes:
            self.blocked += 1
        else:
            self.credits += 1
            key = scheduler.grant()
            self.send_control(key[0], key, 0)
        scheduler.ticking = bool(scheduler.pending)
        if scheduler.ticking:
            self.set_tick(port, self.events.now + scheduler.interval)

    def on_cell(self, cell: Cell) -> None:
        stream = self.streams.setdefault(cell.voq, Stream())
        self.reorder = max(self.reorder, cell.number - stream.expected)
        for packet in stream.accept(cell, self.events.now):
            self.release(packet)

    def release(self, packet: Packet) -> None:
        packet.released = self.events.now
        self.ports[packet.address % self.ddc.leaf_ports].enqueue(packet)
