"""Build a result file beside its name, make it durable, and rename it into place.

Whoever looks finds the old file, no file, or the whole new one. The same content gives the
same bytes.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fabricemu import __version__
from fabricemu.errors import OutputError
from fabricemu.results import schema
from fabricemu.results.guarded import GuardedFile
from fabricemu.results.seal import seal
from fabricemu.results.spill import storage, sync_folder

Columns = Mapping[str, NDArray[Any]]
Attributes = Mapping[str, str | int | float]
Manifest = dict[str, list[int | str]]

FILTERS = {"shuffle": True, "compression": "gzip", "compression_opts": 1}


def check_output(path: Path, force: bool = False) -> None:
    """Raise ``OutputError`` unless a file called ``path`` can be created; leave no trace.

    Parameters
    ----------
    path : Path
    force : bool
        Whether a file of that name may be replaced.
    """
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a folder; expected the name of a file")
    if os.path.lexists(path) and not force:
        raise OutputError(f"{path}: exists already; choose another name or --force")
    _remove_leftovers(path)
    probe = _temporary(path)
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{path}: cannot be created: {error.strerror}") from error


def publish(
    path: Path,
    tables: Mapping[str, Columns],
    labels: Mapping[str, Sequence[str]],
    attributes: Attributes,
    complete: bool = True,
) -> None:
    """Write a result file.

    Parameters
    ----------
    path : Path
        Replaced, if it is there.
    tables : mapping of table name to columns
        Tables and columns of ``schema.TABLES``; a table without rows is left out.
    labels : mapping
        Names of what ids count: ``job``, ``device``, ``mark``.
    attributes : mapping
        Of the file: configuration and provenance.
    complete : bool
        False for what was recovered from a run that was killed.

    Raises
    ------
    StorageError
        The disk is full or failed; nothing is left behind.
    """
    fixed: dict[str, str | int | float] = {
        "Conventions": "CF-1.11",
        "title": "Messages, links and devices of one emulated run",
        "source": f"fabricemu {__version__}",
        "fabricemu_schema": schema.VERSION,
        "complete": int(complete),
    }
    temporary = _temporary(path)
    with storage(path):
        try:
            _build(temporary, tables, labels, {**attributes, **fixed})
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def _build(
    temporary: Path,
    tables: Mapping[str, Columns],
    labels: Mapping[str, Sequence[str]],
    attributes: Attributes,
) -> None:
    with _guarded(temporary) as guarded:
        with h5py.File(guarded, "w", libver=("v108", "v108")) as file:
            for name, value in sorted(attributes.items()):
                file.attrs[name] = value
            manifest: Manifest = {"@attributes": [len(attributes), attributes_digest(attributes)]}
            for name in sorted(tables):
                manifest |= _write_table(file, schema.TABLES[name], tables[name], guarded)
            for name in sorted(labels):
                manifest |= _write_labels(file, name, labels[name], guarded)
            file.create_group("manifest").attrs["sha256"] = json.dumps(manifest, sort_keys=True)
        guarded.check()
        guarded.seek(0, os.SEEK_END)
        guarded.write(seal(temporary))
        guarded.check()
        guarded.sync()


@contextlib.contextmanager
def _guarded(path: Path) -> Iterator[GuardedFile]:
    guarded = GuardedFile(path)
    try:
        yield guarded
    finally:
        guarded.close()


def _write_table(
    file: h5py.File, table: schema.Table, columns: Columns, guarded: GuardedFile
) -> Manifest:
    index = columns[table.index.name]
    manifest: Manifest = {}
    if not len(index):
        return manifest
    group = file.create_group(table.name)
    group.attrs.update({"NX_class": "NXdata", "axes": table.index.name})
    scales = [table.index.name] + (["time_ps"] if _has_series(table, columns) else [])
    rest = [name for name in columns if name not in scales and columns[name].size]
    for name in [*scales, *rest]:
        data = columns[name]
        dataset = _write_column(group, table.column(name), data, name in scales)
        manifest[dataset.name] = [len(data), column_digest(dataset.dtype, data)]
        for axis in range(data.ndim if name in rest else 0):
            scale = scales[0] if axis == data.ndim - 1 else scales[1]
            dataset.dims[axis].attach_scale(group[scale])
        guarded.check()
    return manifest


def _has_series(table: schema.Table, columns: Columns) -> bool:
    return table.series is not None and len(columns.get("time_ps", ())) > 0


def _write_column(
    group: h5py.Group, column: schema.Column, data: NDArray[Any], is_scale: bool
) -> h5py.Dataset:
    """Write one dataset; a scale has no fill value, for CF knows no missing coordinate."""
    dtype = np.dtype(column.dtype).newbyteorder("<")
    dataset = group.create_dataset(
        column.name,
        data=np.asarray(data, dtype),
        chunks=_chunks(data.shape),
        fletcher32=True,
        fillvalue=column.fill,
        **FILTERS,
    )
    dataset.attrs["units"] = column.units
    dataset.attrs["long_name"] = column.long_name
    if column.flags:
        dataset.attrs["flag_values"] = np.arange(len(column.flags), dtype=np.int8)
        dataset.attrs["flag_meanings"] = " ".join(column.flags)
    if is_scale:
        dataset.make_scale(column.name)
    else:
        dataset.attrs["_FillValue"] = dtype.type(column.fill)
    return dataset


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return chunks of at most ``CHUNK_ROWS`` values, whole rows first."""
    last = min(shape[-1], schema.CHUNK_ROWS)
    return (*(min(n, schema.CHUNK_ROWS // last) for n in shape[:-1]), last)


def _write_labels(
    file: h5py.File, name: str, texts: Sequence[str], guarded: GuardedFile
) -> Manifest:
    """Write names as variable-length strings: HDF5 allows no checksum on those."""
    if not len(texts):
        return {}
    group = file.create_group(f"labels/{name}")
    column = schema.Column(name, schema.INT32, "1", f"index of a {name}")
    scale = _write_column(group, column, np.arange(len(texts)), True)
    dataset = group.create_dataset(
        "name",
        data=list(texts),
        dtype=h5py.string_dtype(),
        chunks=_chunks((len(texts),)),
        **FILTERS,
    )
    dataset.attrs["long_name"] = f"name of the {name}"
    dataset.dims[0].attach_scale(scale)
    guarded.check()
    return {dataset.name: [len(texts), labels_digest(texts)]}


def column_digest(dtype: np.dtype, data: NDArray[Any]) -> str:
    """Return the sha256 of the little-endian values."""
    values = np.ascontiguousarray(data, dtype=dtype.newbyteorder("<"))
    return hashlib.sha256(values.data).hexdigest()


def labels_digest(texts: Sequence[str]) -> str:
    """Return the sha256 of the names as a JSON list."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()


def attributes_digest(attributes: Attributes) -> str:
    """Return the sha256 of the attributes as JSON, sorted by name."""
    return hashlib.sha256(json.dumps(dict(attributes), sort_keys=True).encode()).hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _remove_leftovers(path: Path) -> None:
    """Remove what dead processes left beside ``path``."""
    prefix = f".{path.name}."
    with contextlib.suppress(OSError):
        for left in path.parent.iterdir():
            pid = left.name.removeprefix(prefix).removesuffix(".tmp")
            if left.name == f"{prefix}{pid}.tmp" and pid.isdecimal() and not _alive(int(pid)):
                left.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
