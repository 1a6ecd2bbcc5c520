"""Hypothesis strategies: Ethernet switches, NICs and congestion controls of all kinds."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fabricemu.fabrics.network import Change, Network
from fabricemu.fabrics.routing import find_routes
from fabricemu.fabrics.transport import Balance, Control, Protocol, Receiver, Transport
from fabricemu.workloads.program import Program
from tests import builders, ethernet, strategies
from tests.ethernet import ALWAYS, ONE, US

CHANCES = (ALWAYS, ALWAYS // 5, ALWAYS // 50)
BALANCES = st.sampled_from(tuple(Balance))
# Time-outs long against any queue that these fabrics build.
LONG = (150 * US, 400 * US + 1)


@st.composite
def classes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw up to four data classes, and which channel is in which."""
    count = draw(st.sampled_from((1, 1, 2, 3, 4)))
    one = st.integers(0, count - 1)
    return {
        "weight": [draw(st.sampled_from((0, 1, 1, 3))) for _ in range(count)],
        "lossless": [draw(st.integers(0, 1)) for _ in range(count)],
        "qp_class": tuple(draw(st.lists(one, min_size=1, max_size=3))),
    }


@st.composite
def marking(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.sampled_from((-1, 0, 2000, 9000)))
    return {
        "ecn_low": low,
        "ecn_high": low + draw(st.sampled_from((0, 1, 5000, 40_000))),
        "ecn_max": draw(st.sampled_from(CHANCES)),
        "ecn_at_enqueue": draw(st.booleans()),
    }


