"""The run loop as Python sees it: call the kernel in chunks, take away what is finished."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fabricemu.engine import collect, reorder
from fabricemu.engine import state as engine_state
from fabricemu.engine.changes import Changes
from fabricemu.engine.collect import Columns
from fabricemu.engine.invariants import check_finished, is_over
from fabricemu.engine.pauses import PauseLog, paused_ps
from fabricemu.engine.sampler import Sampler
from fabricemu.engine.series import Series
from fabricemu.engine.switch_state import with_switching
from fabricemu.engine.watchdog import Watchdog, fail_lossless
from fabricemu.errors import ConfigError, EngineError
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Protocol, Receiver, Transport
from fabricemu.kernels import loop
from fabricemu.kernels import state as kernel
from fabricemu.kernels._jit import CACHE_DIR
from fabricemu.kernels._view import handle
from fabricemu.results.outcome import Outcome
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.program import Program
from fabricemu.workloads.schedule import total_messages

CHUNK_S = 0.1  # wall time between two looks at progress and signals
FIRST_WINDOWS = 16
MAX_WINDOWS = 1 << 20
HOST_COUNTERS = (
    "packets",
    "retransmits",
    "timeouts",
    "nacks",
    "duplicates",
    "discards",
    "cnps",
)
EGRESS_COUNTERS = ("marks", "trims", "lost", "headers_dropped")
THREAD_PORTS = 2048  # a fabric with fewer ports runs on one thread whatever is asked


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    now_ps: int
    messages: int
    total_messages: int
    elapsed_s: float


def simulate(
    network: Network,
    transport: Transport,
    program: Program,
    sink: Callable[[Columns], None],
    *,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[Progress], None] | None = None,
    windows: int = 0,
    compiling: Callable[[], None] | None = None,
    until_ps: int = kernel.INF,
) -> Outcome:
    """Run a program on a network to its end, or to a time before.

    Parameters
    ----------
    sink : callable
        Takes the raw columns of finished messages, chunk by chunk, in no fixed order.
    seed : int
        All random choices follow it.
    threads : int
        Cores to use; the result does not depend on it.
    progress : callable, optional
        Called about ten times a second; may raise to stop the run.
    windows : int, optional
        Windows per call of the kernel; 0 adapts to about 0.1 s.
    compiling : callable, optional
        Called before the kernels are compiled, if they are not in the cache.
    until_ps : int, optional
        Stop before what happens at this time or later. ``Outcome.complete`` tells whether anything
        was left; of such a run no result is written, and nothing is checked at its end.

    Raises
    ------
    EngineError
        If the program cannot finish, an invariant is broken, or memory runs out.
    """
    check_inputs(network, transport, program)
    compile_s = warm_up(compiling)
    parts = threads if network.n_ports >= THREAD_PORTS else 1
    run = _Run(network, transport, program, sink, seed, parts, until_ps)
    begin = time.perf_counter()
    run.to_the_end(progress, windows)
    if run.complete:
        run.watchdog.report_all(run.state)
        check_finished(run.state, program)
    return run.outcome(compile_s, time.perf_counter() - begin)


def check_inputs(network: Network, transport: Transport, program: Program) -> None:
    """Raise ConfigError if program, network and transport do not fit together."""
    if program.n_ranks > network.n_ranks:
        raise ConfigError(
            f"the trace has {program.n_ranks} ranks but the fabric {network.n_ranks} hosts"
        )
    if 0 < transport.rto_ps < network.lookahead_ps:
        raise ConfigError(
            f"transport.rto: {transport.rto_ps} ps is shorter than the smallest link latency"
            f" ({network.lookahead_ps} ps); no acknowledgement can come in that time"
        )
    if min(transport.header_bytes, transport.ack_bytes) < 1:
        raise ConfigError("transport.header_bytes and ack_bytes must be at least 1")
    window = transport.window_packets
    if transport.any_order and transport.protocol == Protocol.RC:
        window = min(window, transport.reorder_packets)
    counted = transport.protocol == Protocol.RC and not transport.ack_in_bytes
    if counted and window < transport.ack_every and transport.rto_ps == 0:
        raise ConfigError(
            f"transport.window: {window} packets; expected at least ack_every ="
            f" {transport.ack_every}, else the sender waits for ever (there is no time-out)"
        )
    if transport.receiver != Receiver.IN_ORDER and transport.reorder_packets < 128:
        raise ConfigError(
            f"transport.reorder_packets: {transport.reorder_packets}; expected a power of two,"
            " at least 128 (an acknowledgement reports 64 packets)"
        )


def warm_up(compiling: Callable[[], None] | None = None) -> float:
    """Compile the kernels, or load them from the cache; return the seconds it took."""
    if not hasattr(loop.run, "signatures") or loop.run.signatures:
        return 0.0
    if compiling is not None and not cached():
        compiling()
    begin = time.perf_counter()
    tiny = engine_state.build(*_tiny(), seed=0, parts=1)
    loop.run(handle(tiny), 0)
    return time.perf_counter() - begin


def cached() -> bool:
    """Return whether compiled kernels of exactly these sources are on disk."""
    return os.path.isdir(CACHE_DIR) and any(
        name.endswith(".nbc") for _, _, names in os.walk(CACHE_DIR) for name in names
    )


def _tiny() -> tuple[Network, Transport, Program]:
    """Return the smallest inputs: only their types matter."""
    none = np.zeros(2, np.int64)
    network = Network(
        n_ranks=2,
        nic_ports=1,
        scale_up=1,
        kind=none,
        port_ptr=np.array([0, 1, 2]),
        peer=np.array([1, 0]),
        rate_bps=np.full(2, 10**9),
        latency_ps=np.ones(2, np.int64),
        queue_bytes=np.full(2, -1),
        lo=none,
        hi=none,
        div=none,
        bundle=none,
        up_first=none,
        up_count=none,
        choice=none,
        names=["a", "b"],
    )
    transport = Transport(1000, 50, 20, 64, 1, 1, Receiver.IN_ORDER, 128, 0, 1)
    return network, transport, ProgramBuilder(2).build()


class _Run:
    """One run: its state, its series, and where finished messages go."""

    def __init__(
        self,
        network: Network,
        transport: Transport,
        program: Program,
        sink: Callable[[Columns], None],
        seed: int,
        parts: int,
        until_ps: int,
    ) -> None:
        if network.ddc is not None and engine_state.needs_switching(network, transport):
            network = with_switching(network)  # its lanes have marks and pauses to tell of
        self.until_ps = until_ps
        self.network, self.program, self.sink = network, program, sink
        self.state = engine_state.build(network, transport, program, seed, parts)
        self.series = Series(network)
        self.changes = Changes(network)
        self.pauses = PauseLog()
        self.sampler = Sampler(transport, engine_state.pairs_of(network, transport, program), seed)
        self.watchdog = Watchdog(network, transport.mtu + transport.header_bytes)
        self._set_stop()
        self._entered: tuple[kernel.State, Any] = self.state, handle(self.state)
        self.total = total_messages(program)
        self.messages = 0
        self.over = False
        self.complete = True

    def to_the_end(self, progress: Callable[[Progress], None] | None, windows: int) -> None:
        """Call the kernel until nothing is left to happen, or the time has come to stop."""
        count = windows or FIRST_WINDOWS
        begin = last = time.perf_counter()
        while True:
            status = loop.run(self._handle(), count)
            now = time.perf_counter()
            if not windows and status == kernel.Exit.CHUNK:
                count = min(max(int(count * CHUNK_S / max(now - last, 1e-4)), 1), MAX_WINDOWS)
            last = now
            self._after(int(status))
            if progress is not None:
                at = int(self.state.config[0]["now"])
                progress(Progress(at, self.messages, self.total, now - begin))
            if status == kernel.Exit.DONE or self.over:
                return

    def _handle(self) -> Any:
        """Return what the kernel takes; making it costs as much as many windows."""
        if self._entered[0] is not self.state:
            self._entered = self.state, handle(self.state)
        return self._entered[1]

    def _after(self, status: int) -> None:
        """Do what the kernel returned for."""
        if status in (kernel.Exit.CHUNK, kernel.Exit.DRAIN, kernel.Exit.DONE):
            self._drain()
        elif status == kernel.Exit.SAMPLE:
            self._sample(int(self.state.due.min()))
        elif status == kernel.Exit.LOSSLESS_DROP:
            fail_lossless(self.state, self.network)
        elif status == kernel.Exit.GROW_REORDER:
            self.state = reorder.grow(self.state)
        elif status in (kernel.Exit.FULL_PACKETS, kernel.Exit.FULL_MESSAGES):
            what = "packets" if status == kernel.Exit.FULL_PACKETS else "messages"
            raise EngineError(
                f"more {what} in flight than the engine has room for"
                f" ({len(self.state.entries)} packets, {len(self.state.messages)} messages)"
            )

    def _set_stop(self) -> None:
        """Let the kernel return at the end of the bin, or at a change or the stop before."""
        stop = min(self.series.end, self.changes.next_ps, self.until_ps)
        self.state.config["bin_end"] = stop

    def _sample(self, now: int) -> None:
        """Close bins, take samples, change the network: all before what happens at ``now``."""
        if now >= self.until_ps:
            self._stop()
            return
        if now >= self.series.end:
            self.series.close_until(self.state, now)
            self.sampler.take(self.state, self.series.count * self.series.bin_ps)
            self.watchdog.look(self.state, now)
            self._drain()
            self.over = is_over(self.state)
        self.state = self.changes.apply_until(self.state, now)
        self._set_stop()

    def _stop(self) -> None:
        """End the run where it is."""
        self.series.close_until(self.state, self.until_ps - 1)
        self._drain()
        self.over, self.complete = True, is_over(self.state)

    def _drain(self) -> None:
        self.pauses.take(self.state)
        columns = collect.take(self.state, self.network, self.program)
        if columns is not None:
            self.messages += len(columns["message"])
            self.sink(columns)

    def outcome(self, compile_s: float, sim_s: float) -> Outcome:
        """Return the counters of a finished run."""
        state, series = self.state, self.series
        ops = state.ops[: self.program.n_ops]
        series.close(state)
        return Outcome(
            end_ps=int(ops["finished"].max(initial=0)),
            op_start_ps=ops["started"].copy(),
            op_finish_ps=ops["finished"].copy(),
            link_bytes=state.ports["sent_bytes"].copy(),
            link_packets=self._sent(),
            link_drops=state.limits["drops"].copy(),
            link_peak_bytes=series.largest.copy(),
            bin_ps=series.bin_ps,
            series_bytes=series.bytes[: series.count],
            series_peak_bytes=series.peak[: series.count],
            device=self._device_counters(),
            packets=int(state.hosts["packets"].sum()),
            retransmits=int(state.hosts["retransmits"].sum()),
            windows=int(state.config[0]["window"]),
            compile_s=compile_s,
            sim_s=sim_s,
            **self._leaves(),
            complete=self.complete,
            **self._switching(),
        )

    def _leaves(self) -> dict[str, Any]:
        """Return what leaves of a scheduled fabric did over time."""
        if self.network.ddc is None:
            return {}
        leaves = self.series.leaves
        return {
            "leaf_series": leaves.columns(self.series.count),
            "lane_queues": leaves.histogram(),
        }

    def _switching(self) -> dict[str, Any]:
        """Return what switches with more than two FIFOs a port, and controls, leave behind."""
        state, series = self.state, self.series
        found: dict[str, Any] = {}
        samples = self.sampler.columns()
        if samples:
            found["qp_samples"] = samples
        if self.network.switching is None:
            return found
        egress = state.egress
        return found | {
            "link_marks": egress["marks"].copy(),
            "link_trims": egress["trims"].copy(),
            "link_lost": egress["lost"].copy(),
            "pause_ps": paused_ps(state, int(state.config[0]["now"])),
            "series_marks": series.marks[: series.count],
            "series_pause_ps": series.pause_ps[: series.count],
            "pauses": self.pauses.columns(state),
            "pauses_dropped": self.pauses.dropped,
        }

    def _sent(self) -> collect.Ints:
        """Return packets and cells sent through each port."""
        rings = self.state.outs[: int(self.state.config[0]["port_rings"])]["committed"]
        sent: collect.Ints = rings.reshape(self.network.n_ports, -1).sum(axis=1)
        return sent

    def _device_counters(self) -> dict[str, collect.Ints]:
        network, state = self.network, self.state
        counters = {}
        for name in HOST_COUNTERS:
            counters[name] = np.zeros(network.n_devices, np.int64)
            counters[name][: network.n_ranks] = state.hosts[name]
        for name in EGRESS_COUNTERS:
            counters[name] = np.zeros(network.n_devices, np.int64)
            if network.switching is not None:
                np.add.at(counters[name], network.device_of, state.egress[name])
        for name, column in self.series.leaves.totals(state).items():
            counters[name] = np.zeros(network.n_devices, np.int64)
            if network.ddc is not None:
                first = network.ddc.first_leaf
                counters[name][first : first + network.ddc.leaves] = column
        return counters
