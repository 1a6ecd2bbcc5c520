"""All state of a run, as arrays; whatever is not here does not exist for the engine.

Times are ps, sizes bytes, rates bit/s. Rules: docs/model.md, docs/ethernet.md. One record is
what one event touches together. A field has one writer: the device that owns it, or, for what a
sender hands to a receiver, the publish step between two windows.
"""

from collections import namedtuple
from enum import IntEnum

import numpy as np
from fabricemu.kernels import _view

INF = 1 << 62
NONE = -1

# FIFOs of a port: control, then one for each data class, then, with PFC, pause frames.
CONTROL, BULK = 0, 1
DATA, ACK, NACK, CELL, REQUEST, CREDIT = 0, 1, 2, 3, 4, 5  # kinds of entries
TRIMMED, CNP, PULL, RTS, PAUSE, LOST = 6, 7, 8, 9, 10, 11
LAST = 1  # flag: last packet of its message; last byte of a packet in this cell
CE = 2  # flag: congestion experienced, or its echo
AT_ONCE = 4  # flag: to be acknowledged at once (AR); of a pause frame: resume
LAST_HOP = 8  # flag: trimmed at a port that leads to a host
CLASS_SHIFT = 4  # the class of a data packet is in the bits from here on
HOST, SWITCH, LEAF, ELEMENT, SCALE_UP = 0, 1, 2, 3, 4
ECMP, SPRAY, ADAPTIVE, ROUND_ROBIN = 0, 1, 2, 3
CALC, SEND, RECV, COLL, GATE, MARK = 0, 1, 2, 3, 4, 5
GATE_ALL, GATE_ANY, GATE_COUNT, GATE_FIFO = 0, 1, 2, 3
BEGIN, FINISH = 0, 1
TIE, PATH, LANE, MARKING, TRIMMING, LOSS, FLOWLET, QUEUE_PAIR = 1, 2, 3, 4, 5, 6, 7, 8  # of hashes
IN_ORDER, WINDOW, ANY_ORDER = 0, 1, 2  # receivers
RC, UEC = 0, 1
OBLIVIOUS, BITMAP, REPS, MIXED = 1, 2, 3, 4
DCQCN, DCTCP, SWIFT, HPCC, NSCC, CONSTANT, RCCC, BOTH = 1, 2, 3, 4, 5, 6, 7, 8
RETRANSMIT, PACE, ALPHA, DECREASE, INCREASE = 0, 1, 2, 3, 4  # timers of a queue pair
GOOD, ECN, NACKED, TIMEOUT = 0, 1, 2, 3  # feedback on a path
MAX_STAMPS = 8
STAMP_WORDS = 4  # start, bytes sent, bytes waiting, rate


class Exit(IntEnum):
    """Why the loop returned to Python."""

    DONE = 0  # nothing is left to happen
    CHUNK = 1  # enough windows for one call
    SAMPLE = 2  # a bin of the series ends here
    DRAIN = 3  # enough messages are finished to be taken away
    GROW_REORDER = 4  # a stream needs more room for reordering cells
    FULL_PACKETS = 5  # more packets in flight than there is room for
    FULL_MESSAGES = 6  # more messages in flight than there is room for
    LOSSLESS_DROP = 7  # a lossless class found no room


def _int64(*names):
    return np.dtype([(name, np.int64) for name in names])


# A packet or cell in a ring: what waits at a port and what is on its wire.
ENTRY = np.dtype(
    [
        ("time", np.int64),  # arrival at the other end, set when it starts; before: port it came by
        ("sent", np.int64),  # data: start on the NIC's wire; ACK: the 64 bits
        ("qp", np.int32),  # QP; cells and credits: the VOQ
        ("dst", np.int32),  # address: NIC port, rank on a scale-up switch, or leaf
        ("psn", np.int32),  # packet number; ACK: expected; cell number; credits asked
        ("bytes", np.uint16),  # frame or cell bytes
        ("kind", np.uint8),
        ("flags", np.uint8),
    ],
    align=True,
)

# What a packet met in a cell fabric; same index as its entry.
TRAIL = _int64(
    "voq_in", "voq_head", "voq_out", "last_cell", "released", "last_cell_bytes", "last_seq", "spare"
)

# What NICs tell each other beyond an entry; same index. Only with a protocol that needs it.
TAG = np.dtype(
    [
        ("stamp", np.int64),  # data, RTS: pull target; ACK: bytes received; PULL: granted
        ("echo", np.int64),  # ACK, NACK: when the packet that it answers was sent
        ("pause", np.int64),  # data: waits so far while its class was paused
        ("paused_at", np.int64),  # data: how long the NIC port had been paused when it was sent
        ("entropy", np.int32),
        ("trigger", np.int32),  # ACK: psn that it answers
        ("base", np.int32),  # ACK: psn of bit 0
        ("spare", np.int32),
    ],
    align=True,
)

