"""Build the state of a run: network and program in, one ``State`` of arrays out."""

import numpy as np

from fabricemu.engine import (
    congestion_state,
    memory,
    network_state,
    program_state,
    queue_pair_state,
    switch_state,
    voq_state,
)
from fabricemu.engine.memory import Array
from fabricemu.engine.queue_pair_state import QueuePairs
from fabricemu.fabrics.network import Ddc, Network, Switching
from fabricemu.fabrics.transport import Balance, Control, Protocol, Transport
from fabricemu.kernels import state as kernel
from fabricemu.workloads.program import Program
from fabricemu.workloads.schedule import most_packets, total_messages

DRAIN_AT = 1 << 16  # finished messages that are worth a return to Python


def build(
    network: Network, transport: Transport, program: Program, seed: int, parts: int
) -> kernel.State:
    """Return the state at time 0."""
    if needs_switching(network, transport):
        network = switch_state.with_switching(network)
    most = most_packets(program, transport.mtu)
    transport = queue_pair_state.with_room(transport, most)
    conns = program_state.Connections(program)
    mailboxes = program_state.Mailboxes(program)
    pairs = pairs_of(network, transport, program)
    arrays: dict[str, Array] = network_state.cell_fabric(network, seed)
    arrays |= voq_state.voqs(network, pairs, arrays["leaves"])
    rings = _fifos(network) * network.n_ports
    rings += len(arrays["voqs"]) if network.ddc is not None else 0
    extras = memory.Extras(network.ddc is not None, stamped(transport))
    arrays |= memory.packet_memory(network.n_ports, rings, parts, extras)
    arrays |= memory.message_memory(total_messages(program), arrays["parts"])
    arrays |= memory.sort_memory(parts, busiest_window(network, transport))
    arrays |= network_state.devices(network, seed)
    arrays |= network_state.parts(network, parts)
    arrays |= network_state.ports(network, transport)
    arrays |= switch_state.switches(network, seed, parts)
    arrays |= program_state.operations(program, conns, mailboxes, transport.qps)
    arrays |= program_state.edges(program)
    arrays |= program_state.hosts(program, network, conns, mailboxes, transport.qps)
    arrays |= program_state.collectives(program)
    arrays |= _queue_pairs(network, transport, pairs, arrays["hosts"], seed, most)
    arrays |= _work(program, parts)
    arrays["conn_key"] = conns.target * conns.width + conns.channel
    arrays["due"] = _first_due(arrays["hosts"], arrays["heap_time"], network.n_devices)
    arrays["wake"] = np.full((parts, network.n_devices), kernel.INF, np.int64)
    arrays["config"] = _config(network, transport, program, conns.width, parts)
    arrays["config"]["work_mask"] = arrays["work"].shape[1] - 1
    arrays["config"]["share_bits"] = int(arrays["parts"]["limit"][0]).bit_length() - 1
    arrays["config"]["pause_rows"] = arrays["pause_log"].shape[1]
    arrays = memory.together(arrays)
    arrays["tags"] = arrays["entries"].view(kernel.TAG)
    return kernel.State(**arrays)


def pairs_of(network: Network, transport: Transport, program: Program) -> QueuePairs:
    """Return the queue pairs that a program uses."""
    conns = program_state.Connections(program)
    columns = (conns.source, conns.target, conns.channel)
    return queue_pair_state.queue_pairs(network, transport, *columns)


def tagged(network: Network, transport: Transport) -> bool:
    """Return whether packets carry more than an entry holds."""
    told = transport.protocol == Protocol.UEC or transport.balance != Balance.NONE
    return told or transport.control == Control.SWIFT or pauses(network)


def stamped(transport: Transport) -> bool:
    """Return whether switches stamp packets."""
    return transport.control == Control.HPCC


def needs_switching(network: Network, transport: Transport) -> bool:
    """Return whether two FIFOs a port are not enough."""
    if network.ddc is not None:
        return switch_state.tells(network)
    return tagged(network, transport) or stamped(transport)


