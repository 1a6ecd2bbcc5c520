"""Where a result comes from, as attributes of its file."""

import hashlib
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("numpy", "numba", "llvmlite", "h5py")


def provenance(
    config: str,
    trace: str,
    trace_sha256: str,
    seed: int,
    command: str = "",
    reproducible: bool = False,
) -> dict[str, str | int | float]:
    """Return the attributes that say what was run.

    Parameters
    ----------
    config : str
        The resolved configuration, all defaults filled in.
    trace, trace_sha256 : str
        Name or URI of the trace, and the hash of its content.
    seed : int
    command : str
        The command line.
    reproducible : bool
        Leave out what differs between two runs of the same: date, command, machine, versions.
    """
    fixed: dict[str, str | int | float] = {
        "config": config,
        "config_sha256": hashlib.sha256(config.encode()).hexdigest(),
        "trace": trace,
        "trace_sha256": trace_sha256,
        "seed": seed,
    }
    if reproducible:
        return fixed
    return fixed | {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": _text(_versions()),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "byteorder": sys.byteorder}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _text(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())
