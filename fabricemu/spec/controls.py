"""The other congestion controls: window and delay laws, and those of Ultra Ethernet.

What is ``auto`` follows from the network, see ``fabricemu.fabrics.congestion``.
"""

from pydantic import Field, model_validator

from fabricemu.spec.fields import (
    Amount,
    AmountOrAuto,
    NumberOrAuto,
    RateOrAuto,
    TimeOrAuto,
    TimePs,
)
from fabricemu.spec.table import MAX_TIME, Table, accept


class DctcpParams(Table):
    """DCTCP (RFC 8257) with a window."""

    g: float = Field(default=1 / 16, ge=0, le=1, description="gain of alpha (RFC 8257)")
    init_window: AmountOrAuto = Field(
        default="auto", description="bytes at the start; auto: 1 BDP, a start at line rate"
    )
    max_window: AmountOrAuto = Field(
        default="auto", description="bytes at most; auto: 4 BDP (assumed)"
    )


class SwiftParams(Table):
    """Swift (Kumar et al., SIGCOMM 2020); windows are in packets."""

    base_delay: TimeOrAuto = Field(
        default="auto", description="ps of the target; auto: base RTT + 2 us (assumed, 2 to 4 us)"
    )
    hop_delay: TimePs = Field(
        default=10**6, le=MAX_TIME, description="ps of the target for each switch (1 to 2 us)"
    )
    flow_scaling: TimeOrAuto = Field(
        default="auto", description="ps, range of flow scaling; auto: 5 base delays (htsim)"
    )
    flow_min: float = Field(
        default=0.1, ge=0.001, le=1e6, description="packets, least of flow scaling (htsim)"
    )
    flow_max: float = Field(
        default=100.0, ge=0.001, le=1e6, description="packets, most of flow scaling (htsim)"
    )
    ai: float = Field(default=1.0, ge=0, le=1e6, description="packets per RTT (htsim)")
    beta: float = Field(default=0.8, ge=0, le=1, description="multiplicative decrease (htsim)")
    max_decrease: float = Field(default=0.5, ge=0, le=1, description="of one cut (htsim)")
    init_window: float = Field(
        default=12.0, ge=0.001, le=1e6, description="packets at the start (htsim)"
    )
    min_window: float = Field(default=0.01, ge=0.001, le=1e6, description="packets (assumed)")
    max_window: NumberOrAuto = Field(
        default="auto", description="packets; auto: 4 BDP (assumed, above what the target holds)"
    )

    @model_validator(mode="after")
    def _check(self) -> "SwiftParams":
        problems = []
        if self.flow_min >= self.flow_max:
            problems.append(f"flow_min: {self.flow_min}; expected less than flow_max")
        if isinstance(self.max_window, float) and self.max_window < self.min_window:
            problems.append(f"max_window: {self.max_window}; expected at least min_window")
        return accept(self, problems)


class HpccParams(Table):
    """HPCC (Li et al., SIGCOMM 2019)."""

    rtt: TimeOrAuto = Field(
        default="auto", description="ps, T of the law; auto: the largest base RTT (the paper)"
    )
    eta: float = Field(default=0.95, ge=0.01, le=1, description="utilisation aimed at (the paper)")
    max_stage: int = Field(
        default=5, ge=0, le=1000, description="additive steps in a row (the paper)"
    )
    flows: int = Field(
        default=32, ge=1, le=2**20, description="flows of a link that ai reckons with (assumed)"
    )
    ai: AmountOrAuto = Field(
        default="auto", description="bytes, W_ai; auto: BDP x (1 - eta) / flows (the paper)"
    )
    min_rate: RateOrAuto = Field(
        default="auto", description="bit/s; auto: 1/400 of the port, 1 Gb/s at 400G (HPCC ns-3)"
    )


class NsccParams(Table):
    """NSCC of Ultra Ethernet; defaults and scaling of uet-htsim."""

    target: TimeOrAuto = Field(
        default="auto",
        description="ps of queueing aimed at; auto: 0.75 base RTT with trimming, else 1",
    )
    max_window: AmountOrAuto = Field(default="auto", description="bytes; auto: 1.5 x BDP")
    init_window: AmountOrAuto = Field(default="auto", description="bytes; auto: max_window")
    min_window: AmountOrAuto = Field(default="auto", description="bytes; auto: 1 packet")
    alpha: NumberOrAuto = Field(
        default="auto",
        description="bytes per us, proportional increase; auto: 4 payloads x BDP / 150 kB / 12 us",
    )
    fair: NumberOrAuto = Field(
        default="auto", description="bytes, fair increase; auto: 5 payloads x BDP / 150 kB"
    )
    eta: NumberOrAuto = Field(
        default="auto", description="bytes in each RTT; auto: 0.15 payloads x BDP / 150 kB"
    )
    fast_gain: NumberOrAuto = Field(
        default="auto", description="of the fast increase; auto: 0.25 x BDP / 150 kB"
    )
    fast_delay: TimePs = Field(
        default=10**6, le=MAX_TIME, description="ps of queueing below which it is fast"
    )
    gamma: float = Field(default=0.8, ge=0, le=1, description="multiplicative decrease")
    delay_gain: float = Field(default=0.0125, ge=0, le=1, description="of the average delay")
    gate_shift: int = Field(
        default=3, ge=0, le=62, description="quick adapt below max_window / 2^gate_shift in an RTT"
    )
    fulfil: Amount = Field(default="8 packets", description="bytes between changes of the window")
    nack_updates_base: bool = Field(
        default=True, description="whether a trimmed packet may lower the base RTT"
    )


class ConstantParams(Table):
    """A window that stays."""

    window: AmountOrAuto = Field(default="auto", description="bytes; auto: 1.5 x BDP")


class RcccParams(Table):
    """RCCC of Ultra Ethernet: credit from the receiver; defaults of uet-htsim."""

    max_window: AmountOrAuto = Field(
        default="auto", description="bytes of credit, and of demand, at most; auto: 1.5 x BDP"
    )
    pacing: float = Field(
        default=0.99, ge=0.01, le=1, description="rate of credit over that of the port"
    )
