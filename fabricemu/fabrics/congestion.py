"""Parameters of congestion controls, from a specification and the idle fabric.

NSCC and RCCC scale as uet-htsim does: steps with the bandwidth-delay product over that of
100 Gb/s in 12 us, delays with the RTT of the network.
"""

from typing import assert_never

from fabricemu.errors import ConfigError
from fabricemu.fabrics.baseline import Baseline
from fabricemu.fabrics.transport import (
    CongestionParameters,
    Control,
    Dcqcn,
    Dctcp,
    Hpcc,
    Swift,
    Uec,
)
from fabricemu.spec.congestion import Congestion
from fabricemu.spec.controls import DctcpParams, HpccParams, SwiftParams
from fabricemu.spec.dcqcn import DcqcnParams, dcqcn_values

US = 10**6  # ps
SCALE_BYTES = 150_000  # 100 Gb/s x 12 us
SCALE_US = 12
QUANTUM_BYTES = 256
CONTROLS = {
    "none": Control.NONE,
    "dcqcn": Control.DCQCN,
    "dctcp": Control.DCTCP,
    "swift": Control.SWIFT,
    "hpcc": Control.HPCC,
    "nscc": Control.NSCC,
    "constant": Control.CONSTANT,
    "rccc": Control.RCCC,
    "nscc+rccc": Control.BOTH,
}


def congestion_parameters(
    congestion: Congestion, base: Baseline, trims: bool
) -> CongestionParameters | None:
    """Return the parameters of the chosen control; ``trims`` says whether switches trim."""
    control = CONTROLS[congestion.control]
    match control:
        case Control.NONE:
            return None
        case Control.DCQCN:
            return _dcqcn(congestion.dcqcn, base)
        case Control.DCTCP:
            return _dctcp(congestion.dctcp, base)
        case Control.SWIFT:
            return _swift(congestion.swift, base)
        case Control.HPCC:
            return _hpcc(congestion.hpcc, base)
        case Control.NSCC | Control.CONSTANT | Control.RCCC | Control.BOTH:
            return _uec(congestion, base, trims)
        case _:
            assert_never(control)


def _dcqcn(params: DcqcnParams, base: Baseline) -> Dcqcn:
    values = dcqcn_values(params, base.rate_bps)
    return Dcqcn(
        g=values.g,
        cnp_interval_ps=values.cnp_interval,
        alpha_ps=values.alpha_period,
        decrease_ps=values.decrease_period,
        increase_ps=values.increase_period,
        byte_counter=values.byte_counter,
        fast_recovery=values.fast_recovery,
        ai_bps=float(values.ai_rate),
        hai_bps=float(values.hai_rate),
        min_bps=float(min(values.min_rate, base.rate_bps)),
        clamp=values.clamp,
        window_bytes=base.frame_bytes(values.window),
    )


def _dctcp(params: DctcpParams, base: Baseline) -> Dctcp:
    return Dctcp(
        g=params.g,
        init_bytes=float(_bytes(params.init_window, base, "1 BDP")),
        max_bytes=float(_bytes(params.max_window, base, "4 BDP")),
    )


def _swift(params: SwiftParams, base: Baseline) -> Swift:
    base_ps = _number(params.base_delay, base.rtt_ps + 2 * US)
    return Swift(
        base_ps=base_ps,
        hop_ps=float(params.hop_delay),
        fs_range_ps=_number(params.flow_scaling, 5 * base_ps),
        fs_min=params.flow_min,
        fs_max=params.flow_max,
        ai=params.ai,
        beta=params.beta,
        max_mdf=params.max_decrease,
        init_packets=params.init_window,
        min_cwnd=params.min_window,
        max_cwnd=_number(params.max_window, 4 * base.bdp_packets),
    )


def _hpcc(params: HpccParams, base: Baseline) -> Hpcc:
    rtt_ps = int(_number(params.rtt, base.rtt_ps))
    bdp = base.rate_bps * rtt_ps / 8e12
    min_bps = _number(params.min_rate, base.rate_bps / 400)
    step = bdp * (1 - params.eta) / params.flows
    return Hpcc(
        rtt_ps=rtt_ps,
        eta=params.eta,
        max_stage=params.max_stage,
        ai_bytes=step if params.ai == "auto" else float(base.frame_bytes(params.ai)),
        min_bytes=min_bps * rtt_ps / 8e12,
    )


def _uec(congestion: Congestion, base: Baseline, trims: bool) -> Uec:
    nscc = congestion.nscc
    scale = base.bdp_bytes / SCALE_BYTES
    payload = base.payload_bytes
    least, first, most = _windows(congestion, base)
    target = base.rtt_ps * 3 // 4 if trims else base.rtt_ps
    return Uec(
        rate_bps=base.rate_bps,
        rtt_ps=base.rtt_ps,
        target_ps=int(_number(nscc.target, target)),
        max_window=most,
        init_window=first,
        min_window=least,
        alpha=_number(nscc.alpha, 4 * payload * scale / SCALE_US) / US,
        fair=_number(nscc.fair, 5 * payload * scale),
        eta=_number(nscc.eta, 0.15 * payload * scale),
        fast_gain=_number(nscc.fast_gain, 0.25 * scale),
        gamma=nscc.gamma,
        ewma=nscc.delay_gain,
        gate_shift=nscc.gate_shift,
        fulfil_bytes=base.frame_bytes(nscc.fulfil),
        fast_ps=nscc.fast_delay,
        nack_updates_base=nscc.nack_updates_base,
        quantum_ps=int(QUANTUM_BYTES * 8e12 / base.rate_bps / congestion.rccc.pacing),
    )


def _windows(congestion: Congestion, base: Baseline) -> tuple[int, int, int]:
    """Return the least, the first and the largest window in bytes."""
    nscc, control = congestion.nscc, congestion.control
    owner = "rccc" if control == "rccc" else "nscc"
    one_and_a_half = max(base.bdp_bytes * 3 // 2, base.packet_bytes)  # not in whole packets
    given = congestion.rccc.max_window if owner == "rccc" else nscc.max_window
    most = _window(f"{owner}.max_window", given, base, one_and_a_half)
    if control == "constant":
        first = _window("constant.window", congestion.constant.window, base, most)
    else:
        first = _window("nscc.init_window", nscc.init_window, base, most)
    least = _window("nscc.min_window", nscc.min_window, base, base.packet_bytes)
    if least > most:
        raise ConfigError(
            f"congestion.nscc.min_window: {least} bytes is more than max_window, {most} bytes"
        )
    return least, first, most


def _window(key: str, amount: int | str, base: Baseline, auto: int) -> int:
    """Return a window in bytes; one that is less than a packet would let nothing through."""
    size = auto if amount == "auto" else base.frame_bytes(amount)
    if size < base.packet_bytes:
        raise ConfigError(
            f"congestion.{key}: {size} bytes; expected at least a full packet,"
            f" {base.packet_bytes} bytes"
        )
    return size


def _bytes(amount: int | str, base: Baseline, auto: str) -> int:
    return base.frame_bytes(auto if amount == "auto" else amount)


def _number(value: float | str, auto: float) -> float:
    return auto if isinstance(value, str) else float(value)
