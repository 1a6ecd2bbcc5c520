"""A file for h5py that survives a full disk.

An error inside HDF5's own writes makes the interpreter die at exit, long after the exception
was handled (h5py issues 914 and 2160). So HDF5 never sees one: from the first failed write on,
writes go nowhere, and the error waits in ``error`` for whoever asked for the file.
"""

import os
from pathlib import Path


class GuardedFile:
    """What ``h5py.File`` needs of a Python file object, over a descriptor."""

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and return where to."""
        start = (0, self._position, os.fstat(self._descriptor).st_size)[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as there are bytes, and return how many there were."""
        data = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; h5py asks for the method when it opens the file."""
        data = os.pread(self._descriptor, size, self._position)
        self._position += len(data)
        return data

    def write(self, data: memoryview | bytes) -> int:
        """Write all of the data, or nothing once a write has failed."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while self.error is None and len(left):
                left = left[self._write_some(left) :]
        except OSError as error:
            self.error = error
        self._position += len(left) if self.error else 0
        return size

    def _write_some(self, data: memoryview) -> int:
        os.lseek(self._descriptor, self._position, os.SEEK_SET)
        written = os.write(self._descriptor, data)
        self._position += written
        return written

    def truncate(self, size: int) -> None:
        """Set the length of the file."""
        try:
            if self.error is None:
                os.ftruncate(self._descriptor, size)
        except OSError as error:
            self.error = error

    def flush(self) -> None:
        """Do nothing: every write goes to the system at once."""

    def check(self) -> None:
        """Raise what a write has met."""
        if self.error is not None:
            raise self.error

    def sync(self) -> None:
        """Make the content durable."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)
