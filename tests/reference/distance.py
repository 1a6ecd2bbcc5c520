"""Switches on a shortest path of a queue pair, for Swift (section 7.4)."""

from collections import deque

from fabricemu.fabrics.network import Kind, Network


def switches_between(network: Network, src: int, dst: int, index: int) -> int:
    """Return the devices between two hosts, from port ``index`` of the first."""
    owner = network.device_of.tolist()
    peer = network.peer.tolist()
    first = owner[peer[network.port_ptr[src] + index]]
    distance = {first: 0}
    queue = deque([first])
    while queue:
        device = queue.popleft()
        if device == dst:
            return distance[device]
        if network.kind[device] == Kind.HOST:
            continue  # nothing is forwarded by a host
        for port in range(network.port_ptr[device], network.port_ptr[device + 1]):
            other = owner[peer[port]]
            if other not in distance:
                distance[other] = distance[device] + 1
                queue.append(other)
    raise ValueError(f"no path from rank {src} to rank {dst}")
