"""From names and options of a command line to fabrics."""

import json
from collections.abc import Sequence
from itertools import chain

from fabricemu.errors import ConfigError
from fabricemu.spec import problems
from fabricemu.spec.congestion import CONTROL_TABLES
from fabricemu.spec.fabric import KINDS, FabricSpec
from fabricemu.spec.presets import check_key, load_fabric

CONTROL = "congestion.control"
TOPOLOGY = "clos.topology"


def load_fabrics(
    names: Sequence[str], overrides: Sequence[str] = (), topology: str | None = None
) -> list[FabricSpec]:
    """Return the fabrics, each with those of the overrides that are for it.

    An override of what only some of the fabrics have is for these. ``topology`` is the file of
    ``--topo``, for all that are a Clos.

    Raises
    ------
    ConfigError
        If an override is for none of the fabrics, or two of them have one name.
    """
    plain = [load_fabric(name) for name in names]
    if topology is not None:
        overrides = [*overrides, _wiring(topology, overrides, plain)]
    known = [problems.paths(KINDS[fabric.kind]) for fabric in plain]
    for text in overrides:
        check_key(text, list(dict.fromkeys(chain(*known))))
    own = [_own(fabric, keys, overrides) for fabric, keys in zip(plain, known, strict=True)]
    homeless = set(overrides).difference(*own)  # tables of controls that none has
    fabrics = [
        load_fabric(name, [text for text in overrides if text in texts or text in homeless])
        for name, texts in zip(names, own, strict=True)
    ]
    found = [fabric.name for fabric in fabrics]
    for name in found:
        if found.count(name) > 1:
            raise ConfigError(f"two fabrics are called {name!r}; set their 'name' apart")
    return fabrics


def _wiring(topology: str, overrides: Sequence[str], fabrics: Sequence[FabricSpec]) -> str:
    """Return the override that ``--topo`` stands for."""
    if all(fabric.kind != "clos" for fabric in fabrics):
        raise ConfigError(f"--topo {topology}: wires a Clos, and no fabric here is one")
    if TOPOLOGY in map(_key, overrides):
        raise ConfigError(f"--topo and --set {TOPOLOGY} exclude each other")
    return f"{TOPOLOGY}={json.dumps(topology, ensure_ascii=False)}"


def _key(override: str) -> str:
    return override.partition("=")[0].strip()


def _own(fabric: FabricSpec, keys: Sequence[str], overrides: Sequence[str]) -> set[str]:
    """Return the overrides of what a fabric has: of controls only the tables of its own."""
    chosen = [text.partition("=")[2].strip(" \"'") for text in overrides if _key(text) == CONTROL]
    control = chosen[-1] if chosen else fabric.congestion.control
    idle = {f"congestion.{name}" for name in CONTROL_TABLES if name not in control.split("+")}
    had = {key for key in keys if key.rpartition(".")[0] not in idle}
    return {text for text in overrides if _key(text) in had}
