"""Records of congestion controls, credit and path choice: one a queue pair, and parameters."""

import numpy as np
from fabricemu.kernels.records import int64

# What a congestion control asks of the NIC.
FLOW = np.dtype(
    [
        ("line", np.float64),  # rate of the port at the start
        ("rate", np.float64),
        ("window", np.float64),  # bytes
        ("gap", np.float64),  # ps from a packet's start to the next; 0 for none
        ("next_at", np.int64),
        ("last_start", np.int64),
        ("last_wire", np.int64),
    ],
    align=True,
)

DCQCN_STATE = np.dtype(
    [
        ("rc", np.float64),
        ("rt", np.float64),
        ("alpha", np.float64),
        ("ts", np.int64),
        ("bs", np.int64),
        ("sent", np.int64),
        ("on", np.int64),
        ("cut", np.int64),
        ("seen", np.int64),
        ("last_cnp", np.int64),  # at the receiver
    ],
    align=True,
)
DCTCP_STATE = np.dtype(
    [
        ("window", np.float64),
        ("alpha", np.float64),
        ("acked", np.int64),
        ("marked", np.int64),
        ("mark_end", np.int64),
    ],
    align=True,
)
SWIFT_STATE = np.dtype(
    [
        ("cwnd", np.float64),
        ("rtt", np.float64),
        ("last_cut", np.int64),
        ("losses", np.int64),
        ("hops", np.int64),
    ],
    align=True,
)
HPCC_STATE = np.dtype(
    [
        ("window", np.float64),
        ("reference", np.float64),
        ("utilisation", np.float64),
        ("stage", np.int64),
        ("update", np.int64),
        ("stamps", np.int64),  # number of stamps kept in ``hpcc_stamps``
    ],
    align=True,
)
UEC_SENDER = np.dtype(
    [
        ("avg", np.float64),
        ("flight", np.int64),
        ("seen", np.int64),
        ("outstanding", np.int64),  # packets
        ("losses", np.int64),  # packets to be sent again
        ("low", np.int64),  # no lost psn is smaller
        ("backlog", np.int64),  # bytes posted and never sent
        ("again", np.int64),  # bytes to be sent again
        ("cwnd", np.int64),
        ("wmax", np.int64),
        ("base_rtt", np.int64),
        ("inc", np.int64),
        ("fi", np.int64),
        ("fast", np.int64),
        ("received", np.int64),
        ("achieved", np.int64),
        ("ignored", np.int64),
        ("to_ignore", np.int64),
        ("qa_end", np.int64),
        ("trigger", np.int64),
        ("last_adjust", np.int64),
        ("last_cut", np.int64),
        ("credit", np.int64),
        ("pulled", np.int64),
        ("speculating", np.int64),
        ("stalled", np.int64),  # since when it waits for credit with nothing on its way, or NONE
    ],
    align=True,
)
UEC_RECEIVER = int64(
    "acc",
    "total",
    "want",
    "begun",
    "ahead",  # packets received beyond ``expected``
    "top",
    "granted",
    "active",
    "next_active",
    "idle",
    "next_idle",
    "pulls",
)
PACER = int64("head_active", "tail_active", "head_idle", "tail_idle", "asleep")

BALANCER = int64(
    "draws",
    "step",
    "flip",
    "write",
    "count",
    "read",
    "explore",
    "frozen_until",
    "head",  # of the FIFO
    "tail",
    "entropy",  # last used
)

# Parameters of the control in use; unused ones are 0.
CONTROL_FLOATS = (
    "g",
    "ai",
    "hai",
    "least",  # min_bps, min_cwnd, min_bytes
    "most",  # max_bytes, max_cwnd
    "first",  # init_bytes, init_packets
    "base",
    "hop",
    "fs_range",
    "fs_alpha",
    "fs_beta",
    "beta",
    "max_mdf",
    "eta",
    "rtt",
    "alpha",
    "fair",
    "fast_gain",
    "gamma",
    "ewma",
)
CONTROL_INTS = (
    "cnp_interval",
    "alpha_time",
    "decrease_time",
    "increase_time",
    "byte_counter",
    "fast_recovery",
    "clamp",
    "window_bytes",
    "max_stage",
    "rate",
    "target",
    "max_window",
    "init_window",
    "min_window",
    "gate_shift",
    "fulfil",
    "fast_below",
    "nack_base",
    "quantum",
)
PARAMETERS = np.dtype(
    [(name, np.float64) for name in CONTROL_FLOATS] + [(name, np.int64) for name in CONTROL_INTS],
    align=True,
)
