"""What VOQs want, noted at the scheduler of their egress port (docs/ddc.md 13)."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.ddc import voq as voqs
from fabricemu.kernels.state import INF, NONE


@device
def on_request(state, d, voq, count, now):
    """Note that a VOQ wants ``count`` credits more."""
    pending = state.reassembly[voq]["pending"]
    on_renewal(state, d, voq, pending + count, now)


@device
def on_renewal(state, d, voq, count, now):
    """Note that a VOQ wants ``count`` credits, whatever it wanted before."""
    stream = state.reassembly[voq]
    listed = stream["pending"] > 0
    stream["pending"] = count
    if listed:
        return
    append(state, voq)
    scheduler = state.schedulers[voqs.address_of(state, voq)]
    if scheduler["tick"] == INF:
        scheduler["tick"] = max(now, scheduler["allowed"])
        leaf = state.leaves[state.devices[d]["index"]]
        leaf["next_tick"] = min(leaf["next_tick"], scheduler["tick"])


@device
def fifo_of(state, address, level):
    """Return the number of the FIFO of VOQs of a level at a scheduler."""
    return (address << state.config[0]["level_bits"]) + level


@device
def append(state, voq):
    """Put a VOQ at the tail of the FIFO of its level."""
    address = voqs.address_of(state, voq)
    level = voqs.level(state, voq)
    state.reassembly[voq]["next"] = NONE
    fifo = state.asking[fifo_of(state, address, level)]
    if fifo["head"] == NONE:
        fifo["head"] = voq
        state.schedulers[address]["waiting"] |= 1 << level
    else:
        state.reassembly[fifo["tail"]]["next"] = voq
    fifo["tail"] = voq


@device
def take(state, address, level):
    """Take the VOQ at the head of the FIFO of a level."""
    fifo = state.asking[fifo_of(state, address, level)]
    voq = fifo["head"]
    fifo["head"] = state.reassembly[voq]["next"]
    if fifo["head"] == NONE:
        state.schedulers[address]["waiting"] &= ~(1 << level)
    return voq
