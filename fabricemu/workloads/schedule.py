"""Who sends what to whom in a collective, step by step (table of section 4 of docs/model.md).

Pure functions of numbers and arrays over positions; the expansion, the bounds and the engine's
connections all read the same schedule.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from fabricemu.workloads.program import NONE, Algorithm, Collective, Ints, Op, Program
from fabricemu.workloads.trees import TREES, tree_step, tree_steps

ALGORITHMS: dict[Collective, tuple[Algorithm, ...]] = {
    Collective.ALL_REDUCE: (
        Algorithm.RING,
        Algorithm.HALVING_DOUBLING,
        Algorithm.DOUBLE_BINARY_TREE,
    ),
    Collective.REDUCE_SCATTER: (Algorithm.RING,),
    Collective.ALL_GATHER: (Algorithm.RING,),
    Collective.ALL_TO_ALL: (Algorithm.SHIFT, Algorithm.AT_ONCE),
    Collective.BROADCAST: (Algorithm.RING,),
    Collective.BARRIER: (Algorithm.DISSEMINATION,),
}

# What the connections of a collective depend on.
CONNECTING = ("kind", "algorithm", "group", "channels", "root")


class Exchange(NamedTuple):
    """One round of one part, each (n,) int64 over positions.

    ``lo`` and ``hi`` are the range of segments sent, for a part cut into ``Schedule.segments``.
    """

    peer: Ints  # position to send to, NONE for no message
    bytes: Ints
    source: Ints  # position whose message is expected, NONE for none
    lo: Ints
    hi: Ints


@dataclass(frozen=True)
class Schedule:
    """One collective instance of ``n`` ranks.

    A *round* is one message of a part and position. Rounds are the steps of the model, but for
    all-to-all at once, whose single step has n - 1 rounds.
    """

    kind: Collective
    algorithm: Algorithm
    n: int
    bytes: int
    channels: int = 1
    chunks: int = 1
    root: int = 0

    @property
    def patterns(self) -> int:
        """Number of patterns: the peers of a part are those of its number modulo this one."""
        return TREES if self.algorithm == Algorithm.DOUBLE_BINARY_TREE else 1

    @property
    def channel_parts(self) -> int:
        """Number of parts of each channel."""
        return self.chunks * self.patterns

    @property
    def parts(self) -> int:
        """Number of parts the buffer is cut into."""
        return self.channels * self.channel_parts

    @property
    def core(self) -> int:
        """Largest power of two that is not above n."""
        return 1 << (self.n.bit_length() - 1)

    @property
    def segments(self) -> int:
        """Number of segments a part is cut into."""
        if self.algorithm == Algorithm.HALVING_DOUBLING:
            return self.core
        if self.algorithm == Algorithm.DOUBLE_BINARY_TREE:
            return 1
        return 1 if self.kind in (Collective.BROADCAST, Collective.BARRIER) else self.n

    @property
    def rounds(self) -> int:
        """Number of rounds of a part."""
        if self.algorithm == Algorithm.HALVING_DOUBLING:
            return 2 * (self.core.bit_length() - 1) + 2 * (self.n != self.core)
        if self.algorithm == Algorithm.DOUBLE_BINARY_TREE:
            return tree_steps(self.n)
        if self.algorithm == Algorithm.DISSEMINATION:
            return (self.n - 1).bit_length()
        return (2 if self.kind == Collective.ALL_REDUCE else 1) * (self.n - 1)

    @property
    def chained(self) -> bool:
        """Whether a round waits for the one before it."""
        return self.algorithm != Algorithm.AT_ONCE

    @property
    def fixed(self) -> bool:
        """Whether all rounds are between the same pairs."""
        return self.algorithm == Algorithm.RING and self.kind != Collective.BROADCAST

    @property
    def steps(self) -> int:
        """Number of steps in the sense of the model."""
        return self.rounds if self.chained else min(1, self.rounds)

    @property
    def messages(self) -> int:
        """Number of messages of all parts and positions."""
        return self.parts * self._messages_of_part()

    @property
    def largest_message(self) -> int:
        """Bytes that no message exceeds, and the largest comes near to."""
        if self.kind == Collective.BARRIER:
            return 0
        shares = self.segments
        if self.algorithm == Algorithm.HALVING_DOUBLING:
            shares = 2 if self.n == self.core else 1
        return -(-self.bytes // (self.parts * shares))

    def _messages_of_part(self) -> int:
        if self.algorithm == Algorithm.HALVING_DOUBLING:
            core_steps = 2 * (self.core.bit_length() - 1)
            return core_steps * self.core + 2 * (self.n - self.core)
        if self.algorithm == Algorithm.DOUBLE_BINARY_TREE:
            return 2 * (self.n - 1)
        if self.kind == Collective.BROADCAST:
            return self.n - 1
        return self.rounds * self.n

    def part_bytes(self, part: int) -> int:
        """Return the bytes of a part."""
        return (part + 1) * self.bytes // self.parts - part * self.bytes // self.parts

    def distinct(self) -> list[tuple[int, int]]:
        """Return a part of each pattern and size, smaller before larger, and how many there are.

        Sizes of parts differ by a byte at most.
        """
        sizes = np.diff(np.arange(self.parts + 1) * self.bytes // self.parts)
        keys = np.stack([np.arange(self.parts) % self.patterns, sizes], axis=1)
        _, first, times = np.unique(keys, axis=0, return_index=True, return_counts=True)
        return list(zip(first.tolist(), times.tolist(), strict=True))

    def largest(self) -> list[int]:
        """Return one of the largest parts of each pattern."""
        return list({part % self.patterns: part for part, _ in self.distinct()}.values())

    def exchange(self, step: int, part: int = 0) -> Exchange:
        """Return what every position sends and expects in a round of a part."""
        position = np.arange(self.n)
        if self.algorithm == Algorithm.HALVING_DOUBLING:
            peer, source, lo, hi = _halving_doubling(position, self.core, step)
        elif self.algorithm == Algorithm.DISSEMINATION:
            peer, source = (position + (1 << step)) % self.n, (position - (1 << step)) % self.n
            lo, hi = np.zeros_like(position), np.zeros_like(position)
        elif self.algorithm == Algorithm.DOUBLE_BINARY_TREE:
            peer, source = tree_step(position, part % TREES, step)
            lo, hi = np.zeros_like(position), np.ones_like(position)
        elif self.kind == Collective.BROADCAST:
            peer, source, lo, hi = _pipeline(position, self.root, step)
        elif self.kind == Collective.ALL_TO_ALL:
            peer, source = (position + step + 1) % self.n, (position - step - 1) % self.n
            lo, hi = peer, peer + 1
        else:
            peer, source = (position + 1) % self.n, (position - 1) % self.n
            lo = (position - step) % self.n
            hi = lo + 1
        size = self.part_bytes(part)
        sent = hi * size // self.segments - lo * size // self.segments
        return Exchange(peer, np.where(peer == NONE, 0, sent), source, lo, hi)

    def traffic(self) -> tuple[Ints, Ints]:
        """Return the bytes that each position sends and receives, (n,) each."""
        sent, received = np.zeros(self.n, np.int64), np.zeros(self.n, np.int64)
        for part, times in self.distinct():
            for step in range(self.rounds):
                exchange = self.exchange(step, part)
                has = exchange.source != NONE
                sent += times * exchange.bytes
                received[has] += times * exchange.bytes[exchange.source[has]]
        return sent, received


def _pipeline(position: Ints, root: int, step: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return peer, source and range of a broadcast along the ring, counted from the root."""
    n = len(position)
    hop = (position - root) % n
    peer = np.where(hop == step, (position + 1) % n, NONE)
    source = np.where(hop == step + 1, (position - 1) % n, NONE)
    return peer, source, np.zeros_like(position), np.ones_like(position)


