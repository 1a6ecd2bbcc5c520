"""Classes, buffer and PFC of leaves as numbers by port (sections 6 and 12)."""

import numpy as np

from fabricemu.fabrics.baseline import Baseline
from fabricemu.fabrics.network import Kind, Network, Switching
from fabricemu.fabrics.switching import headroom, pause_thresholds, response_ps
from fabricemu.fabrics.transport import Transport
from fabricemu.spec.fabric import DdcSpec, losses_of_links


def leaf_switching(
    spec: DdcSpec, network: Network, transport: Transport, base: Baseline
) -> Switching | None:
    """Return what leaves have beyond section 5, or None where nothing of it is asked for."""
    switch, classes = spec.switch, spec.switch.data_classes
    buffer = buffer_bytes(spec)
    breaks = bool(spec.changes) or any(losses_of_links(spec).values())
    if not (len(classes) > 1 or switch.pfc or buffer >= 0 or breaks):
        return None
    names = [item.name for item in classes]
    from_hosts = (network.kind == Kind.LEAF)[network.device_of] & ~network.carries_cells
    pfc = (from_hosts & switch.pfc).astype(np.int64)
    given = switch.pause_response
    response = given if isinstance(given, int) else response_ps(spec.host.port_rate)
    xoff, xon = pause_thresholds(switch, base)
    none = np.full(network.n_ports, -1, dtype=np.int64)
    return Switching(
        weight=np.array([item.weight for item in classes], dtype=np.int64),
        lossless=np.array([item.lossless for item in classes], dtype=np.int64),
        qp_class=tuple(names.index(name) for name in switch.class_of_channel or names[:1]),
        ecn_low=none,
        ecn_high=none,
        ecn_max=0,
        ecn_at_enqueue=False,
        trim_bytes=0,
        buffer_bytes=buffer,
        reserved_bytes=switch.reserved,
        headroom=headroom(switch, network, transport, response, network.rate_bps) * pfc,
        alpha=round(switch.alpha * 2**16),
        alpha_lossy=round(switch.alpha_lossy * 2**16),
        pfc=pfc,
        xoff_bytes=xoff,
        xon_bytes=xon,
        pause_bytes=switch.pause_bytes,
        pause_response_ps=response,
        weighted=False,
        bands=np.zeros(0, dtype=np.int64),
        refresh_ps=0,
        flowlet_gap_ps=0,
        flowlet_entries=0,
    )


def buffer_bytes(spec: DdcSpec) -> int:
    """Return the pool of a leaf, on-chip and deep memory together; -1 without limit."""
    onchip, deep = spec.ddc.onchip_buffer, spec.ddc.deep_buffer
    return onchip + deep if isinstance(onchip, int) and isinstance(deep, int) else -1
