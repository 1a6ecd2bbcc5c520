"""Trimming: a packet that finds no room goes on as a header (NDP, SIGCOMM 2017; UEC 1.0)."""

from fabricemu.kernels import pool, ring
from fabricemu.kernels._jit import device
from fabricemu.kernels.state import CONTROL, LAST_HOP, TRIMMED
from fabricemu.kernels.switch import wire


@device
def trim(state, part, d, p, packet, now):
    """Queue the header of a packet at port ``p``; drop it if too many wait there."""
    config = state.config[0]
    egress = state.egress[p]
    limit = state.limits[p]["limit"]
    if limit >= 0 and egress["control_waiting"] + config["trim_bytes"] > 2 * limit:
        egress["headers_dropped"] += 1
        state.limits[p]["drops"] += 1
        pool.give(state, part, packet)
        return
    egress["trims"] += 1
    ring.push(state, part, p * config["fifos"], packet)
    entry = state.entries[packet]
    entry["kind"] = TRIMMED
    entry["bytes"] = config["trim_bytes"]
    if egress["to_host"] == 1:
        entry["flags"] |= LAST_HOP
    wire.start_or_wait(state, part, d, p, CONTROL, packet, now)
