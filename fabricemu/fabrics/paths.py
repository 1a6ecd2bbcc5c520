"""What a path costs on an idle fabric, and what no run can beat.

A table has one row for all pairs of ranks whose paths are alike, see ``fabrics.ways``.
"""

import numpy as np
from numpy.typing import ArrayLike

from fabricemu.fabrics.network import Choice, Ints, Kind, Network
from fabricemu.fabrics.routing import needs_tables
from fabricemu.fabrics.table_ways import TableWays
from fabricemu.fabrics.timing import tx_ps
from fabricemu.fabrics.transport import Balance, Transport
from fabricemu.fabrics.walk import RegularWays
from fabricemu.fabrics.ways import Ways


def ways_of(network: Network) -> Ways:
    """Return the ways between the ranks of a network."""
    if network.routes is not None and needs_tables(network):
        return TableWays(network, network.routes)
    return RegularWays(network)


class Paths:
    """Hops, latencies and bounds between ranks; ``src``, ``dst`` and ``rail`` broadcast."""

    def __init__(self, network: Network, transport: Transport) -> None:
        self.network = network
        self.transport = transport
        self.ways = ways_of(network)
        self.table = self.ways.table
        self.many = (self.table.hops > 2) & _spreads(network, transport)

    def hops(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the number of links of the path, lanes included."""
        return _pick(self.table.hops, self.ways.row(src, dst, rail))

    def switches_on_path(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the switches on a shortest path; 1 over a scale-up switch, 0 to oneself."""
        return self.ways.switches_on_path(src, dst, rail)

    def latency_ps(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the fixed delays of the packet hops of the path."""
        fixed = np.where(self.table.cell, 0, self.table.latency).sum(axis=1)
        return _pick(fixed, self.ways.row(src, dst, rail))

    def cell_latency_ps(self, src: ArrayLike, dst: ArrayLike, rail: ArrayLike = 0) -> Ints:
        """Return the fixed delays of the lanes of the path."""
        fixed = np.where(self.table.cell, self.table.latency, 0).sum(axis=1)
        return _pick(fixed, self.ways.row(src, dst, rail))

    def nic_tx_ps(
        self, src: ArrayLike, dst: ArrayLike, payload: ArrayLike, rail: ArrayLike = 0
    ) -> Ints:
        """Return the time of one packet of ``payload`` bytes on its first link."""
        first = self.table.rate[:, 0][self.ways.row(src, dst, rail)]
        return tx_ps(self.packet_bytes(payload), first)

    def serialisation_ps(
        self, src: ArrayLike, dst: ArrayLike, payload: ArrayLike, rail: ArrayLike = 0
    ) -> Ints:
        """Return the time of one packet on its further links, lanes not included."""
        rate = np.where(self.table.cell, 0, self.table.rate)[:, 1:]
        row = self.ways.row(src, dst, rail)
        return _sum_tx(self.packet_bytes(payload), rate[row])

    def cell_tx_ps(
        self, src: ArrayLike, dst: ArrayLike, cell_bytes: ArrayLike, rail: ArrayLike = 0
    ) -> Ints:
        """Return the time of one cell on all lanes of the path."""
        rate = np.where(self.table.cell, self.table.rate, 0)
        return _sum_tx(np.asarray(cell_bytes), rate[self.ways.row(src, dst, rail)])

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
        back = self.ways.row(dst, src, rail) if acked else None
        return self.idle_ps(self.ways.row(src, dst, rail), size, back)

    def idle_ps(self, row: ArrayLike, size: ArrayLike, back: ArrayLike | None = None) -> Ints:
        """Return ``unloaded_ps`` by rows of the table, ``back`` those of acknowledgements."""
        row, size = np.broadcast_arrays(np.asarray(row), np.asarray(size))
        count = self.packets(size)
        full = self._hop_ps(row, np.array(self.transport.mtu))
        last = self._hop_ps(row, size - (count - 1) * self.transport.mtu)
        moving = np.where(
            self.many[row], _many_paths(full, last, count), _one_path(full, last, count)
        )
        acknowledged = 0 if back is None else _pick(self._ack_ps(), np.asarray(back))
        return _pick(self.table.latency.sum(axis=1), row) + moving + acknowledged

    def largest_rtt_ps(self) -> int:
        """Return the largest time of a full packet over the fabric and its ACK back; 0 if none."""
        there, back = self.ways.both_ways()
        return int(self.idle_ps(there, self.transport.mtu, back).max(initial=0))

    def busiest_rate_ps(self, bytes_out: ArrayLike, bytes_in: ArrayLike) -> int:
        """Return the least time that the busiest NIC needs, one way or the other.

        Parameters
        ----------
        bytes_out, bytes_in : (n_ranks,) int64
            Wire bytes of each rank, see ``wire_bytes``, without traffic in scale-up domains.
        """
        net = self.network
        rank, port = np.divmod(np.arange(net.n_ranks * net.nic_ports), net.nic_ports)
        nic = (net.port_ptr[rank] + port).reshape(net.n_ranks, net.nic_ports)
        busiest = 0
        for size, ports in ((bytes_out, nic), (bytes_in, net.peer[nic])):
            times = tx_ps(size, self.ways.best_bps[ports].sum(axis=1))
            busiest = max(busiest, int(times.max(initial=0)))
        return busiest

    def uplink_rate_ps(
        self, src: ArrayLike, dst: ArrayLike, size: ArrayLike, rail: ArrayLike = 0
    ) -> int:
        """Return the least time that the busiest leaf needs for what leaves or enters it.

        Parameters
        ----------
        src, dst, size, rail : (n_messages,) int64
            Ranks, message bytes, NIC port.
        """
        src, dst, size, rail = np.broadcast_arrays(src, dst, size, rail)
        edge, ports = self.ways.edges.edge, self.network.nic_ports
        leaves = edge[src * ports + rail], edge[dst * ports + rail]
        out = (leaves[0] != leaves[1]) & (self.hops(src, dst, rail) > 2)
        crossing = self._crossing_bytes(size[out])
        busiest = 0
        for leaf, capacity in zip(leaves, self._uplink_capacity(), strict=True):
            total = np.zeros(len(capacity), dtype=np.int64)
            np.add.at(total, leaf[out], crossing)
            busiest = max(busiest, int(tx_ps(total, capacity).max()))
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
        """Return the size of the largest cell, or train, that a packet of ``frame`` bytes must use.

        Whatever shares its cells, a packet has all its bytes in one, or some in one that is full.
        A train that others follow has at least half the cells that it may have.
        """
        ddc = self.network.ddc
        frame = np.asarray(frame, dtype=np.int64)
        if ddc is None:
            return np.zeros_like(frame)
        cells = -(-frame // (ddc.cell_bytes - ddc.cell_header_bytes))
        most = (ddc.train_cells + 1) // 2 * ddc.cell_bytes
        size = cells * ddc.cell_bytes if ddc.pad_cells else frame + cells * ddc.cell_header_bytes
        least: Ints = np.minimum(most, size)
        return least

    def _hop_ps(self, row: Ints, payload: Ints) -> Ints:
        """Return the time of one packet on each hop, (max_hops, ...); of its cell on lanes."""
        wire = self.packet_bytes(payload)
        cell = self.least_cell_bytes(payload + self.transport.header_bytes)
        hops = zip(self.table.rate.T, self.table.cell.T, strict=True)
        return np.stack([tx_ps(np.where(lane[row], cell, wire), rate[row]) for rate, lane in hops])

    def _ack_ps(self) -> Ints:
        """Return the time of an acknowledgement on an idle path, by row."""
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

    def _uplink_capacity(self) -> tuple[Ints, Ints]:
        """Return the rate of all links from and to the boxes above each leaf, in bit/s."""
        net, device = self.network, self.ways.edges.device
        device_of = net.device_of
        leaf = np.isin(device_of, device)
        port = np.flatnonzero(leaf & (net.kind[device_of[net.peer]] != Kind.HOST))
        number = np.searchsorted(device, device_of[port])
        up, down = np.zeros((2, len(device)), dtype=np.int64)
        np.add.at(up, number, self.ways.best_bps[port])
        np.add.at(down, number, self.ways.best_bps[net.peer[port]])
        return up, down


def _spreads(network: Network, transport: Transport) -> bool:
    """Return whether packets of one queue pair may take several paths between leaves."""
    switch = network.kind == Kind.SWITCH
    flowlets = network.switching is not None and network.switching.flowlet_gap_ps > 0
    return (
        network.ddc is not None
        or bool((network.choice[switch] != Choice.ECMP).any())
        or transport.balance != Balance.NONE
        or flowlets
        or bool(network.changes)
    )


def _sum_tx(size: Ints, rates: Ints) -> Ints:
    """Return the time of ``size`` bytes over the hops in the last axis of ``rates``."""
    times: Ints = tx_ps(size[..., np.newaxis], rates).sum(axis=-1)
    return times


def _pick(table: Ints, row: Ints) -> Ints:
    """Return the entry of each row."""
    found: Ints = table[row]
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


def _many_paths(full: Ints, last: Ints, count: Ints) -> Ints:
    """Return a time that no choice of paths can beat; only the ends are shared by all packets."""
    sent = (count - 1) * full[0]
    alone = sent + last.sum(axis=0)
    before_last = sent + full[1:].sum(axis=0)
    first_arrival = np.minimum(full.sum(axis=0) - full[-1], alone - last[-1])
    drained = first_arrival + (count - 1) * full[-1] + last[-1]
    times: Ints = np.where(count == 1, alone, np.maximum.reduce([alone, before_last, drained]))
    return times
