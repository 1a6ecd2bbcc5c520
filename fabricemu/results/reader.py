"""Read a result file, trusting nothing in it.

The seal is checked before the HDF5 library sees the file. Then only the tables of the schema
are read, and only plain datasets: no links but hard ones, no external or virtual storage, no
filters but ours, no sizes that the file cannot hold.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from fabricemu.errors import ResultError
from fabricemu.results import careful, schema
from fabricemu.results.log import SortedColumns
from fabricemu.results.seal import is_sound
from fabricemu.results.spill import read_spill
from fabricemu.results.writer import (
    attributes_digest,
    column_digest,
    labels_digest,
    publish,
)

DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, AttributeError)


@dataclass(frozen=True)
class Result:
    """A result file in memory.

    Attributes
    ----------
    path : Path
    tables : dict of table name to dict of column name to array
        Tables without rows are absent.
    labels : dict of str to list of str
        Names of jobs, devices and marks.
    attributes : dict
        Configuration and provenance.
    """

    path: Path
    tables: dict[str, dict[str, NDArray[Any]]]
    labels: dict[str, list[str]]
    attributes: dict[str, Any]

    @classmethod
    def open(cls, path: Path | str, tables: Collection[str] | None = None) -> "Result":
        """Read a file, or only some of its tables.

        Raises
        ------
        ResultError
            It is not there, not a result, damaged, or holds what no result holds.
        """
        path = Path(path)
        wanted = schema.TABLES if tables is None else tables
        with _opened(path) as file:
            read = {name: _table(file, name) for name in wanted if name in file}
            labels = {name: _labels(file, name) for name in schema.LABELS}
            return cls(path, read, labels, careful.attributes(file))

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return bool(self.attributes.get("complete", 0))


def verify(path: Path | str) -> dict[str, int]:
    """Compare every column with the hash that was taken when it was written.

    Returns
    -------
    dict of str to int
        Rows of each table.
    """
    result = Result.open(path)
    with _opened(result.path) as file:
        manifest = json.loads(careful.member(file, "manifest", h5py.Group).attrs["sha256"])
    found = {"@attributes": attributes_digest(result.attributes)}
    for table, columns in result.tables.items():
        for name, data in columns.items():
            found[f"/{table}/{name}"] = column_digest(data.dtype, data)
    for name, texts in result.labels.items():
        if texts:
            found[f"/labels/{name}/name"] = labels_digest(texts)
    expected = {name: entry[1] for name, entry in manifest.items()}
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise ResultError(f"{result.path}: {name} is not what was written (manifest differs)")
    return {name: len(columns[_index(name)]) for name, columns in result.tables.items()}


def recover(folder: Path, path: Path) -> int:
    """Write the messages of a killed run, as of its last checkpoint; the parts stay.

    The note beside the parts may hold ``attributes`` and ``labels`` of the run.

    Returns
    -------
    int
        Number of messages.
    """
    columns, note = read_spill(folder)
    rows = SortedColumns(columns)
    labels = note.get("labels", {})
    publish(path, {"messages": rows}, labels, note.get("attributes", {}), complete=False)
    return len(rows["message"])


def _index(table: str) -> str:
    return schema.TABLES[table].index.name


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a file of a known schema; whatever goes wrong inside is one ``ResultError``."""
    try:
        if is_sound(path) is False:
            raise ResultError(f"{path}: damaged: its content does not match its seal")
        with h5py.File(path, "r") as file:
            _check_schema(path, file)
            yield file
    except FileNotFoundError as error:
        raise ResultError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise ResultError(f"{path}: is a folder; expected a result file") from error
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResultError(f"{path}: not a readable result file ({reason})") from error


def _check_schema(path: Path, file: h5py.File) -> None:
    version = file.attrs.get("fabricemu_schema")
    if not isinstance(version, str):
        raise ResultError(f"{path}: HDF5, but not a result of fabricemu")
    if version.split(".")[0] != schema.VERSION.split(".")[0]:
        raise ResultError(f"{path}: schema {version}; this version reads {schema.VERSION}")


def _table(file: h5py.File, name: str) -> dict[str, NDArray[Any]]:
    """Return all columns of a table, each as long as the index."""
    group = careful.member(file, name, h5py.Group)
    columns = {column: careful.numbers(group, column) for column in sorted(group)}
    rows = len(columns[_index(name)])
    for column, data in columns.items():
        if column != "time_ps" and data.shape[-1] != rows:
            raise ValueError(f"/{name}/{column} has {data.shape[-1]} rows, expected {rows}")
    return columns


def _labels(file: h5py.File, name: str) -> list[str]:
    if "labels" not in file:
        return []
    labels = careful.member(file, "labels", h5py.Group)
    if name not in labels:
        return []
    return careful.strings(careful.member(labels, name, h5py.Group), "name")
