"""Fabrics as text."""

import json
from collections.abc import Sequence
from typing import Any

from fabricemu.cli.fabrics import load_fabrics
from fabricemu.cli.text import amount, duration, outline
from fabricemu.fabrics.describe import describe
from fabricemu.fabrics.topology import hosts_of
from fabricemu.spec.presets import load_fabric, preset_names, resolved_toml

DEFAULT_HOSTS = 64
MOST_ROWS = 20  # of a list, as text
UNITS = {"_bps": "bit/s", "_bytes": "B"}


def listing(as_json: bool = False) -> str:
    """Return all presets, each with its line of description."""
    found = {name: load_fabric(name).description for name in preset_names()}
    if as_json:
        return json.dumps({"schema": 1, "presets": found})
    width = max(map(len, found))
    return "\n".join(f"{name:{width}}  {text}" for name, text in found.items())


def as_toml(name: str) -> str:
    """Return a preset with all defaults written out."""
    return resolved_toml(load_fabric(name)).rstrip("\n")


def description(
    name: str,
    hosts: int | None,
    overrides: Sequence[str],
    topology: str | None,
    as_json: bool,
) -> str:
    """Return what a fabric consists of, for a number of hosts if no topology file decides."""
    fabric = load_fabrics([name], overrides, topology)[0]
    content = describe(fabric, hosts or hosts_of(fabric) or DEFAULT_HOSTS)
    if as_json:
        return json.dumps({"schema": 1, **content})
    return "\n".join(outline(_readable(content)))


def _readable(value: Any) -> Any:
    """Return nested values with times and rates as text in fitting units."""
    if isinstance(value, dict):
        return dict(_readable_item(key, item) for key, item in value.items())
    if isinstance(value, list):
        rows = [_readable(item) for item in value[:MOST_ROWS]]
        return rows + [f"and {len(value) - MOST_ROWS} more"] * (len(value) > MOST_ROWS)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else value


def _readable_item(key: str, value: Any) -> tuple[str, Any]:
    for suffix, unit in UNITS.items():
        if key.endswith(suffix):
            return key.removesuffix(suffix), amount(value, unit)
    if key.endswith("_ps"):
        return key.removesuffix("_ps"), duration(None if value is None else value / 1e12)
    return key, "-" if value is None else _readable(value)
