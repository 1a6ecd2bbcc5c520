"""The NIC's rules as plain numbers, ready for the engine (section 3 of docs/model.md)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Transport:
    """Packet sizes, acknowledgement, window and recovery; all sizes in bytes, times in ps.

    ``window_packets`` is a large number where there is no window; ``rto_ps`` is 0 for no
    time-out; ``reorder_packets`` is a power of two and used by an any-order receiver.
    """

    mtu: int
    header_bytes: int
    gap_bytes: int
    ack_bytes: int
    ack_every: int
    window_packets: int
    any_order: bool
    reorder_packets: int
    rto_ps: int
    qps: int
