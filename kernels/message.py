"""Message records: taken from a free list, given to Python when acknowledged."""

from fabricemu.kernels._jit import device
from fabricemu.kernels.state import NONE, Exit

FULL_MESSAGES = int(Exit.FULL_MESSAGES)


@device
def create(state, part, size, now):
    """Return a new message of ``size`` bytes, or NONE if there is no room."""
    share = state.parts[part]
    m = share["free_message"]
    if m != NONE:
        share["free_message"] = state.messages[m]["next"]
    else:
        m = share["message_bump"]
        if m >= share["message_limit"]:
            share["status"] = FULL_MESSAGES
            return NONE
        share["message_bump"] = m + 1
    message = state.messages[m]
    mtu = state.config[0]["mtu"]
    message["bytes"] = size
    message["packets"] = max(1, (size + mtu - 1) // mtu)
    message["next"] = NONE
    message["created"] = now
    message["first_tx"] = NONE
    message["delivered"] = NONE
    message["acked"] = NONE
    message["received"] = 0
    message["retransmits"] = 0
    message["out_of_order"] = 0
    message["op"] = NONE
    message["instance"] = NONE
    message["part"] = NONE
    message["step"] = NONE
    message["voq_in"] = 0
    message["voq_head"] = 0
    message["voq_out"] = 0
    message["last_cell"] = 0
    message["released"] = 0
    message["last_cell_bytes"] = 0
    message["first_pass"] = NONE
    message["pause"] = 0
    message["paused_created"] = 0
    message["paused_host"] = 0
    message["marks"] = 0
    message["trims"] = 0
    return m


@device
def retire(state, part, m):
    """Hand a finished message to Python, which frees it."""
    share = state.parts[part]
    state.done[share["first_done"] + share["done"]] = m
    share["done"] += 1
