"""The messages of a run: counted exactly, kept on disk, whole or as a seeded sample.

Nothing here depends on the order in which messages arrive or on how they are cut into
chunks: the same messages give the same file.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricemu.results import schema
from fabricemu.results.histogram import Histogram, lower_edge, width
from fabricemu.results.outcome import Outcome
from fabricemu.results.spill import Spill

Rows = Mapping[str, NDArray[Any]]
Words = NDArray[np.uint64]

DEFAULT_LIMIT = 1_000_000
CHECKPOINT_ROWS = 1 << 18
TIMES = {"fct": "acked_ps", "delivered": "delivered_ps"}


def mix64(words: Words) -> Words:
    """Return the splitmix64 finaliser of each word (Steele, Lea, Flood 2014, OOPSLA)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def fingerprint(rows: Rows) -> int:
    """Return the sum modulo 2^64 of a hash of each message's number and times."""
    word = np.zeros(len(rows["message"]), np.uint64)
    for name in ("message", "created_ps", "delivered_ps", "acked_ps"):
        word = mix64(word ^ np.asarray(rows[name]).astype(np.int64).view(np.uint64))
    return int(word.sum(dtype=np.uint64))


def combine(messages: str, outcome: Outcome) -> str:
    """Return a run's fingerprint: that of its messages and of every device's counters."""
    columns = [outcome.link_bytes, outcome.link_packets, outcome.link_drops]
    columns += [outcome.link_peak_bytes, outcome.link_marks, outcome.link_trims]
    columns += [outcome.link_lost, outcome.pause_ps.ravel(), *outcome.device.values()]
    word = mix64(np.array([int(messages, 16)], np.uint64))
    for column in columns:
        place = mix64(np.arange(len(column), dtype=np.uint64))
        values = mix64(place ^ column.astype(np.int64).view(np.uint64))
        word = mix64(word ^ values.sum(dtype=np.uint64))
    return f"{int(word[0]):016x}"


class MessageLog:
    """What is known of all messages, and the rows of all or of a sample of them.

    Parameters
    ----------
    folder : Path
        Where the rows are kept during the run.
    total_messages : int
        Messages that the run will deliver; more than ``limit`` of them are sampled.
    limit : int
        Rows kept; about so many where a sample is taken.
    seed : int
        Of the sample; every message is kept or not by a hash of (seed, message).
    note : mapping
        Kept beside the rows for whoever recovers them.
    """

    def __init__(
        self,
        folder: Path,
        total_messages: int,
        limit: int = DEFAULT_LIMIT,
        seed: int = 0,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        self.complete = total_messages <= limit
        self._threshold = np.uint64((limit << 64) // max(total_messages, limit + 1))
        self._salt = mix64(np.array([seed & (2**64 - 1)], np.uint64))
        self.times = {name: Histogram() for name in TIMES}
        self.count = 0
        self.bytes = 0
        self.retransmits = 0
        self._fingerprint = 0
        self._unsaved = 0
        self._spill = Spill(folder, schema.message_types(), note or {})

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits over number and times of every message."""
        return f"{self._fingerprint:016x}"

    @property
    def folder(self) -> Path:
        """Where the rows are."""
        return self._spill.folder

    def add(self, rows: Rows) -> None:
        """Take finished messages.

        Parameters
        ----------
        rows : mapping of column name to (n,) array
            The columns of ``schema.MESSAGES``, its index included.
        """
        self.count += len(rows["message"])
        self.bytes += int(rows["bytes"].sum())
        self.retransmits += int(rows["retransmits"].sum())
        self._fingerprint = (self._fingerprint + fingerprint(rows)) % 2**64
        for name, end in TIMES.items():
            self.times[name].add(np.asarray(rows[end] - rows["created_ps"], np.int64))
        self._keep(rows)

    def _keep(self, rows: Rows) -> None:
        if not self.complete:
            kept = self._sampled(np.asarray(rows["message"], np.int64))
            rows = {name: column[kept] for name, column in rows.items()}
        number = len(rows["message"])
        if number:
            self._spill.append(rows)
            self._unsaved += number
        if self._unsaved >= CHECKPOINT_ROWS:
            self.checkpoint()

    def _sampled(self, message: NDArray[np.int64]) -> NDArray[np.bool_]:
        return mix64(message.view(np.uint64) ^ self._salt) < self._threshold

    def checkpoint(self, **note: Any) -> None:
        """Make the rows so far survive the process."""
        self._spill.checkpoint(**note)
        self._unsaved = 0

    def columns(self) -> "SortedColumns":
        """Return the kept rows in the order of ``message``, one column at a time."""
        return SortedColumns(self._spill.columns())

    def quantiles(self, name: str, shares: Sequence[float]) -> list[int]:
        """Return quantiles of ``fct`` or ``delivered`` times, in ps.

        The smallest time that at least that share of the messages does not exceed: exact
        where all rows were kept, else within 0.4 per cent.
        """
        if not self.count:
            return []
        if not self.complete:
            return self.times[name].quantiles(shares)
        columns = self._spill.columns()
        times = columns[TIMES[name]] - columns["created_ps"]
        return [int(q) for q in np.quantile(times, shares, method="inverted_cdf")]

    def histograms(self) -> dict[str, NDArray[np.int64]]:
        """Return the columns of ``schema.HISTOGRAMS`` for the buckets in use."""
        counts = {name: histogram.counts for name, histogram in self.times.items()}
        used = np.flatnonzero(np.any(list(counts.values()), axis=0)).astype(np.int64)
        edges = {"lower_ps": lower_edge(used), "width_ps": width(used)}
        return edges | {name: column[used] for name, column in counts.items()}

    def remove(self) -> None:
        """Remove the rows from the disk."""
        self._spill.remove()


class SortedColumns(Mapping[str, NDArray[Any]]):
    """Columns in the order of ``message``; each is read when it is asked for."""

    def __init__(self, columns: Rows) -> None:
        self._columns = columns
        self._order = np.argsort(columns["message"], kind="stable")

    def __getitem__(self, name: str) -> NDArray[Any]:
        return np.asarray(self._columns[name])[self._order]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
