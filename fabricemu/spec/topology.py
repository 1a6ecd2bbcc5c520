"""How a Clos is wired beyond its counts, and what is broken in it.

A link is named by its two boxes, ``"leaf3:spine1"``, with ``"#2"`` for one cable of a bundle
(from 0), or by a host, ``"host12"``, with ``":1"`` for one NIC port (from 0).
"""

from typing import Annotated, Any

from pydantic import Field, PlainSerializer, WithJsonSchema, model_validator

from fabricemu.spec.fields import TimeOrNone, TimePs, or_word
from fabricemu.spec.table import MAX_TIME, Table, accept
from fabricemu.spec.units import format_rate, parse_rate_bps

LATEST = 10**6 * MAX_TIME


def _parse_rate(value: Any) -> int:
    rate = parse_rate_bps(value)
    if rate < 10**6:
        raise ValueError(f"{value!r}: expected at least 1Mbps")
    return rate


def _format_state(value: int | str) -> str:
    return value if isinstance(value, str) else format_rate(value)


State = Annotated[
    int | str,
    or_word("down", "up", parse=_parse_rate),
    PlainSerializer(_format_state, when_used="json"),
    WithJsonSchema({"type": ["integer", "string"], "examples": ["down", "up", "100Gbps"]}),
]


class TopologyParams(Table):
    """Wiring and breakage of a whole Clos."""

    topology: str = Field(
        default="none",
        description="file that says how all is wired: .topo of htsim, topology.txt of HPCC, or"
        " SimAI's; none: the counts below do",
    )
    planes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="disjoint copies of the fabric; NIC port j of every rank is on plane j mod"
        " planes",
    )
    rail_optimised: bool = Field(
        default=False,
        description="the NIC ports of a server, that is of host.scale_up_ranks ranks, go to"
        " different leaves, one a rail",
    )
    reconvergence: TimePs = Field(
        default=0,
        le=1000 * MAX_TIME,
        description="ps from a link's going down or up until the routes follow",
    )
    failed_links: int = Field(
        default=0,
        ge=0,
        le=2**31,
        description="links that are slow from the start, as -failed of uet-htsim: with 3 tiers"
        " one link of a core down to an aggregation box each, with 2 all links of one spine each",
    )
    failed_rate: float = Field(
        default=0.25, gt=0, le=1, description="their share of the rate (uet-htsim)"
    )


class ChangeParams(Table):
    """A link or box that goes down, comes up, or changes its rate."""

    at: TimePs = Field(default=0, le=LATEST, description="ps; 0: from the start")
    what: str = Field(description="a link, as leaf3:spine1, or a box, as spine2")
    state: State = Field(description="down, up, or a rate in bit/s; up is as it was built")
    until: TimeOrNone = Field(default="none", description="ps, when it is up again")
    flap_period: TimeOrNone = Field(default="none", description="ps from one outage to the next")
    flap_count: int = Field(default=1, ge=1, le=10_000, description="outages in all")

    @model_validator(mode="after")
    def _check(self) -> "ChangeParams":
        problems = []
        if (self.flap_count > 1) != isinstance(self.flap_period, int):
            problems.append("flap_period goes with a flap_count above 1; expected both or neither")
        if isinstance(self.until, int):
            if not self.at < self.until <= LATEST:
                problems.append("until is not after at; expected a later time, at most 10^6 s")
            if isinstance(self.flap_period, int) and self.flap_period <= self.until - self.at:
                problems.append("flap_period is not longer than an outage, until less at")
        elif isinstance(self.flap_period, int):
            problems.append("flap_period without until; expected when the first outage ends")
        if isinstance(self.flap_period, int) and self.flap_count * self.flap_period > LATEST:
            problems.append("flap_count times flap_period is above 10^6 s; expected less")
        return accept(self, problems)


class LossParams(Table):
    """A link that loses packets, both ways."""

    link: str = Field(description="a link, as leaf3:spine1, or a box, as spine2")
    rate: float = Field(ge=0, le=1, description="probability of losing a packet")
