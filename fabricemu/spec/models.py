"""What a fabric is, field by field, with unit, default and where the default comes from.

A specification names no number of hosts: ``fabricemu.fabrics.build`` sizes it to the trace.
Sources: "FBOSS" is facebook/fboss (Jericho3Asic.cpp, Ramon3Asic.cpp,
FabricLinkMonitoringManager.cpp, meru800bia platform mapping), "OpenBCM" is
Broadcom-Network-Switching-Software/OpenBCM (scheduler_tune.c, jr2_a0_data_iqs.c).
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fabricemu.spec.fields import (
    Bytes,
    BytesOrNone,
    CountOrAuto,
    Queue,
    RateBps,
    RateOrAuto,
    TimeOrNone,
    TimePs,
)

NS = 1000
GBPS = 10**9
MAX_FRAME = 65535
MAX_TIME = 10**12  # one second
FILE_NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,99}$"

Spec = TypeVar("Spec")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Host(_Table):
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


class Links(_Table):
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


class TransportSpec(_Table):
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


class ClosParams(_Table):
    """A folded Clos of packet switches; the defaults are Tomahawk 5 boxes."""

    tiers: Literal["auto", 2, 3] = Field(
        default="auto", description="auto: 2 where it fits, else 3"
    )
    radix: CountOrAuto = Field(
        default=128,
        description="ports of a box, counted at host.port_rate; 51.2 Tb/s = 128 x 400G (FBOSS"
        " Tomahawk5Asic.h); auto: the smallest even number that fits the hosts",
    )
    hosts_per_leaf: CountOrAuto = Field(
        default="auto", description="NIC ports of a leaf; auto: all fit"
    )
    leaves_per_pod: CountOrAuto = Field(default="auto", description="3 tiers; auto: radix / 2")
    spines: CountOrAuto = Field(default="auto", description="2 tiers; auto: the fewest that divide")
    oversubscription: float = Field(
        default=1.0, ge=0.1, le=100, description="leaf host capacity over uplink capacity (assumed)"
    )
    uplink_rate: RateOrAuto = Field(default="auto", description="bit/s; auto: host.port_rate")
    switch_latency: TimePs = Field(
        default=700 * NS,
        le=MAX_TIME,
        description="ps port to port (assumed; 0.6 to 0.9 us estimated)",
    )
    queue: Queue = Field(
        default="unbounded",
        description="limit of waiting data bytes of an output port, or N packets",
    )
    choice: Literal["ecmp", "spray", "adaptive"] = Field(
        default="ecmp", description="path: hash of the QP, random a packet, least queued a packet"
    )


class DdcParams(_Table):
    """A single-stage cell fabric; the defaults are Jericho3-AI leaves and Ramon3 elements."""

    leaf_ports: int = Field(
        default=36, ge=1, le=2**16, description="NIC ports of a leaf; 14.4 Tb/s = 36 x 400G (FBOSS)"
    )
    lanes: int = Field(default=160, ge=1, le=4096, description="fabric lanes of a leaf (FBOSS)")
    lane_rate: RateBps = Field(
        default=100 * GBPS,
        ge=10**6,
        description="bit/s net of a 106.25G PAM4 lane: x 514/544 RS-FEC x 256/257 (IEEE 802.3)",
    )
    element_lanes: int = Field(
        default=256, ge=1, le=2**16, description="lanes of an element (FBOSS: a Ramon3 has 2 x 256)"
    )
    lanes_per_element: CountOrAuto = Field(
        default="auto",
        description="lanes of a leaf to one element; auto: the largest power of two that"
        " divides lanes and fits the leaves, that is the fewest elements",
    )
    cell_bytes: int = Field(default=512, ge=2, le=65535, description="bytes, with header (FBOSS)")
    cell_header_bytes: int = Field(default=32, ge=1, le=4096, description="bytes (FBOSS)")
    control_cell_bytes: int = Field(
        default=40,
        ge=1,
        le=65535,
        description="bytes of a request or credit (assumed: a cell header and 8 bytes)",
    )
    packing: bool = Field(
        default=True,
        description="cut what a credit releases as one byte stream (Stardust, NSDI 2019)",
    )
    pad_cells: bool = Field(
        default=False, description="send short cells at full size (assumed: no)"
    )
    credit_bytes: Bytes = Field(
        default=4096, ge=1, le=2**24, description="bytes of a credit (OpenBCM)"
    )
    credit_speedup: float = Field(
        default=1.05, ge=0.5, le=10, description="credit rate over port rate (OpenBCM)"
    )
    egress_threshold: Bytes = Field(
        default=256 * 1024,
        ge=1,
        le=2**40,
        description="bytes waiting at an egress port above which credits stop (assumed: more"
        " than a credit loop holds at 400G, so that a stopped port does not run dry)",
    )
    leaf_ingress_latency: TimePs = Field(
        default=1000 * NS,
        le=MAX_TIME,
        description="ps (assumed; 1.5 to 2.5 us in and out estimated)",
    )
    leaf_egress_latency: TimePs = Field(
        default=1000 * NS, le=MAX_TIME, description="ps (assumed, as leaf_ingress_latency)"
    )
    element_latency: TimePs = Field(
        default=600 * NS, le=MAX_TIME, description="ps (assumed; 0.4 to 0.8 us estimated)"
    )
    choice: Literal["round-robin", "adaptive"] = Field(
        default="round-robin", description="an element's choice among the lanes to a leaf (assumed)"
    )

    @model_validator(mode="after")
    def _check(self) -> "DdcParams":
        if self.cell_header_bytes >= self.cell_bytes:
            raise ValueError(
                f"cell_header_bytes is {self.cell_header_bytes}; expected less than"
                f" cell_bytes {self.cell_bytes}"
            )
        per = self.lanes_per_element
        if isinstance(per, int) and self.lanes % per:
            divisors = [d for d in range(1, self.lanes + 1) if self.lanes % d == 0]
            near = min(divisors, key=lambda d: abs(d - per))
            raise ValueError(
                f"lanes_per_element is {per}; expected a divisor of lanes {self.lanes};"
                f" did you mean {near}"
            )
        return self


class _Fabric(_Table):
    name: str = Field(
        default="unnamed", pattern=FILE_NAME, description="what results call it, and their files"
    )
    description: str = Field(default="", description="one line for people")
    host: Host = Field(default_factory=Host)
    links: Links = Field(default_factory=Links)
    transport: TransportSpec = Field(default_factory=TransportSpec)


class ClosSpec(_Fabric):
    """An Ethernet Clos fabric and its hosts."""

    kind: Literal["clos"] = "clos"
    clos: ClosParams = Field(default_factory=ClosParams)

    @model_validator(mode="after")
    def _check(self) -> "ClosSpec":
        problems = []
        if self.clos.queue != "unbounded" and self.transport.rto == "none":
            problems.append("transport.rto: none with a bounded clos.queue; expected a time")
        if self.host.nic_latency + self.links.host_latency < 1:
            problems.append("links.host_latency: 0 with nic_latency 0; expected a positive sum")
        if self.clos.switch_latency + self.links.fabric_latency < 1:
            problems.append("links.fabric_latency: 0 with switch_latency 0; expected more")
        return _accept(self, problems)

    @property
    def queue_bytes(self) -> int:
        """Limit of an output port in frame bytes, -1 without limit."""
        queue = self.clos.queue
        if isinstance(queue, int):
            return queue
        if queue == "unbounded":
            return -1
        return int(queue.split()[0]) * self.transport.frame_bytes


class DdcSpec(_Fabric):
    """A scheduled fabric and its hosts."""

    kind: Literal["ddc"] = "ddc"
    ddc: DdcParams = Field(default_factory=DdcParams)

    @model_validator(mode="after")
    def _check(self) -> "DdcSpec":
        nic, cable = self.host.nic_latency, self.links.host_latency
        problems = []
        if nic + cable + self.ddc.leaf_ingress_latency < 1:
            problems.append("ddc.leaf_ingress_latency: 0 with no NIC or cable latency")
        if nic + cable + self.ddc.leaf_egress_latency < 1:
            problems.append("ddc.leaf_egress_latency: 0 with no NIC or cable latency")
        if self.links.fabric_latency < 1:
            problems.append("links.fabric_latency: 0; expected a positive time")
        return _accept(self, problems)


FabricSpec = ClosSpec | DdcSpec
AnyFabric = Annotated[FabricSpec, Field(discriminator="kind")]
KINDS: dict[str, type[ClosSpec] | type[DdcSpec]] = {"clos": ClosSpec, "ddc": DdcSpec}


def _accept(spec: Spec, problems: list[str]) -> Spec:
    if problems:
        raise ValueError("\n".join(problems))
    return spec
