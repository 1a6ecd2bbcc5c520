"""The classic event loop as Python sees it: a network and flows in, times out."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from fabricemu.kernels import state as kernel
from fabricemu.kernels._view import handle
from numpy.typing import NDArray

from benchmarks import classic, classic_state
from benchmarks.classic_state import INF, NONE, PORT_MASK, PSN_MASK, ROOT, ClassicState
from fabricemu.engine.memory import empty, filled, raw
from fabricemu.engine.network_state import device_seeds, fold
from fabricemu.errors import ConfigError, EngineError
from fabricemu.fabrics.network import Choice, Kind, Network
from fabricemu.fabrics.transport import Transport

Ints = NDArray[np.int64]
INT64 = np.dtype(np.int64)
PS_PER_BYTE_AT_1_BPS = 8_000_000_000_000
ROOM_PER_PACKET = 16  # reserved items of wires and queues; pages are used only if touched


@dataclass(frozen=True)
class ClassicRun:
    """Times of a finished run.

    Attributes
    ----------
    delivered_ps, acked_ps : (n_flows,) int64, ps
        When the receiver had the last byte, the sender the last acknowledgement.
    hops : int
        Transmissions of packets over links.
    events : int
        Departures and arrivals taken from the heap.
    sim_s : float
        Wall time of the loop.
    """

    delivered_ps: Ints
    acked_ps: Ints
    hops: int
    events: int
    sim_s: float


def run_classic(
    network: Network, transport: Transport, flows: Ints, *, seed: int = 0
) -> ClassicRun:
    """Send all flows from time 0 on and run until nothing is left to happen.

    Parameters
    ----------
    network : Network
        A Clos of hosts with one NIC port, without limits of queues.
    transport : Transport
        Any-order receivers, an ACK for each packet, no window, no time-out.
    flows : (n_flows, 3) int64
        Source, destination, bytes; each pair once.
    seed : int
        All random choices follow it, as in the engine.

    Raises
    ------
    ConfigError
        If the loop lacks what the inputs ask for.
    """
    check(network, transport, flows)
    warm_up()
    state = build(network, transport, flows, seed)
    begin = time.perf_counter()
    classic.run(handle(state))
    elapsed = time.perf_counter() - begin
    totals = state.totals[0]
    if totals["full"]:
        raise EngineError("classic: more packets in flight than there is room for")
    return ClassicRun(
        delivered_ps=state.flows["delivered"].copy(),
        acked_ps=state.flows["acked"].copy(),
        hops=int(totals["hops"]),
        events=int(totals["events"]),
        sim_s=elapsed,
    )


def warm_up() -> float:
    """Compile the loop if that is still to do; return the seconds it took."""
    if not hasattr(classic.run, "signatures") or classic.run.signatures:
        return 0.0
    begin = time.perf_counter()
    classic.run.compile("(int64[::1],)")
    return time.perf_counter() - begin


def check(network: Network, transport: Transport, flows: Ints) -> None:
    """Raise ConfigError if the loop lacks what the inputs ask for."""
    packets = packets_of(transport, flows).max(initial=0)
    switches = network.kind == Kind.SWITCH
    needs = {
        "one NIC port a host": network.nic_ports == 1 and network.scale_up == 1,
        "hosts and packet switches only": bool(np.all(switches[network.n_ranks :])),
        "oblivious spray": bool(np.all(network.choice[switches] == Choice.SPRAY)),
        "queues without limit": bool(np.all(network.queue_bytes < 0)),
        "whole picoseconds per byte": not np.any(PS_PER_BYTE_AT_1_BPS % network.rate_bps),
        f"at most {PORT_MASK + 1} ports": network.n_ports <= PORT_MASK + 1,
        "an any-order receiver": transport.any_order,
        "an ACK for each packet": transport.ack_every == 1 and transport.qps == 1,
        "no window and no time-out": transport.rto_ps == 0
        and packets <= min(transport.window_packets, transport.reorder_packets, PSN_MASK),
        "one flow for each pair": len(np.unique(flows[:, :2], axis=0)) == len(flows),
        "no flow of a host to itself": not np.any(flows[:, 0] == flows[:, 1]),
    }
    for need, met in needs.items():
        if not met:
            raise ConfigError(f"classic: expected {need}")


def packets_of(transport: Transport, flows: Ints) -> Ints:
    """Return the number of packets of each flow, (n_flows,)."""
    packets: Ints = np.maximum(1, -(-flows[:, 2] // transport.mtu))
    return packets


def build(network: Network, transport: Transport, flows: Ints, seed: int) -> Any:
    """Return the state at time 0."""
    packets = packets_of(transport, flows)
    words = packets // 32 + 1
    room = ROOM_PER_PACKET * int(packets.sum()) + 32 * network.n_ports
    overhead = transport.header_bytes + transport.gap_bytes
    arrays: dict[str, Any] = {
        "heap": _heap(network),
        "totals": filled(
            1,
            classic_state.TOTALS,
            hosts=network.n_ranks,
            data_size=transport.mtu + overhead,
            ack_size=transport.ack_bytes + transport.gap_bytes,
        ),
        "outputs": _outputs(network),
        "backlogs": filled(2 * network.n_ports, classic_state.RING, mask=-1),
        "wires": filled(network.n_ports, classic_state.RING, mask=-1),
        "wire_items": raw(room, classic_state.ITEM),
        "queue_items": raw(room, INT64),
        "owner": network.device_of,
        "routers": _routers(network, seed),
        "flows": _flows(flows, packets, transport.mtu, overhead, words),
        "sources": filled(network.n_ranks, classic_state.SOURCE, head=NONE, tail=NONE),
        "arrived": np.zeros(int(words.sum()) + 1, np.int64),
        "batch": np.zeros(2 * int(np.diff(network.port_ptr).max()), np.int64),
    }
    return ClassicState(**arrays)


def _heap(network: Network) -> Ints:
    """Return an empty heap with room for an arrival and a departure of each port."""
    heap: Ints = raw(2 * network.n_ports + ROOT + 9, INT64)
    heap[:] = INF
    return heap


def _outputs(network: Network) -> Any:
    records = empty(network.n_ports, classic_state.OUTPUT)
    records["per_byte"] = PS_PER_BYTE_AT_1_BPS // network.rate_bps
    records["latency"] = network.latency_ps
    records["peer"] = network.peer
    return records


def _routers(network: Network, seed: int) -> Any:
    records = empty(network.n_devices, classic_state.ROUTER)
    records["first_port"] = network.port_ptr[:-1]
    for name in ("lo", "hi", "div", "bundle", "up_first", "up_count"):
        records[name] = getattr(network, name)
    seeds = device_seeds(network.n_devices, seed)
    records["path_seed"] = fold(seeds, kernel.PATH)
    records["tie_seed"] = fold(seeds, kernel.TIE)
    return records


def _flows(flows: Ints, packets: Ints, mtu: int, overhead: int, words: Ints) -> Any:
    records = filled(len(flows), classic_state.FLOW, delivered=NONE, acked=NONE, next_ready=NONE)
    records["src"], records["dst"] = flows[:, 0], flows[:, 1]
    records["packets"] = packets
    records["last_size"] = flows[:, 2] - (packets - 1) * mtu + overhead
    records["first_word"] = np.cumsum(words) - words
    return records
