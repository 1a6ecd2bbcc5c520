"""Hosts: NIC and scale-up domain of a rank, and the cables."""

from pydantic import Field

from fabricemu.spec.fields import RateBps, TimePs
from fabricemu.spec.table import GBPS, MAX_TIME, NS, Table


class Host(Table):
    """NIC and scale-up domain of a rank."""

    nic_ports: int = Field(default=1, ge=1, le=64, description="NIC ports of a rank (assumed)")
    port_rate: RateBps = Field(
        default=400 * GBPS, ge=10**6, description="bit/s; 400G NICs (36 or 128 a box, as below)"
    )
    nic_latency: TimePs = Field(
        default=600 * NS, le=MAX_TIME, description="ps, in the NIC, each way (assumed, 0.6 to 1 us)"
    )
    scale_up_ranks: int = Field(
        default=1, ge=1, le=2**20, description="ranks of a scale-up domain, 1 for none (assumed)"
    )
    scale_up_rate: RateBps = Field(
        default=3600 * GBPS,
        ge=10**6,
        description="bit/s each way and rank; NVLink 4 of an H100, 450 GB/s (NVIDIA data sheet)",
    )
    scale_up_latency: TimePs = Field(
        default=500 * NS,
        ge=1,
        le=MAX_TIME,
        description="ps, each of the two hops over the scale-up switch (assumed)",
    )


class Links(Table):
    """Cables; light in fibre takes 5 ns/m."""

    host_latency: TimePs = Field(
        default=100 * NS,
        le=MAX_TIME,
        description="ps, host to leaf; 20 m of fibre (assumed length)",
    )
    fabric_latency: TimePs = Field(
        default=500 * NS,
        le=MAX_TIME,
        description="ps, between boxes; 100 m of fibre (assumed length)",
    )
    loss_rate: float = Field(
        default=0.0, ge=0, le=1, description="probability of losing a packet, links between boxes"
    )