@st.composite
def buffers(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a shared buffer; too little of it loses packets of a lossless class, loudly."""
    return {
        "buffer_bytes": draw(st.sampled_from((-1, 20_000, 60_000, 300_000))),
        "reserved_bytes": draw(st.sampled_from((0, 4000))),
        "headroom": draw(st.sampled_from((200_000, 200_000, 30_000))),
        "alpha": draw(st.sampled_from((ONE, ONE // 8, 2 * ONE))),
        "alpha_lossy": draw(st.sampled_from((ONE, ONE // 4))),
    }


@st.composite
def pausing(draw: st.DrawFn) -> dict[str, Any]:
    static = draw(st.booleans())
    return {
        "pfc": draw(st.sampled_from((0, 1, 1))),
        "xoff_bytes": draw(st.sampled_from((5000, 12_000, 40_000))) if static else -1,
        "xon_bytes": draw(st.sampled_from((0, 4000))),
        "pause_bytes": draw(st.sampled_from((64, 17))),
        "pause_response_ps": draw(st.sampled_from((0, 100_001, 700_000))),
    }


@st.composite
def paths(draw: st.DrawFn) -> dict[str, Any]:
    gap = draw(st.sampled_from((0, 0, 200_000, 2_000_001)))
    return {
        "weighted": draw(st.booleans()),
        "bands": draw(st.sampled_from(([], [], [0, 3000], [1000, 5000, 20_000]))),
        "refresh_ps": draw(st.sampled_from((0, 100_000))),
        "flowlet_gap_ps": gap,
        "flowlet_entries": draw(st.sampled_from((1, 4, 64))),
    }


@st.composite
def switched(draw: st.DrawFn, lossy: bool = False) -> Network:
    """Draw an Ethernet fabric whose switches have everything, or nothing, of section 6."""
    network = draw(strategies.leaf_spines(lossy) | strategies.stars(lossy))
    parts = [draw(part) for part in (classes(), marking(), buffers(), pausing(), paths())]
    network = ethernet.with_switching(network, **{k: v for p in parts for k, v in p.items()})
    if draw(st.integers(0, 3)) == 0:
        up = np.ones(network.n_ports, np.bool_)
        network = replace(network, routes=find_routes(network, up))
    return network


@st.composite
def pausing_fabrics(draw: st.DrawFn) -> Network:
    """Draw fabrics whose queues soon pause what comes in."""
    network = draw(strategies.leaf_spines())
    drawn = draw(classes()) | draw(marking()) | draw(paths()) | draw(pausing())
    drawn["lossless"] = [1] * len(drawn["weight"])
    drawn |= {"pfc": 1, "headroom": 400_000, "reserved_bytes": draw(st.sampled_from((0, 4000)))}
    if drawn["xoff_bytes"] < 0:
        drawn["buffer_bytes"] = draw(st.sampled_from((9000, 40_000)))
        drawn["alpha"] = draw(st.sampled_from((ONE, ONE // 8)))
    return ethernet.with_switching(network, **drawn)


@st.composite
def rc_transports(draw: st.DrawFn, network: Network) -> Transport:
    """Draw an RC NIC with any receiver, control and path choice."""
    base = draw(strategies.transports(network, True))
    control = draw(st.sampled_from(CONTROLS))(draw)
    receiver = draw(st.sampled_from(tuple(Receiver)))
    needs_each = control.get("control") in (Control.DCTCP, Control.SWIFT, Control.HPCC)
    in_bytes = draw(st.booleans()) and not needs_each
    every = draw(st.sampled_from((3000, 20_000))) if in_bytes else base.ack_every
    return replace(
        base,
        rto_ps=draw(st.sampled_from(LONG)),
        receiver=receiver,
        ack_in_bytes=in_bytes,
        ack_every=1 if needs_each else every,
        loss_distance=draw(st.sampled_from((0, 1, 3))) if receiver == Receiver.ANY_ORDER else 0,
        cnp_bytes=draw(st.sampled_from((78, 20))),
        balance=draw(BALANCES),
        entropies=draw(st.sampled_from((1, 4, 16))),
        **control,
    )


def dcqcn(draw: st.DrawFn) -> dict[str, Any]:
    return ethernet.dcqcn(
        decrease_ps=draw(st.sampled_from((0, 4 * US))),
        byte_counter=draw(st.sampled_from((0, 30_000))),
        clamp=draw(st.booleans()),
        window_bytes=draw(st.sampled_from((0, 50_000))),
        fast_recovery=draw(st.sampled_from((1, 3))),
    )


def dctcp(draw: st.DrawFn) -> dict[str, Any]:
    return ethernet.dctcp(init_bytes=draw(st.sampled_from((1000.0, 20_000.0))))


def swift(draw: st.DrawFn) -> dict[str, Any]:
    return ethernet.swift(
        base_ps=draw(st.sampled_from((5e6, 1e6))),
        init_packets=draw(st.sampled_from((12.0, 0.5))),
    )


def hpcc(draw: st.DrawFn) -> dict[str, Any]:
    return ethernet.hpcc(max_stage=draw(st.sampled_from((0, 5))))


CONTROLS = (lambda draw: {}, dcqcn, dctcp, swift, hpcc)


@st.composite
def uec_transports(draw: st.DrawFn, network: Network) -> Transport:
    """Draw a UEC NIC; its time-out is longer than what the queues take."""
    base = draw(strategies.transports(network, True))
    kinds = (Control.NSCC, Control.NSCC, Control.CONSTANT, Control.RCCC, Control.BOTH)
    control = draw(st.sampled_from(kinds))
    full = base.mtu + base.header_bytes
    window = draw(st.sampled_from((2, 8, 60))) * full
    parameters = ethernet.uec(
        control,
        min_window=full,
        max_window=window,
        init_window=window,
        rate_bps=int(network.rate_bps[0]),
        rtt_ps=draw(st.sampled_from((5 * US, 2 * US))),
        target_ps=draw(st.sampled_from((4 * US, US // 2))),
        ewma=draw(st.sampled_from((0.0125, 0.3))),
        gate_shift=draw(st.sampled_from((3, 0))),
        nack_updates_base=draw(st.booleans()),
    )
    return replace(
        base,
        protocol=Protocol.UEC,
        receiver=Receiver.ANY_ORDER,
        window_packets=strategies.NO_LIMIT,
        reorder_packets=draw(st.sampled_from((128, 256))),
        ack_in_bytes=True,
        ack_every=draw(st.sampled_from((1, 3000, 16_384))),
        rto_ps=draw(st.sampled_from(LONG)),
        balance=draw(BALANCES),
        entropies=draw(st.sampled_from((1, 4, 16))),
        **parameters,
    )


@st.composite
def trimmed(draw: st.DrawFn) -> Network:
    """Draw a fabric that trims what finds its queue full, without a lossless class."""
    network = draw(switched(lossy=True))
    switching = network.switching
    assert switching is not None
    lossless = np.zeros_like(switching.lossless)
    quiet = replace(switching, lossless=lossless, pfc=np.zeros_like(switching.pfc))
    trim = draw(st.sampled_from((64, 64, 20)))
    return replace(network, switching=replace(quiet, trim_bytes=trim))


@st.composite
def damaged(draw: st.DrawFn, network: Network) -> Network:
    """Lose packets by chance, and change links during the run: each comes back."""
    loss = np.zeros(network.n_ports, np.int64)
    for port in draw(st.lists(st.integers(0, network.n_ports - 1), max_size=3)):
        loss[port] = draw(st.sampled_from((ALWAYS // 100, ALWAYS // 8)))
    changes: list[Change] = []
    state = np.ones(network.n_ports, np.int64)
    for port in draw(st.lists(st.integers(0, network.n_ports - 1), max_size=2, unique=True)):
        ports = np.array([port, network.peer[port]])
        at, lasts = draw(st.sampled_from((0, 500_000, 3 * US))), draw(st.integers(1, 20 * US))
        rate = network.rate_bps[ports] // draw(st.sampled_from((1, 3)))
        state = state.copy()
        state[ports] = draw(st.integers(0, 1))
        routes = find_routes(network, state == 1) if network.routes is not None else None
        changes.append(Change(at, ports, rate, state[ports], routes))
        whole = np.ones_like(state)
        again = find_routes(network, whole == 1) if network.routes is not None else None
        changes.append(Change(at + lasts, ports, network.rate_bps[ports], whole[ports], again))
    changes.sort(key=lambda change: change.time_ps)
    return replace(network, loss=loss, changes=tuple(changes))


@st.composite
def crowds(draw: st.DrawFn, n_ranks: int, transport: Transport) -> Program:
    """Draw messages of many packets to one rank or two, on several channels, and some back."""
    rank = st.integers(0, n_ranks - 1)
    targets = draw(st.lists(rank, min_size=1, max_size=2))
    size = st.integers(3 * transport.mtu, 40 * transport.mtu)
    start = st.sampled_from((0, 0, 0, 2 * US))
    rows = [
        (src, dst, draw(size), draw(start), draw(st.integers(0, 2)))
        for dst in targets
        for src in range(n_ranks)
        if src != dst
    ]
    rows += [(row[1], row[0], draw(size) // 4) for row in rows if draw(st.integers(0, 3)) == 0]
    return builders.sends(rows, n_ranks)


@st.composite
def cases(
    draw: st.DrawFn, network: Any, transport: Any, program: Any, harmed: bool = False
) -> tuple[Any, ...]:
    """Draw network, transport, program and seed."""
    drawn = draw(network)
    if harmed:
        drawn = draw(damaged(drawn))
    nic = draw(transport(drawn))
    return drawn, nic, draw(program(drawn.n_ranks, nic)), draw(strategies.SEEDS)
