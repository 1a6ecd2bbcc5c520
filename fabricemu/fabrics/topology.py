"""From the specification of a Clos to its wired network, by counts or by a file."""

from dataclasses import replace
from pathlib import Path

from fabricemu.errors import ConfigError
from fabricemu.fabrics.clos import build_clos
from fabricemu.fabrics.clos_shape import clos_shape, clos_tiers, ports_per_plane
from fabricemu.fabrics.htsim_topo import HtsimTopo
from fabricemu.fabrics.link_list import HPCC, SIMAI, LinkList, Node, read_link_list
from fabricemu.fabrics.listed import build_listed, settled
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.routing import find_routes, needs_tables, unreached
from fabricemu.spec.fabric import ClosSpec, FabricSpec

MAX_FILE_BYTES = 256_000_000
NO_FILE = "none"


def wire(spec: ClosSpec, n_ranks: int) -> tuple[ClosSpec, Network]:
    """Return the whole, unbroken network for at least ``n_ranks`` hosts.

    A topology file decides how many hosts there are. ``routes`` are set where they are needed.

    Returns
    -------
    spec : ClosSpec
        With what a topology file says in place of what it said of hosts.
    network : Network

    Raises
    ------
    ConfigError
        If the hosts do not fit, or the file is wrong.
    """
    if file_of(spec) is None:
        network = build_clos(spec, n_ranks, clos_shape(spec, n_ranks), clos_tiers(spec))
    else:
        spec, network = _wire_file(spec, n_ranks)
    return spec, _with_routes(network, spec.clos.topology) if needs_tables(network) else network


def file_of(spec: FabricSpec) -> str | None:
    """Return the name of a fabric's topology file, or None without one."""
    if not isinstance(spec, ClosSpec) or spec.clos.topology == NO_FILE:
        return None
    return spec.clos.topology


def hosts_of(spec: FabricSpec) -> int | None:
    """Return the hosts that a topology file has, or None without one.

    Raises
    ------
    ConfigError
        If the file cannot be read or is wrong.
    """
    if not isinstance(spec, ClosSpec) or file_of(spec) is None:
        return None
    return _hosts(spec, _read(Path(spec.clos.topology)))


def _wire_file(spec: ClosSpec, n_ranks: int) -> tuple[ClosSpec, Network]:
    content = _read(Path(spec.clos.topology))
    hosts = _hosts(spec, content)
    if n_ranks > hosts:
        raise ConfigError(f"{spec.clos.topology}: has {hosts} hosts; expected at least {n_ranks}")
    if spec.clos.rail_optimised:
        raise ConfigError("clos.rail_optimised: clos.topology decides; expected false")
    if isinstance(content, LinkList):
        if spec.clos.planes > 1:
            raise ConfigError("clos.planes: the links of clos.topology decide; expected 1")
        spec = settled(spec, content)
        return spec, build_listed(spec, content)
    tiers = content.links(spec.queue_bytes)
    host = spec.host.model_copy(update={"port_rate": tiers[0].rate_bps})
    spec = spec.model_copy(update={"host": host})
    return spec, build_clos(spec, hosts, content.shape(spec.clos.planes), tiers)


def _hosts(spec: ClosSpec, content: HtsimTopo | LinkList) -> int:
    if isinstance(content, LinkList):
        return content.node.count(Node.HOST)
    hosts, rest = divmod(content.nodes, ports_per_plane(spec))
    if rest:
        raise ConfigError(
            f"{spec.clos.topology}: Nodes: {content.nodes} do not make whole hosts of"
            f" {ports_per_plane(spec)} NIC ports (host.nic_ports)"
        )
    return hosts


def _read(path: Path) -> HtsimTopo | LinkList:
    """Return what a file says, whose first line tells its format."""
    lines = _lines(path)
    words = next((line.split() for line in lines if line.strip()), [])
    numbers = sum(word.isdecimal() for word in words)
    if numbers == len(words) == len(HPCC) or numbers == len(words) - 1 == len(SIMAI):
        return read_link_list(path, lines)
    return HtsimTopo(path, lines)


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than 256 MB; expected a topology file")
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"clos.topology: {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not text; expected a topology file") from None


def _with_routes(network: Network, file: str) -> Network:
    """Return ``network`` with ways by table, by which each NIC port reaches all of its number."""
    routes = find_routes(network)
    cut = unreached(network, routes)
    if cut is not None:
        port, host = cut
        edges = routes.edge[port :: network.nic_ports][[0, host]]
        leaves = [network.names[device] for device in routes.edge_device[edges]]
        raise ConfigError(
            f"{file}: NIC port {port} of host {host} has no way to that of host 0; expected"
            f" links from {leaves[0]} to {leaves[1]}"
        )
    return replace(network, routes=routes)
