"""Queue pairs as arrays of the kernels: both ends, bit sets, timers, entropies."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.memory import Array, filled
from fabricemu.engine.network_state import fold, levels, mix
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Balance, Control, Protocol, Receiver, Transport
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]
WORD_BITS = 32  # of bit sets in the kernels
ACK_PACKETS = 64  # that an acknowledgement names, though the last may not exist
REPS_SLOTS = 8
# Timers of a queue pair by kind, as far as a control needs them.
TIMERS = {Control.DCQCN: kernel.INCREASE + 1, Control.SWIFT: kernel.PACE + 1}
TIMERS[Control.HPCC] = kernel.PACE + 1


@dataclass(frozen=True)
class QueuePairs:
    """The queue pairs of a run, sorted by (source, target, channel, index).

    Attributes
    ----------
    source, target, channel : (n_qps,) int64
    rail : (n_qps,) int64
        NIC port at both ends.
    near : (n_qps,) bool
        Whether both ends are in one scale-up domain.
    port : (n_qps,) int64
        Port that the source sends by.
    """

    source: Ints
    target: Ints
    channel: Ints
    rail: Ints
    near: NDArray[np.bool_]
    port: Ints

    def __len__(self) -> int:
        return len(self.source)


def queue_pairs(
    network: Network, transport: Transport, source: Ints, target: Ints, channel: Ints
) -> QueuePairs:
    """Return the queue pairs of sorted connections."""
    qps = transport.qps
    src, dst, row = (np.repeat(column, qps) for column in (source, target, channel))
    rail = (row * qps + np.arange(len(src)) % qps) % network.nic_ports
    near = (src // network.scale_up == dst // network.scale_up) & (network.scale_up > 1)
    port = network.port_ptr[src] + np.where(near, network.nic_ports, rail)
    return QueuePairs(src, dst, row, rail, near, port)


def with_room(transport: Transport, most: int) -> Transport:
    """Return the transport with bit sets no larger than ``most`` packets of a queue pair fill.

    Where they hold all that it will ever number, and all that an acknowledgement names, nothing
    comes round, and larger ones change nothing. The FIFO of ``Balance.MIXED`` is as long as
    they are and forgets when it is full, so there they stay.

    Parameters
    ----------
    transport : Transport
    most : int
        Packets, of ``workloads.schedule.most_packets``.
    """
    if transport.receiver == Receiver.IN_ORDER or transport.balance == Balance.MIXED:
        return transport
    room = 1 << (most + ACK_PACKETS).bit_length()
    return replace(transport, reorder_packets=min(transport.reorder_packets, room))


def ends(network: Network, transport: Transport, pairs: QueuePairs) -> dict[str, Array]:
    """Return senders, receivers, ready FIFOs and bit sets."""
    none, count = kernel.NONE, len(pairs)
    nothing = {"head": none, "current": none, "last": none, "held": none, "next_ready": none}
    senders = filled(count, kernel.SENDER, deadline=kernel.INF, **nothing)
    receivers = filled(count, kernel.RECEIVER, message=none, highest=-1)
    if count:
        senders["port"] = pairs.port
        senders["src_rank"], senders["dst_rank"] = pairs.source, pairs.target
        address = pairs.target * network.nic_ports + pairs.rail
        senders["dst"] = np.where(pairs.near, pairs.target, address)
        home = pairs.source * network.nic_ports + pairs.rail
        receivers["dst"] = np.where(pairs.near, pairs.source, home)
        receivers["rank"] = pairs.target
    ahead = transport.receiver != Receiver.IN_ORDER
    words = count * (transport.reorder_packets // WORD_BITS) if ahead else 1
    lost = words if transport.protocol == Protocol.UEC else 1
    classes = levels(network) - 1
    ports = int(network.port_ptr[network.n_ranks])
    return {
        "senders": senders,
        "receivers": receivers,
        "known": np.zeros(max(words, 1), np.int64),
        "marked": np.zeros(max(words, 1), np.int64),
        "lost": np.zeros(max(lost, 1), np.int64),
        "holes": filled(count if transport.loss_distance else 1, kernel.HOLES, high=-1),
        "qp_class": _classes(network, pairs),
        "ready": filled(ports * classes, kernel.READY, head=none, tail=none),
    }


def _classes(network: Network, pairs: QueuePairs) -> Ints:
    """Return the data class of each queue pair."""
    of_channel = np.array(network.switching.qp_class if network.switching else (0,), np.int64)
    classes: Ints = np.append(of_channel[pairs.channel % len(of_channel)], 0)
    return classes


def timers_of(transport: Transport) -> int:
    """Return how many timers a queue pair has."""
    return int(TIMERS.get(transport.control, transport.rto_ps > 0))


def clocks(
    hosts: Array, network: Network, transport: Transport, pairs: QueuePairs
) -> dict[str, Array]:
    """Return the timers of queue pairs and credit pacers, none set; tell hosts their share."""
    own = (hosts["end_qp"] - hosts["first_qp"]) * timers_of(transport)
    room = own + (network.nic_ports + (network.scale_up > 1)) * transport.has_credit
    hosts["first_pacer"] = own
    hosts["clock"] = np.cumsum(room) - room
    total = int(room.sum()) + 1
    return {
        "clock_time": np.zeros(total, np.int64),
        "clock_id": np.zeros(total, np.int64),
        "clock_place": np.full(total, kernel.NONE, np.int64),
    }


def balancers(transport: Transport, pairs: QueuePairs, seed: int) -> dict[str, Array]:
    """Return what NICs remember of paths."""
    balance = transport.balance
    count = len(pairs) if balance != Balance.NONE else 1
    rooms = {Balance.REPS: 2 * REPS_SLOTS, Balance.MIXED: transport.reorder_packets}
    seeds = fold(fold(mix(np.int64(seed & 0xFFFFFFFF)), kernel.QUEUE_PAIR), np.arange(count))
    punished = balance in (Balance.BITMAP, Balance.MIXED)
    return {
        "balancers": filled(count, kernel.BALANCER, entropy=-1),
        "balance_seeds": seeds,
        "penalties": np.zeros((count, transport.entropies if punished else 1), np.uint8),
        "fresh": np.zeros((count, rooms.get(balance, 1)), np.int32),
    }


def sent_packets(transport: Transport, pairs: QueuePairs, most: int) -> dict[str, Array]:
    """Return when each packet in flight was sent, and with which entropy; UEC alone asks.

    Rings of ``transport.reorder_packets`` places by the number of the packet, of which a queue
    pair of at most ``most`` packets needs as many.

    Returns
    -------
    sent_at : (n_qps, places) int64, ps
    sent_by : (n_qps, places) int32
        Each (1, 1) where nobody asks.
    """
    uec = transport.protocol == Protocol.UEC and len(pairs) > 0
    shape = (len(pairs), min(transport.reorder_packets, most)) if uec else (1, 1)
    paths = shape if transport.balance != Balance.NONE else (1, 1)
    return {"sent_at": np.zeros(shape, np.int64), "sent_by": np.zeros(paths, np.int32)}
