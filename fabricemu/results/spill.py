"""Columns on disk while a run goes on: one append-only file a column and a note beside them.

What was there at the last checkpoint survives the death of the process: the note
(``spill.json``) names the rows that are whole and is replaced by a rename, after the columns
were synced.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.errors import ResultError, StorageError

NOTE = "spill.json"


def spill_folder(output: Path) -> Path:
    """Return the folder in which a run that writes ``output`` keeps its parts."""
    return output.with_name(f".{output.name}.parts")


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn an I/O error into a ``StorageError`` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error


def write_all(descriptor: int, data: memoryview) -> None:
    """Write all of ``data``, however often the system takes only a part."""
    while len(data):
        data = data[os.write(descriptor, data) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Spill:
    """Columns that grow on disk.

    Parameters
    ----------
    folder : Path
        Made anew; an older one of that name is removed.
    types : mapping of column name to dtype
    note : mapping
        Kept in ``spill.json`` for whoever recovers the parts; must be JSON.
    """

    def __init__(
        self, folder: Path, types: Mapping[str, np.dtype], note: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        self.types = dict(types)
        self.note = dict(note)
        self.rows = 0
        self._files: dict[str, int] = {}
        with self._guard():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            for name in self.types:
                self._files[name] = os.open(folder / f"{name}.bin", flags, 0o644)
        self.checkpoint()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Remove everything when the storage fails: nothing half is left behind."""
        try:
            with storage(self.folder):
                yield
        except StorageError:
            self.remove()
            raise

    def append(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Append rows, one array a column, all of one length."""
        number = len(next(iter(rows.values())))
        with self._guard():
            for name, dtype in self.types.items():
                column = np.ascontiguousarray(rows[name], dtype=dtype.newbyteorder("<"))
                write_all(self._files[name], column.data.cast("B"))
        self.rows += number

    def checkpoint(self, **note: Any) -> None:
        """Make all rows so far durable; ``note`` updates what is kept beside them."""
        self.note.update(note)
        types = {name: dtype.str for name, dtype in self.types.items()}
        text = json.dumps({"rows": self.rows, "types": types, "note": self.note})
        with self._guard():
            for descriptor in self._files.values():
                os.fsync(descriptor)
            _replace(self.folder / NOTE, text)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return all rows so far as read-only maps of the files."""
        with storage(self.folder):
            return {n: _map(self.folder, n, t, self.rows) for n, t in self.types.items()}

    def close(self) -> None:
        """Close the files; the parts stay."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def remove(self) -> None:
        """Close the files and remove the folder."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def read_spill(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the columns of a killed run as of its last checkpoint, and its note."""
    try:
        state = json.loads((folder / NOTE).read_text())
        rows, types, note = int(state["rows"]), dict(state["types"]), dict(state["note"])
        columns = {n: _map(folder, n, np.dtype(t), rows) for n, t in types.items()}
    except FileNotFoundError as error:
        raise ResultError(f"{error.filename}: not there: no parts of a killed run") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{folder}: damaged parts of a killed run ({error})") from error
    return columns, note


def _map(folder: Path, name: str, dtype: np.dtype, rows: int) -> NDArray[Any]:
    if not rows:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    return np.memmap(folder / f"{name}.bin", dtype, mode="r", shape=(rows,))


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_all(descriptor, memoryview(text.encode()))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(fresh, path)
    sync_folder(path.parent)
