"""The NIC's rules as plain numbers, ready for the engine.

Sections 3 and 7 to 9 of docs/model.md and docs/ethernet.md; the names are those of the rules.
"""

from dataclasses import dataclass
from enum import IntEnum


class Protocol(IntEnum):
    """What recovers from loss: RoCE's reliable connection, or Ultra Ethernet's packet delivery."""

    RC = 0
    UEC = 1


class Receiver(IntEnum):
    """What an RC receiver does with a packet that is ahead of its turn."""

    IN_ORDER = 0
    WINDOW = 1
    ANY_ORDER = 2


class Balance(IntEnum):
    """How the NIC chooses the entropy of a packet (section 9)."""

    NONE = 0
    OBLIVIOUS = 1
    BITMAP = 2
    REPS = 3
    MIXED = 4


class Control(IntEnum):
    """Congestion control; UEC has NONE, NSCC, CONSTANT, RCCC and BOTH, RC has the others."""

    NONE = 0
    DCQCN = 1
    DCTCP = 2
    SWIFT = 3
    HPCC = 4
    NSCC = 5
    CONSTANT = 6
    RCCC = 7
    BOTH = 8


@dataclass(frozen=True)
class Dcqcn:
    """Parameters of section 7.2; ``decrease_ps`` 0 selects the paper's way of cutting."""

    g: float
    cnp_interval_ps: int
    alpha_ps: int
    decrease_ps: int
    increase_ps: int
    byte_counter: int
    fast_recovery: int
    ai_bps: float
    hai_bps: float
    min_bps: float
    clamp: bool
    window_bytes: int


@dataclass(frozen=True)
class Dctcp:
    """Parameters of section 7.3."""

    g: float
    init_bytes: float
    max_bytes: float


@dataclass(frozen=True)
class Swift:
    """Parameters of section 7.4."""

    base_ps: float
    hop_ps: float
    fs_range_ps: float
    fs_min: float
    fs_max: float
    ai: float
    beta: float
    max_mdf: float
    init_packets: float
    min_cwnd: float
    max_cwnd: float


@dataclass(frozen=True)
class Hpcc:
    """Parameters of section 7.5."""

    rtt_ps: int
    eta: float
    max_stage: int
    ai_bytes: float
    min_bytes: float


@dataclass(frozen=True)
class Uec:
    """Parameters of section 8: NSCC's window, and what RCCC takes from it."""

    rate_bps: int
    rtt_ps: int
    target_ps: int
    max_window: int
    init_window: int
    min_window: int
    alpha: float
    fair: float
    eta: float
    fast_gain: float
    gamma: float
    ewma: float
    gate_shift: int
    fulfil_bytes: int
    fast_ps: int
    nack_updates_base: bool
    quantum_ps: int


CongestionParameters = Dcqcn | Dctcp | Swift | Hpcc | Uec


@dataclass(frozen=True)
class Transport:
    """Packet sizes, acknowledgement, window and recovery; all sizes in bytes, times in ps.

    ``window_packets`` is a large number where there is no window; ``rto_ps`` is 0 for no
    time-out; ``reorder_packets`` is a power of two and used by any but an in-order receiver;
    ``ack_every`` counts frame bytes with ``ack_in_bytes``, else packets; ``loss_distance`` is
    0 where holes are not taken for losses.
    """

    mtu: int
    header_bytes: int
    gap_bytes: int
    ack_bytes: int
    ack_every: int
    window_packets: int
    receiver: Receiver
    reorder_packets: int
    rto_ps: int
    qps: int
    protocol: Protocol = Protocol.RC
    ack_in_bytes: bool = False
    loss_distance: int = 0
    cnp_bytes: int = 78
    balance: Balance = Balance.NONE
    entropies: int = 1
    control: Control = Control.NONE
    parameters: CongestionParameters | None = None

    @property
    def any_order(self) -> bool:
        """Whether the receiver takes whatever is not a duplicate."""
        return self.receiver == Receiver.ANY_ORDER

    @property
    def has_window(self) -> bool:
        """Whether a UEC sender keeps a congestion window."""
        return self.control in (Control.NSCC, Control.CONSTANT, Control.BOTH)

    @property
    def has_credit(self) -> bool:
        """Whether a UEC sender needs credit from its receiver."""
        return self.control in (Control.RCCC, Control.BOTH)