DEVICE = _int64(
    "kind",
    "first_port",
    "n_ports",
    "lo",
    "hi",
    "div",
    "bundle",
    "up_first",
    "up_count",
    "choice",
    "tie_seed",
    "path_seed",
    "counter",  # spray choices so far
    "turn_base",  # first of its round-robin counters
    "index",  # leaf number, or rank
    "stepped",  # number of the last window in which it was stepped
)

# One cache line: what every transmission touches.
PORT = np.dtype(
    [
        ("free_at", np.int64),
        ("latency", np.int64),
        ("waiting_bytes", np.int64),
        ("sent_bytes", np.int64),
        ("bin_peak", np.int64),  # largest waiting bytes in the open bin
        ("per_byte", np.int32),  # ps per byte where that is whole, else 0
        ("gap", np.int32),  # wire bytes beyond the frame
        ("next_device", np.int32),
        ("limited", np.int32),  # 1 if waiting data bytes have a limit
        ("peer", np.int32),
        ("dirty", np.int32),  # 1 if it sent something in this window
    ],
    align=True,
)

# "serving" are the frame bytes of the newest entry on the wire if that is data, else 0.
LIMIT = _int64("rate", "limit", "waiting_data", "serving", "drops")

# A port of a switch with more than two FIFOs a port, or of a host beside one.
EGRESS = _int64(
    "ecn_low",
    "ecn_high",
    "headroom",  # of each port group, as an ingress
    "pfc",
    "to_host",  # 1 if it leads to a host
    "turn",  # class that deficit round robin looks at
    "granted",
    "serving_class",
    "control_waiting",
    "scheduled",  # 1 while it is in its switch's heap of departures
    "level",  # band of waiting bytes, as last looked at
    "refreshed",  # when that was, NONE for never
    "weight",
    "down",
    "loss",  # probability in 2^-32
    "marks",
    "trims",
    "lost",
    "headers_dropped",
)

# A data class of a port: what waits to go out, and what came in and waits elsewhere (its group).
QUEUE = _int64(
    "waiting",
    "paused",
    "paused_since",
    "paused_total",
    "deficit",
    "resv",
    "shared",
    "hdrm",
    "pausing",  # 1 while it has paused its sender
)

CLASS = _int64("weight", "lossless")

SWITCH_RECORD = _int64(
    "pool",  # bytes that its port groups share; -1 without limit
    "used",
    "mark_seed",
    "trim_seed",
    "loss_seed",
    "flow_seed",
    "heap",  # number of ports in the heap of departures
    "table",  # 1 where ways are in tables
)
FLOWLET_ENTRY = _int64("port", "last")
PAUSE_LOG = _int64("port", "traffic_class", "start", "end")

# A ring as its writer sees it. Entries [seen, committed) are on the wire or not yet taken,
# [committed, tail) wait. The two classes of a port share a cache line.
OUT = np.dtype(
    [
        ("tail", np.int64),
        ("committed", np.int64),
        ("seen", np.int64),
        ("offset", np.int32),
        ("mask", np.int32),
    ],
    align=True,
)
# The same ring as its reader sees it, brought up to date by the publish step; where the
# two places differ the ring has been moved since.
IN = np.dtype(
    [
        ("head", np.int64),
        ("published", np.int64),
        ("offset", np.int32),
        ("mask", np.int32),
        ("spare", np.int64),
    ],
    align=True,
)

MESSAGE = _int64(
    "qp",
    "bytes",
    "packets",
    "first_psn",
    "next",  # next message of the QP; or of the free list
    "created",
    "first_tx",
    "sent",
    "completing",
    "delivered",
    "acked",
    "received",
    "retransmits",
    "out_of_order",
    "number",  # unique and the same in every run
    "op",  # sending operation or NONE
    "instance",  # collective or NONE
    "part",
    "step",
    "target",  # position of the receiver in the collective
    "voq_in",
    "voq_head",
    "voq_out",
    "last_cell",
    "released",
    "last_cell_bytes",
    "first_pass",  # start of the first transmission of its last packet
    "pause",
    "paused_created",
    "paused_host",
    "marks",
    "trims",
)

SENDER = _int64(
    "una",
    "nxt",
    "end",
    "max",
    "head",  # message that holds una
    "current",  # message that holds nxt
    "last",  # newest message
    "held",  # acknowledged message that the receiver may still follow
    "ready",
    "next_ready",
    "deadline",
    "dst",
    "port",
    "turn",  # messages posted on the connection (its first QP counts)
    "src_rank",
    "dst_rank",
)

