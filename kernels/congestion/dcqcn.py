"""DCQCN (Zhu et al., SIGCOMM 2015): rate by CNPs, with the paper's or the NIC's way of cutting."""

from fabricemu.kernels import clock
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import ALPHA, CNP, DECREASE, INCREASE, NONE
from fabricemu.kernels.transport import control, pace

DECREASE_OFFSET = 1000  # ps: alpha moves before the rate is cut
DONE_BPS = 1.0
DONE_ALPHA = 1e-4


@device
def notify(state, part, host, p, qp, now):
    """Answer a marked packet by a CNP, if the last one is long enough ago."""
    record = state.dcqcn[qp]
    last = record["last_cnp"]
    if last != NONE and now - last < state.parameters[0]["cnp_interval"]:
        return
    packet = control.push(state, part, p, CNP, qp, state.receivers[qp]["dst"])
    if packet == NONE:
        return
    state.entries[packet]["bytes"] = state.config[0]["cnp_bytes"]
    record["last_cnp"] = now
    host["cnps"] += 1


@device
def set_timer(state, host, qp, kind, time):
    """Set one of the queue pair's timers."""
    clock.set_at(state, host, clock.number(state, host, qp, kind), time)


@device
def apply(state, host, qp, now):
    """Hand the current rate to the NIC."""
    record = state.dcqcn[qp]
    flow = state.paces[qp]
    flow["rate"] = record["rc"]
    bdp = state.parameters[0]["window_bytes"]
    if bdp > 0:
        flow["window"] = max(1.0, bdp * record["rc"] / flow["line"])
    pace.changed(state, host, qp, now)


@device
def decrease(state, host, qp, now):
    """Cut the rate."""
    record = state.dcqcn[qp]
    parameters = state.parameters[0]
    if parameters["clamp"] == 1 or record["ts"] > 0 or record["bs"] > 0:
        record["rt"] = record["rc"]
    record["rc"] = max(parameters["least"], record["rc"] * (1 - record["alpha"] / 2))
    record["ts"] = 0
    record["bs"] = 0
    record["sent"] = 0
    set_timer(state, host, qp, INCREASE, now + parameters["increase_time"])


@device
def on_cnp(state, host, qp, now):
    """Handle a CNP."""
    record = state.dcqcn[qp]
    parameters = state.parameters[0]
    g = parameters["g"]
    if parameters["decrease_time"] == 0:
        decrease(state, host, qp, now)
        record["alpha"] = (1 - g) * record["alpha"] + g
        set_timer(state, host, qp, ALPHA, now + parameters["alpha_time"])
        record["on"] = 1
        apply(state, host, qp, now)
        return
    record["cut"] = 1
    if record["on"] == 1:
        record["seen"] = 1
        return
    record["on"] = 1
    set_timer(state, host, qp, ALPHA, now + parameters["alpha_time"])
    set_timer(state, host, qp, DECREASE, now + parameters["decrease_time"] + DECREASE_OFFSET)


@device
def increase(state, host, qp, stage, now):
    """Raise the rate: fast recovery, additive or hyper increase by the stage."""
    record = state.dcqcn[qp]
    parameters = state.parameters[0]
    recovery = parameters["fast_recovery"]
    if parameters["byte_counter"] == 0:
        high, low = stage, stage
        hyper = stage > recovery
    else:
        high, low = max(record["ts"], record["bs"]), min(record["ts"], record["bs"])
        hyper = low > recovery
    line = state.paces[qp]["line"]
    if high >= recovery:
        step = parameters["hai"] if hyper else parameters["ai"]
        record["rt"] = min(line, record["rt"] + step)
    record["rc"] = (record["rc"] + record["rt"]) / 2
    if record["rt"] >= line and line - record["rc"] < DONE_BPS:
        record["rc"] = line
        if record["alpha"] < DONE_ALPHA:
            record["on"] = 0
            for kind in (ALPHA, DECREASE, INCREASE):
                clock.cancel(state, host, clock.number(state, host, qp, kind))
    apply(state, host, qp, now)


@device
def on_timer(state, host, qp, kind, now):
    """Handle one of the three timers."""
    record = state.dcqcn[qp]
    parameters = state.parameters[0]
    g = parameters["g"]
    if kind == INCREASE:
        set_timer(state, host, qp, INCREASE, now + parameters["increase_time"])
        stage = record["ts"]
        increase(state, host, qp, stage, now)
        record["ts"] = stage + 1
        return
    if kind == DECREASE:
        if record["cut"] == 1:
            decrease(state, host, qp, now)
            record["cut"] = 0
            apply(state, host, qp, now)
        set_timer(state, host, qp, DECREASE, now + parameters["decrease_time"])
        return
    if parameters["decrease_time"] == 0:
        record["alpha"] = (1 - g) * record["alpha"]
    else:
        record["alpha"] = (1 - g) * record["alpha"] + g * record["seen"]
        record["seen"] = 0
    set_timer(state, host, qp, ALPHA, now + parameters["alpha_time"])


@device
def on_send(state, host, qp, wire, now):
    """Count bytes; a full counter raises the rate."""
    record = state.dcqcn[qp]
    counter = state.parameters[0]["byte_counter"]
    if counter == 0 or record["on"] == 0:
        return
    record["sent"] += wire
    if record["sent"] >= counter:
        record["sent"] -= counter
        stage = record["bs"]
        increase(state, host, qp, stage, now)
        record["bs"] = stage + 1
