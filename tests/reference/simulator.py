"""Runs a program on the devices of a network and collects what happened."""

from dataclasses import fields

from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.workloads.program import Program
from tests.reference import changes
from tests.reference.build import Builder, Device
from tests.reference.connect import Connector
from tests.reference.deadlock import DeadlockError, Watch
from tests.reference.events import Events
from tests.reference.host import Host
from tests.reference.leaf import Leaf
from tests.reference.leaf_counts import LeafCounts
from tests.reference.program_run import ProgramRun
from tests.reference.queue_pair import QueuePair
from tests.reference.result import NONE, ReferenceResult

SHOWN = 5  # operations that an error names


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
    devices = Builder(network, transport, seed, events).devices()
    hosts = [device for device in devices if isinstance(device, Host)]
    run = ProgramRun(program, events, hosts, int(network.latency_ps.min()))
    for host in hosts:
        host.program = run
    qps = Connector(network, transport, seed, hosts).connect(run.connections())
    changes.schedule(network, devices, events)
    run.launch()
    Watch([port for device in devices for port in device.ports], events).look()
    events.run()
    check_finished(run)
    return collect(run, devices, qps)


def check_finished(run: ProgramRun) -> None:
    left = [op for op, time in enumerate(run.finished) if time == NONE]
    if left:
        names = ", ".join(f"op {op} of rank {run.rank[op]}" for op in left[:SHOWN])
        raise DeadlockError(f"{len(left)} operations cannot finish, first: {names}")


def collect(run: ProgramRun, devices: list[Device], qps: list[QueuePair]) -> ReferenceResult:
    ports = [port for device in devices for port in device.ports]
    of_port = ("tx_bytes", "tx_packets", "drops", "peak", "lost", "marks", "trims")
    of_receiver = ("nacks", "duplicates", "discards", "cnps")
    counters = {name: [getattr(port, name) for port in ports] for name in of_port}
    leaves = [device.counts if isinstance(device, Leaf) else LeafCounts() for device in devices]
    for field in fields(LeafCounts):
        counters[field.name] = [getattr(counts, field.name) for counts in leaves]
    for name in ("retransmits", "timeouts", *of_receiver):
        counters[name] = [0] * len(run.hosts)
    for qp in qps:
        counters["retransmits"][qp.ends.src] += qp.retransmits
        counters["timeouts"][qp.ends.src] += qp.timeouts
        for name in of_receiver:
            counters[name][qp.ends.dst] += getattr(qp.receiver, name)
    pauses = sorted((port.number, *row) for port in ports for row in port.pauses.intervals)
    depths = [qp.receiver.depth for qp in qps]
    results = (run.messages, run.started, run.finished)
    return ReferenceResult(*results, pauses=pauses, qp_reorder=depths, **counters)
