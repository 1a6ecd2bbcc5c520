"""The NIC: packets, acknowledgement, window, recovery, and the paths that it chooses."""

from typing import Literal

from pydantic import Field, model_validator

from fabricemu.spec.fields import AckEvery, AmountOrNone, TimeAutoNone
from fabricemu.spec.table import MAX_FRAME, Table, accept


class TransportSpec(Table):
    """Packets, acknowledgement, window and recovery of the NIC."""

    protocol: Literal["rc", "uec"] = Field(
        default="rc",
        description="RoCE's reliable connection, or Ultra Ethernet's packet delivery, unordered",
    )
    mtu: int = Field(
        default=4096, ge=1, le=MAX_FRAME, description="payload bytes of a full packet (IB)"
    )
    header_bytes: int = Field(
        default=62,
        ge=0,
        le=4096,
        description="bytes; RoCEv2 over IPv4: 14 + 20 + 8 + BTH 12 + ICRC 4 + FCS 4 = 62",
    )
    gap_bytes: int = Field(
        default=20,
        ge=0,
        le=4096,
        description="bytes; preamble 8 + inter-packet gap 12 (IEEE 802.3)",
    )
    ack_bytes: int = Field(
        default=66, ge=1, le=4096, description="frame bytes; the header and AETH 4 (IBTA 9.5)"
    )
    cnp_bytes: int = Field(
        default=78, ge=1, le=4096, description="frame bytes; the header and 16 reserved (IBTA A17)"
    )
    ack_every: AckEvery = Field(
        default=16,
        description="an ACK stands for so many packets at most, or bytes as '16384B' (assumed)",
    )
    window: AmountOrNone = Field(
        default="none", description="payload bytes in flight of a QP, N packets, N BDP, or none"
    )
    receiver: Literal["in-order", "window", "any-order"] = Field(
        default="in-order",
        description="go-back-N; reordering up to reorder_packets, then go-back-N; or selective"
        " repeat with direct placement",
    )
    reorder_packets: int = Field(
        default=4096,
        ge=2,
        le=2**24,
        description="packets that a receiver, not in-order, holds apart (assumed)",
    )
    loss_distance: int = Field(
        default=0,
        ge=0,
        le=2**24,
        description="packets received behind a hole before it counts as lost; any-order; 0: never",
    )
    rto: TimeAutoNone = Field(
        default="none",
        description="ps, retransmission time-out, or none; auto: with uec 15 us and six times"
        " the drain of a queue (uet-htsim)",
    )
    qps: int = Field(default=1, ge=1, le=1024, description="queue pairs of a connection (NCCL: 1)")
    balance: Literal["none", "oblivious", "bitmap", "reps", "mixed"] = Field(
        default="none", description="how the NIC picks the entropy of a packet, which ECMP hashes"
    )
    entropies: int = Field(
        default=64, ge=1, le=2**16, description="entropies of a QP with a balance (uet-htsim: 64)"
    )

    @model_validator(mode="after")
    def _check(self) -> "TransportSpec":
        problems = [_no_power("reorder_packets", self.reorder_packets)]
        problems.append(_no_power("entropies", self.entropies))
        if self.frame_bytes > MAX_FRAME:
            problems.append(
                f"mtu + header_bytes is {self.frame_bytes}; expected at most {MAX_FRAME}"
            )
        return accept(self, [problem for problem in problems if problem])

    @property
    def frame_bytes(self) -> int:
        """Frame bytes of a full packet."""
        return self.mtu + self.header_bytes

    @property
    def acks_each_packet(self) -> bool:
        """Whether every packet is acknowledged by itself."""
        return self.ack_every == 1


def _no_power(name: str, count: int) -> str:
    """Return what is wrong with a count that is no power of two, or nothing."""
    if not count & (count - 1):
        return ""
    near = 1 << (count.bit_length() - 1)
    return f"{name} is {count}; expected a power of two; did you mean {near} or {2 * near}"
