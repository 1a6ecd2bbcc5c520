"""Builds the devices of a network, runs a program on them and collects what happened."""

from typing import Protocol

from fabricemu.fabrics.network import Kind, Network
from fabricemu.fabrics.transport import Transport
from fabricemu.workloads.program import Program
from tests.reference.events import Events
from tests.reference.hashing import device_seed
from tests.reference.host import Host, HostPort
from tests.reference.leaf import Leaf
from tests.reference.packets import Item
from tests.reference.port import Port
from tests.reference.program_run import ProgramRun
from tests.reference.queue_pair import QueuePair
from tests.reference.result import NONE, ReferenceResult
from tests.reference.switch import Route, Switch

SHOWN = 5  # operations that an error names


class DeadlockError(RuntimeError):
    """Nothing is left to happen and operations are unfinished."""


class Device(Protocol):
    number: int
    seed: int
    ports: list[Port]

    def receive(self, index: int, item: Item) -> None: ...


def simulate(
    network: Network, transport: Transport, program: Program, seed: int
) -> ReferenceResult:
    """Run ``program`` to its end.

    Parameters
    ----------
    network : Network
    transport : Transport
    program : Program
    seed : int

    Returns
    -------
    ReferenceResult
        Times in ps, sizes in bytes.
    """
    events = Events()
    devices = build_devices(network, transport, seed, events)
    ports = wire(network, devices, events)
    hosts = [device for device in devices if isinstance(device, Host)]
    run = ProgramRun(program, events, hosts, int(network.latency_ps.min()))
    for host in hosts:
        host.program = run
    qps = connect(network, transport, run)
    run.launch()
    events.run()
    check_finished(run)
    return collect(run, ports, devices, qps)


def build_devices(
    network: Network, transport: Transport, seed: int, events: Events
) -> list[Device]:
    devices: list[Device] = []
    for number, kind in enumerate(network.kind.tolist()):
        own_seed = device_seed(seed, number)
        if kind == Kind.HOST:
            devices.append(Host(number, own_seed, events, transport.rto_ps))
        elif kind == Kind.LEAF:
            assert network.ddc is not None
            devices.append(Leaf(number, own_seed, events, network.ddc))
        else:
            devices.append(Switch(number, own_seed, route(network, number)))
    return devices


def route(network: Network, number: int) -> Route:
    down = (network.lo, network.hi, network.div, network.bundle)
    up = (network.up_first, network.up_count, network.choice)
    return Route(*(int(column[number]) for column in down + up))


def wire(network: Network, devices: list[Device], events: Events) -> list[Port]:
    """Give every device its ports and join them; return them by global number."""
    ports: list[Port] = []
    for device in devices:
        first, last = network.port_ptr[device.number : device.number + 2].tolist()
        for p in range(first, last):
            numbers = (network.rate_bps[p], network.latency_ps[p], network.queue_bytes[p])
            rate, latency, limit = (int(number) for number in numbers)
            if isinstance(device, Host):
                ports.append(HostPort(events, device, p - first, rate, latency, limit))
            else:
                ports.append(Port(events, device, p - first, rate, latency, limit))
        device.ports = ports[first:last]
    for p, port in enumerate(ports):
        port.peer = ports[network.peer[p]]
    return ports


def connect(network: Network, transport: Transport, run: ProgramRun) -> list[QueuePair]:
    """Make the queue pairs of every connection, numbered in order."""
    qps: list[QueuePair] = []
    for src, dst, channel in sorted(run.connections()):
        own = []
        for i in range(transport.qps):
            index, address, home = path(network, src, dst, channel * transport.qps + i)
            port = run.hosts[src].ports[index]
            assert isinstance(port, HostPort)
            own.append(QueuePair(len(qps) + i, port, address, home, transport))
        run.hosts[src].connections[dst, channel] = own
        qps += own
    return qps


def path(network: Network, src: int, dst: int, turn: int) -> tuple[int, int, int]:
    """Return the sending port and the addresses of receiver and sender."""
    if src // network.scale_up == dst // network.scale_up:
        return network.nic_ports, dst, src
    port = turn % network.nic_ports
    return port, dst * network.nic_ports + port, src * network.nic_ports + port


def check_finished(run: ProgramRun) -> None:
    left = [op for op, time in enumerate(run.finished) if time == NONE]
    if left:
        names = ", ".join(f"op {op} of rank {run.rank[op]}" for op in left[:SHOWN])
        raise DeadlockError(f"{len(left)} operations cannot finish, first: {names}")


def collect(
    run: ProgramRun, ports: list[Port], devices: list[Device], qps: list[QueuePair]
) -> ReferenceResult:
    of_port = ("tx_bytes", "tx_packets", "drops", "peak")
    of_leaf = ("requests", "credits", "blocked", "reorder", "cells")
    of_host = ("retransmits", "timeouts", "nacks", "duplicates", "discards")
    counters = {name: [getattr(port, name) for port in ports] for name in of_port}
    counters |= {name: [getattr(device, name, 0) for device in devices] for name in of_leaf}
    counters |= {name: [getattr(host, name) for host in run.hosts] for name in of_host}
    depths = [qp.receiver.depth for qp in qps]
    return ReferenceResult(run.messages, run.started, run.finished, qp_reorder=depths, **counters)
