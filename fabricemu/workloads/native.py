"""The project's own trace file: HDF5, ``.ftr.h5``; ``jsonl`` is its mirror for people.

``/meta`` has the attributes; ``/rank_ptr``, ``/ops``, ``/deps``, ``/groups`` and ``/collectives``
have one integer dataset for each array of ``Program``; ``/names``, ``/jobs``, ``/notes`` and
``/source`` are JSON lists as bytes. ``dur_ps`` and ``t0_ps`` are in ps; a file with
``time_unit="ns"`` has ``dur_ns`` and ``t0_ns`` instead.
Bytes of a collective are as in ``Collectives.bytes``.
"""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fabricemu.errors import TraceError, nearest
from fabricemu.workloads.build import MAX_RANKS, ROW_FIELDS
from fabricemu.workloads.program import Collectives, Ints, Program, SendDone
from fabricemu.workloads.publish import publish

FORMAT, VERSION = "fabricemu-trace", 1
_OPS = {
    "kind": "kind",
    "stream": "stream",
    "duration_ps": "dur",
    "start_ps": "t0",
    "bytes": "bytes",
    "peer": "peer",
    "tag": "tag",
    "channel": "channel",
    "collective": "collective",
    "mode": "mode",
    "count": "count",
    "job": "job",
    "name": "name_id",
}
_SMALL_BYTES = 2048
_TIMES = ("duration_ps", "start_ps")
_UNITS_PS = {"ps": 1, "ns": 1000}
# Deflate cannot shrink data more than 1,032 times; what claims more is made of holes.
_MAX_RATIO, _SLACK_BYTES = 1100, 1 << 16


def write_native(program: Program, path: Path) -> None:
    """Write a program as HDF5; the same program gives the same bytes."""
    with publish(path) as temporary, h5py.File(temporary, "w", libver=("v108", "v108")) as file:
        meta = file.create_group("meta").attrs
        # Fixed-length text: the library may loop for ever in a damaged heap of the other kind.
        meta["format"], meta["time_unit"] = np.bytes_(FORMAT), np.bytes_("ps")
        meta["version"], meta["world_size"] = VERSION, program.n_ranks
        meta["send_done"] = np.bytes_(program.send_done.name.lower())
        meta["eager_bytes"] = program.eager_bytes
        for name, values in _datasets(program).items():
            _write(file, name, values)
        for name, texts in _text_datasets(program).items():
            _write(file, name, np.frombuffer(json.dumps(texts).encode(), np.uint8))


def _datasets(program: Program) -> dict[str, Ints]:
    """Return all integer datasets by path."""
    suffix = dict.fromkeys(_TIMES, "_ps")
    found = {
        f"ops/{short}{suffix.get(name, '')}": getattr(program, name) for name, short in _OPS.items()
    }
    rows = program.collectives
    return {
        "rank_ptr": program.rank_ptr,
        **found,
        "deps/ptr": program.dep_ptr,
        "deps/idx": program.dep_idx,
        "deps/is_start": program.dep_start,
        "groups/ptr": program.group_ptr,
        "groups/ranks": program.group_ranks,
        **{f"collectives/{name}": getattr(rows, name) for name in ROW_FIELDS},
    }


def _text_datasets(program: Program) -> dict[str, list[str]]:
    """Return the lists of texts by path, which are stored as the bytes of a JSON list."""
    return {
        "names": program.names,
        "jobs": program.jobs,
        "notes": program.notes,
        "source": [program.source],
    }


def _write(file: h5py.File, name: str, values: Ints) -> None:
    if values.nbytes < _SMALL_BYTES:  # the index of a chunked dataset is larger than that
        file.create_dataset(name, data=values)
        return
    file.create_dataset(
        name, data=values, chunks=True, compression="gzip", compression_opts=1, shuffle=True
    )


