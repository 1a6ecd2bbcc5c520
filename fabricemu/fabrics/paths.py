"""What a path costs on an idle fabric, and what no run can beat.

All paths between two ranks at one distance are alike in these regular fabrics, so a table of
one path per distance answers for all pairs.
"""

import numpy as np
from numpy.typing import ArrayLike

from fabricemu.fabrics.network import Ints, Network
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.transport import Transport
from fabricemu.fabrics.walk import Distance, spans, walk_all


class Paths:
    """Hops, latencies and bounds between ranks; ``src``, ``dst`` and ``rail`` broadcast."""

    def __init__(self, network: Network, transport: Transport) -> None:
        self.network = network
        self.transport = transport
        self.leaf_span, self.pod_span = spans(network)
        self.table = walk_all(network)

    def distance(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the ``Distance`` of NIC port ``rail`` of ranks ``src`` and ``dst``."""
        net = self.network
        src, dst, rail = np.asarray(src), np.asarray(dst), np.asarray(rail)
        a, b = src * net.nic_ports + rail, dst * net.nic_ports + rail
        far = np.where(a // self.pod_span == b // self.pod_span, Distance.POD, Distance.FAR)
        near = np.where(a // self.leaf_span == b // self.leaf_span, Distance.LEAF, far)
        domain = (src // net.scale_up == dst // net.scale_up) & (net.scale_up > 1)
        outside = np.where(domain, Distance.DOMAIN, near)
        return np.where(src == dst, Distance.SELF, outside).astype(np.int64)

    def hops(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the number of links of the path, lanes included."""
        return _pick(self._hop_count(), self.distance(src, dst, rail))

    def latency_ps(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the fixed delays of the packet hops of the path."""
        fixed = np.where(self.table.cell, 0, self.table.latency).sum(axis=1)
        return _pick(fixed, self.distance(src, dst, rail))

    def cell_latency_ps(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the fixed delays of the lanes of the path."""
        fixed = np.where(self.table.cell, self.table.latency, 0).sum(axis=1)
        return _pick(fixed, self.distance(src, dst, rail))

    def nic_tx_ps(
        self, src: ArrayLike, dst: ArrayLike, payload: ArrayLike, rail: ArrayLike = 0
    ) -> Ints:
        """Return the time of one packet of ``payload`` bytes on its first link."""
        first = self.table.rate[:, 0][self.distance(src, dst, rail)]
        return tx_ps(self.packet_bytes(payload), first)

    def serialisation_ps(
        self, src: ArrayLike, dst: ArrayLike, payload: ArrayLike, rail: ArrayLike = 0
    ) -> Ints:
        """Return the time of one packet on its further links, lanes not included."""
        rate = np.where(self.table.cell, 0, self.table.rate)[:, 1:]
        distance = self.distance(src, dst, rail)
        return _sum_tx(self.packet_bytes(payload), rate[distance])

    def cell_tx_ps(
        self, src: ArrayLike, dst: ArrayLike, cell_bytes: ArrayLike, rail: ArrayLike = 0
    ) -> Ints:
        """Return the time of one cell on all lanes of the path."""
        rate = np.where(self.table.cell, self.table.rate, 0)
        return _sum_tx(np.asarray(cell_bytes), rate[self.distance(src, dst, rail)])

    def unloaded_ps(
        self,
        src: ArrayLike,
        dst: ArrayLike,
        size: ArrayLike,
        rail: ArrayLike = 0,
        acked: bool = False,
    ) -> Ints:
        """Return the least time of a message from posting to delivery, in ps.

        No run can beat it, whatever paths are chosen; where all packets take one path, or all
        links have one rate, an idle fabric takes exactly this (without a binding window). The
        credits of a cell fabric are left out: they are a wait, not physics.

        Parameters
        ----------
        src, dst, size, rail : int64, broadcast against each other
            Ranks, message bytes, NIC port.
        acked : bool
            Add the way of the last acknowledgement back to the sender.
        """
        return self.idle_ps(self.distance(src, dst, rail), size, acked)

    def idle_ps(self, distance: ArrayLike, size: ArrayLike, acked: bool = False) -> Ints:
        """Return ``unloaded_ps`` of messages by their ``Distance``."""
        distance, size = np.broadcast_arrays(np.asarray(distance), np.asarray(size))
        count = self.packets(size)
        full = self._hop_ps(distance, np.array(self.transport.mtu))
        last = self._hop_ps(distance, size - (count - 1) * self.transport.mtu)
        moving = np.where(
            self.table.many[distance],
            _many_paths(full, last, count, self._hop_count()[distance]),
            _one_path(full, last, count),
        )
        fixed = self.table.latency.sum(axis=1) + (self._ack_ps() if acked else 0)
        return _pick(fixed, distance) + moving

    def busiest_rate_ps(self, bytes_out: ArrayLike, bytes_in: ArrayLike) -> int:
        """Return the least time that the busiest NIC needs, one way or the other.

        Parameters
        ----------
        bytes_out, bytes_in : (n_ranks,) int64
            Wire bytes of each rank, see ``wire_bytes``, without traffic in scale-up domains.
        """
        rate = int(self.network.rate_bps[0]) * self.network.nic_ports
        return int(tx_ps(np.maximum(bytes_out, bytes_in), rate).max(initial=0))

    def uplink_rate_ps(
        self, src: ArrayLike, dst: ArrayLike, size: ArrayLike, rail: ArrayLike = 0
    ) -> int:
        """Return the least time that the busiest leaf needs for what leaves or enters it.

        Parameters
        ----------
        src, dst, size, rail : (n_messages,) int64
            Ranks, message bytes, NIC port.
        """
        distance = self.distance(src, dst, rail)
        out = distance >= Distance.POD
        if not out.any():
            return 0
        src, dst, size, rail = np.broadcast_arrays(src, dst, size, rail)
        crossing = self._crossing_bytes(size[out])
        capacity = self._uplink_capacity()
        ports = self.network.nic_ports
        busiest = 0
        for rank in (src, dst):
            leaf = (rank[out] * ports + rail[out]) // self.leaf_span
            total = np.zeros(int(leaf.max()) + 1, dtype=np.int64)
            np.add.at(total, leaf, crossing)
            busiest = max(busiest, int(tx_ps(total.max(), capacity)))
        return busiest

    def packet_bytes(self, payload: ArrayLike) -> Ints:
        """Return the wire bytes of a packet."""
        overhead = self.transport.header_bytes + self.transport.gap_bytes
        return np.asarray(payload, dtype=np.int64) + overhead

    def packets(self, size: ArrayLike) -> Ints:
        """Return the packets of a message of ``size`` bytes."""
        return np.maximum(1, -(-np.asarray(size, dtype=np.int64) // self.transport.mtu))

    def wire_bytes(self, size: ArrayLike) -> Ints:
        """Return the wire bytes of a message of ``size`` bytes."""
        overhead = self.transport.header_bytes + self.transport.gap_bytes
        return np.asarray(size, dtype=np.int64) + self.packets(size) * overhead

    def least_cell_bytes(self, frame: ArrayLike) -> Ints:
        """Return the size of the largest cell that a packet of ``frame`` bytes must use.

        Whatever shares its cells, a packet has a full cell or all its bytes in one.
        """
        ddc = self.network.ddc
        frame = np.asarray(frame, dtype=np.int64)
        if ddc is None:
            return np.zeros_like(frame)
        if ddc.pad_cells:
            return np.full_like(frame, ddc.cell_bytes)
        whole: Ints = np.minimum(ddc.cell_bytes, ddc.cell_header_bytes + frame)
        return whole

    def _hop_count(self) -> Ints:
        return np.asarray(np.count_nonzero(self.table.rate, axis=1), dtype=np.int64)

    def _hop_ps(self, distance: Ints, payload: Ints) -> Ints:
        """Return the time of one packet on each hop, (max_hops, ...); of its cell on lanes."""
        wire = self.packet_bytes(payload)
        cell = self.least_cell_bytes(payload + self.transport.header_bytes)
        hops = zip(self.table.rate.T, self.table.cell.T, strict=True)
        return np.stack(
            [tx_ps(np.where(lane[distance], cell, wire), rate[distance]) for rate, lane in hops]
        )

    def _ack_ps(self) -> Ints:
        """Return the time of an acknowledgement on an idle path, by distance."""
        frame = self.transport.ack_bytes
        wire = frame + self.transport.gap_bytes
        size = np.where(self.table.cell, self.least_cell_bytes(frame), wire)
        times: Ints = (tx_ps(size, self.table.rate) + self.table.latency).sum(axis=1)
        return times

    def _crossing_bytes(self, size: Ints) -> Ints:
        """Return the least bytes of messages on the links between boxes."""
        ddc = self.network.ddc
        if ddc is None:
            return self.wire_bytes(size)
        frames = size + self.packets(size) * self.transport.header_bytes
        return frames + frames * ddc.cell_header_bytes // (ddc.cell_bytes - ddc.cell_header_bytes)

    def _uplink_capacity(self) -> int:
        """Return the rate of all uplinks of a leaf in bit/s."""
        net, leaf = self.network, self.network.n_ranks
        count = net.ddc.lanes if net.ddc is not None else int(net.up_count[leaf])
        return count * int(net.rate_bps[net.port_ptr[leaf + 1] - 1])


def _sum_tx(size: Ints, rates: Ints) -> Ints:
    """Return the time of ``size`` bytes over the hops in the last axis of ``rates``."""
    times: Ints = tx_ps(size[..., np.newaxis], rates).sum(axis=-1)
    return times


def _pick(table: Ints, distance: Ints) -> Ints:
    """Return the entry of each distance."""
    found: Ints = table[distance]
    return found


def _one_path(full: Ints, last: Ints, count: Ints) -> Ints:
    """Return the time of ``count`` packets through links in a row, first in first out.

    The longest way through the table of packets and links: along the first packet to link b,
    down all full packets there, where the slowest link so far counts, and along the last.
    """
    reached = np.cumsum(full, axis=0) + (count - 2) * np.maximum.accumulate(full, axis=0)
    rest = np.cumsum(last[::-1], axis=0)[::-1]
    times: Ints = np.where(count == 1, last.sum(axis=0), (reached + rest).max(axis=0))
    return times


def _many_paths(full: Ints, last: Ints, count: Ints, hops: Ints) -> Ints:
    """Return a time that no choice of paths can beat; only the ends are shared by all packets."""
    sent = (count - 1) * full[0]
    alone = sent + last.sum(axis=0)
    before_last = sent + full[1:].sum(axis=0)
    end = np.maximum(hops - 1, 0)[np.newaxis]
    full_end = np.take_along_axis(full, end, axis=0)[0]
    last_end = np.take_along_axis(last, end, axis=0)[0]
    first_arrival = np.minimum(full.sum(axis=0) - full_end, alone - last_end)
    drained = first_arrival + (count - 1) * full_end + last_end
    times: Ints = np.where(count == 1, alone, np.maximum.reduce([alone, before_last, drained]))
    return times
