"""A network wired as a list of links says; its ways are found by table.

Hosts and switches keep the order of their nodes, and ports that of their links. The list knows
cables only: the delays of NICs and switches are those of the specification.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fabricemu.fabrics.clos import CHOICE
from fabricemu.fabrics.hosts import host_group, scale_up
from fabricemu.fabrics.link_list import Link, LinkList, Node
from fabricemu.fabrics.network import Ints, Kind, Network
from fabricemu.fabrics.wiring import LOSS_UNITS, Cables, Group, assemble
from fabricemu.spec.fabric import ClosSpec


def settled(spec: ClosSpec, content: LinkList) -> ClosSpec:
    """Return ``spec`` with what the list says of hosts."""
    host: dict[str, int] = {
        "nic_ports": content.nic_ports,
        "port_rate": content.nic[0].rate_bps,
        "scale_up_ranks": content.server_ranks,
    }
    for link in content.nvlink[:1]:
        host |= {"scale_up_rate": link.rate_bps, "scale_up_latency": link.delay_ps}
    return spec.model_copy(update={"host": spec.host.model_copy(update=host)})


def build_listed(spec: ClosSpec, content: LinkList) -> Network:
    """Return the network of a list; ``spec`` is ``settled``."""
    nodes = content.nodes(Node.HOST) + content.nodes(Node.SWITCH)
    n_ranks = content.node.count(Node.HOST)
    links = sorted(content.nic + content.fabric, key=lambda link: link.line)
    device, port = _ends(links, nodes)
    degree = np.bincount(device.ravel(), minlength=len(nodes))[n_ranks:].astype(np.int64)
    groups = [
        host_group(spec.host, n_ranks),
        Group(Kind.SWITCH, "switch", degree, CHOICE[spec.clos.choice]),
    ]
    switches, nvlinks = scale_up(spec.host, n_ranks, len(nodes))
    cables = [_cables(spec, device, port, links), *nvlinks]
    network = assemble(groups + switches, cables, content.nic_ports, content.server_ranks)
    names = [f"switch{node}" for node in nodes[n_ranks:]]
    names = [*network.names[:n_ranks], *names, *network.names[len(nodes) :]]
    return replace(network, names=names, loss=_loss(network, cables, [*links, *content.nvlink]))


def _ends(links: Sequence[Link], nodes: Sequence[int]) -> tuple[Ints, Ints]:
    """Return device and port there of both ends of links, (2, n) each."""
    number = {node: device for device, node in enumerate(nodes)}
    device = np.array([[number[node] for node in link[:2]] for link in links], dtype=np.int64)
    flat = device.ravel()
    order = np.argsort(flat, kind="stable")
    first = np.searchsorted(flat[order], flat)
    port = np.empty_like(flat)
    port[order] = np.arange(len(flat))
    return device.T, (port - first).reshape(device.shape).T


def _cables(spec: ClosSpec, device: Ints, port: Ints, links: Sequence[Link]) -> Cables:
    """Return the cables of links; end 0 is the host, if one is."""
    host = device[0] < device[1].min()
    delay = np.array([link.delay_ps for link in links], dtype=np.int64)
    nic = np.where(host, spec.host.nic_latency, 0)
    switch, queue = spec.clos.switch_latency, spec.queue_bytes
    return Cables(
        device=device,
        port=port,
        rate_bps=np.array([link.rate_bps for link in links], dtype=np.int64),
        latency_ps=(delay + np.where(host, nic, switch), delay + nic + switch),
        queue_bytes=(np.where(host, -1, queue), queue),
    )


def _loss(network: Network, cables: Sequence[Cables], links: Sequence[Link]) -> Ints | None:
    """Return the loss of each port, or None if nothing is lost; ``links`` as in ``cables``."""
    if not any(link.loss for link in links):
        return None
    loss = np.zeros(network.n_ports, dtype=np.int64)
    ports = np.hstack([network.port_ptr[cable.device] + cable.port for cable in cables])
    loss[ports] = [round(link.loss * LOSS_UNITS) for link in links]
    return loss
