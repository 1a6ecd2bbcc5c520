"""Hypothesis strategies: scheduled fabrics with every mechanism, and with what breaks."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fabricemu.fabrics.network import Kind, Network
from tests import builders, strategies, strategies_ethernet
from tests.ethernet import US, with_switching
from tests.scheduled import failing, two_stage

ONE = 1 << 16
LEVELS = ((), (0,), (200, 900), (1000, 3000, 8000))


@st.composite
def mechanisms(draw: st.DrawFn) -> dict[str, Any]:
    """Draw fields of ``Ddc`` that lose nothing; each is off in half of the cases or more."""
    credit = draw(st.sampled_from((4096, 1000, 20_000)))
    balance = draw(st.sampled_from((-1, credit, 3 * credit)))
    levels = draw(st.sampled_from(LEVELS))
    xoff = draw(st.sampled_from((-1, -1, 0, 600, 4000)))
    return {
        "credit_bytes": credit,
        "balance_bytes": balance,
        "ahead_bytes": draw(st.sampled_from((0, 0, 1, credit))),
        "watchdog_ps": draw(st.sampled_from((0, 0, 2 * US, 50 * US))),
        "paced": draw(st.booleans()),
        "drm": draw(st.sampled_from((0, 0, ONE, 4 * ONE))),
        "train_cells": draw(st.sampled_from((1, 1, 3, 8))),
        "least_loaded": draw(st.booleans()),
        "llfc_xoff_bytes": xoff,
        "llfc_xon_bytes": max(0, xoff) // draw(st.integers(1, 3)),
        "llfc_response_ps": draw(st.sampled_from((0, 100_001))),
        "rci_bytes": levels,
        "rci_slow": tuple(ONE + k * ONE // 3 for k in range(1, len(levels) + 1)),
        "rci_period_ps": draw(st.sampled_from((US, 10 * US + 1))),
    }


#: Mechanisms of elements, off.
NO_ELEMENTS: dict[str, Any] = {"llfc_xoff_bytes": -1, "rci_bytes": (), "rci_slow": ()}


@st.composite
def leaves_alone(draw: st.DrawFn) -> Network:
    """Draw a fabric with the mechanisms of leaves, which may drop what a VOQ cannot hold."""
    network = draw(networks())
    assert network.ddc is not None
    limit = draw(st.sampled_from((-1, -1, 30_000)))
    onchip = draw(st.sampled_from((-1, 0, 10_000)))
    ddc = replace(network.ddc, voq_bytes=limit, onchip_bytes=onchip, **NO_ELEMENTS)
    return replace(network, ddc=ddc)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a fabric of one or two stages, with any of its mechanisms."""
    values = draw(strategies.cell_values()) | draw(mechanisms())
    if draw(st.integers(0, 2)) == 0:
        pods, elements = draw(st.integers(1, 3)), draw(st.sampled_from((1, 2, 4)))
        planes = draw(st.sampled_from([n for n in (1, 2) if elements % n == 0]))
        return two_stage(pods, draw(st.integers(1, 2)), elements, planes, **values)
    per_element = draw(st.integers(1, 2))
    return builders.ddc(
        leaves=draw(st.integers(2, 4)),
        leaf_ports=draw(st.integers(1, 3)),
        lanes=per_element * draw(st.integers(1, 4)),
        lanes_per_element=per_element,
        rates=draw(strategies.three(strategies.RATES)),
        latencies=draw(strategies.three(strategies.LATENCIES)),
        choice=draw(strategies.CELL_PATHS),
        **values,
    )


@st.composite
def with_classes(draw: st.DrawFn, network: Network) -> Network:
    """Add classes and PFC; a lossless class always finds room."""
    found = draw(strategies_ethernet.classes()) | draw(strategies_ethernet.pausing())
    return with_switching(network, **found)


@st.composite
def with_buffers(draw: st.DrawFn, network: Network) -> Network:
    """Add shared buffers to leaves with classes; too little loses lossless packets, loudly."""
    assert network.switching is not None
    found = draw(strategies_ethernet.buffers())
    found["headroom"] = np.full(network.n_ports, found["headroom"])
    return replace(network, switching=replace(network.switching, **found))


@st.composite
def losing(draw: st.DrawFn, network: Network) -> Network:
    """Add what loses cells or packets, and what recovers; all is whole again some time."""
    assert network.ddc is not None
    recovery: dict[str, Any] = {
        "watchdog_ps": draw(st.sampled_from((5 * US, 20 * US))),
        "reassembly_ps": draw(st.sampled_from((5 * US, 20 * US))),
        "contexts": draw(st.sampled_from((0, 0, 64))),
        "voq_bytes": draw(st.sampled_from((-1, -1, 30_000))),
    }
    network = replace(network, ddc=replace(network.ddc, **recovery))
    inside = network.device_of[np.flatnonzero(network.carries_cells)]
    device = draw(st.sampled_from(sorted(set(inside.tolist()))))
    ports = np.arange(*network.port_ptr[device : device + 2])
    ports = ports[network.carries_cells[ports]]
    if network.kind[device] == Kind.LEAF or draw(st.booleans()):
        ports = ports[: draw(st.integers(1, len(ports)))]
    down = np.concatenate([ports, network.peer[ports]]).tolist()
    at = draw(st.sampled_from((0, 2 * US, 3_333_333)))
    until = at + draw(st.sampled_from((US, 30 * US)))
    detection = draw(st.sampled_from((None, US, 10 * US)))
    network = failing(network, down, at, until, detection, draw(st.booleans()))
    rate = draw(st.sampled_from((0, 0, 1 << 22)))
    return replace(network, loss=np.where(network.carries_cells, rate, 0))
