"""The ``.topo`` files of htsim: a Clos by the counts, speeds and latencies of its tiers.

``Nodes``, ``Tiers`` and ``Podsize``, then for each ``Tier`` from the leaves up its own lines;
``#`` begins a comment and case does not matter. Downlinks are those below a box.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fabricemu.errors import ConfigError, nearest
from fabricemu.fabrics.clos_shape import ClosShape, Tier
from fabricemu.spec.table import GBPS, NS

HEADER = ("Nodes", "Tiers", "Podsize")
NEEDED = ("Downlink_speed_Gbps", "Radix_Down", "Downlink_Latency_ns")
UP = ("Radix_Up", "Oversubscribed", "Queue_Up")  # not on the top tier
FIELDS = (*NEEDED, *UP, "Bundle", "Switch_Latency_ns", "Queue_Down")
MAY_BE_ZERO = ("Downlink_Latency_ns", "Switch_Latency_ns")
LARGEST = 10**9


class Value(NamedTuple):
    """A number and the line that says it."""

    number: int
    line: int


class HtsimTopo:
    """A ``.topo`` file, checked.

    Attributes
    ----------
    nodes : int
        NIC ports of a plane.
    """

    def __init__(self, path: Path, lines: Sequence[str]) -> None:
        self.path = path
        self.header: dict[str, Value] = {}
        self.tiers: list[dict[str, Value]] = []
        for number, line in enumerate(lines, 1):
            words = line.partition("#")[0].split()
            if words:
                self._read(number, words)
        self._check_header()
        self.nodes = self.header["Nodes"].number
        for tier in range(len(self.tiers)):
            self._check_tier(tier)
        self._check_counts()
        for tier in range(len(self.tiers) - 1):
            self._check_oversubscription(tier)

    def shape(self, planes: int) -> ClosShape:
        """Return the counts of the fabric."""
        down, up, bundle = (self._column(name) for name in ("Radix_Down", "Radix_Up", "Bundle"))
        spines, agg_uplinks = up[0] // bundle[1], up[1]
        core_bundle = bundle[2] if len(bundle) == 3 else 1
        return ClosShape(
            tiers=len(self.tiers),
            per_leaf=down[0],
            uplinks=up[0],
            leaves=self.nodes // down[0],
            bundle=bundle[1],
            spines=spines,
            per_pod=self.header["Podsize"].number // down[0],
            pods=self.nodes // self.header["Podsize"].number,
            agg_uplinks=agg_uplinks,
            core_bundle=core_bundle,
            cores=spines * (agg_uplinks // core_bundle),
            planes=planes,
        )

    def links(self, queue_bytes: int) -> list[Tier]:
        """Return the tiers; ports without a limit in the file have ``queue_bytes``."""
        return [
            Tier(
                rate_bps=tier["Downlink_speed_Gbps"].number * GBPS,
                cable_ps=tier["Downlink_Latency_ns"].number * NS,
                switch_ps=_number(tier, "Switch_Latency_ns", 0) * NS,
                queue_down=_number(tier, "Queue_Down", queue_bytes),
                queue_up=_number(tier, "Queue_Up", queue_bytes),
            )
            for tier in self.tiers
        ]

    def _column(self, name: str) -> list[int]:
        """Return a count of each tier; no uplinks at the top, and no bundles if not said."""
        return [_number(tier, name, int(name == "Bundle")) for tier in self.tiers]

    def _read(self, line: int, words: list[str]) -> None:
        known = {name.lower(): name for name in (*HEADER, *FIELDS, "Tier")}
        name = known.get(words[0].lower())
        if name is None:
            raise self._error(line, words[0], f"unknown field; {nearest(words[0], known.values())}")
        if len(words) != 2 or not words[1].isdecimal() or int(words[1]) > LARGEST:
            text = " ".join(words[1:])
            raise self._error(line, name, f"{text!r}; expected one whole number up to 10^9")
        value = Value(int(words[1]), line)
        if name == "Tier":
            self._begin_tier(value)
            return
        if name not in HEADER and not self.tiers:
            raise self._error(line, name, "belongs to a tier; expected a line 'Tier 0' before it")
        place = self.header if name in HEADER else self.tiers[-1]
        if name in place:
            raise self._error(line, name, f"was said in line {place[name].line}; expected it once")
        if not value.number and name not in MAY_BE_ZERO:
            raise self._error(line, name, "is 0; expected at least 1")
        place[name] = value

    def _begin_tier(self, value: Value) -> None:
        if value.number != len(self.tiers) or value.number > 2:
            expected = f"expected {len(self.tiers)}" if len(self.tiers) < 3 else "expected 0 to 2"
            raise self._error(value.line, "Tier", f"{value.number}; {expected}")
        self.tiers.append({})

    def _check_header(self) -> None:
        for name in HEADER:
            if name not in self.header:
                raise ConfigError(f"{self.path}: {name}: missing; expected a line '{name} number'")
        tiers, found = self.header["Tiers"], len(self.tiers)
        if tiers.number not in (2, 3) or tiers.number != found:
            said = f"{tiers.number}, and {found} are described"
            raise self._error(tiers.line, "Tiers", f"{said}; expected 2 or 3, all described")

    def _check_tier(self, number: int) -> None:
        tier, top = self.tiers[number], number == len(self.tiers) - 1
        for name in NEEDED if top else (*NEEDED, "Radix_Up"):
            if name not in tier:
                raise ConfigError(f"{self.path}: Tier {number}: {name}: missing")
        for name in UP if top else ():
            if name in tier:
                raise self._error(tier[name].line, name, "the top tier has nothing above it")
        if number == 0 and _number(tier, "Bundle", 1) != 1:
            raise self._error(tier["Bundle"].line, "Bundle", "a NIC port has one cable; expected 1")
        latency = tier["Downlink_Latency_ns"]
        if latency.number + _number(tier, "Switch_Latency_ns", 0) == 0:
            raise self._error(latency.line, "Downlink_Latency_ns", "0; expected a positive time")

    def _check_counts(self) -> None:
        pod = self.header["Podsize"].number
        down, bundle = self._column("Radix_Down"), self._column("Bundle")
        if len(self.tiers) == 2:
            self._expect(self.header, "Podsize", self.nodes)
        self._divide(self.header, "Nodes", pod, "Podsize")
        self._divide(self.header, "Podsize", down[0], "Radix_Down of Tier 0")
        self._divide(self.tiers[0], "Radix_Up", bundle[1], "Bundle of Tier 1")
        self._expect(self.tiers[1], "Radix_Down", pod // down[0] * bundle[1])
        if len(self.tiers) == 3:
            self._divide(self.tiers[1], "Radix_Up", bundle[2], "Bundle of Tier 2")
            self._expect(self.tiers[2], "Radix_Down", self.nodes // pod * bundle[2])

    def _check_oversubscription(self, number: int) -> None:
        tier, above = self.tiers[number : number + 2]
        if "Oversubscribed" not in tier:
            return
        below = tier["Radix_Down"].number * tier["Downlink_speed_Gbps"].number
        over = tier["Radix_Up"].number * above["Downlink_speed_Gbps"].number
        if below != tier["Oversubscribed"].number * over:
            said = tier["Oversubscribed"]
            what = f"{said.number}, but radices and speeds make it {below / over:g}"
            raise self._error(said.line, "Oversubscribed", what)

    def _divide(self, place: dict[str, Value], name: str, by: int, what: str) -> None:
        number, line = place[name]
        if number % by:
            raise self._error(line, name, f"{number}; expected a multiple of {by}, {what}")

    def _expect(self, place: dict[str, Value], name: str, wanted: int) -> None:
        number, line = place[name]
        if number != wanted:
            raise self._error(line, name, f"{number}; the other counts make it {wanted}")

    def _error(self, line: int, field: str, what: str) -> ConfigError:
        return ConfigError(f"{self.path}: line {line}: {field}: {what}")


def _number(tier: dict[str, Value], name: str, default: int) -> int:
    return tier[name].number if name in tier else default
