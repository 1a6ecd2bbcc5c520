"""All state of a run, as arrays; whatever is not here does not exist for the engine.

Times are ps, sizes bytes, rates bit/s. Rules: docs/model.md, docs/ethernet.md. One record is
what one event touches together. A field has one writer: the device that owns it, or, for what a
sender hands to a receiver, the publish step between two windows.
"""

from collections import namedtuple
from enum import IntEnum

import numpy as np
from fabricemu.kernels import _view
from fabricemu.kernels.control_records import (
    BALANCER,
    DCQCN_STATE,
    DCTCP_STATE,
    FLOW,
    HPCC_STATE,
    PACER,
    PARAMETERS,
    SWIFT_STATE,
    UEC_RECEIVER,
    UEC_SENDER,
)
from fabricemu.kernels.records import (
    CLASS,
    DEVICE,
    EGRESS,
    ENTRY,
    FLOWLET_ENTRY,
    HOLES,
    HOST_RECORD,
    IN,
    INSTANCE,
    LEAF_RECORD,
    LIMIT,
    MAILBOX,
    MESSAGE,
    OP,
    OUT,
    PART_STATE,
    PAUSE_LOG,
    PLACE,
    PORT,
    QUEUE,
    READY,
    REASSEMBLY,
    RECEIVER,
    ROUND,
    SCHEDULER,
    SENDER,
    SPRAY_STATE,
    STREAM,
    SWITCH_RECORD,
    TAG,
    TRAIL,
    TURN,
    VOQ,
    int64,
)

INF = 1 << 62
NONE = -1

# FIFOs of a port: control, then one for each data class, then, with PFC, pause frames.
CONTROL, BULK = 0, 1
DATA, ACK, NACK, CELL, REQUEST, CREDIT = 0, 1, 2, 3, 4, 5  # kinds of entries
TRIMMED, CNP, PULL, RTS, PAUSE, LOST, RENEWAL = 6, 7, 8, 9, 10, 11, 12
LAST = 1  # flag: last packet of its message
CE = 2  # flag: congestion experienced, or its echo
AT_ONCE = 4  # flag: to be acknowledged at once (AR); of a pause frame: resume
LAST_HOP = 8  # flag: trimmed at a port that leads to a host
CONGESTION = 15  # bits of a cell's flags that hold its level of congestion
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


PART = int64(
    "bump",  # next unused entry of its share
    "limit",
    "free",  # packet given back last
    "in_use",  # packets taken less packets given back
    "ring_bump",  # next unused place for rings
    "ring_limit",
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
    "stepped",  # devices in this window
    # To the end of the cache line: each part is written by a thread of its own.
    "spare1",
    "spare2",
    "spare3",
    "spare4",
)

CONFIG = int64(
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
    "lanes",
    "addresses",
    "cell_bytes",
    "cell_header",
    "control_cell",
    "packing",
    "pad",
    "credit",
    "egress_threshold",
    "voq_bytes",
    "onchip_bytes",
    "balance_bytes",
    "ahead_bytes",
    "watchdog",
    "paced",
    "train_cells",
    "least_loaded",
    "level_bits",  # of a VOQ's number
    "sweep",  # from look to look at missing cells, 0 for none
    "contexts",
    "llfc_xoff",
    "llfc_xon",
    "llfc_response",
    "rci_levels",
    "rci_period",
    "span",  # cells that a stream can hold back, a power of two
    "port_rings",  # rings of ports; those of VOQs follow
    "work_mask",
    "drain",
    "fifos",  # of a port
    "ranks",
    "full_frame",  # bytes of a full packet
    "classes",
    "pausing",  # 1 if ports have a FIFO for pause frames
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
    "tagged",  # 1 if packets have tags
    "packet_entries",  # that a packet takes: its own, and its tag
    "share_bits",  # of a packet's number, below those of its part
    "stamped",  # 1 if switches stamp data
    "managed",  # 1 if switches follow section 6
    "lossy",  # 1 if links may lose packets
    "trim_bytes",
    "charged",  # 1 if port groups count what waits: a shared buffer, or PFC
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
    "due_devices": (np.int64, 2),  # of each part in this window
    "due": (np.int64, 1),  # time of each device's next event
    "wake": (np.int64, 2),  # earliest arrival that a part has sent to each device
    "entries": (ENTRY, 1),
    "trails": (TRAIL, 1),
    "places": (np.int32, 1),  # of rings: numbers of packets
    "free_rings": (np.int64, 2),
    "returned": (np.int64, 2),  # packets that ended in a part, by their home: the newest
    "last_returned": (np.int64, 2),  # and the oldest
    "tags": (TAG, 1),  # the same memory as the entries
    "stamps": (np.int64, 2),  # number of stamps, then the stamps
    "outs": (OUT, 1),  # ring fifos * port + FIFO, then one per VOQ
    "ins": (IN, 1),  # by receiving port; the VOQs' by VOQ
    "devices": (DEVICE, 1),
    "ports": (PORT, 1),
    "limits": (LIMIT, 1),
    "egress": (EGRESS, 1),
    "queues": (QUEUE, 1),  # port * classes + class
    "rounds": (ROUND, 1),  # of ports, then of schedulers of credits
    "deficits": (np.int64, 1),  # the same * classes + class
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
    "turns": (TURN, 1),
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
    "paces": (FLOW, 1),
    "dcqcn": (DCQCN_STATE, 1),
    "dctcp": (DCTCP_STATE, 1),
    "swift": (SWIFT_STATE, 1),
    "hpcc": (HPCC_STATE, 1),
    "hpcc_stamps": (np.int64, 2),
    "uec_senders": (UEC_SENDER, 1),
    "uec_receivers": (UEC_RECEIVER, 1),
    "pacers": (PACER, 1),  # host port number
    "sent_at": (np.int64, 2),  # queue pair, psn
    "sent_by": (np.int32, 2),  # entropy
    "balancers": (BALANCER, 1),
    "balance_seeds": (np.int64, 1),
    "penalties": (np.uint8, 2),  # queue pair, entropy
    "fresh": (np.int32, 2),  # FIFO or slots of entropies
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
    "voq_places": (PLACE, 1),
    "inbound": (np.int64, 1),  # places of VOQs by the leaf that they lead to
    "place_of": (np.int32, 1),  # leaf, NIC port; for those that have VOQs
    "voqs": (VOQ, 1),  # levels of a place one after the other
    "reassembly": (REASSEMBLY, 1),
    "cell_bits": (np.int64, 1),
    "schedulers": (SCHEDULER, 1),
    "asking": (READY, 1),  # VOQs with pending credits, by (NIC port, level)
    "rci_bytes": (np.int64, 1),
    "rci_slow": (np.int64, 1),  # by level, from 0 on
    "level_ticks": (np.int64, 2),  # ticks of a leaf at each level
    "sprays": (SPRAY_STATE, 1),
    "coprimes": (np.int64, 1),
    "turns_of": (READY, 1),  # pacer FIFOs of leaves, by level
    "dirty": (np.int64, 1),  # of each leaf from its first VOQ on
}

State = namedtuple("State", LAYOUT)
_view.declare(LAYOUT, "config", ("window", "now", "bin_end"))
