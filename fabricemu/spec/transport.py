"""The NIC: packets, acknowledgement, window and recovery."""

from typing import Literal

from pydantic import Field, model_validator

from fabricemu.spec.fields import BytesOrNone, TimeOrNone
from fabricemu.spec.table import MAX_FRAME, Table


class TransportSpec(Table):
    """Packets, acknowledgement, window and recovery of the NIC."""

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
    ack_every: int = Field(
        default=16, ge=1, le=2**20, description="packets an ACK stands for at most (assumed)"
    )
    window: BytesOrNone = Field(
        default="none", description="payload bytes in flight of a QP, or none"
    )
    receiver: Literal["in-order", "any-order"] = Field(
        default="in-order", description="go-back-N, or selective repeat with direct placement"
    )
    reorder_packets: int = Field(
        default=4096,
        ge=2,
        le=2**24,
        description="packets an any-order receiver holds apart (assumed)",
    )
    rto: TimeOrNone = Field(default="none", description="ps, retransmission time-out, or none")
    qps: int = Field(default=1, ge=1, le=1024, description="queue pairs of a connection (NCCL: 1)")

    @model_validator(mode="after")
    def _check(self) -> "TransportSpec":
        if self.mtu + self.header_bytes > MAX_FRAME:
            raise ValueError(
                f"mtu + header_bytes is {self.mtu + self.header_bytes}; expected at most"
                f" {MAX_FRAME}"
            )
        if self.reorder_packets & (self.reorder_packets - 1):
            near = 1 << (self.reorder_packets.bit_length() - 1)
            raise ValueError(
                f"reorder_packets is {self.reorder_packets}; expected a power of two;"
                f" did you mean {near} or {2 * near}"
            )
        return self

    @property
    def frame_bytes(self) -> int:
        """Frame bytes of a full packet."""
        return self.mtu + self.header_bytes
