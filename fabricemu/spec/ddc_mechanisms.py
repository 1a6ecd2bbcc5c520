"""What leaves and elements of a cell fabric do beyond section 5, all of it off by default.

Rules are in docs/ddc.md. "FBOSS" and "OpenBCM" as in ``fabricemu.spec.ddc``; the figures named
are those of Jericho 2 and 3.
"""

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from fabricemu.spec.fields import (
    Bytes,
    BytesAutoUnbounded,
    BytesOrAuto,
    BytesOrNone,
    BytesOrUnbounded,
    CountOrUnbounded,
    RatioAutoNone,
    TimeOrAuto,
    TimeOrNone,
    TimePs,
)
from fabricemu.spec.table import MAX_TIME, NS, Table, accept

MAX_LEVELS = 7  # of 8, the lowest of which slows nothing (OpenBCM)


class DdcMechanisms(Table):
    """Limits, credits, flow control, reassembly and failures of a cell fabric."""

    voq_limit: BytesOrUnbounded = Field(
        default="unbounded",
        description="bytes of data that wait in a VOQ (FBOSS: half the buffer)",
    )
    onchip_buffer: BytesOrUnbounded = Field(
        default="unbounded", description="bytes of a leaf before deep memory (FBOSS: 128 MB)"
    )
    deep_buffer: BytesOrUnbounded = Field(
        default="unbounded", description="bytes of a leaf's deep memory (FBOSS: 12 GB usable)"
    )
    ahead: BytesOrAuto = Field(
        default=0,
        description="bytes of credit that a VOQ asks for beyond what waits; auto: credits in"
        " flight and one (OpenBCM iqs_tune.c)",
    )
    balance_limit: BytesAutoUnbounded = Field(
        default="unbounded",
        description="bytes of credit that a VOQ keeps; auto: 3 times the credits in flight less"
        " one, at most 500 kB (OpenBCM iqs_tune.c)",
    )
    credit_watchdog: TimeOrNone = Field(
        default="none", description="ps until credits are asked for again (OpenBCM: 500 us)"
    )
    paced: bool = Field(
        default=False, description="whether no more leaves a leaf than its lanes carry (assumed)"
    )
    drm: RatioAutoNone = Field(
        default="none",
        description="rate of lanes over that of ports below which credits slow down (OpenBCM: a"
        " table); auto: that of a full cell over its payload",
    )
    spray: Literal["permuted", "least-loaded"] = Field(
        default="permuted", description="lane of a cell: in turn, or the least loaded (assumed)"
    )
    llfc_xoff: BytesOrNone = Field(
        default="none",
        description="bytes of a lane's cells in an element that pause it (OpenBCM: about 4 KB)",
    )
    llfc_xon: BytesOrAuto = Field(
        default="auto", description="bytes at which it goes on; auto: half of llfc_xoff (assumed)"
    )
    llfc_response: TimePs = Field(
        default=0, le=MAX_TIME, description="ps until an off or on cell works (100 ns assumed)"
    )
    rci_levels: list[Bytes] = Field(
        default_factory=list,
        max_length=MAX_LEVELS,
        description="waiting bytes of a lane that give cells the levels 1, 2 and on (OpenBCM:"
        " about 25.6, 27.7 and 29.9 KB)",
    )
    rci_slow: list[float] = Field(
        default_factory=list,
        max_length=MAX_LEVELS,
        description="factors on the time between credits at these levels; none given: 1 + k/8 at"
        " level k (assumed)",
    )
    rci_period: TimePs = Field(
        default=10_000 * NS,
        ge=1,
        le=MAX_TIME,
        description="ps; a leaf remembers a level for one to two (assumed)",
    )
    reassembly_timeout: TimeOrNone = Field(
        default="none", description="ps until missing cells are given up (100 us assumed)"
    )
    contexts: CountOrUnbounded = Field(
        default="unbounded", description="streams of a leaf with missing cells at one time"
    )
    detection: TimeOrAuto = Field(
        default="auto",
        description="ps from a failure or repair until all know; auto: a cycle of 44.8 us for"
        " each stage and a watchdog of 100 us (OpenBCM)",
    )
    input_balanced: bool = Field(
        default=False,
        description="send an element no more for a leaf than it has lanes there (FBOSS)",
    )

    @model_validator(mode="after")
    def _check_mechanisms(self) -> "DdcMechanisms":
        return accept(self, [*self._buffer(), *self._levels()])

    def _buffer(self) -> list[str]:
        problems = []
        if self.deep_buffer != "unbounded" and self.onchip_buffer == "unbounded":
            problems.append("deep_buffer: nothing gets there; expected a size of onchip_buffer")
        if isinstance(self.llfc_xon, int):
            xoff = self.llfc_xoff
            if isinstance(xoff, str):
                problems.append("llfc_xon: changes nothing; expected auto, or an llfc_xoff")
            elif self.llfc_xon > xoff:
                problems.append(f"llfc_xon: {self.llfc_xon}; expected at most llfc_xoff {xoff}")
        return problems

    def _levels(self) -> list[str]:
        levels, slow = self.rci_levels, self.rci_slow
        problems = []
        if any(a >= b for a, b in pairwise(levels)):
            problems.append(f"rci_levels: {levels}; expected ascending, as {sorted(set(levels))}")
        if slow and len(slow) != len(levels):
            problems.append(
                f"rci_slow: {len(slow)} factors; expected one for each of {len(levels)} rci_levels"
            )
        if any(not 1 <= factor <= 1000 for factor in slow):
            problems.append(f"rci_slow: {slow}; expected factors of 1 to 1000")
        return problems
