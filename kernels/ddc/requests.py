"""What VOQs want, noted at the scheduler of their egress port (docs/ddc.md 13)."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.ddc.voq import address_of
from fabricemu.kernels.state import CONTROL, INF, NONE


@device
def on_request(state, dev, voq, count, now):
    """Note that a VOQ wants ``count`` credits more."""
    pending = state.reassembly[voq]["pending"]
    on_renewal(state, dev, voq, pending + count, now)


@device
def on_renewal(state, dev, voq, count, now):
    """Note that a VOQ wants ``count`` credits, whatever it wanted before."""
    stream = state.reassembly[voq]
    listed = stream["pending"] > 0
    stream["pending"] = count
    if listed:
        return
    scheduler = state.schedulers[address_of(state, voq)]
    append(state, scheduler, voq)
    if scheduler["tick"] == INF:
        scheduler["tick"] = max(now, scheduler["allowed"])
        leaf = state.leaves[dev["index"]]
        leaf["next_tick"] = min(leaf["next_tick"], scheduler["tick"])


@device
def append(state, scheduler, voq):
    """Put a VOQ at the tail of its class's round robin."""
    state.reassembly[voq]["next"] = NONE
    if voq & 1 == CONTROL:
        if scheduler["head_control"] == NONE:
            scheduler["head_control"] = voq
        else:
            state.reassembly[scheduler["tail_control"]]["next"] = voq
        scheduler["tail_control"] = voq
        return
    if scheduler["head_bulk"] == NONE:
        scheduler["head_bulk"] = voq
    else:
        state.reassembly[scheduler["tail_bulk"]]["next"] = voq
    scheduler["tail_bulk"] = voq
