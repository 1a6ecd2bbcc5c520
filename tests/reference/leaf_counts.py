"""What a leaf counts (section 18)."""

from dataclasses import dataclass


@dataclass
class LeafCounts:
    # as the source
    requests: int = 0
    cells: int = 0
    unreached: int = 0
    renewals: int = 0
    excess: int = 0
    held_peak: int = 0
    deep: int = 0
    left: int = 0  # packets that left VOQs, and their waits at the heads of these
    credit_wait: int = 0
    packets: int = 0  # that were cut, in frame bytes too, and the bytes of their cells
    packet_bytes: int = 0
    cell_bytes: int = 0
    voq_peak: int = 0
    voq_age: int = 0
    balance_peak: int = 0
    # as the egress
    credits: int = 0
    blocked: int = 0
    reorder: int = 0
    incomplete: int = 0  # packets
    late: int = 0
    refused: int = 0
    gaps: int = 0
