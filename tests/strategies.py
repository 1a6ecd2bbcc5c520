"""Hypothesis strategies: small fabrics of both kinds, transports and programs."""

from typing import Any

from hypothesis import strategies as st

from fabricemu.fabrics.network import Choice, Network
from fabricemu.fabrics.transport import Transport
from fabricemu.workloads.program import ANY, Algorithm, Collective, Gate, Op, Program, SendDone
from tests import builders
from tests.builders import ProgramBuilder

NO_LIMIT = 1 << 30
# Some rates do not divide 8e12: their times round up.
RATES = (400 * 10**9, 100 * 10**9, 25 * 10**9, 333_333_333_333, 7 * 10**9, 123_456_789_012)
LATENCIES = (500_000, 1_000_000, 123_457, 700_001, 10_007)
PATHS = st.sampled_from((Choice.ECMP, Choice.SPRAY, Choice.ADAPTIVE, Choice.ROUND_ROBIN))
# The path of a cell is never hashed: a cell has no queue pair.
CELL_PATHS = st.sampled_from((Choice.ROUND_ROBIN, Choice.ADAPTIVE, Choice.SPRAY))
RANKED = (
    (Collective.ALL_REDUCE, Algorithm.RING),
    (Collective.ALL_REDUCE, Algorithm.HALVING_DOUBLING),
    (Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE),
    (Collective.REDUCE_SCATTER, Algorithm.RING),
    (Collective.ALL_GATHER, Algorithm.RING),
    (Collective.ALL_TO_ALL, Algorithm.SHIFT),
    (Collective.ALL_TO_ALL, Algorithm.AT_ONCE),
    (Collective.BROADCAST, Algorithm.RING),
    (Collective.BARRIER, Algorithm.DISSEMINATION),
)


