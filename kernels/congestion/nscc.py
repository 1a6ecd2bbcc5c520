"""NSCC, the sender's congestion control of Ultra Ethernet 1.0, as uet-htsim runs it."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import CONSTANT

BITS_PS = 8e12


@device
def new_base(state, qp, raw):
    """Take a smaller round trip as the base, and shrink the largest window with it."""
    record = state.uec_senders[qp]
    parameters = state.parameters[0]
    record["base_rtt"] = raw
    most = int(1.5 * (raw * parameters["rate"] / BITS_PS))
    record["wmax"] = max(most, parameters["min_window"])


@device
def feed(state, qp, ce, delay):
    """Feed the average delay."""
    record = state.uec_senders[qp]
    parameters = state.parameters[0]
    ewma = parameters["ewma"]
    if ce == 0 and delay > parameters["target"]:
        record["avg"] = ewma * record["base_rtt"] / 4 + (1 - ewma) * record["avg"]
    else:
        record["avg"] = ewma * delay + (1 - ewma) * record["avg"]


@device
def clip(state, qp):
    """Keep the window within its limits."""
    record = state.uec_senders[qp]
    least = state.parameters[0]["min_window"]
    record["cwnd"] = min(max(record["cwnd"], least), max(record["wmax"], least))


@device
def quick_adapt(state, qp, loss, ce, delay, now):
    """Cut to what was achieved where that is little; return whether the window is settled."""
    record = state.uec_senders[qp]
    parameters = state.parameters[0]
    if record["ignored"] < record["to_ignore"] and ce == 1:
        return True
    if now <= record["qa_end"]:
        return False
    done = False
    trouble = record["trigger"] == 1 or loss or delay > 4 * parameters["target"]
    little = record["achieved"] < (record["wmax"] >> parameters["gate_shift"])
    if record["qa_end"] != 0 and trouble and little:
        record["cwnd"] = max(record["achieved"], parameters["min_window"])
        record["to_ignore"] = record["flight"]
        record["ignored"] = 0
        record["trigger"] = 0
        done = True
    record["achieved"] = 0
    record["qa_end"] = now + record["base_rtt"] + parameters["target"]
    return done


@device
def on_ack(state, qp, ce, delay, newly, now):
    """Adapt the window to an acknowledgement."""
    if state.config[0]["control"] == CONSTANT:
        return
    record = state.uec_senders[qp]
    if quick_adapt(state, qp, False, ce, delay, now):
        record["inc"] = 0
        record["received"] = 0
        return
    parameters = state.parameters[0]
    target = parameters["target"]
    if ce == 0 and delay < target:
        rise(state, qp, delay, newly)
    elif ce == 0:
        record["inc"] += int(parameters["fair"] * newly)
    elif delay >= target:
        cut(state, qp, now)
    clip(state, qp)
    if record["received"] > parameters["fulfil"] or now - record["last_adjust"] > parameters["rtt"]:
        fulfil(state, qp, now)
    clip(state, qp)


@device
def rise(state, qp, delay, newly):
    """Increase in proportion to how far the delay is below the target, or fast."""
    record = state.uec_senders[qp]
    parameters = state.parameters[0]
    if delay < parameters["fast_below"]:
        record["fi"] += newly
        if record["fi"] > record["cwnd"] or record["fast"] == 1:
            record["cwnd"] = int(record["cwnd"] + newly * parameters["fast_gain"])
            record["fast"] = 1
        else:
            record["fast"] = 0
    else:
        record["fi"] = 0
        record["fast"] = 0
    if record["fast"] == 0:
        record["inc"] += int(parameters["alpha"] * newly * (parameters["target"] - delay))


@device
def cut(state, qp, now):
    """Decrease by how far the average delay is above the target, once a round trip."""
    record = state.uec_senders[qp]
    parameters = state.parameters[0]
    record["fast"] = 0
    record["fi"] = 0
    avg = record["avg"]
    target = parameters["target"]
    if avg > target and now - record["last_cut"] > record["base_rtt"]:
        factor = max(1 - parameters["gamma"] * (avg - target) / avg, 0.5)
        record["cwnd"] = max(int(record["cwnd"] * factor), parameters["min_window"])
        record["last_cut"] = now


@device
def fulfil(state, qp, now):
    """Apply the increase that has come together."""
    record = state.uec_senders[qp]
    parameters = state.parameters[0]
    record["cwnd"] += record["inc"] // record["cwnd"]
    if now - record["last_adjust"] >= parameters["rtt"]:
        record["cwnd"] = int(record["cwnd"] + parameters["eta"])
        record["last_adjust"] = now
    record["inc"] = 0
    record["received"] = 0


@device
def on_nack(state, qp, size, spared, now):
    """Shrink the window by a trimmed packet, unless it is ``spared``."""
    if state.config[0]["control"] == CONSTANT:
        return
    record = state.uec_senders[qp]
    record["ignored"] += size
    feed(state, qp, 1, state.parameters[0]["rtt"])  # a float, as every delay
    record["trigger"] = 1
    if not quick_adapt(state, qp, True, 1, 0.0, now) and not spared:
        record["cwnd"] -= size
        clip(state, qp)
