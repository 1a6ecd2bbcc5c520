"""The ports that a name of a link or box in a specification means, see ``spec.topology``."""

import re
from difflib import get_close_matches

import numpy as np

from fabricemu.errors import ConfigError
from fabricemu.fabrics.network import Ints, Network

_BOX = re.compile(r"(?P<stage>spine)?box(?P<number>\d{1,9})")


def ports_of(network: Network, what: str, box_elements: int = 0) -> Ints:
    """Return the ports at both ends of the cables called ``what``.

    With ``box_elements`` there are boxes of so many elements: ``box2``, and ``spinebox0`` above.

    Raises
    ------
    ConfigError
        If there is no such box or link, with the nearest that exists.
    """
    box = _BOX.fullmatch(what) if box_elements else None
    if box:
        return _of_box(network, box, box_elements)
    name, colon, rest = what.partition(":")
    device = _device(network, name)
    ports = np.arange(network.port_ptr[device], network.port_ptr[device + 1])
    if device < network.n_ranks:
        ports = ports[: network.nic_ports]
    if colon and device < network.n_ranks and rest.isdecimal():
        if int(rest) >= len(ports):
            raise ConfigError(f"{what!r}: {name} has NIC ports 0 to {len(ports) - 1}")
        ports = ports[int(rest) : int(rest) + 1]
    elif colon:
        ports = _to_neighbour(network, what, ports)
    return np.concatenate([ports, network.peer[ports]])


def _of_box(network: Network, box: re.Match[str], size: int) -> Ints:
    """Return the ports of all elements of a box."""
    stage = "spine" if box["stage"] else "element"
    named = [name for name in network.names if name.rstrip("0123456789") == stage]
    first = int(box["number"]) * size
    if first >= len(named):
        raise ConfigError(f"{box[0]!r} is no box; there are {-(-len(named) // size)} of them")
    return np.concatenate([ports_of(network, name) for name in named[first : first + size]])


def _device(network: Network, name: str) -> int:
    if name not in network.names:
        raise ConfigError(f"{name!r} is no box; did you mean {_closest(name, network.names)!r}?")
    return network.names.index(name)


def _to_neighbour(network: Network, what: str, ports: Ints) -> Ints:
    """Return those of a box's ports that lead to the other one, or the strand, of ``what``."""
    name, _, rest = what.partition(":")
    other, strand_mark, strand = rest.partition("#")
    far = np.searchsorted(network.port_ptr, network.peer[ports], side="right") - 1
    neighbours = [network.names[device] for device in far]
    found = ports[[neighbour == other for neighbour in neighbours]]
    if not len(found):
        near = f"{name}:{_closest(other, neighbours)}"
        raise ConfigError(f"{what!r} is no link; did you mean {near!r}?")
    if not strand_mark:
        return found
    if not strand.isdecimal() or int(strand) >= len(found):
        raise ConfigError(f"{what!r}: {name}:{other} has cables #0 to #{len(found) - 1}")
    return found[int(strand) : int(strand) + 1]


def _closest(name: str, choices: list[str]) -> str:
    return get_close_matches(name, choices, n=1, cutoff=0.0)[0]
