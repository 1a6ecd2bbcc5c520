"""A folded Clos of packet switches."""

from typing import Literal

from pydantic import Field, model_validator

from fabricemu.spec.fields import Band, CountOrAuto, Queue, RateOrAuto, TimeOrNone, TimePs
from fabricemu.spec.table import MAX_TIME, NS, accept
from fabricemu.spec.topology import TopologyParams


class ClosParams(TopologyParams):
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
        description="limit of waiting data bytes of an output port, N packets, or N BDP",
    )
    choice: Literal["ecmp", "spray", "adaptive", "round-robin"] = Field(
        default="ecmp",
        description="path: hash of the QP; of each packet random, least queued, or in turn",
    )
    weighted: bool = Field(
        default=False, description="choose paths in proportion to the rates of their ports"
    )
    bands: list[Band] = Field(
        default_factory=list,
        max_length=64,
        description="limits of waiting bytes that adaptive tells apart, as bytes or fractions of"
        " the queue; none given: all",
    )
    refresh: TimeOrNone = Field(
        default="none", description="ps that a port's band may be old, or none: always fresh"
    )
    flowlet_gap: TimeOrNone = Field(
        default="none", description="ps without a packet after which a flow chooses anew, or none"
    )
    flowlet_entries: int = Field(
        default=2048, ge=1, le=2**24, description="flows that a box tells apart (FBOSS: 2,048)"
    )

    @model_validator(mode="after")
    def _check(self) -> "ClosParams":
        kinds = {isinstance(band, float) for band in self.bands}
        problems = []
        if len(kinds) == 2:
            problems.append("bands: bytes and fractions; expected one or the other")
        elif self.queue == "unbounded" and kinds == {True}:
            problems.append("bands: fractions of an unbounded queue; expected bytes, or a queue")
        elif sorted(set(self.bands)) != self.bands:
            problems.append(f"bands: {self.bands}; expected ascending limits")
        if self.choice != "adaptive" and self.bands:
            problems.append(f"bands: change nothing with choice {self.choice!r}; expected adaptive")
        if self.refresh != "none" and not self.bands:
            problems.append("refresh: changes nothing without bands")
        if self.weighted and self.choice == "round-robin":
            problems.append("weighted: changes nothing with choice 'round-robin'")
        return accept(self, problems)

    @property
    def hashes_entropy(self) -> bool:
        """Whether the path of a packet depends on its entropy."""
        return self.choice == "ecmp" or self.flowlet_gap != "none"
