"""Records of packets, devices, ports, messages, programs and cell fabrics.

Times are ps, sizes bytes, rates bit/s. One record is what one event touches together.
"""

import numpy as np


def int64(*names):
    """Return a record of int64 fields."""
    return np.dtype([(name, np.int64) for name in names])


# A packet or cell; a packet's number is that of its entry.
ENTRY = np.dtype(
    [
        ("time", np.int64),  # of arrival; waiting: port it came by; free: the next free packet
        ("sent", np.int64),  # data: start on the wire; ACK: 64 bits; cell: first end; PAUSE: delay
        ("qp", np.int32),  # QP; cells and credits: the VOQ
        ("dst", np.int32),  # address: NIC port, rank on a scale-up switch, or leaf
        ("psn", np.int32),  # packet number; ACK: expected; cell number; credits asked
        ("bytes", np.uint16),  # frame or cell bytes
        ("kind", np.uint8),
        ("flags", np.uint8),
    ],
    align=True,
)

# What a packet met in a cell fabric; by its number. One cache line.
TRAIL = np.dtype(
    [
        ("voq_in", np.int64),
        ("voq_head", np.int64),
        ("voq_out", np.int64),
        ("last_cell", np.int64),
        ("released", np.int64),
        ("last_cell_bytes", np.int32),
        ("first_seq", np.int32),  # cells with its first and last byte
        ("last_seq", np.int32),
        ("by", np.int32),  # port by which it came, while it counts there; NONE if it did not wait
        ("broken", np.int32),  # 1 if a cell of it was given up
    ],
    align=True,
)

# What NICs tell each other beyond an entry, which it follows. Only with a protocol that needs it.
# What only data and what only answers have shares its room.
_TAG_FIELDS = {
    "stamp": (np.int64, 0),  # data, RTS: pull target; ACK: bytes received; PULL: granted
    "echo": (np.int64, 8),  # ACK, NACK: when the packet that it answers was sent
    "pause": (np.int64, 8),  # data: waits so far while its class was paused
    "trigger": (np.int32, 16),  # ACK: psn that it answers
    "base": (np.int32, 20),  # ACK: psn of bit 0
    "paused_at": (np.int64, 16),  # data: how long the NIC port had been paused when it was sent
    "entropy": (np.int32, 24),
}
TAG = np.dtype(
    {
        "names": list(_TAG_FIELDS),
        "formats": [kind for kind, _ in _TAG_FIELDS.values()],
        "offsets": [offset for _, offset in _TAG_FIELDS.values()],
        "itemsize": ENTRY.itemsize,
    }
)

