"""Virtual output queues as arrays of the kernels: those that a program can use, and no others.

A large fabric has hundreds of millions of (leaf, NIC port, level). A packet enters only those
that lie between two hosts that the program connects; they are numbered without gaps in that
order, and what the kernels keep of them is as large as their number.
"""

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.memory import Array, empty, filled
from fabricemu.engine.network_state import level_bits
from fabricemu.engine.queue_pair_state import WORD_BITS, QueuePairs
from fabricemu.fabrics.network import Ddc, Network
from fabricemu.kernels import state as kernel

Ints = NDArray[np.int64]
FIRST_SPAN = 512  # cells of a stream that can be out of order before the engine makes room


def voqs(network: Network, pairs: QueuePairs, leaves: Array) -> dict[str, Array]:
    """Return the VOQs, both ends, and their places; tell leaves which are theirs."""
    ddc = network.ddc
    if ddc is None:
        return _arrays(1) | {
            "voq_places": empty(1, kernel.PLACE),
            "inbound": np.zeros(1, np.int64),
            "place_of": np.zeros(1, np.int32),
        }
    levels = 1 << level_bits(network)  # room for each
    addresses = network.n_ranks * network.nic_ports
    used = _used(network, ddc, pairs, addresses)
    places = filled(len(used), kernel.PLACE)
    if len(used):
        places["leaf"], places["address"] = np.divmod(used, addresses)
        places["target"] = places["address"] // ddc.leaf_ports
    place_of = np.zeros(ddc.leaves * addresses, np.int32)
    place_of[used] = np.arange(len(used))
    bounds = np.searchsorted(used, np.arange(ddc.leaves + 1) * addresses) * levels
    leaves["first_voq"], leaves["end_voq"] = bounds[:-1], bounds[1:]
    target = places["target"][: len(used)]
    inbound = np.argsort(target, kind="stable")
    ends = np.searchsorted(target[inbound], np.arange(ddc.leaves + 1))
    leaves["first_inbound"], leaves["end_inbound"] = ends[:-1], ends[1:]
    return _arrays(levels * len(used)) | {
        "voq_places": places,
        "inbound": np.append(inbound, 0),
        "place_of": place_of,
    }


def _used(network: Network, ddc: Ddc, pairs: QueuePairs, addresses: int) -> Ints:
    """Return leaf * addresses + NIC port of all that data and answers need, ascending."""
    far = ~pairs.near
    home = (pairs.source * network.nic_ports + pairs.rail)[far]
    peer = (pairs.target * network.nic_ports + pairs.rail)[far]
    used = np.zeros(ddc.leaves * addresses, np.bool_)
    used[home // ddc.leaf_ports * addresses + peer] = True
    used[peer // ddc.leaf_ports * addresses + home] = True
    return np.flatnonzero(used)


def _arrays(count: int) -> dict[str, Array]:
    return {
        "voqs": empty(count, kernel.VOQ),
        "reassembly": filled(count, kernel.REASSEMBLY, next=kernel.NONE),
        "cell_bits": reorder_bits(count, FIRST_SPAN),
        "dirty": empty(count, np.dtype(np.int64)),
    }


def reorder_bits(count: int, span: int) -> Array:
    """Return room for ``span`` cells of each of ``count`` VOQs that wait for earlier ones."""
    return empty(count * (span // WORD_BITS), np.dtype(np.int64))
