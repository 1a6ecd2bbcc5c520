"""What must hold when a run is over; checked always."""

import numpy as np

from fabricemu.errors import EngineError
from fabricemu.kernels import state as kernel
from fabricemu.workloads.program import Op, Program


def check_finished(state: kernel.State, program: Program) -> None:
    """Raise EngineError if an operation never finished, or anything is left or lost."""
    _check_program(state, program)
    _check_rings(state)
    _check_queue_pairs(state)
    if state.config[0]["cells"]:
        _check_cells(state)


def _fail(what: str) -> None:
    raise EngineError(f"broken invariant: {what}; please report this run with its seed")


def _check_program(state: kernel.State, program: Program) -> None:
    waiting = np.flatnonzero(state.ops["finished"][: program.n_ops] < 0)
    if not len(waiting):
        return
    shown = ", ".join(
        f"rank {program.rank_of[op]} operation {op - program.rank_ptr[program.rank_of[op]]}"
        f" ({Op(int(program.kind[op])).name}"
        f"{', begun' if state.ops[op]['started'] >= 0 else ''})"
        for op in waiting[:3]
    )
    raise EngineError(
        f"the program cannot finish: {len(waiting)} operations wait for ever, first {shown}"
    )


def _check_rings(state: kernel.State) -> None:
    """Packets and cells: sent = taken, nothing waits, no queue is negative."""
    if not _nothing_waits(state):
        _fail("packets left in a queue")
    if not _all_arrived(state):
        _fail("packets sent are not packets received")
    if state.parts["in_use"].sum() != _kept(state):
        _fail("packets made are not packets that ended")
    if np.any(state.ports["waiting_bytes"] != 0) or np.any(state.limits["waiting_data"] != 0):
        _fail("the waiting bytes of a port are not zero at the end")
    _check_buffers(state)


def _kept(state: kernel.State) -> int:
    """Return the packets of which no more than the end is missing, if cells can be lost."""
    if not state.config[0]["cells"]:
        return 0
    base = int(state.config[0]["port_rings"])
    return int((state.outs[base:]["committed"] - state.ins[base:]["head"]).sum())


def loses_cells(state: kernel.State) -> bool:
    """Return whether cells can be lost, or refused."""
    config = state.config[0]
    return bool(config["lossy"] or config["contexts"])


def _nothing_waits(state: kernel.State) -> bool:
    outs = state.outs[: int(state.config[0]["port_rings"])]
    return not np.any(outs["tail"] != outs["committed"])


def _all_arrived(state: kernel.State) -> bool:
    fifos = int(state.config[0]["fifos"])
    outs = state.outs[: int(state.config[0]["port_rings"])]
    reader = (fifos * state.ports["peer"][:, None].astype(np.int64) + np.arange(fifos)).ravel()
    return not np.any(outs["committed"] != state.ins[reader]["head"])


def _check_buffers(state: kernel.State) -> None:
    """Every byte that was charged has been given back, and every pause has ended."""
    for name in ("waiting", "resv", "shared", "hdrm"):
        if np.any(state.queues[name] != 0):
            _fail(f"{name} bytes of a class are not zero at the end")
    if np.any(state.switches["used"] != 0) or np.any(state.egress["control_waiting"] != 0):
        _fail("the bytes in a buffer are not zero at the end")
    if np.any(state.queues["paused"] != 0) or np.any(state.queues["pausing"] != 0):
        _fail("a pause has not ended")


def is_over(state: kernel.State) -> bool:
    """Return whether only timers are left that nothing depends on."""
    return bool(
        np.all(state.ops["finished"] >= 0)
        and np.all(state.senders["una"] == state.senders["end"])
        and _nothing_waits(state)
        and _all_arrived(state)
        and not np.any(state.voqs["asked"])
        and not np.any(state.reassembly["pending"])
        and not np.any(state.leaves["gaps"])
        and np.all(state.pacers["asleep"])
    )


def _check_queue_pairs(state: kernel.State) -> None:
    senders, receivers = state.senders, state.receivers
    if np.any(senders["una"] != senders["end"]) or np.any(receivers["expected"] != senders["end"]):
        _fail("a queue pair is not fully acknowledged")


def _check_cells(state: kernel.State) -> None:
    """Credits granted = bytes that left + balance; every cell was put together."""
    voqs, stream = state.voqs, state.reassembly
    credit = int(state.config[0]["credit"])
    if np.any(voqs["queued"] != 0) or np.any(voqs["asked"] != 0) or np.any(stream["pending"] != 0):
        _fail("a VOQ is not empty, or waits for credits")
    config = state.config[0]
    # What is asked for again may be granted twice.
    if config["watchdog"] == 0 and np.any(voqs["balance"] >= credit + int(config["ahead_bytes"])):
        _fail("a VOQ keeps more credit than it asked for")
    missing = voqs["next_seq"] - stream["expected"]
    if np.any(missing < 0) or (np.any(missing > 0) and not loses_cells(state)):
        _fail("cells sent are not cells received")
    if np.any(state.cell_bits != 0) or np.any(state.leaves["gaps"] != 0):
        _fail("a cell is left in a reorder buffer")
    base = int(state.config[0]["port_rings"])
    left = state.outs[base:]["tail"] != state.outs[base:]["committed"]
    if np.any(left):
        _fail("packets left in a VOQ")
    if np.any(state.leaves["held"] != 0):
        _fail("the bytes held in a leaf are not zero at the end")