def pauses(network: Network) -> bool:
    """Return whether any switch, leaf or element sends pause frames."""
    if network.ddc is not None and network.ddc.llfc_xoff_bytes >= 0:
        return True
    return network.switching is not None and bool(network.switching.pfc.any())


def _fifos(network: Network) -> int:
    """Return the FIFOs of a port: control, data classes, pause frames."""
    return network_state.levels(network) + pauses(network)


def _queue_pairs(
    network: Network,
    transport: Transport,
    pairs: QueuePairs,
    hosts: Array,
    seed: int,
    most: int,
) -> dict[str, Array]:
    """Return all arrays of queue pairs."""
    arrays = queue_pair_state.ends(network, transport, pairs)
    arrays |= queue_pair_state.clocks(hosts, network, transport, pairs)
    arrays |= queue_pair_state.balancers(transport, pairs, seed)
    arrays |= queue_pair_state.sent_packets(transport, pairs, most)
    return arrays | congestion_state.controls(network, transport, pairs)


def busiest_window(network: Network, transport: Transport) -> int:
    """Return the largest number of arrivals that one device can have in one window."""
    smallest = min(transport.ack_bytes, transport.header_bytes)
    if transport.control == Control.DCQCN:
        smallest = min(smallest, transport.cnp_bytes)
    if network.switching is not None:
        smallest = min(smallest, network.switching.pause_bytes)
        if network.switching.trim_bytes > 0:
            smallest = min(smallest, network.switching.trim_bytes)
    smallest += transport.gap_bytes
    if network.ddc is not None:
        smallest = min(smallest, network.ddc.control_cell_bytes, network.ddc.cell_header_bytes + 1)
    fastest = network.rate_bps.copy()
    for change in network.changes:
        fastest[change.ports] = np.maximum(fastest[change.ports], change.rate_bps)
    shortest = smallest * network_state.PS_PER_BYTE_AT_1_BPS // fastest
    arrivals = network.lookahead_ps // np.maximum(shortest, 1) + 2
    if pauses(network):
        arrivals *= 2  # delayed pause frames arrive among later packets
    total = np.bincount(network.device_of[network.peer], weights=arrivals)
    return int(total.max())


def _work(program: Program, parts: int) -> dict[str, Array]:
    """Return the action FIFOs and the lists of signals to other ranks."""
    actions = 2 * int(np.diff(program.rank_ptr).max(initial=0)) + 2
    room = 1 << actions.bit_length()
    signals = len(program_state.foreign_edges(program)) + 1
    return {
        "work": np.zeros((parts, room), np.int64),
        "signal_time": np.zeros((parts, signals), np.int64),
        "signal_op": np.zeros((parts, signals), np.int64),
    }


def _first_due(hosts: Array, heap_time: Array, n_devices: int) -> Array:
    due = np.full(n_devices, kernel.INF, np.int64)
    busy = np.flatnonzero(hosts["timers"])
    due[busy] = heap_time[hosts["heap"][busy]]
    return due


def _config(
    network: Network,
    transport: Transport,
    program: Program,
    channels: int,
    parts: int,
) -> Array:
    """Return the record of all that is one number; what is not set is 0."""
    values = {
        "parts": parts,
        "lookahead": network.lookahead_ps,
        "gate_latency": network.lookahead_ps,
        "bin_end": kernel.INF,
        "eager": program_state.eager_limit(program),
        "channels": channels,
        "span": voq_state.FIRST_SPAN,
        "drain": DRAIN_AT,
        "train_cells": 1,
    }
    values |= _nic(transport) | _packets(network, transport)
    if network.switching is not None:
        values |= _switching(network, network.switching)
    if network.ddc is not None:
        values |= _cells(network.ddc)
    return memory.filled(1, kernel.CONFIG, **values)