HOLES = _int64("next", "high")  # selective repeat: next psn to look at, highest known received

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
UEC_RECEIVER = _int64(
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
PACER = _int64("head_active", "tail_active", "head_idle", "tail_idle", "asleep")

BALANCER = _int64(
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

RECEIVER = _int64(
    "expected",
    "since_ack",
    "nacked",
    "message",  # that holds ``expected``, or a finished one before it
    "highest",  # largest psn received
    "depth",  # largest distance from ``expected`` seen
    "dst",  # the sender's address
    "rank",
)

READY = _int64("head", "tail")

HOST_RECORD = _int64(
    "rank",
    "heap",  # first slot of its timers
    "timers",
    "clock",  # first slot of the timers of its queue pairs
    "clocks",  # number of these that are set
    "first_pacer",  # number of its first credit pacer among these timers
    "first_qp",
    "end_qp",
    "first_box",
    "end_box",
    "order",  # posts and arrivals so far
    "wild_head",
    "wild_tail",
    "first_conn",
    "end_conn",
    "packets",
    "retransmits",
    "timeouts",
    "nacks",
    "duplicates",
    "discards",
    "cnps",
)

OP = np.dtype(
    [
        ("bytes", np.int64),
        ("duration", np.int64),
        ("start", np.int64),
        ("started", np.int64),
        ("finished", np.int64),
        ("order", np.int64),
        ("remaining", np.int64),
        ("kind", np.int32),
        ("mode", np.int32),
        ("stream", np.int32),  # numbered over all ranks
        ("qp", np.int32),  # first QP of the connection; NONE to itself
        ("box", np.int32),  # mailbox; NONE for a RECV with a wildcard
        ("peer", np.int32),
        ("tag", np.int32),
        ("instance", np.int32),
        ("position", np.int32),
        ("next", np.int32),  # in the one list that it can be in
        ("rank", np.int32),
        ("spare", np.int32),
    ],
    align=True,
)

STREAM = _int64("busy", "head", "tail")
MAILBOX = _int64("src", "tag", "posted", "last_posted", "arrived", "last_arrived")

INSTANCE = _int64(
    "kind",
    "algorithm",
    "n",
    "parts",
    "chunks",
    "bytes",
    "root",
    "steps",
    "group",  # first member in ``members``
    "states",  # first of its part states
    "words",  # words of step bits per part state
    "bits",  # first word
    "number",  # number of its first message
)
PART_STATE = _int64("step", "received", "op")

VOQ = _int64("queued", "balance", "asked", "next_seq", "last_out", "dirty")
REASSEMBLY = _int64("expected", "pending", "next")
SCHEDULER = _int64(
    "head_control", "tail_control", "head_bulk", "tail_bulk", "tick", "allowed", "interval", "port"
)
SPRAY_STATE = _int64("lane", "step", "left", "cycle")
LEAF_RECORD = _int64(
    "lane_seed",
    "hosts",  # ports facing hosts
    "first_address",
    "next_tick",
    "requests",
    "credits",
    "blocked",
    "cells",
    "depth",
    "dirty",  # VOQs whose ring changed in this window
)

PART = _int64(
    "bump",  # next unused entry of its share
    "limit",
    "message_bump",
    "message_limit",
    "free_message",
    "done",  # finished messages not yet taken away
    "first_done",
    "status",
    "work_head",
    "work_tail",
    "signals",
    "grow",
    "pauses",  # rows of its pause log
    "lossless_port",  # where the status is LOSSLESS_DROP
    "lossless_class",
    # To the end of the cache line: each part is written by a thread of its own.
    "spare",
)

CONFIG = _int64(
    "parts",
    "lookahead",
    "gate_latency",
    "bin_end",
    "window",  # windows so far
    "now",
    "mtu",
    "header",
    "ack_bytes",
    "ack_every",
    "send_window",
    "receiver",
    "reorder",
    "rto",
    "qps",
    "nic_ports",
    "eager",  # SENDs up to this size finish when posted
    "channels",
    "cells",  # 1 with a cell fabric
    "leaves",
    "leaf_ports",
    "lanes",
    "addresses",
    "cell_bytes",
    "cell_header",
    "control_cell",
    "packing",
    "pad",
    "credit",
    "egress_threshold",
    "span",  # cells that a stream can hold back, a power of two
    "port_rings",  # rings of ports; those of VOQs follow
    "work_mask",
    "drain",
    "fifos",  # of a port
    "ranks",
    "full_frame",  # bytes of a full packet
    "classes",
    "qp_timers",  # timers of a queue pair
    "protocol",
    "ack_in_bytes",
    "loss_distance",
    "cnp_bytes",
    "balance",
    "entropies",
    "control",
    "has_window",
    "has_credit",
    "tagged",  # 1 if entries have tags
    "stamped",  # 1 if switches stamp data
    "managed",  # 1 if switches follow section 6
    "lossy",  # 1 if links may lose packets
    "trim_bytes",
    "reserved",
    "alpha",
    "alpha_lossy",
    "xoff",
    "xon",
    "pause_bytes",
    "pause_rows",  # room of a part's pause log
    "pause_response",
    "ecn_max",
    "ecn_at_enqueue",
    "weighted",
    "refresh",
    "flowlet_gap",
    "flowlet_entries",
)


# Every array of the state: element type and number of dimensions.
LAYOUT = {
    "config": (CONFIG, 1),
    "parts": (PART, 1),
    "part_devices": (np.int64, 1),
    "part_ptr": (np.int64, 1),
    "due": (np.int64, 1),  # time of each device's next event
    "wake": (np.int64, 2),  # earliest arrival that a part has sent to each device
    "entries": (ENTRY, 1),
    "trails": (TRAIL, 1),
    "free_rings": (np.int64, 2),
    "tags": (TAG, 1),
    "stamps": (np.int64, 2),  # number of stamps, then the stamps
    "outs": (OUT, 1),  # ring fifos * port + FIFO, then one per VOQ
    "ins": (IN, 1),  # by receiving port; the VOQs' by VOQ
    "devices": (DEVICE, 1),
    "ports": (PORT, 1),
    "limits": (LIMIT, 1),
    "egress": (EGRESS, 1),
    "queues": (QUEUE, 1),  # port * classes + class
    "classes": (CLASS, 1),
    "heads": (np.int64, 2),  # part, class: what deficit round robin looks at
    "switches": (SWITCH_RECORD, 1),
    "departures": (np.int64, 1),  # heaps of ports, from each switch's first port on
    "flowlets": (FLOWLET_ENTRY, 1),
    "bands": (np.int64, 1),
    "pause_log": (PAUSE_LOG, 2),
    "edge": (np.int64, 1),
    "home": (np.int64, 1),
    "edge_device": (np.int64, 1),
    "set_of": (np.int64, 2),
    "set_ptr": (np.int64, 1),
    "set_ports": (np.int64, 1),
    "turns": (np.int64, 1),
    "key_time": (np.int64, 2),
    "key_slot": (np.int64, 2),
    "sort_time": (np.int64, 2),
    "sort_slot": (np.int64, 2),
    "counts": (np.int64, 2),
    "messages": (MESSAGE, 1),
    "done": (np.int64, 1),
    "hosts": (HOST_RECORD, 1),
    "ready": (READY, 1),
    "senders": (SENDER, 1),
    "receivers": (RECEIVER, 1),
    "qp_class": (np.int64, 1),
    "holes": (HOLES, 1),
    "known": (np.int64, 1),
    "marked": (np.int64, 1),
    "lost": (np.int64, 1),
    "clock_time": (np.int64, 1),
    "clock_id": (np.int64, 1),
    "clock_place": (np.int64, 1),
    "parameters": (PARAMETERS, 1),
    "flows": (FLOW, 1),
    "dcqcn": (DCQCN_STATE, 1),
    "dctcp": (DCTCP_STATE, 1),
    "swift": (SWIFT_STATE, 1),
    "hpcc": (HPCC_STATE, 1),
    "hpcc_stamps": (np.int64, 2),
    "uec_senders": (UEC_SENDER, 1),
    "uec_receivers": (UEC_RECEIVER, 1),
    "pacers": (PACER, 1),  # host port number
    "sent_at": (np.int64, 2),  # queue pair, psn
    "sent_by": (np.int64, 2),  # entropy
    "balancers": (BALANCER, 1),
    "balance_seeds": (np.int64, 1),
    "penalties": (np.int64, 2),  # queue pair, entropy
    "fresh": (np.int64, 2),  # FIFO or slots of entropies
    "conn_key": (np.int64, 1),
    "ops": (OP, 1),
    "succ_ptr": (np.int64, 1),
    "succ": (np.int64, 1),
    "succ_start": (np.int64, 1),
    "heap_time": (np.int64, 1),
    "heap_op": (np.int64, 1),
    "streams": (STREAM, 1),
    "boxes": (MAILBOX, 1),
    "work": (np.int64, 2),
    "signal_time": (np.int64, 2),
    "signal_op": (np.int64, 2),
    "instances": (INSTANCE, 1),
    "members": (np.int64, 1),
    "part_states": (PART_STATE, 1),
    "step_bits": (np.int64, 1),
    "leaves": (LEAF_RECORD, 1),
    "voqs": (VOQ, 1),
    "reassembly": (REASSEMBLY, 1),
    "cell_bits": (np.int64, 1),
    "schedulers": (SCHEDULER, 1),
    "sprays": (SPRAY_STATE, 1),
    "coprimes": (np.int64, 1),
    "dirty": (np.int64, 2),
}

State = namedtuple("State", LAYOUT)
_view.declare(LAYOUT)
