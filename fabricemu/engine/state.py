"""Build the state of a run: network and program in, one ``State`` of arrays out."""

import numpy as np

from fabricemu.engine import memory, network_state, program_state
from fabricemu.engine.memory import Array
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.kernels import state as kernel
from fabricemu.workloads.program import Program
from fabricemu.workloads.schedule import total_messages

DRAIN_AT = 1 << 16  # finished messages that are worth a return to Python


def build(
    network: Network, transport: Transport, program: Program, seed: int, parts: int
) -> kernel.State:
    """Return the state at time 0."""
    conns = program_state.Connections(program)
    mailboxes = program_state.Mailboxes(program)
    cells = network.ddc is not None
    arrays: dict[str, Array] = network_state.cell_fabric(network, seed)
    voqs = len(arrays["voqs"]) if cells else 0
    port_rings = 2 * network.n_ports
    arrays |= memory.packet_memory(network.n_ports, port_rings + voqs, parts, cells)
    arrays |= memory.message_memory(total_messages(program), arrays["parts"])
    arrays |= memory.sort_memory(parts, busiest_window(network, transport))
    arrays |= network_state.devices(network, seed)
    arrays |= network_state.parts(network, parts)
    arrays |= network_state.queue_pairs(
        network, transport, conns.source, conns.target, conns.channel
    )
    arrays |= program_state.operations(program, conns, mailboxes, transport.qps)
    arrays |= program_state.edges(program)
    arrays |= program_state.hosts(program, network, conns, mailboxes, transport.qps)
    arrays |= program_state.collectives(program)
    arrays |= _work(program, parts)
    arrays |= network_state.ports(network, transport)
    arrays["conn_key"] = conns.target * conns.width + conns.channel
    arrays["due"] = _first_due(arrays["hosts"], arrays["heap_time"], network.n_devices)
    arrays["wake"] = np.full((parts, network.n_devices), kernel.INF, np.int64)
    arrays["config"] = _config(network, transport, program, conns.width, parts, port_rings)
    arrays["config"]["work_mask"] = arrays["work"].shape[1] - 1
    return kernel.State(**arrays)


def busiest_window(network: Network, transport: Transport) -> int:
    """Return the largest number of arrivals that one device can have in one window."""
    smallest = min(transport.ack_bytes, transport.header_bytes) + transport.gap_bytes
    if network.ddc is not None:
        smallest = min(smallest, network.ddc.control_cell_bytes, network.ddc.cell_header_bytes + 1)
    shortest = smallest * network_state.PS_PER_BYTE_AT_1_BPS // network.rate_bps
    arrivals = network.lookahead_ps // np.maximum(shortest, 1) + 2
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
    port_rings: int,
) -> Array:
    values = {
        "parts": parts,
        "lookahead": network.lookahead_ps,
        "gate_latency": network.lookahead_ps,
        "bin_end": kernel.INF,
        "mtu": transport.mtu,
        "header": transport.header_bytes,
        "ack_bytes": transport.ack_bytes,
        "ack_every": transport.ack_every,
        "send_window": transport.window_packets,
        "any_order": int(transport.any_order),
        "reorder": transport.reorder_packets,
        "rto": transport.rto_ps,
        "qps": transport.qps,
        "nic_ports": network.nic_ports,
        "eager": program_state.eager_limit(program),
        "channels": channels,
        "addresses": network.n_ranks * network.nic_ports,
        "span": network_state.FIRST_SPAN,
        "port_rings": port_rings,
        "drain": DRAIN_AT,
    }
    ddc = network.ddc
    if ddc is not None:
        values |= {
            "cells": 1,
            "leaves": ddc.leaves,
            "leaf_ports": ddc.leaf_ports,
            "lanes": ddc.lanes,
            "cell_bytes": ddc.cell_bytes,
            "cell_header": ddc.cell_header_bytes,
            "control_cell": ddc.control_cell_bytes,
            "packing": int(ddc.packing),
            "pad": int(ddc.pad_cells),
            "credit": ddc.credit_bytes,
            "egress_threshold": ddc.egress_threshold_bytes,
        }
    return memory.filled(1, kernel.CONFIG, **values)
