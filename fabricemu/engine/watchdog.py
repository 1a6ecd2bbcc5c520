"""Loud ends: a lossless class that loses, and ports that pause each other for ever."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.deadlock import describe_cycle, find_cycles
from fabricemu.errors import EngineError
from fabricemu.fabrics.network import Kind, Network
from fabricemu.kernels import state as kernel

REACTIONS = 10  # of a pause frame, between two looks


class Watchdog:
    """Looks for paused queues from which nothing was sent since the last look."""

    def __init__(self, network: Network, transport_frame: int) -> None:
        self.network = network
        self.last_ps = 0
        self.sent = np.zeros(network.n_ports, np.int64)
        response = network.switching.pause_response_ps if network.switching else 0
        slowest = 8 * 10**12 * transport_frame // int(network.rate_bps.min())
        self.pause_ps = REACTIONS * (int(network.latency_ps.max()) + response + slowest)

    def look(self, state: kernel.State, now: int) -> None:
        """Raise EngineError if there is a deadlock."""
        if not state.config[0]["pausing"] or now - self.last_ps < self.pause_ps:
            return
        still = state.ports["sent_bytes"] == self.sent
        self.last_ps, self.sent = now, state.ports["sent_bytes"].copy()
        self.report(state, _paused(state) & still[:, np.newaxis])

    def report(self, state: kernel.State, paused: NDArray[np.bool_]) -> None:
        """Raise EngineError if paused queues wait for each other in a circle."""
        if not paused.any():
            return
        cycles = find_cycles(self.network, paused, _waiting(state, paused))
        if cycles:
            text = "; ".join(describe_cycle(self.network, cycle) for cycle in cycles[:3])
            more = f" and {len(cycles) - 3} more" if len(cycles) > 3 else ""
            raise EngineError(f"deadlock: ports pause each other in a circle: {text}{more}")

    def report_all(self, state: kernel.State) -> None:
        """Raise EngineError if nothing happens any more because of a deadlock."""
        self.report(state, _paused(state))


def _paused(state: kernel.State) -> NDArray[np.bool_]:
    classes = max(int(state.config[0]["classes"]), 1)
    paused: NDArray[np.bool_] = (state.queues["paused"] == 1).reshape(-1, classes)
    return paused


def _waiting(state: kernel.State, paused: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (port, class, ingress port, bytes) of all packets in paused queues of switches."""
    fifos = int(state.config[0]["fifos"])
    for port, traffic_class in np.argwhere(paused):
        out = state.outs[port * fifos + kernel.BULK + traffic_class]
        for index in range(int(out["committed"]), int(out["tail"])):
            place = int(out["offset"]) + (index & int(out["mask"]))
            entry = state.entries[int(state.places[place])]
            yield int(port), int(traffic_class), int(entry["time"]), int(entry["bytes"])


def fail_lossless(state: kernel.State, network: Network) -> None:
    """Raise EngineError for the packet that a lossless class had no room for."""
    share = next(s for s in state.parts if s["status"] == kernel.Exit.LOSSLESS_DROP)
    port, traffic_class = int(share["lossless_port"]), int(share["lossless_class"])
    device = int(network.device_of[port])
    buffer = "ddc.deep_buffer" if network.kind[device] == Kind.LEAF else "switch.buffer"
    raise EngineError(
        f"{network.names[device]} dropped a packet of lossless class {traffic_class} from its port"
        f" {port - int(network.port_ptr[device])} at {int(state.config[0]['now']) / 1e6:.3f} us:"
        " its buffer and headroom are too small for what comes after a pause; set a larger"
        f" switch.headroom or {buffer}, or a lower switch.xoff"
    )
