"""No leaf puts more on its lanes than they carry: VOQs take turns (docs/ddc.md 13.4)."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.ddc import voq as voqs
from fabricemu.kernels.state import CONTROL, INF, NONE

PS_PER_BYTE_AT_1_MBPS = 8_000_000


@device
def may_send(state, leaf, voq, now):
    """Return whether a VOQ may send its batch now; otherwise it waits for its turn."""
    if state.voqs[voq]["in_turn"] == 1:
        return False
    if leaf["free_at"] <= now:
        return True
    leaf["pace_at"] = leaf["free_at"]
    append(state, leaf, voq)
    return False


@device
def append(state, leaf, voq):
    """Put a VOQ at the tail of the FIFO of control, or of data."""
    state.voqs[voq]["in_turn"] = 1
    state.voqs[voq]["next_turn"] = NONE
    fifo = state.turns_of[leaf["first_turn"] + (voqs.level(state, voq) != CONTROL)]
    if fifo["head"] == NONE:
        fifo["head"] = voq
    else:
        state.voqs[fifo["tail"]]["next_turn"] = voq
    fifo["tail"] = voq


@device
def take(state, leaf):
    """Take the VOQ whose turn it is, control first."""
    fifo = state.turns_of[leaf["first_turn"] + CONTROL]
    if fifo["head"] == NONE:
        fifo = state.turns_of[leaf["first_turn"] + CONTROL + 1]
    voq = fifo["head"]
    fifo["head"] = state.voqs[voq]["next_turn"]
    state.voqs[voq]["in_turn"] = 0
    return voq


@device
def sent(state, leaf, size, now):
    """Keep the lanes busy with a batch of ``size`` cell bytes."""
    mbps = max(1, leaf["out_mbps"])
    leaf["free_at"] = now + (PS_PER_BYTE_AT_1_MBPS * size + mbps - 1) // mbps
    first = leaf["first_turn"]
    waits = state.turns_of[first]["head"] != NONE or state.turns_of[first + 1]["head"] != NONE
    leaf["pace_at"] = leaf["free_at"] if waits else INF
