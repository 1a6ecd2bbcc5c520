"""What a reference run returns; times in ps, sizes in bytes."""

from dataclasses import dataclass, field

NONE = -1


@dataclass
class Message:
    """One message and what became of it.

    From ``sent`` to ``paused_host`` the fields belong to the packet that completed the message:
    its start on the sender's wire, its index within the message, its way through a VOQ and
    cells, and how long its class was paused while it waited in switches, and from the creation
    of the message until it started. ``first_pass`` is the first start of the last packet;
    ``marks`` counts packets that were accepted with a mark, ``trims`` trimmed headers that came
    for packets not yet received.
    """

    src: int
    dst: int
    channel: int
    bytes: int
    op: int = NONE
    collective: int = NONE
    part: int = 0
    step: int = 0
    created: int = NONE
    first_tx: int = NONE
    delivered: int = NONE
    acked: int = NONE
    packets: int = 0
    retransmits: int = 0
    sent: int = NONE
    completing: int = 0
    voq_in: int = 0
    voq_head: int = 0
    voq_out: int = 0
    last_cell: int = 0
    released: int = 0
    pause: int = 0
    paused_host: int = 0
    first_pass: int = NONE
    marks: int = 0
    trims: int = 0
    # where it lies in the numbering of its QP, and how much of it the receiver has
    first_psn: int = field(default=0, repr=False)
    received: int = field(default=0, repr=False)
    paused_created: int = field(default=0, repr=False)

    @property
    def last_psn(self) -> int:
        return self.first_psn + self.packets - 1


@dataclass
class ReferenceResult:
    """Messages in the order of posting, times of operations, and counters.

    Lists of ports have one entry per port of the network, lists of devices one per device,
    lists of hosts one per rank. ``lost`` packets are those lost at their start, and those that
    came in and found no way; ``pauses`` are rows of port, class, start and end, sorted.
    """

    messages: list[Message]
    op_start: list[int]
    op_finish: list[int]
    # ports
    tx_bytes: list[int]
    tx_packets: list[int]
    drops: list[int]
    peak: list[int]
    lost: list[int]
    marks: list[int]
    trims: list[int]
    pauses: list[tuple[int, int, int, int]]
    # devices: see ``LeafCounts``
    requests: list[int]
    cells: list[int]
    unreached: list[int]
    renewals: list[int]
    excess: list[int]
    held_peak: list[int]
    deep: list[int]
    left: list[int]
    credit_wait: list[int]
    packets: list[int]
    packet_bytes: list[int]
    cell_bytes: list[int]
    voq_peak: list[int]
    voq_age: list[int]
    balance_peak: list[int]
    credits: list[int]
    blocked: list[int]
    reorder: list[int]
    incomplete: list[int]
    late: list[int]
    refused: list[int]
    gaps: list[int]
    # hosts
    retransmits: list[int]
    timeouts: list[int]
    nacks: list[int]
    duplicates: list[int]
    discards: list[int]
    cnps: list[int]
    # queue pairs, by number
    qp_reorder: list[int]
