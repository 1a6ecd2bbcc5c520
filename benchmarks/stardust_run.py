"""The experiment: every host of a fat tree sends to one other for ever, at 10 Gb/s.

Host cables, delays and packets are those of the run of csg-htsim that has been published
(github.com/Broadcom/csg-htsim, sim/EXAMPLES/permutation): 432 hosts, 9,000 B, 1 us a link.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabricemu.engine.run import simulate
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.program import Ints, Program

PACKET_BYTES = 9000  # with its header, which csg-htsim counts too
HEADER_BYTES = 64
MESSAGE_PACKETS = 5  # rates are counted by messages
RATE_GBPS = 10
MS = 10**9  # ps
COUNTED = (0.25, 0.9)  # of the time for which everyone has something to send

HOSTS = (
    *(f"host.port_rate={RATE_GBPS}Gbps", "host.nic_latency=0ns"),
    *("links.host_latency=1us", "links.fabric_latency=1us"),
    *(f"transport.mtu={PACKET_BYTES - HEADER_BYTES}", f"transport.header_bytes={HEADER_BYTES}"),
    *("transport.gap_bytes=0", f"transport.ack_bytes={HEADER_BYTES}"),
)
TREE = ("clos.tiers=3", "clos.radix={radix}", "clos.switch_latency=0ns")
SPRAY = ("clos.choice=spray", "transport.balance=none")


@dataclass(frozen=True)
class Scheme:
    """A fabric with its transport, and what csg-htsim has for the like of it.

    Attributes
    ----------
    title : str
    preset : str
    overrides : tuple of str
        Beside those that all have; ``{radix}`` and ``{half}`` are those of the tree.
    published : (mean, min, median) or None
        Gb/s, read from csg-htsim's figure.
    """

    title: str
    preset: str
    overrides: tuple[str, ...]
    published: tuple[float, float, float] | None = None


SCHEMES = {
    # As many lanes for a port, and as fast for it, as the preset has: 40 for 36 ports.
    "ddc": Scheme("DDC", "ddc", ("ddc.lanes=40", f"ddc.lane_rate={RATE_GBPS}Gbps")),
    # What the tree has: leaves of half a box, a lane for a port.
    "ddc-no-speed-up": Scheme(
        "DDC, a lane a port",
        "ddc",
        ("ddc.leaf_ports={half}", "ddc.lanes={half}", f"ddc.lane_rate={RATE_GBPS}Gbps"),
    ),
    # NDP's own: trimming, credit by receivers, a first window of 23, queues of 8.
    "rccc": Scheme(
        "spray, receivers' credit",
        "uet-rccc",
        (*TREE, *SPRAY, "clos.queue=8 packets", "congestion.rccc.max_window=23 packets"),
        (9.43, 9.07, 9.39),
    ),
    "nscc": Scheme("spray, senders' window", "uet-nscc", (*TREE, *SPRAY)),
    # Marks from 65 packets of 1,500 B (Alizadeh et al., SIGCOMM 2010), queues of 100.
    "dctcp": Scheme(
        "one path, DCTCP",
        "clos-ecmp",
        (
            *TREE,
            *("congestion.control=dctcp", "congestion.dctcp.max_window=100 packets"),
            *("transport.ack_every=1", "transport.receiver=any-order"),
            *("transport.loss_distance=3", "transport.rto=1ms"),
            *("switch.pfc=false", "switch.class=[]", "switch.buffer=unbounded"),
            *("clos.queue=100 packets", "switch.ecn_low=97500", "switch.ecn_high=97500"),
        ),
        (4.72, 0.69, 4.58),
    ),
}


@dataclass(frozen=True)
class Setting:
    """What is the same in all runs.

    Attributes
    ----------
    radix : int
        Of the switches of the tree, which has radix^3 / 4 hosts.
    duration_ms : float
        For which each host has something to send at full rate.
    seed : int
    """

    radix: int = 12
    duration_ms: float = 20.0
    seed: int = 1

    @property
    def hosts(self) -> int:
        """Number of hosts of the full tree."""
        return self.radix**3 // 4

    @property
    def window_ps(self) -> tuple[int, int]:
        """Begin and end of the time that counts."""
        begin, end = (int(share * self.duration_ms * MS) for share in COUNTED)
        return begin, end


def fabric_of(scheme: Scheme, setting: Setting) -> tuple[Network, Transport]:
    """Return network and transport of a scheme."""
    shape = {"radix": setting.radix, "half": setting.radix // 2}
    own = [text.format(**shape) for text in scheme.overrides]
    return build(load_fabric(scheme.preset, [*HOSTS, *own]), setting.hosts)


def targets(setting: Setting) -> Ints:
    """Return whom each host sends to: a random cycle of all, by the seed."""
    cycle = np.random.default_rng(setting.seed).permutation(setting.hosts)
    target = np.empty_like(cycle)
    target[cycle] = np.roll(cycle, -1)
    return target


def program_of(setting: Setting) -> Program:
    """Return the program in which each host has messages for the whole time."""
    builder = ProgramBuilder(setting.hosts)
    bits = RATE_GBPS * setting.duration_ms * 1e6
    count = int(bits / (8 * PACKET_BYTES * MESSAGE_PACKETS))
    size = MESSAGE_PACKETS * (PACKET_BYTES - HEADER_BYTES)
    for host, target in enumerate(targets(setting).tolist()):
        for tag in range(count):
            builder.send(host, target, size, tag=tag)
    return builder.build()


def rates_gbps(scheme: Scheme, setting: Setting) -> NDArray[np.float64]:
    """Return the rate of each host's flow in Gb/s, headers included, ascending."""
    chunks: list[dict[str, Ints]] = []
    network, transport = fabric_of(scheme, setting)
    simulate(network, transport, program_of(setting), chunks.append, seed=setting.seed)
    source, done = (
        np.concatenate([part[name] for part in chunks]) for name in ("src", "delivered")
    )
    begin, end = setting.window_ps
    counts = np.bincount(source[(begin <= done) & (done < end)], minlength=setting.hosts)
    bits = counts * (8 * PACKET_BYTES * MESSAGE_PACKETS)
    rates: NDArray[np.float64] = np.sort(bits / (end - begin) * 1e3)
    return rates
