"""The experiment: four tenants share a fabric, which is whole, has slow NICs, or other links.

Boxes are those of the claim, or all of them smaller by the same divisor, so that a small
experiment has leaves and spines enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from fabricemu.engine.run import simulate
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Network
from fabricemu.fabrics.transport import Transport
from fabricemu.spec.fabric import ClosSpec, FabricSpec
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.program import Algorithm, Collective, Ints, Program

TENANTS = 4
DDC = "ddc"
ETHERNET = ("clos-ecmp", "clos-flowlet", "clos-adaptive", "clos-spray", "clos-uec")
WORKLOADS = {
    "all-reduce": (Collective.ALL_REDUCE, Algorithm.DOUBLE_BINARY_TREE),
    "all-to-all": (Collective.ALL_TO_ALL, Algorithm.AT_ONCE),
    "all-to-all-shift": (Collective.ALL_TO_ALL, Algorithm.SHIFT),
}
# A Tomahawk 5 has 128 ports of 400G, a Jericho3-AI 36 and 160 lanes, an element 256 lanes.
RADIX, LEAF_PORTS, LANES, ELEMENT_LANES = 128, 36, 160, 256
DIVISORS = (4, 2)
SPINE_PORTS = RADIX // 2  # of 800G
PS = 1e12


class Condition(StrEnum):
    """What is the matter with a fabric."""

    STEADY = "steady"
    SLOW_NICS = "slow NICs"
    OTHER_LINKS = "other links"


@dataclass(frozen=True)
class Setting:
    """What is the same in all runs.

    Attributes
    ----------
    hosts : int
        A multiple of ``TENANTS``.
    size_bytes : int
        Buffer of a rank: the vector of an all-reduce, all that an all-to-all sends.
    repeats : int
        Collectives of a job, one after another.
    chunks : int
        Of an all-reduce.
    interleaved : bool
        Whether neighbours are of different tenants; else a tenant's hosts are in a row.
    slow_every : int
        One of so many NICs of the first tenant is slow in ``Condition.SLOW_NICS``.
    threads : int
    """

    hosts: int = 256
    size_bytes: int = 4 << 20
    repeats: int = 2
    chunks: int = 16
    interleaved: bool = True
    slow_every: int = 1
    threads: int = 1

    @property
    def divisor(self) -> int:
        """How often smaller than those of the claim boxes are; the most that takes two tiers."""
        fits = [d for d in DIVISORS if self.hosts * d * d <= SPINE_PORTS * SPINE_PORTS]
        return fits[0] if fits else 1

    def tenant(self, tenant: int) -> list[int]:
        """Return the ranks of a tenant in the order of their positions."""
        if self.interleaved:
            return list(range(tenant, self.hosts, TENANTS))
        each = self.hosts // TENANTS
        return list(range(tenant * each, (tenant + 1) * each))

    @property
    def slow(self) -> list[int]:
        """Ranks whose NIC has half the rate in ``Condition.SLOW_NICS``."""
        return self.tenant(0)[:: self.slow_every]


def overrides(preset: str, setting: Setting, other_links: bool) -> list[str]:
    """Return what makes a preset the fabric of the claim.

    An Ethernet fabric has links of 800G between boxes, and of 400G as the other ones. A cable of
    a DDC is a bundle of lanes of 100G whatever its rate; half as many of 200G are its other ones.
    """
    d = setting.divisor
    if preset != DDC:
        rate = 400 if other_links else 800
        return [f"clos.radix={RADIX // d}", f"clos.uplink_rate={rate}Gbps"]
    lanes = 2 if other_links else 1
    return [
        f"ddc.leaf_ports={LEAF_PORTS // d}",
        f"ddc.lanes={LANES // d // lanes}",
        f"ddc.lane_rate={100 * lanes}Gbps",
        f"ddc.element_lanes={ELEMENT_LANES // d // lanes}",
    ]


def spec_of(
    preset: str, setting: Setting, other_links: bool = False, changes: Sequence[str] = ()
) -> FabricSpec:
    """Return a preset with boxes of the size of the setting, and with ``changes`` of its keys."""
    own = [*overrides(preset, setting, other_links), *changes]
    spec = load_fabric(preset, own)
    if isinstance(spec, ClosSpec) and isinstance(spec.switch.buffer, int):
        own.append(f"switch.buffer={spec.switch.buffer // setting.divisor}")
        spec = load_fabric(preset, own)
    return spec


def fabric_of(preset: str, setting: Setting, condition: Condition) -> tuple[Network, Transport]:
    """Return network and transport of a preset in a condition."""
    spec = spec_of(preset, setting, condition == Condition.OTHER_LINKS)
    network, transport = build(spec, setting.hosts)
    if condition == Condition.SLOW_NICS:
        network = slowed(network, setting.slow)
    return network, transport


def slowed(network: Network, ranks: list[int]) -> Network:
    """Return a network with half the rate, both ways, on the NIC links of some ranks."""
    nic = (network.port_ptr[ranks][:, np.newaxis] + np.arange(network.nic_ports)).ravel()
    rate = network.rate_bps.copy()
    rate[np.concatenate([nic, network.peer[nic]])] //= 2
    return replace(network, rate_bps=rate)


def program_of(setting: Setting, workload: str) -> Program:
    """Return a program of a job a tenant."""
    kind, algorithm = WORKLOADS[workload]
    builder = ProgramBuilder(setting.hosts)
    builder.jobs = [f"tenant {tenant}" for tenant in range(TENANTS)]
    chunks = setting.chunks if kind == Collective.ALL_REDUCE else 1
    for tenant in range(TENANTS):
        ranks = setting.tenant(tenant)
        last = dict.fromkeys(ranks, -1)
        for _ in range(setting.repeats):
            row = builder.collective(
                kind, algorithm, builder.group(ranks), setting.size_bytes, chunks=chunks, job=tenant
            )
            last = {r: builder.coll(r, row, after=last[r], job=tenant) for r in ranks}
    return builder.build()


def completion_s(program: Program, finished_ps: Ints) -> list[float]:
    """Return when the last operation of each tenant has finished."""
    return [float(finished_ps[program.job == tenant].max()) / PS for tenant in range(TENANTS)]


def run_all(
    setting: Setting,
    workload: str,
    preset: str,
    seeds: int,
    tell: Callable[[str], None],
) -> dict[Condition, list[list[float]]]:
    """Return the completion times of the tenants in s, by condition and seed."""
    program = program_of(setting, workload)
    found: dict[Condition, list[list[float]]] = {}
    for condition in Condition:
        network, transport = fabric_of(preset, setting, condition)
        found[condition] = []
        for seed in range(seeds):
            outcome = simulate(
                network,
                transport,
                program,
                lambda columns: None,
                seed=seed,
                threads=setting.threads,
            )
            found[condition].append(completion_s(program, outcome.op_finish_ps))
            tell(f"{workload}, {preset}, {condition}, seed {seed}: {outcome.sim_s:.1f} s")
    return found
