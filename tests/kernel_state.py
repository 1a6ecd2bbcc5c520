"""States of the kernels for tests: to call their functions on, and to look into as they run."""

import pytest
from fabricemu.kernels import loop
from fabricemu.kernels._view import handle
from fabricemu.kernels.state import Exit, State

from fabricemu.engine import state as engine_state
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.workloads.program import Program
from tests import builders
from tests.compare import JIT

#: For tests that call compiled functions, which only kernels can, as plain Python.
plain = pytest.mark.skipif(JIT, reason="calls kernels as plain Python")

#: For runs of many packets, and for cases like others that plain Python has already seen.
compiled = pytest.mark.skipif(not JIT, reason="takes long in plain Python")


def build(
    network: Network,
    transport: Transport | None = None,
    program: Program | None = None,
    seed: int = 1,
) -> State:
    """Return a state at time 0; by default of a plain NIC and a packet from host 0 to host 1."""
    nic = transport or builders.transport()
    trace = program or builders.sends([(0, 1, 4096)], network.n_ranks)
    return engine_state.build(network, nic, trace, seed, 1)


def run_until(state: State, time: int) -> None:
    """Run a state until everything up to and at ``time`` has happened."""
    state.config["bin_end"] = time + 1
    status = loop.run(handle(state), 1 << 20)
    assert status in (Exit.SAMPLE, Exit.DONE), Exit(int(status))


def packet_at(state, fifo, index):
    """Return the packet at a place of a ring of an output port."""
    return int(state.places[int(fifo["offset"]) + (int(index) & int(fifo["mask"]))])


def newest(state, fifo):
    """Return the packet at the tail of a ring."""
    return packet_at(state, fifo, fifo["tail"] - 1)


def tag_of(state, packet):
    """Return the tag of a packet."""
    return state.tags[packet + 1]