def _nic(transport: Transport) -> dict[str, int]:
    """Return the fields of ``CONFIG`` that say how queue pairs work."""
    return {
        "mtu": transport.mtu,
        "header": transport.header_bytes,
        "full_frame": transport.mtu + transport.header_bytes,
        "ack_bytes": transport.ack_bytes,
        "ack_every": transport.ack_every,
        "ack_in_bytes": int(transport.ack_in_bytes),
        "cnp_bytes": transport.cnp_bytes,
        "send_window": transport.window_packets,
        "receiver": int(transport.receiver),
        "reorder": transport.reorder_packets,
        "rto": transport.rto_ps,
        "loss_distance": transport.loss_distance,
        "qps": transport.qps,
        "qp_timers": queue_pair_state.timers_of(transport),
        "protocol": int(transport.protocol),
        "balance": int(transport.balance),
        "entropies": transport.entropies,
        "control": int(transport.control),
        "has_window": int(transport.has_window),
        "has_credit": int(transport.has_credit),
        "stamped": int(stamped(transport)),
    }


def _packets(network: Network, transport: Transport) -> dict[str, int]:
    """Return the fields of ``CONFIG`` that say where packets go, wait, and what they carry."""
    has_tag = int(tagged(network, transport))
    return {
        "ranks": network.n_ranks,
        "nic_ports": network.nic_ports,
        "addresses": network.n_ranks * network.nic_ports,
        "fifos": _fifos(network),
        "port_rings": _fifos(network) * network.n_ports,
        "classes": network_state.levels(network) - 1,
        "level_bits": network_state.level_bits(network),
        "pausing": int(pauses(network)),
        "tagged": has_tag,
        "packet_entries": 1 + has_tag,
    }


def _switching(network: Network, switching: Switching) -> dict[str, int]:
    """Return the fields of ``CONFIG`` that say how switches work."""
    losing = network.loss is not None and bool(network.loss.any())
    names = ("trim_bytes", "alpha", "alpha_lossy", "ecn_max", "flowlet_entries", "pause_bytes")
    return {name: int(getattr(switching, name)) for name in names} | {
        "managed": 1,
        "lossy": int(losing or bool(network.changes)),
        "charged": int(switch_state.charges(switching)),
        "reserved": switching.reserved_bytes,
        "xoff": switching.xoff_bytes,
        "xon": switching.xon_bytes,
        "pause_response": switching.pause_response_ps,
        "ecn_at_enqueue": int(switching.ecn_at_enqueue),
        "weighted": int(switching.weighted),
        "refresh": switching.refresh_ps,
        "flowlet_gap": switching.flowlet_gap_ps,
    }


def _cells(ddc: Ddc) -> dict[str, int]:
    """Return the fields of ``CONFIG`` that say how a cell fabric works."""
    return {
        "cells": 1,
        "leaves": ddc.leaves,
        "lanes": ddc.lanes,
        "cell_bytes": ddc.cell_bytes,
        "cell_header": ddc.cell_header_bytes,
        "control_cell": ddc.control_cell_bytes,
        "packing": int(ddc.packing),
        "pad": int(ddc.pad_cells),
        "credit": ddc.credit_bytes,
        "egress_threshold": ddc.egress_threshold_bytes,
        "voq_bytes": ddc.voq_bytes,
        "onchip_bytes": ddc.onchip_bytes,
        "balance_bytes": ddc.balance_bytes,
        "ahead_bytes": ddc.ahead_bytes,
        "watchdog": ddc.watchdog_ps,
        "paced": int(ddc.paced),
        "train_cells": ddc.train_cells,
        "least_loaded": int(ddc.least_loaded),
        "sweep": ddc.reassembly_ps,
        "contexts": ddc.contexts,
        "llfc_xoff": ddc.llfc_xoff_bytes,
        "llfc_xon": ddc.llfc_xon_bytes,
        "llfc_response": ddc.llfc_response_ps,
        "rci_levels": len(ddc.rci_bytes),
        "rci_period": ddc.rci_period_ps,
    }