def three(values: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw a rate or a latency for host, fabric and scale-up cables: often one for all."""
    one = st.sampled_from(values)
    return one.map(lambda value: (value,) * 3) | st.tuples(one, one, one)


@st.composite
def transports(draw: st.DrawFn, network: Network, bounded: bool) -> Transport:
    """Draw a NIC; with ``bounded`` queues it has a time-out.

    Where packets are lost, or slow, the time-out is long: one below the round trip through
    full queues sends so much again that a fabric may collapse for good.
    """
    mtu = draw(st.sampled_from((256, 1000, 4096)))
    window = draw(st.sampled_from((NO_LIMIT, NO_LIMIT, 1, 3, 8)))
    short, long = (1_000_000, 3_000_001, 20_000_000), (60_000_000, 150_000_001)
    slow = bounded or network.ddc is not None or network.rate_bps.min() < 10**11
    rto = draw(st.sampled_from(long if slow else short))
    rto = rto if bounded or draw(st.integers(0, 3)) == 0 else 0
    reorder = draw(st.sampled_from((128, 1024)))
    any_order = draw(st.booleans())
    ack_every = draw(st.sampled_from((NO_LIMIT, 1, 2, 5)))
    if rto == 0:  # what is in flight must be acknowledged some time
        ack_every = min(ack_every, window, reorder if any_order else NO_LIMIT)
    return builders.transport(
        mtu=mtu,
        header_bytes=draw(st.sampled_from((64, 1))),
        gap_bytes=draw(st.sampled_from((0, 20))),
        ack_bytes=draw(st.sampled_from((64, 17))),
        ack_every=ack_every,
        window_packets=window,
        any_order=any_order,
        reorder_packets=reorder,
        rto_ps=rto,
        qps=draw(st.sampled_from((1, 1, 2, 3))),
    )


def limits(draw: st.DrawFn, bounded: bool) -> int:
    """Return a limit of waiting data bytes that holds at least a packet."""
    return draw(st.sampled_from((4160, 9000, 30_000))) if bounded else -1


@st.composite
def stars(draw: st.DrawFn, bounded: bool = False) -> Network:
    n = draw(st.integers(2, 6))
    slow = draw(st.dictionaries(st.integers(0, n - 1), st.sampled_from(RATES), max_size=2))
    rate, latency = draw(st.sampled_from(RATES)), draw(st.sampled_from(LATENCIES))
    return builders.star(n, rate, latency, limits(draw, bounded), slow)


@st.composite
def leaf_spines(draw: st.DrawFn, bounded: bool = False) -> Network:
    hosts_per_leaf = draw(st.integers(1, 3))
    leaves = draw(st.integers(2, 4))
    sizes = [s for s in (1, 1, 2, 3) if leaves * hosts_per_leaf % s == 0]
    return builders.leaf_spine(
        leaves,
        hosts_per_leaf,
        spines=draw(st.integers(1, 3)),
        bundle=draw(st.integers(1, 2)),
        rates=draw(three(RATES)),
        latencies=draw(three(LATENCIES)),
        choice=draw(PATHS),
        queue_bytes=limits(draw, bounded),
        nic_ports=draw(st.integers(1, 2)),
        scale_up=draw(st.sampled_from(sizes)),
    )


@st.composite
def ddcs(draw: st.DrawFn, bounded: bool = False) -> Network:
    nic_ports = draw(st.integers(1, 2))
    leaves = draw(st.integers(2, 4))
    leaf_ports = draw(st.integers(1, 3)) * nic_ports
    ranks = leaves * leaf_ports // nic_ports
    lanes_per_element = draw(st.integers(1, 2))
    return builders.ddc(
        leaves,
        leaf_ports,
        lanes=lanes_per_element * draw(st.integers(1, 4)),
        lanes_per_element=lanes_per_element,
        rates=draw(three(RATES)),
        latencies=draw(three(LATENCIES)),
        choice=draw(CELL_PATHS),
        queue_bytes=limits(draw, bounded),
        nic_ports=nic_ports,
        scale_up=draw(st.sampled_from([s for s in (1, 1, 2, 3) if ranks % s == 0])),
        **draw(cell_values()),
    )


@st.composite
def cell_values(draw: st.DrawFn) -> dict[str, int | float | bool]:
    """Draw cells, credits and thresholds, some so small that credits stop."""
    header = draw(st.sampled_from((16, 1)))
    return {
        "cell_bytes": draw(st.sampled_from((256, 97, 512))),
        "cell_header_bytes": header,
        "control_cell_bytes": draw(st.sampled_from((64, 16))),
        "packing": draw(st.booleans()),
        "pad_cells": draw(st.booleans()),
        "credit_bytes": draw(st.sampled_from((4096, 1000, 257, 20_000))),
        "credit_speedup": draw(st.sampled_from((1.05, 1.0, 0.9, 2.3))),
        "egress_threshold_bytes": draw(st.sampled_from((16_384, 1, 3000))),
    }


def fabrics(bounded: bool = False) -> st.SearchStrategy[Network]:
    """Draw a fabric of any kind."""
    return stars(bounded) | leaf_spines(bounded) | ddcs(bounded) | ddcs(bounded)


# programs


def sizes(transport: Transport, packets: int = 12) -> st.SearchStrategy[int]:
    """Draw message sizes: empty, around a packet, a few packets."""
    mtu = transport.mtu
    edges = (0, 1, mtu - 1, mtu, mtu + 1, 3 * mtu)
    return st.sampled_from(edges) | st.integers(0, packets * mtu)


POLICIES = st.sampled_from(
    ((SendDone.LOCAL, 0), (SendDone.ACKED, 0), (SendDone.EAGER, 1000), (SendDone.EAGER, 0))
)


@st.composite
def send_programs(draw: st.DrawFn, n_ranks: int, transport: Transport) -> Program:
    """Draw independent messages, some at later times, some of a rank to itself."""
    rank = st.integers(0, n_ranks - 1)
    start = st.sampled_from((0, 0, 0, 1_000_000, 1_234_567))
    row = st.tuples(rank, rank, sizes(transport), start, st.integers(0, 2))
    rows = draw(st.lists(row, min_size=1, max_size=10))
    return builders.sends(rows, n_ranks, draw(POLICIES)[0])


@st.composite
def incasts(draw: st.DrawFn, n_ranks: int, transport: Transport) -> Program:
    """Draw messages of all ranks to rank 0, at once."""
    size = draw(sizes(transport, 30))
    return builders.sends([(src, 0, size) for src in range(1, n_ranks)], n_ranks)


def add_collective(draw: st.DrawFn, builder: ProgramBuilder, largest: int) -> list[int]:
    """Add a collective over some ranks, in any order; return its operations."""
    ranks = list(draw(st.permutations(range(builder.n_ranks))))
    ranks = ranks[: draw(st.integers(1, builder.n_ranks))]
    kind, algorithm = draw(st.sampled_from(RANKED))
    row = builder.collective(
        kind,
        algorithm,
        ranks,
        draw(st.integers(0, largest)),
        channels=draw(st.integers(1, 2)),
        chunks=draw(st.integers(1, 3)),
        root=draw(st.integers(0, len(ranks) - 1)),
    )
    return [builder.add(rank, Op.COLL, collective=row) for rank in ranks]


@st.composite
def collective_programs(draw: st.DrawFn, n_ranks: int, transport: Transport) -> Program:
    """Draw collectives over any groups: at once, or each rank's one after another."""
    builder = ProgramBuilder(n_ranks)
    last: dict[int, int] = {}
    chained = draw(st.booleans())
    for _ in range(draw(st.integers(1, 4))):
        for op in add_collective(draw, builder, 20 * transport.mtu):
            rank = builder.drafts[op].rank
            if chained and rank in last:
                builder.depend(op, [last[rank]])
            last[rank] = op
    return builder.build()


@st.composite
def dags(draw: st.DrawFn, n_ranks: int, transport: Transport) -> Program:
    """Draw a DAG of everything; edges go from earlier operations to later ones.

    Receipts come after their sends, so most of them can finish; where a wildcard takes the
    message of another RECV the program cannot, and both simulators must say so.
    """
    builder = ProgramBuilder(n_ranks)
    fifos: list[int] = []
    for _ in range(draw(st.integers(2, 14))):
        what = draw(st.sampled_from(("calc", "calc", "message", "message", "gate", "mark", "coll")))
        made = ADD[what](draw, builder, transport)
        for op in made:
            add_edges(draw, builder, op, made[0], fifos)
        if what == "gate" and is_fifo(builder, made[0]):
            fifos.append(made[0])
    policy, eager = draw(POLICIES)
    return builder.build(policy, eager)


def is_fifo(builder: ProgramBuilder, op: int) -> bool:
    return builder.drafts[op].values.get("mode") == Gate.FIFO


def add_edges(
    draw: st.DrawFn, builder: ProgramBuilder, op: int, before: int, fifos: list[int]
) -> None:
    """Let an operation wait for some of the operations below ``before``."""
    draft = builder.drafts[op]
    free = [other for other in range(before) if other not in fifos]
    if free:
        earlier = st.lists(st.sampled_from(free), max_size=3, unique=True)
        draft.after += draw(earlier)
        draft.after_start += [o for o in draw(earlier) if o not in draft.after]
    # A FIFO gate opens once for each predecessor, so it has at most as many successors.
    for fifo in fifos:
        inputs = len(builder.drafts[fifo].after) + len(builder.drafts[fifo].after_start)
        outputs = sum(fifo in other.after for other in builder.drafts)
        if outputs < inputs and draw(st.booleans()):
            draft.after.append(fifo)
    complete_gate(draw, draft)


def complete_gate(draw: st.DrawFn, draft: builders.Draft) -> None:
    """Give a gate a count that it can reach; a FIFO gate has something to pass on."""
    inputs = len(draft.after) + len(draft.after_start)
    mode = draft.values.get("mode", Gate.ALL)
    if inputs == 0 and mode != Gate.ALL:
        draft.values["mode"] = int(Gate.ALL)
    elif mode == Gate.COUNT:
        draft.values["count"] = draw(st.integers(1, inputs))


def common(draw: st.DrawFn, **values: Any) -> dict[str, Any]:
    """Return values with, now and then, an earliest start."""
    start = draw(st.sampled_from((0, 0, 0, 700_000, 5_000_003)))
    return values | {"start_ps": start, "job": 0}


def any_rank(draw: st.DrawFn, builder: ProgramBuilder) -> int:
    return draw(st.integers(0, builder.n_ranks - 1))


def add_calc(draw: st.DrawFn, builder: ProgramBuilder, _: Transport) -> list[int]:
    duration = draw(st.sampled_from((0, 1, 500_000, 1_000_000)))
    stream = draw(st.sampled_from((-1, 0, 0, 3)))
    values = common(draw, duration_ps=duration, stream=stream)
    return [builder.add(any_rank(draw, builder), Op.CALC, **values)]


def add_message(draw: st.DrawFn, builder: ProgramBuilder, transport: Transport) -> list[int]:
    """Add a SEND and its RECV, which may take any source or any tag."""
    src, dst = any_rank(draw, builder), any_rank(draw, builder)
    tag, channel = draw(st.integers(0, 1)), draw(st.integers(0, 2))
    size = draw(sizes(transport))
    stream = draw(st.sampled_from((-1, -1, 0)))
    known = {"tag": tag, "channel": channel, "bytes": size}
    send = builder.add(src, Op.SEND, **common(draw, peer=dst, stream=stream, **known))
    wild = draw(st.sampled_from((0, 0, 0, 1, 2, 3)))
    known |= {"peer": ANY if wild & 1 else src, "tag": ANY if wild & 2 else tag}
    return [send, builder.add(dst, Op.RECV, **common(draw, **known))]


def add_gate(draw: st.DrawFn, builder: ProgramBuilder, _: Transport) -> list[int]:
    mode = draw(st.sampled_from(list(Gate)))
    start = {} if mode == Gate.FIFO else common(draw)
    return [builder.add(any_rank(draw, builder), Op.GATE, mode=int(mode), **start)]


def add_mark(draw: st.DrawFn, builder: ProgramBuilder, _: Transport) -> list[int]:
    return [builder.add(any_rank(draw, builder), Op.MARK, **common(draw))]


def add_any_collective(draw: st.DrawFn, builder: ProgramBuilder, transport: Transport) -> list[int]:
    return add_collective(draw, builder, 8 * transport.mtu)


ADD = {
    "calc": add_calc,
    "message": add_message,
    "gate": add_gate,
    "mark": add_mark,
    "coll": add_any_collective,
}


@st.composite
def cases(draw: st.DrawFn, program: Any, bounded: bool = False) -> tuple[Any, ...]:
    """Draw network, transport, program and seed."""
    network = draw(fabrics(bounded))
    transport = draw(transports(network, bounded))
    return network, transport, draw(program(network.n_ranks, transport)), draw(SEEDS)


SEEDS = st.integers(0, 2**40)
