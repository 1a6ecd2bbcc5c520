"""Take finished messages out of the engine, as raw columns."""

import numpy as np
from numpy.typing import NDArray

from fabricemu.fabrics.network import Network
from fabricemu.kernels import state as kernel
from fabricemu.workloads.program import Program

Ints = NDArray[np.int64]
Columns = dict[str, Ints]
SELF, SCALE_UP = -2, -1  # values of the rail column beside NIC ports

COPIED = (
    "bytes",
    "packets",
    "retransmits",
    "out_of_order",
    "created",
    "first_tx",
    "sent",
    "completing",
    "delivered",
    "acked",
    "voq_in",
    "voq_head",
    "voq_out",
    "last_cell",
    "released",
    "last_cell_bytes",
    "first_pass",
    "pause",
    "paused_host",
    "marks",
    "trims",
)


def take(state: kernel.State, network: Network, program: Program) -> Columns | None:
    """Remove all finished messages from the state and return them, None if there are none.

    The columns are int64; times are ps. ``rail`` is the NIC port, -1 for the scale-up
    domain, -2 for a message of a rank to itself.
    """
    slots = []
    for share in state.parts:
        done = state.done[share["first_done"] : share["first_done"] + share["done"]]
        if len(done):
            slots.append(done.copy())
    if not slots:
        return None
    rows = state.messages[np.concatenate(slots)]
    columns = columns_of(rows, state, network, program)
    for share, done in zip((s for s in state.parts if s["done"]), slots, strict=True):
        _free(state, share, done)
    return columns


def _free(state: kernel.State, share: np.void, slots: Ints) -> None:
    """Put message records back on the free list of their part."""
    state.messages["next"][slots] = np.append(slots[1:], share["free_message"])
    share["free_message"] = slots[0]
    share["done"] = 0


def columns_of(
    rows: NDArray[np.void], state: kernel.State, network: Network, program: Program
) -> Columns:
    """Return message records as columns."""
    columns: Columns = {name: rows[name] for name in COPIED}
    columns["message"] = rows["number"]
    columns["collective"] = rows["instance"]
    columns["part"], columns["step"] = rows["part"], rows["step"]
    by_op = rows["op"] >= 0
    op = np.where(by_op, rows["op"], 0)
    job = np.zeros(len(rows), np.int64)
    job[by_op] = program.job[op[by_op]]
    job[~by_op] = program.collectives.job[rows["instance"][~by_op]]
    columns["job"] = job
    own = rows["qp"] < 0
    qp = np.where(own, 0, rows["qp"])
    sender = state.senders[qp]
    rank = program.rank_of[op] if program.n_ops else op
    columns["src"] = np.where(own, rank, sender["src_rank"])
    columns["dst"] = np.where(own, rank, sender["dst_rank"])
    port = sender["port"] - network.port_ptr[columns["src"]]
    rail = np.where(port == network.nic_ports, SCALE_UP, port)
    columns["rail"] = np.where(own, SELF, rail)
    return columns
