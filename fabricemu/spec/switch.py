"""A packet switch: shared buffer, priority flow control, marking, trimming, traffic classes.

Sources: "SONiC" is sonic-net/sonic-buildimage (Arista 7060X6, a Tomahawk 5 box), "HLD" SONiC's
design page on buffers, "HPCC ns-3" alibaba-edu/High-Precision-Congestion-Control.
"""

from typing import Literal

from pydantic import Field, model_validator

from fabricemu.errors import nearest
from fabricemu.spec.fields import (
    AmountAutoNone,
    AmountOrAuto,
    AmountOrDynamic,
    Bytes,
    BytesOrAuto,
    BytesOrNone,
    BytesOrUnbounded,
    ShareOrAuto,
    TimeOrAuto,
    TruthOrAuto,
)
from fabricemu.spec.table import Table, accept

MAX_CLASSES = 8  # priorities of Ethernet (IEEE 802.1Q)


class DataClass(Table):
    """A class of data packets."""

    name: str = Field(pattern=r"^[\w.+-]{1,40}$", description="what class_of_channel calls it")
    weight: int = Field(
        default=0, ge=0, le=1000, description="of deficit round robin; 0: strict, before those"
    )
    lossless: bool = Field(default=False, description="whether PFC protects it")


class Classes(Table):
    """Traffic classes, and how those are protected that must not lose packets."""

    reserved: Bytes = Field(
        default=0, le=2**40, description="bytes of each port and class before they share"
    )
    headroom: BytesOrAuto = Field(
        default="auto",
        description="bytes of each port and lossless class for what comes after a pause; auto:"
        " what the cable and the response take (HLD), see docs/transports.md",
    )
    alpha: float = Field(
        default=1.0,
        ge=2**-16,
        le=64,
        description="share of the free buffer a lossless class of a port may take (SONiC: 1)",
    )
    alpha_lossy: float = Field(
        default=1.0, ge=2**-16, le=64, description="the same of a lossy class at its way out"
    )
    pfc: bool = Field(default=False, description="pause who sends to a full lossless class")
    xoff: AmountOrDynamic = Field(
        default="dynamic", description="bytes of a port and class that pause; dynamic: by alpha"
    )
    xon: AmountOrAuto = Field(
        default="auto",
        description="bytes at which it resumes, with dynamic xoff below the threshold; auto:"
        " 3,556 B below (SONiC), or 4/5 of xoff (uet-htsim)",
    )
    pause_bytes: int = Field(
        default=64, ge=1, le=4096, description="frame bytes of a pause frame (IEEE 802.1Qbb)"
    )
    pause_response: TimeOrAuto = Field(
        default="auto",
        description="ps from a pause frame's arrival to its effect; auto: 905 quanta of 512 bit"
        " at 400G (HLD)",
    )
    classes: list[DataClass] = Field(
        default_factory=list,
        alias="class",
        max_length=MAX_CLASSES,
        description="data classes; none given: one, which is lossless with pfc",
    )
    class_of_channel: list[str] = Field(
        default_factory=list,
        max_length=1024,
        description="class of the QPs of channel 0, 1 and on, cyclically; none given: the first",
    )

    @model_validator(mode="after")
    def _check(self) -> "Classes":
        names = [item.name for item in self.data_classes]
        problems = [
            f"class {name!r} is given twice" for name in set(names) if names.count(name) > 1
        ]
        for name in self.class_of_channel:
            if name not in names:
                problems.append(f"class_of_channel: no class {name!r}; {nearest(name, names)}")
        return accept(self, problems)

    @property
    def data_classes(self) -> list[DataClass]:
        """The classes that data has, at least one."""
        return self.classes or [DataClass(name="data", lossless=self.pfc)]


class Switch(Classes):
    """What a packet switch does beyond sending in order; without any of it queues only wait."""

    buffer: BytesOrUnbounded = Field(
        default="unbounded",
        description="bytes that all ports share, without what is reserved and headroom",
    )
    ecn_low: AmountAutoNone = Field(
        default="auto",
        description="bytes of a queue above which packets may be marked; auto: as the congestion"
        " control needs it, see docs/transports.md",
    )
    ecn_high: AmountAutoNone = Field(
        default="auto", description="bytes above which all packets are marked, as ecn_low"
    )
    ecn_max: ShareOrAuto = Field(
        default="auto", description="probability of a mark at ecn_high; auto: of the control, or 1"
    )
    ecn_at: Literal["dequeue", "enqueue"] = Field(
        default="dequeue", description="when a packet is marked"
    )
    ecn_to_hosts: TruthOrAuto = Field(
        default="auto",
        description="whether ports to hosts mark; auto: unless receivers give credit (uet-htsim)",
    )
    trim: BytesOrNone = Field(
        default="none", description="frame bytes to which refused packets are cut, or none: dropped"
    )

    @property
    def drops_when_full(self) -> bool:
        """Whether the shared buffer refuses packets of some class."""
        lossy = any(not item.lossless for item in self.data_classes)
        return self.buffer != "unbounded" and lossy