DEVICE = int64(
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
LIMIT = int64("rate", "limit", "waiting_data", "serving", "drops", "spare1", "spare2", "spare3")

# A port of a switch with more than two FIFOs a port, or of a host beside one.
EGRESS = int64(
    # The first cache line is what every packet touches.
    "serving_class",
    "control_waiting",
    "scheduled",  # 1 while it is in its switch's heap of departures
    "ecn_low",
    "ecn_high",
    "down",
    "loss",  # probability in 2^-32
    "marks",
    "headroom",  # of each port group, as an ingress
    "pfc",
    "to_host",  # 1 if it leads to a host
    "level",  # band of waiting bytes, as last looked at
    "refreshed",  # when that was, NONE for never
    "weight",
    "trims",
    "lost",
    "headers_dropped",
    "spare1",
    "spare2",
    "spare3",
    "spare4",
    "spare5",
    "spare6",
    "spare7",
)

# A data class of a port: what waits to go out, and what came in and waits elsewhere (its group).
QUEUE = int64(
    "waiting",
    "paused",
    "paused_since",
    "paused_total",
    "resv",
    "shared",
    "hdrm",
    "pausing",  # 1 while it has paused its sender
    # Two cache lines; without PFC the first is enough.
    "spare1",
    "spare2",
    "spare3",
    "spare4",
    "spare5",
    "spare6",
    "spare7",
    "spare8",
)

CLASS = int64("weight", "lossless")
ROUND = int64("turn", "granted")  # class that deficit round robin looks at

SWITCH_RECORD = np.dtype(
    [
        ("pool", np.int64),  # bytes that its port groups share; -1 without limit
        ("used", np.int64),
        ("mark_seed", np.int64),
        ("trim_seed", np.int64),
        ("loss_seed", np.int64),
        ("flow_seed", np.int64),
        ("heap", np.int32),  # number of ports in the heap of departures
        ("table", np.int32),  # 1 where ways are in tables
        ("charged", np.int32),  # 1 where port groups count what waits at its ports
        ("held", np.int32),  # 1 where cells that wait are told to leaves, or pause their lane
    ],
    align=True,
)
FLOWLET_ENTRY = int64("port", "last")
PAUSE_LOG = int64("port", "traffic_class", "start", "end")

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

MESSAGE = int64(
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

SENDER = int64(
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

HOLES = int64("next", "high")  # selective repeat: next psn to look at, highest known received

RECEIVER = int64(
    "expected",
    "since_ack",
    "nacked",
    "message",  # that holds ``expected``, or a finished one before it
    "highest",  # largest psn received
    "depth",  # largest distance from ``expected`` seen
    "dst",  # the sender's address
    "rank",
)

READY = int64("head", "tail")

HOST_RECORD = int64(
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

STREAM = int64("busy", "head", "tail")
MAILBOX = int64("src", "tag", "posted", "last_posted", "arrived", "last_arrived")

INSTANCE = int64(
    "kind",
    "algorithm",
    "n",
    "parts",
    "channel_parts",  # of each channel
    "bytes",
    "root",
    "steps",
    "group",  # first member in ``members``
    "states",  # first of its part states
    "words",  # words of step bits per part state
    "bits",  # first word
    "number",  # number of its first message
)
PART_STATE = int64("step", "received", "op")

# One cache line: what every packet touches on its way into the fabric.
VOQ = np.dtype(
    [
        ("queued", np.int64),
        ("balance", np.int64),
        ("asked", np.int64),
        ("next_seq", np.int64),
        ("last_out", np.int64),
        ("since", np.int64),  # when ``asked`` last rose from 0
        ("next_turn", np.int64),
        ("dirty", np.int32),  # 1 if its ring changed in this window
        ("in_turn", np.int32),  # 1 while it waits at the pacer
    ],
    align=True,
)
# One cache line: what every cell touches.
REASSEMBLY = int64(
    "expected",
    "pending",  # credits that the VOQ waits for
    "next",  # VOQ after it at the scheduler
    "came",  # cells above ``expected``
    "highest",  # that has come
    "mark",  # cells below it are given up at the next look
    "spare1",
    "spare2",
)
# Where the VOQs of all levels of one leaf and NIC port are.
PLACE = np.dtype(
    [
        ("leaf", np.int32),
        ("address", np.int32),
        ("target", np.int32),  # leaf of that NIC port
        ("spare", np.int32),
    ]
)
SCHEDULER = int64("tick", "allowed", "interval", "waiting")  # levels with a VOQ, as bits
SPRAY_STATE = int64("lane", "step", "left", "cycle", "shares")
TURN = int64("place", "shares")  # of a round robin, and what of this turn is taken
LEAF_RECORD = int64(
    "lane_seed",
    "hosts",  # ports facing hosts
    "first_address",
    "first_voq",
    "end_voq",
    "first_inbound",  # of the places of VOQs that lead to it
    "end_inbound",
    "next_tick",
    "requests",
    "credits",
    "blocked",
    "cells",
    "depth",
    "dirty",  # VOQs whose ring changed in this window
    "next_look",  # after what was asked for
    "free_at",  # of the pacer
    "pace_at",  # turn of what waits there
    "first_turn",  # of its FIFOs
    "out_mbps",  # of the lanes known to work
    "renewals",
    "excess",
    "held",  # bytes of data that wait
    "held_peak",
    "deep",
    "next_sweep",  # look at missing cells
    "gaps",  # streams with cells above the expected one
    "gaps_peak",
    "unreached",
    "late",
    "refused",
    "incomplete",
    "left",  # packets that left VOQs
    "credit_wait",  # of these at the heads of VOQs, in all
    "cut",  # packets that became cells
    "cut_bytes",
    "cell_bytes",
    "voq_peak",  # largest VOQ
    "voq_age",  # longest wait of a packet that left
    "balance",  # credit that VOQs keep
    "balance_peak",
    "period",  # of levels: number of the newest
    "level",  # largest that came in it
    "level_before",  # and in the one before
)
