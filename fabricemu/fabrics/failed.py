"""Links that are slow from the start, chosen as ``-failed`` of uet-htsim does.

With cores, only ways down from a core to an aggregation box are slow: that of box A from its
l-th core for ``l + A * (boxes of a pod) < n``. Without, all links of spines 0 to n-1 are.
"""

import numpy as np
from numpy.typing import NDArray

from fabricemu.errors import ConfigError
from fabricemu.fabrics.network import Ints, Network
from fabricemu.spec.fabric import ClosSpec


def rate_share(spec: ClosSpec, network: Network) -> NDArray[np.float64]:
    """Return each port's share of its normal rate from the start, (n_ports,).

    Raises
    ------
    ConfigError
        If there are fewer such links than ``clos.failed_links``.
    """
    share = np.ones(network.n_ports)
    number = spec.clos.failed_links
    if not number:
        return share
    port, turn = _core_ports(network) if "core0" in network.names else _spine_ports(network)
    most = int(turn.max(initial=-1)) + 1
    if number > most:
        raise ConfigError(f"clos.failed_links: {number}; this fabric has at most {most}")
    share[port[turn < number]] = spec.clos.failed_rate
    return share


def _tier(network: Network, name: str) -> NDArray[np.bool_]:
    """Return which devices are called ``name`` and a number, (n_devices,)."""
    return np.array([text.rstrip("0123456789") == name for text in network.names])


def _spine_ports(network: Network) -> tuple[Ints, Ints]:
    """Return the ports of all links of spines, and the number of the spine."""
    device_of = network.device_of
    port = np.flatnonzero(_tier(network, "spine")[device_of])
    turn = device_of[port] - device_of[port[:1]].sum()
    return np.concatenate([port, network.peer[port]]), np.tile(turn, 2)


def _core_ports(network: Network) -> tuple[Ints, Ints]:
    """Return the ports of cores, and from what number of failed links on each is slow."""
    device_of, agg = network.device_of, _tier(network, "agg")
    up = np.flatnonzero(agg[device_of] & _tier(network, "core")[device_of[network.peer]])
    core = device_of[network.peer[up]].reshape(np.count_nonzero(agg), -1)
    nth = np.cumsum(np.diff(core, axis=1, prepend=core[:, :1]) != 0, axis=1)
    above_leaf = device_of[network.peer[device_of == network.n_ranks]]
    pod = len(np.unique(above_leaf[agg[above_leaf]]))
    turn = nth + np.arange(len(core))[:, np.newaxis] * pod
    return network.peer[up], turn.ravel()
