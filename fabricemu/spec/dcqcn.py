"""DCQCN (Zhu et al., SIGCOMM 2015): its parameters, and sets of them that are in use.

Rates and bytes of a set follow the port rate where their source says so, or where the set is
meant for any rate. A field that is ``auto`` takes the value of the chosen set.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from pydantic import Field

from fabricemu.spec.fields import (
    AmountAutoNone,
    BytesAutoNone,
    CountOrAuto,
    RateOrAuto,
    ShareOrAuto,
    TimeAutoNone,
    TimeOrAuto,
    TruthOrAuto,
)
from fabricemu.spec.table import GBPS, Table

MBPS = 10**6
US = 10**6  # ps


class DcqcnParams(Table):
    """Parameters of DCQCN in the NIC; marking is the switch's."""

    set: Literal["tuned", "paper", "connectx", "hpcc-ns3", "simai"] = Field(
        default="tuned", description="where fields left at auto come from, see docs/transports.md"
    )
    g: ShareOrAuto = Field(default="auto", description="gain of alpha")
    cnp_interval: TimeAutoNone = Field(
        default="auto", description="ps between CNPs of a QP; none: one for every marked packet"
    )
    alpha_period: TimeOrAuto = Field(default="auto", description="ps between updates of alpha")
    decrease_period: TimeAutoNone = Field(
        default="auto", description="ps between cuts of the rate; none: one for every CNP"
    )
    increase_period: TimeOrAuto = Field(default="auto", description="ps between increases")
    byte_counter: BytesAutoNone = Field(
        default="auto", description="bytes sent between increases; none: only by time"
    )
    fast_recovery: CountOrAuto = Field(default="auto", description="stages of fast recovery")
    ai_rate: RateOrAuto = Field(default="auto", description="bit/s of an additive increase")
    hai_rate: RateOrAuto = Field(default="auto", description="bit/s of a hyper increase")
    min_rate: RateOrAuto = Field(default="auto", description="bit/s that a QP always may send")
    clamp: TruthOrAuto = Field(
        default="auto", description="whether every cut lowers the target rate too"
    )
    window: AmountAutoNone = Field(
        default="auto", description="bytes in flight at full rate, less in proportion; or none"
    )


@dataclass(frozen=True)
class DcqcnSet:
    """Values for one port rate; 0 stands for none, times are in ps."""

    g: float
    cnp_interval: int
    alpha_period: int
    decrease_period: int
    increase_period: int
    byte_counter: int
    fast_recovery: int
    ai_rate: float
    hai_rate: float
    min_rate: float
    clamp: bool
    window: int | str
    ecn_low: int
    ecn_high: int
    ecn_max: float


def dcqcn_values(params: DcqcnParams, rate_bps: int) -> DcqcnSet:
    """Return the set that is chosen, for a port rate, with the fields that are given."""
    names = {field.name for field in fields(DcqcnSet)} & set(DcqcnParams.model_fields)
    given: dict[str, Any] = {
        name: 0 if value == "none" else value
        for name in names
        if (value := getattr(params, name)) != "auto"
    }
    return replace(_SETS[params.set](rate_bps), **given)


def _tuned(rate: int) -> DcqcnSet:
    """Return ConnectX's timers with steps and marking that suit the rate: no divergence."""
    return replace(
        _connectx(rate),
        ai_rate=rate / 5000,
        hai_rate=rate / 500,
        min_rate=rate / 4000,
        ecn_low=_scaled(150_000, rate),
        ecn_high=_scaled(1_500_000, rate),
        ecn_max=0.05,
    )


def _paper(rate: int) -> DcqcnSet:
    """Return the values of the paper, which has 40 Gb/s ports, at the same share of the rate."""
    share = rate / (40 * GBPS)
    return DcqcnSet(
        g=1 / 256,
        cnp_interval=50 * US,
        alpha_period=55 * US,
        decrease_period=0,
        increase_period=55 * US,
        byte_counter=int(10_000_000 * share),
        fast_recovery=5,
        ai_rate=40 * MBPS * share,
        hai_rate=200 * MBPS * share,
        min_rate=100 * MBPS * share,
        clamp=True,
        window=0,
        ecn_low=int(5_000 * share),
        ecn_high=int(200_000 * share),
        ecn_max=0.01,
    )


def _connectx(rate: int) -> DcqcnSet:
    """Return the defaults of a ConnectX adapter, with SimAI's marking at 400 Gb/s."""
    return DcqcnSet(
        g=5 / 1024,
        cnp_interval=4 * US,
        alpha_period=1 * US,
        decrease_period=4 * US,
        increase_period=300 * US,
        byte_counter=2_097_088,
        fast_recovery=1,
        ai_rate=5 * MBPS,
        hai_rate=50 * MBPS,
        min_rate=1 * MBPS,
        clamp=False,
        window=0,
        ecn_low=_scaled(800_000, rate),
        ecn_high=_scaled(3_200_000, rate),
        ecn_max=0.2,
    )


def _hpcc_ns3(rate: int) -> DcqcnSet:
    """Return what the ns-3 of the HPCC paper sets for its mode ``dcqcn``, by 25 Gb/s."""
    share = rate / (25 * GBPS)
    return replace(
        _connectx(rate),
        g=1 / 256,
        cnp_interval=0,
        byte_counter=0,
        ai_rate=5 * MBPS * share,
        hai_rate=50 * MBPS * share,
        min_rate=1 * GBPS,
        ecn_low=int(100_000 * share),
        ecn_high=int(400_000 * share),
    )


_SIMAI_LOW = {25: 100_000, 50: 200_000, 100: 400_000, 200: 300_000, 400: 800_000, 1600: 600_000}


def _simai(rate: int) -> DcqcnSet:
    """Return SimAI.conf; its marking goes by a table, of which the nearest rate is taken."""
    nearest = min(_SIMAI_LOW, key=lambda gbps: abs(gbps * GBPS - rate))
    return replace(
        _connectx(rate),
        g=1 / 256,
        cnp_interval=0,
        increase_period=900 * US,
        byte_counter=0,
        ai_rate=50 * MBPS,
        hai_rate=100 * MBPS,
        min_rate=100 * MBPS,
        window="1 BDP",
        ecn_low=_SIMAI_LOW[nearest],
        ecn_high=4 * _SIMAI_LOW[nearest],
        ecn_max=0.8 if nearest == 200 else 0.2,
    )


def _scaled(size: int, rate: int) -> int:
    """Return bytes at 400 Gb/s at the same time of the rate."""
    return size * rate // (400 * GBPS)


_SETS: dict[str, Callable[[int], DcqcnSet]] = {
    "tuned": _tuned,
    "paper": _paper,
    "connectx": _connectx,
    "hpcc-ns3": _hpcc_ns3,
    "simai": _simai,
}