def read_native(path: Path) -> Program:
    """Return the program of an HDF5 trace; what is not one raises ``TraceError``."""
    try:
        with h5py.File(path, "r") as file:
            return _program(file, str(path))
    except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:
        raise TraceError(f"{path}: cannot be read as HDF5: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _program(file: h5py.File, name: str) -> Program:
    meta = _meta(file, name)
    unit, n_ranks = meta["time_unit"], meta["world_size"]
    scale = _UNITS_PS[unit]
    rank_ptr = _array(file, name, "rank_ptr", n_ranks + 1)
    n_ops = _pointers(name, "rank_ptr", rank_ptr)
    columns: dict[str, Any] = {}
    for column, short in _OPS.items():
        is_time = column in _TIMES
        values = _array(file, name, f"ops/{short}_{unit}" if is_time else f"ops/{short}", n_ops)
        columns[column] = _scaled(name, short, values, scale) if is_time else values
    dep_ptr = _array(file, name, "deps/ptr", n_ops + 1)
    n_deps = _pointers(name, "deps/ptr", dep_ptr)
    group_ptr = _array(file, name, "groups/ptr")
    n_members = _pointers(name, "groups/ptr", group_ptr)
    rows = [_array(file, name, f"collectives/{field}") for field in ROW_FIELDS]
    if len({len(column) for column in rows}) != 1:
        raise TraceError(f"{name}: the columns of /collectives differ in length")
    program = Program(
        n_ranks=n_ranks,
        rank_ptr=rank_ptr,
        dep_ptr=dep_ptr,
        dep_idx=_array(file, name, "deps/idx", n_deps),
        dep_start=_array(file, name, "deps/is_start", n_deps),
        group_ptr=group_ptr,
        group_ranks=_array(file, name, "groups/ranks", n_members),
        collectives=Collectives(*rows),
        send_done=meta["send_done"],
        eager_bytes=meta["eager_bytes"],
        jobs=_texts(file, name, "jobs"),
        names=_texts(file, name, "names"),
        source=(_texts(file, name, "source") or [name])[0],
        notes=_texts(file, name, "notes"),
        **columns,
    )
    _check_edges(program, name)
    return program


def _meta(file: h5py.File, name: str) -> dict[str, Any]:
    """Return the attributes of /meta, checked."""
    group = file.get("meta")
    attrs = _attributes(group) if isinstance(group, h5py.Group) else {}
    if attrs.get("format") != FORMAT:
        raise TraceError(f"{name}: /meta has no format={FORMAT!r}: not a trace of this project")
    if attrs.get("version") != VERSION:
        raise TraceError(f"{name}: version {attrs.get('version')}, expected {VERSION}")
    found = {
        "world_size": _whole(name, attrs, "world_size", 1, MAX_RANKS),
        "eager_bytes": _whole(name, attrs, "eager_bytes", 0, 2**62),
        "time_unit": _choice(name, attrs, "time_unit", list(_UNITS_PS)),
    }
    policies = {policy.name.lower(): policy for policy in SendDone}
    found["send_done"] = policies[_choice(name, attrs, "send_done", list(policies))]
    return found


def _attributes(group: h5py.Group) -> dict[str, Any]:
    """Return the single integers and fixed-length texts among the attributes."""
    found: dict[str, Any] = {}
    for key in ("format", "version", "time_unit", "world_size", "send_done", "eager_bytes"):
        kind = group.attrs.get_id(key) if key in group.attrs else None
        if kind is not None and kind.shape == () and kind.dtype.kind in "iuS":
            value = group.attrs[key]
            found[key] = value.decode("ascii") if isinstance(value, bytes) else value
    return found


def _whole(name: str, attrs: dict[str, Any], key: str, least: int, most: int) -> int:
    value = attrs.get(key)
    if not isinstance(value, int | np.integer) or not least <= value <= most:
        raise TraceError(f"{name}: {key} of /meta: expected {least}..{most}, got {value!r}")
    return int(value)


def _choice(name: str, attrs: dict[str, Any], key: str, choices: list[str]) -> str:
    value = str(attrs.get(key))
    if value not in choices:
        raise TraceError(
            f"{name}: {key} of /meta is {value!r} (fixed-length text); {nearest(value, choices)}"
        )
    return value


def _array(file: h5py.File, name: str, path: str, length: int | None = None) -> Ints:
    """Return a one-dimensional integer dataset as int64."""
    group, _, leaf = path.rpartition("/")
    parent = file.get(group) if group else file
    link = parent.get(leaf, getlink=True) if isinstance(parent, h5py.Group) else None
    if not isinstance(link, h5py.HardLink) or not isinstance(parent[leaf], h5py.Dataset):
        raise TraceError(f"{name}: dataset /{path} is missing")
    data = parent[leaf]
    if data.ndim != 1 or data.dtype.kind not in "iu" or data.is_virtual or data.external:
        raise TraceError(f"{name}: /{path}: expected one dimension of integers in the file itself")
    if length is not None and len(data) != length:
        raise TraceError(f"{name}: /{path} has {len(data)} values, expected {length}")
    if data.nbytes > _MAX_RATIO * data.id.get_storage_size() + _SLACK_BYTES:
        raise TraceError(f"{name}: /{path} claims {data.nbytes} bytes that are not stored")
    values = data[:]
    if data.dtype.kind == "u" and len(values) and values.max() > np.uint64(2**63 - 1):
        raise TraceError(f"{name}: /{path} has a value above 2^63 - 1")
    return np.ascontiguousarray(values, np.int64)


def _pointers(name: str, path: str, ptr: Ints) -> int:
    """Check that pointers start at 0 and never fall; return the last."""
    if not len(ptr) or ptr[0] != 0 or np.any(ptr[1:] < ptr[:-1]):
        raise TraceError(f"{name}: /{path} must start at 0 and never fall")
    return int(ptr[-1])


def _scaled(name: str, path: str, values: Ints, scale: int) -> Ints:
    if np.any(np.abs(values) > 2**62 // scale):
        raise TraceError(f"{name}: /ops/{path} has a time out of range")
    return values * scale


def _texts(file: h5py.File, name: str, path: str) -> list[str]:
    data = _array(file, name, path)
    if np.any((data < 0) | (data > 255)):
        raise TraceError(f"{name}: /{path} is not text")
    return _text_list(name, path, data.astype(np.uint8).tobytes().decode())


def _text_list(name: str, path: str, text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise TraceError(f"{name}: {path} is not a JSON list of texts")
    return found


def _check_edges(program: Program, name: str) -> None:
    """Check what the order of edges promises; ranges are left to ``check``."""
    if np.any((program.dep_start != 0) & (program.dep_start != 1)):
        raise TraceError(f"{name}: /deps/is_start has values other than 0 and 1")
    after = np.repeat(np.arange(program.n_ops), np.diff(program.dep_ptr))
    falls = (after[1:] == after[:-1]) & (program.dep_idx[1:] < program.dep_idx[:-1])
    if np.any(falls):
        raise TraceError(f"{name}: /deps/idx is not ascending within an operation")
