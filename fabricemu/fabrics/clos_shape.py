"""How many boxes and cables a Clos fabric has: all counting, no wiring.

A box has ``radix`` ports at the host rate; a port at the uplink rate takes its share. Every
leaf has the same uplinks, spread evenly over the boxes above, so bundles must divide.
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
        Leaves of a full pod, pods; 3 tiers.
    agg_uplinks, core_bundle, cores : int
        Uplinks of an aggregation box, its cables to one core, cores in all; 3 tiers.
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


def clos_shape(spec: ClosSpec, n_ranks: int) -> ClosShape:
    """Return the smallest regular fabric for ``n_ranks`` hosts.

    Raises
    ------
    ConfigError
        If the hosts do not fit or something does not divide.
    """
    addresses = n_ranks * spec.host.nic_ports
    if spec.clos.radix != "auto":
        return _shape(spec, int(spec.clos.radix), addresses)
    for radix in range(2, 4 * addresses + 1024, 2):  # 2 tiers always fit before the end
        try:
            return _shape(spec, radix, addresses)
        except ConfigError as error:
            reason = error
    raise reason


def _shape(spec: ClosSpec, radix: int, addresses: int) -> ClosShape:
    fast = Fraction(uplink_rate(spec), spec.host.port_rate)
    above = int(radix / fast)
    per_leaf, uplinks = _leaf(spec, radix, fast)
    leaf = ClosShape(1, per_leaf, uplinks, -(-addresses // per_leaf))
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


def _leaf(spec: ClosSpec, radix: int, fast: Fraction) -> tuple[int, int]:
    """Return host ports and uplinks of a leaf."""
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
        return largest, int(largest / ratio)
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
    fewest = _bundle(leaf.uplinks, above // leaf.leaves)
    wanted = spec.clos.spines
    if isinstance(wanted, str):
        return replace(leaf, tiers=2, bundle=fewest, spines=leaf.uplinks // fewest)
    valid = [leaf.uplinks // b for b in range(1, fewest + 1) if leaf.uplinks % b == 0]
    if wanted not in valid:
        near = min(valid, key=lambda spines: abs(spines - wanted))
        raise ConfigError(
            f"clos.spines: {leaf.uplinks} uplinks of {leaf.leaves} leaves do not spread evenly"
            f" over {wanted}; the nearest valid choice is {near}"
        )
    return replace(leaf, tiers=2, bundle=leaf.uplinks // wanted, spines=wanted)


def _three_tiers(spec: ClosSpec, leaf: ClosShape, above: int) -> ClosShape:
    down = above // 2
    wanted = spec.clos.leaves_per_pod
    per_pod = down if isinstance(wanted, str) else wanted
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