def _halving_doubling(position: Ints, core: int, step: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return peer, source and range of halving-doubling; surplus positions fold in and out."""
    n, k = len(position), core.bit_length() - 1
    extra = n - core
    if extra and step in (0, 2 * k + 1):
        upper, lower = position >= core, position < extra
        sender, receiver = (upper, lower) if step == 0 else (lower, upper)
        shift = -core if step == 0 else core
        peer = np.where(sender, position + shift, NONE)
        source = np.where(receiver, position - shift, NONE)
        return peer, source, np.zeros_like(position), np.full_like(position, core)
    step -= extra > 0
    inside = position < core
    if step < k:
        distance = core >> (step + 1)
        held = position & ~(2 * distance - 1)
        lo = np.where(position & distance == 0, held + distance, held)
    else:
        distance = 1 << (step - k)
        lo = position & ~(distance - 1)
    peer = np.where(inside, position ^ distance, NONE)
    return peer, peer, lo, lo + distance


def schedule_of(program: Program, row: int) -> Schedule:
    """Return the schedule of a collective instance of a program."""
    table = program.collectives
    group = table.group[row]
    return Schedule(
        Collective(int(table.kind[row])),
        Algorithm(int(table.algorithm[row])),
        int(program.group_ptr[group + 1] - program.group_ptr[group]),
        int(table.bytes[row]),
        int(table.channels[row]),
        int(table.chunks[row]),
        int(table.root[row]),
    )


def total_messages(program: Program) -> int:
    """Return the number of messages of a program, collectives expanded."""
    sends = int(np.count_nonzero(program.kind == Op.SEND))
    shapes = _shapes(program, ("kind", "algorithm", "group", "channels", "chunks"))
    return sends + sum(schedule_of(program, row).messages * times for row, times in shapes)


def traffic(program: Program) -> tuple[Ints, Ints]:
    """Return the bytes that each rank sends and receives, (n_ranks,) each, collectives too."""
    send = np.flatnonzero(program.kind == Op.SEND)
    sent, received = np.zeros(program.n_ranks, np.int64), np.zeros(program.n_ranks, np.int64)
    np.add.at(sent, program.rank_of[send], program.bytes[send])
    np.add.at(received, program.peer[send], program.bytes[send])
    fields = ("kind", "algorithm", "group", "bytes", "channels", "chunks", "root")
    for row, times in _shapes(program, fields):
        out, back = schedule_of(program, row).traffic()
        members = program.members(row)
        sent[members] += times * out
        received[members] += times * back
    return sent, received


def _shapes(program: Program, fields: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return one row of each distinct collective in ``fields``, and how often it occurs."""
    if not len(program.collectives):
        return []
    keys = np.stack([getattr(program.collectives, name) for name in fields], axis=1)
    _, first, times = np.unique(keys, axis=0, return_index=True, return_counts=True)
    return list(zip(first.tolist(), times.tolist(), strict=True))


def connections(program: Program) -> tuple[Ints, Ints, Ints]:
    """Return source rank, destination rank and channel of every connection, sorted, distinct."""
    sends = np.flatnonzero(program.kind == Op.SEND)
    pairs = [program.rank_of[sends] * program.n_ranks + program.peer[sends]]
    channels = [program.channel[sends]]
    for row, _ in _shapes(program, CONNECTING):
        schedule = schedule_of(program, row)
        pair = _pairs(schedule, program.members(row), program.n_ranks)
        pairs.append(np.tile(pair, schedule.channels))
        channels.append(np.repeat(np.arange(schedule.channels), len(pair)))
    return _distinct(np.concatenate(pairs), np.concatenate(channels), program.n_ranks)


def most_packets(program: Program, mtu: int) -> int:
    """Return a number of packets that no connection exceeds in the whole program.

    Of a collective every message counts as its largest. Channels are not told apart: what a
    pair of ranks sends by SEND on any of them counts, and of a collective what it has on one.

    Parameters
    ----------
    program : Program
    mtu : int
        Payload of a packet, bytes, at least 1.
    """
    sends = np.flatnonzero((program.kind == Op.SEND) & (program.peer != program.rank_of))
    pairs = [program.rank_of[sends] * program.n_ranks + program.peer[sends]]
    packets = [np.maximum(-(-program.bytes[sends] // mtu), 1)]
    alike: dict[tuple[int, ...], tuple[int, int]] = {}
    for row, times in _shapes(program, (*CONNECTING, "bytes", "chunks")):
        schedule = schedule_of(program, row)
        rounds = schedule.rounds if schedule.fixed else 1
        own = times * schedule.chunks * rounds * max(-(-schedule.largest_message // mtu), 1)
        key = tuple(int(getattr(program.collectives, name)[row]) for name in CONNECTING)
        alike[key] = row, own + alike.get(key, (row, 0))[1]
    for row, own in alike.values():
        pairs.append(_pairs(schedule_of(program, row), program.members(row), program.n_ranks))
        packets.append(np.full(len(pairs[-1]), own))
    pair = np.concatenate(pairs)
    order = np.argsort(pair)
    first = np.flatnonzero(np.diff(pair[order], prepend=-1))
    return int(np.add.reduceat(np.concatenate(packets)[order], first).max(initial=0))


def _pairs(schedule: Schedule, members: Ints, n_ranks: int) -> Ints:
    """Return source * n_ranks + destination of each message that a chunk sends on a channel.

    Those of all rounds of a ring are the same, and named once.
    """
    if schedule.kind == Collective.ALL_TO_ALL:
        pair = members[:, None] * n_ranks + members
        return pair[~np.eye(schedule.n, dtype=bool)]
    found = [np.zeros(0, np.int64)]
    steps = range(min(1, schedule.rounds) if schedule.fixed else schedule.rounds)
    for part, step in product(range(schedule.patterns), steps):
        peer = schedule.exchange(step, part).peer
        sender = np.flatnonzero(peer != NONE)
        found.append(members[sender] * n_ranks + members[peer[sender]])
    return np.concatenate(found)


def _distinct(pair: Ints, channel: Ints, n_ranks: int) -> tuple[Ints, Ints, Ints]:
    """Return the distinct connections in sorted order."""
    width = int(channel.max(initial=0)) + 1
    key = np.sort(pair * width + channel)  # np.unique hashes, at thrice the time
    key = key[np.diff(key, prepend=-1) != 0]
    pair, channel = key // width, key % width
    return pair // n_ranks, pair % n_ranks, channel
