"""The topology files of the ns-3 simulators HPCC and SimAI: numbers of nodes, then every link.

HPCC begins with ``nodes switches links``, SimAI with ``nodes gpus_per_server nvswitches
switches links gpu_type``; then come the switches (NVSwitches first), then for each link ``node
node rate delay error_rate``. Nodes that are no switches are hosts, their ranks in this order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from fabricemu.fabrics.words import Words
from fabricemu.spec.units import parse_rate_bps, parse_time_ps

HPCC = ("node_num", "switch_num", "link_num")
SIMAI = ("node_num", "gpus_per_server", "nvswitch_num", "switch_num", "link_num")
LARGEST = 10**7


class Node(IntEnum):
    """What a node is; a link names the lower kind first."""

    HOST = 0
    SWITCH = 1
    NVSWITCH = 2


class Link(NamedTuple):
    """A cable between two nodes, and the line that says so."""

    one: int
    other: int
    rate_bps: int
    delay_ps: int
    loss: float
    line: int


@dataclass
class LinkList:
    """What a file says.

    Attributes
    ----------
    node : list of Node
    server_ranks : int
        Hosts of a server, which share an NVSwitch; 1 if there is none.
    nic, fabric, nvlink : list of Link
        From hosts to switches, between switches, and from hosts to NVSwitches.
    """

    node: list[Node]
    server_ranks: int
    nic: list[Link] = field(default_factory=list)
    fabric: list[Link] = field(default_factory=list)
    nvlink: list[Link] = field(default_factory=list)

    def nodes(self, kind: Node) -> list[int]:
        """Return the nodes of one kind, ascending."""
        return [number for number, node in enumerate(self.node) if node == kind]

    @property
    def nic_ports(self) -> int:
        """NIC ports of a host."""
        return len(self.nic) // self.node.count(Node.HOST)


def read_link_list(path: Path, lines: Sequence[str]) -> LinkList:
    """Return what the lines of a file say.

    Raises
    ------
    ConfigError
        With file, line and field of the first mistake.
    """
    words = Words(path, lines)
    simai = len(next(line.split() for line in lines if line.strip())) == len(SIMAI) + 1
    head = {name: words.take(name, _count) for name in (SIMAI if simai else HPCC)}
    if simai:
        words.take("gpu_type", str)  # names the generation and changes nothing
    node = [Node.HOST] * head["node_num"]
    _name(words, node, Node.NVSWITCH, head.get("nvswitch_num", 0))
    _name(words, node, Node.SWITCH, head["switch_num"])
    content = LinkList(node, head["gpus_per_server"] if Node.NVSWITCH in node else 1)
    for _ in range(head["link_num"]):
        _sort(words, content, _link(words, node))
    if words.rest:
        raise words.error(words.line, "link_num", f"is {head['link_num']}, but more links follow")
    _check_nics(words, content)
    _check_servers(words, content)
    return content


def _name(words: Words, node: list[Node], kind: Node, count: int) -> None:
    """Take the next nodes as switches of a kind."""
    for _ in range(count):
        number = words.take(kind.name.lower(), lambda word: _number(word, node))
        if node[number] != Node.HOST:
            raise words.error(words.line, kind.name.lower(), f"{number} is named twice")
        node[number] = kind


def _link(words: Words, node: Sequence[Node]) -> Link:
    ends = [words.take("node", lambda word: _number(word, node)) for _ in range(2)]
    one, other = sorted(ends, key=lambda number: node[number])
    rate, delay = words.take("rate", parse_rate_bps), words.take("delay", parse_time_ps)
    return Link(one, other, rate, delay, words.take("error_rate", _probability), words.line)


def _sort(words: Words, content: LinkList, link: Link) -> None:
    """Put a link to those of its kind."""
    if link.one == link.other:
        raise words.error(link.line, "link", f"joins node {link.one} to itself")
    if not link.rate_bps:
        raise words.error(link.line, "rate", "is 0; expected a rate such as 100Gbps")
    kinds = content.node[link.one], content.node[link.other]
    places = {
        (Node.HOST, Node.SWITCH): content.nic,
        (Node.SWITCH, Node.SWITCH): content.fabric,
        (Node.HOST, Node.NVSWITCH): content.nvlink,
    }
    if kinds not in places:
        names = " and ".join(kind.name.lower() for kind in kinds)
        raise words.error(link.line, "link", f"joins {names}; no packet can go there")
    places[kinds].append(link)


def _check_nics(words: Words, content: LinkList) -> None:
    """Check that all hosts have as many links to switches."""
    hosts = content.nodes(Node.HOST)
    if not hosts:
        raise words.error(1, "node_num", "all nodes are switches; expected hosts")
    lines: dict[int, list[int]] = {host: [] for host in hosts}
    for link in content.nic:
        lines[link.one].append(link.line)
    expected = len(lines[hosts[0]])
    for host, found in lines.items():
        if len(found) != expected or not found:
            what = f"host {host} has {len(found)} links to switches, host {hosts[0]} has {expected}"
            line = found[-1] if found else words.line
            raise words.error(line, "link", f"{what}; expected as many for all, at least 1")


def _check_servers(words: Words, content: LinkList) -> None:
    """Check that each server has an NVSwitch, and each of its hosts one link to it."""
    hosts, size = content.nodes(Node.HOST), content.server_ranks
    nvswitches = content.nodes(Node.NVSWITCH)
    if nvswitches and len(nvswitches) * size != len(hosts):
        what = f"{len(nvswitches)} for {len(hosts)} GPUs in servers of {size}"
        raise words.error(1, "nvswitch_num", f"{what}; expected one for each server")
    if nvswitches and size < 2:
        raise words.error(1, "gpus_per_server", f"{size} with NVSwitches; expected at least 2")
    server = {host: rank // size for rank, host in enumerate(hosts)}
    of_server: dict[int, int] = {}
    for link in content.nvlink:
        if of_server.setdefault(server[link.one], link.other) != link.other:
            raise words.error(
                link.line, "link", f"GPU {link.one}: another NVSwitch than its server's"
            )
        if link[2:5] != content.nvlink[0][2:5] or not link.delay_ps:
            what = "rate, positive delay and error rate must be those of all NVLinks"
            raise words.error(link.line, "link", what)
    linked = sorted(link.one for link in content.nvlink)
    if nvswitches and (linked != hosts or len(set(of_server.values())) != len(nvswitches)):
        what = "expected one link from each GPU to the NVSwitch of its server"
        raise words.error(words.line, "link", what)


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) > LARGEST:
        raise ValueError(f"{word!r}; expected a whole number up to {LARGEST}")
    return int(word)


def _number(word: str, node: Sequence[Node]) -> int:
    number = _count(word)
    if number >= len(node):
        raise ValueError(f"{word} is not a node; expected 0 to {len(node) - 1}")
    return number


def _probability(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"{word!r}; expected a probability from 0 to 1")
    return value
