"""The run loop: windows of the smallest link latency, devices in parallel within each."""

import numba
import numpy as np
from fabricemu.kernels import ahead, host, packet_switch, pool
from fabricemu.kernels._jit import device, entry
from fabricemu.kernels._view import attach
from fabricemu.kernels.ddc import leaf
from fabricemu.kernels.state import HOST, INF, LEAF, Exit
from fabricemu.kernels.switch import step as managed
from fabricemu.kernels.work import set_timer

NEAR, MIDDLE, FAR = 1, 2, 3  # devices
DONE, CHUNK, SAMPLE, DRAIN = int(Exit.DONE), int(Exit.CHUNK), int(Exit.SAMPLE), int(Exit.DRAIN)


@device
def find_due(state, part, end):
    """List the devices of a part that have something to do before ``end``; return their number."""
    count = 0
    for k in range(state.part_ptr[part], state.part_ptr[part + 1]):
        d = state.part_devices[k]
        if state.due[d] < end:
            state.due_devices[part, count] = d
            count += 1
    state.parts[part]["stepped"] = count
    return count


@device
def step_device(state, part, d, start, end):
    """Step one device; return the time of its next event."""
    kind = state.devices[d]["kind"]
    if kind == HOST:
        return host.step(state, part, d, start, end)
    if kind == LEAF:
        return leaf.step(state, part, d, start, end)
    if state.config[0]["managed"] == 1:
        return managed.step(state, part, d, start, end)
    return packet_switch.step(state, part, d, start, end)


@device
def step_part(state, part, start, end):
    """Step every device of a part that has something to do before ``end``."""
    count = find_due(state, part, end)
    devices = state.due_devices[part]
    for k in range(-FAR, count):
        if k + FAR < count:
            ahead.records(state, devices[k + FAR])
        if k + MIDDLE >= 0 and k + MIDDLE < count:
            ahead.rings(state, devices[k + MIDDLE])
        if k + NEAR >= 0 and k + NEAR < count:
            ahead.packets(state, devices[k + NEAR])
        if k >= 0:
            d = devices[k]
            state.due[d] = step_device(state, part, d, start, end)


@device
def publish_part(state, part):
    """Publish what the devices of a part sent in this window."""
    for k in range(state.parts[part]["stepped"]):
        dev = state.devices[state.due_devices[part, k]]
        packet_switch.publish(state, part, dev)
        if dev["kind"] == LEAF:
            leaf.publish(state, part, dev)


@device
def merge(state):
    """Spread signals and wake-ups of all parts; return the first exit that a part asks for."""
    config = state.config[0]
    if config["parts"] > 1:
        pool.collect(state)
    status = DONE
    finished = 0
    pauses = 0
    for part in range(config["parts"]):
        share = state.parts[part]
        for k in range(share["signals"]):
            op = state.signal_op[part, k]
            rank = state.ops[op]["rank"]
            time = state.signal_time[part, k]
            set_timer(state, state.hosts[rank], time, 2 * op + 1)
            state.due[rank] = min(state.due[rank], time)
        share["signals"] = 0
        wake = state.wake[part]
        for d in range(len(wake)):
            if wake[d] < state.due[d]:
                state.due[d] = wake[d]
            wake[d] = INF
        status = max(status, max(share["status"], share["grow"]))
        share["grow"] = DONE
        finished += share["done"]
        pauses = max(pauses, share["pauses"])
    full = finished >= config["drain"] or 2 * pauses >= config["pause_rows"]
    if status == DONE and full:
        return DRAIN
    return status


@device
def first_due(state):
    """Return the time of the next event of any device."""
    soonest = INF
    for d in range(len(state.due)):
        soonest = min(soonest, state.due[d])
    return soonest


@entry
def run(handle, windows):
    """Run up to ``windows`` windows of the state of ``handle``; return an ``Exit``."""
    state = attach(handle)
    config = state.config[0]
    parts = config["parts"]
    alone = parts - parts  # int64: a literal would compile everything twice
    for _ in range(windows):
        start = first_due(state)
        if start == INF:
            return DONE
        if start >= config["bin_end"]:
            return SAMPLE
        end = min(start + config["lookahead"], config["bin_end"])
        config["window"] += 1
        config["now"] = start
        if parts == 1:
            step_part(state, alone, start, end)
            publish_part(state, alone)
        else:
            for part in numba.prange(parts):
                step_part(attach(handle), np.int64(part), start, end)
            for part in numba.prange(parts):
                publish_part(attach(handle), np.int64(part))
        status = merge(state)
        if status != DONE:
            return status
    return CHUNK
