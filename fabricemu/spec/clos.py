"""A folded Clos of packet switches."""

from typing import Literal

from pydantic import Field

from fabricemu.spec.fields import CountOrAuto, Queue, RateOrAuto, TimePs
from fabricemu.spec.table import MAX_TIME, NS, Table


class ClosParams(Table):
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
