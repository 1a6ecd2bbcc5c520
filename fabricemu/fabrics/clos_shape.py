"""How many boxes and cables a Clos fabric has: all counting, no wiring.

A box has ``radix`` ports at the host rate; a port at the uplink rate takes its share. Every
leaf has the same uplinks, spread evenly over the boxes above, so bundles must divide. With
planes all counts but ``planes`` are those of one.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from fabricemu.errors import ConfigError
from fabricemu.spec.fabric import ClosSpec


@dataclass(frozen=True)
class ClosShape:
    """The counts of a Clos fabric.

    Attributes
    ----------
    tiers : int
        1 (one leaf, no uplinks), 2, or 3.
    per_leaf, uplinks, leaves : int
        Host ports and uplinks of a full leaf; leaves, of which the last may be part full.
    bundle : int
        Parallel cables of a leaf to one box above.
    spines : int
        Boxes above a leaf: spines with 2 tiers, aggregation boxes of a pod with 3.
    per_pod, pods : int
        Leaves of a full pod, pods; with 2 tiers all is one pod.
    agg_uplinks, core_bundle, cores : int
        Uplinks of an aggregation box, its cables to one core, cores in all; 3 tiers.
    planes : int
        Disjoint fabrics.
    rails : int
        NIC ports of a server that go to different leaves; 1 where leaves fill up in turn.
    """

    tiers: int
    per_leaf: int
    uplinks: int
    leaves: int
    bundle: int = 1
    spines: int = 0
    per_pod: int = 1
    pods: int = 1
    agg_uplinks: int = 0
    core_bundle: int = 1
    cores: int = 0
    planes: int = 1
    rails: int = 1

    @property
    def regular(self) -> bool:
        """Whether consecutive addresses share a leaf, so that arithmetic finds the way."""
        return self.planes == self.rails == 1


@dataclass(frozen=True)
class Tier:
    """The boxes of one tier, leaves first, and the cables below them.

    Attributes
    ----------
    rate_bps, cable_ps : int
        Of each cable below a box.
    switch_ps : int
        From port to port of a box.
    queue_down, queue_up : int
        Limit of waiting data bytes of a port, by where it leads; -1 without limit.
    """

    rate_bps: int
    cable_ps: int
    switch_ps: int
    queue_down: int
    queue_up: int


def clos_tiers(spec: ClosSpec) -> list[Tier]:
    """Return the three tiers that the counts of a specification may need."""
    box = (spec.clos.switch_latency, spec.queue_bytes, spec.queue_bytes)
    above = Tier(uplink_rate(spec), spec.links.fabric_latency, *box)
    return [Tier(spec.host.port_rate, spec.links.host_latency, *box), above, above]


def clos_shape(spec: ClosSpec, n_ranks: int) -> ClosShape:
    """Return the smallest regular fabric for ``n_ranks`` hosts.

    Raises
    ------
    ConfigError
        If the hosts do not fit or something does not divide.
    """
    addresses = n_ranks * ports_per_plane(spec)
    rails = _rails(spec, addresses)
    if spec.clos.radix != "auto":
        return _shape(spec, int(spec.clos.radix), addresses, rails)
    for radix in range(2, 4 * addresses + 1024, 2):  # 2 tiers always fit before the end
        try:
            return _shape(spec, radix, addresses, rails)
        except ConfigError as error:
            reason = error
    raise reason


def ports_per_plane(spec: ClosSpec) -> int:
    """Return the NIC ports of a rank on one plane."""
    per_plane, rest = divmod(spec.host.nic_ports, spec.clos.planes)
    if rest:
        raise ConfigError(
            f"clos.planes: {spec.host.nic_ports} NIC ports of a rank do not spread over"
            f" {spec.clos.planes} planes; expected host.nic_ports to be a multiple"
        )
    return per_plane


def _rails(spec: ClosSpec, addresses: int) -> int:
    if not spec.clos.rail_optimised:
        return 1
    ports = spec.host.scale_up_ranks * ports_per_plane(spec)
    if ports == 1:
        raise ConfigError(
            "clos.rail_optimised: a server has one NIC port on a plane; expected"
            " host.scale_up_ranks or host.nic_ports to say how many more"
        )
    return min(ports, addresses)


def _shape(spec: ClosSpec, radix: int, addresses: int, rails: int) -> ClosShape:
    fast = Fraction(uplink_rate(spec), spec.host.port_rate)
    above = int(radix / fast)
    servers = -(-addresses // rails)
    per_leaf, uplinks = _leaf(spec, radix, fast, servers if rails > 1 else radix)
    leaves = rails * -(-servers // per_leaf)
    leaf = ClosShape(1, per_leaf, uplinks, leaves, planes=spec.clos.planes, rails=rails)
    if leaf.leaves == 1:
        return replace(leaf, uplinks=0)
    fits = leaf.leaves <= above or spec.clos.radix == "auto"
    if spec.clos.tiers == 2 or (spec.clos.tiers == "auto" and fits):
        return _two_tiers(spec, leaf, above)
    return _three_tiers(spec, leaf, above)


def uplink_rate(spec: ClosSpec) -> int:
    """Return the rate of the links between boxes in bit/s."""
    rate = spec.clos.uplink_rate
    return spec.host.port_rate if isinstance(rate, str) else rate


def _leaf(spec: ClosSpec, radix: int, fast: Fraction, used: int) -> tuple[int, int]:
    """Return host ports and uplinks of a leaf, of which no more than ``used`` need be there."""
    ratio = Fraction(str(spec.clos.oversubscription)) * fast  # host ports for one uplink
    most = int(radix / (1 + fast / ratio))
    step = ratio.numerator  # fewest host ports that make whole uplinks
    largest = most - most % step
    if largest == 0:
        raise ConfigError(
            f"clos.radix: {radix} ports cannot be split {spec.clos.oversubscription:g}:1"
            " between hosts and uplinks; expected a larger radix"
        )
    wanted = spec.clos.hosts_per_leaf
    if isinstance(wanted, str):
        enough = min(largest, -(-used // step) * step)
        return enough, int(enough / ratio)
    if wanted % step or wanted > largest:
        near = min(max(step, round(wanted / step) * step), largest)
        raise ConfigError(
            f"clos.hosts_per_leaf: {wanted} host ports and {float(wanted / ratio):g} uplinks do"
            f" not make a box of {radix} ports; the nearest valid choice is {near}"
        )
    return wanted, int(wanted / ratio)


def _two_tiers(spec: ClosSpec, leaf: ClosShape, above: int) -> ClosShape:
    if leaf.leaves > above:
        raise ConfigError(
            f"clos.tiers: {leaf.leaves} leaves are more than the {above} ports of a spine;"
            " expected clos.tiers = 3"
        )
    leaf = replace(leaf, tiers=2, per_pod=leaf.leaves)
    fewest = _bundle(leaf.uplinks, above // leaf.leaves)
    wanted = spec.clos.spines
    if isinstance(wanted, str):
        return replace(leaf, bundle=fewest, spines=leaf.uplinks // fewest)
    valid = [leaf.uplinks // b for b in range(1, fewest + 1) if leaf.uplinks % b == 0]
    if wanted not in valid:
        near = min(valid, key=lambda spines: abs(spines - wanted))
        raise ConfigError(
            f"clos.spines: {leaf.uplinks} uplinks of {leaf.leaves} leaves do not spread evenly"
            f" over {wanted}; the nearest valid choice is {near}"
        )
    return replace(leaf, bundle=leaf.uplinks // wanted, spines=wanted)


def _three_tiers(spec: ClosSpec, leaf: ClosShape, above: int) -> ClosShape:
    down = above // 2
    wanted = spec.clos.leaves_per_pod
    whole = down - down % leaf.rails or down  # a pod of whole servers, if it can
    per_pod = whole if isinstance(wanted, str) else wanted
    if not 1 <= per_pod <= down:
        raise ConfigError(
            f"clos.leaves_per_pod: {per_pod} leaves; expected 1 to {down}, half the ports of an"
            f" aggregation box; the nearest valid choice is {max(1, down)}"
        )
    pods = -(-leaf.leaves // per_pod)
    if pods > above:
        raise ConfigError(
            f"clos.leaves_per_pod: {pods} pods are more than the {above} ports of a core;"
            f" expected a larger radix or at most {per_pod * above * leaf.per_leaf} NIC ports"
        )
    bundle = _bundle(leaf.uplinks, down // per_pod)
    pod = replace(leaf, tiers=3, bundle=bundle, spines=leaf.uplinks // bundle, per_pod=per_pod)
    if pods == 1:
        return pod
    agg_uplinks = per_pod * bundle
    core_bundle = _bundle(agg_uplinks, above // pods)
    cores = pod.spines * (agg_uplinks // core_bundle)
    return replace(pod, pods=pods, agg_uplinks=agg_uplinks, core_bundle=core_bundle, cores=cores)


def _bundle(uplinks: int, limit: int) -> int:
    """Return the largest divisor of ``uplinks`` up to ``limit``: the fewest boxes above."""
    return max(b for b in range(1, max(1, min(uplinks, limit)) + 1) if uplinks % b == 0)
