"""The tables of a result file: every column with its type, unit, meaning and fill value.

``docs/format.md`` says the same in words. A reader accepts files of the same major version and
ignores what it does not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fabricemu.workloads.program import Algorithm, Collective, Op

VERSION = "1.2"
CHUNK_ROWS = 65536
MISSING = -1  # fill value of integers; NaN is that of floats

INT32 = "int32"
INT64 = "int64"
INT8 = "int8"
FLOAT64 = "float64"

WAYS = ("nic", "scale_up", "self")
KINDS = ("host", "switch", "leaf", "element", "scale_up")


@dataclass(frozen=True)
class Column:
    """One dataset; ``flags`` are the meanings of 0, 1, 2, ... where the column is a state."""

    name: str
    dtype: str
    units: str
    long_name: str
    flags: tuple[str, ...] = ()

    @property
    def fill(self) -> int | float:
        """Value that stands for a missing one."""
        return float("nan") if self.dtype == FLOAT64 else MISSING


@dataclass(frozen=True)
class Series:
    """Columns over time: two dimensions, ``time`` and the index of their table."""

    time: Column
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Table:
    """One group; ``index`` is its dimension scale."""

    name: str
    index: Column
    columns: tuple[Column, ...]
    series: Series | None = None

    def column(self, name: str) -> Column:
        """Return the column called ``name``; an unknown one is a plain counter."""
        over_time = (self.series.time, *self.series.columns) if self.series else ()
        known = {c.name: c for c in (self.index, *self.columns, *over_time)}
        return known.get(name) or counter(name)


def counter(name: str) -> Column:
    """Return a column for a named counter, with the unit that its name ends in."""
    units = {"ps": "ps", "bytes": "byte"}.get(name.rsplit("_", 1)[-1], "1")
    return Column(name, INT64, units, name.replace("_", " "))


def _id(name: str, text: str) -> Column:
    return Column(name, INT32, "1", text)


def _count(name: str, text: str) -> Column:
    return Column(name, INT64, "1", text)


def _size(name: str, text: str) -> Column:
    return Column(name, INT64, "byte", text)


def _time(name: str, text: str) -> Column:
    return Column(name, INT64, "ps", text)


def _real(name: str, units: str, text: str) -> Column:
    return Column(name, FLOAT64, units, text)


def _state(name: str, text: str, flags: tuple[str, ...]) -> Column:
    return Column(name, INT8, "1", text, flags)


def _names(enum: type[Op] | type[Collective] | type[Algorithm]) -> tuple[str, ...]:
    return tuple(member.name.lower() for member in enum)


# The parts of delivered_ps - created_ps, which they sum to exactly.
PARTS = (
    _time("serialisation_ps", "time on wires: the message's packets at the NIC, then one per link"),
    _time("propagation_ps", "latencies of cables and pipelines on the way"),
    _time("host_wait_ps", "wait in the sending NIC: other queue pairs, window, rate, credit"),
    _time("retransmission_ps", "wait in the sending NIC since the last packet was first sent"),
    _time("pause_ps", "wait in the sending NIC and in packet switches while paused"),
    _time("voq_wait_ps", "wait behind other packets of the virtual output queue"),
    _time("credit_wait_ps", "wait at the head of the virtual output queue for credit"),
    _time("cell_queue_ps", "wait of the last cell in lanes and fabric elements"),
    _time("reorder_wait_ps", "wait for earlier cells at reassembly"),
    _time("queue_ps", "other wait in packet switches and the egress port"),
)

MESSAGES = Table(
    "messages",
    _count("message", "number of the message in the program"),
    (
        _id("job", "index into /labels/job"),
        _id("collective", "index into /collectives; missing for a plain message"),
        _id("part", "part of the collective's buffer"),
        _id("step", "step of the collective"),
        _id("src", "sending rank"),
        _id("dst", "receiving rank"),
        _state("way", "how the message left its rank", WAYS),
        _id("rail", "NIC port; missing where no NIC was used"),
        _size("bytes", "payload"),
        _count("packets", "packets of the message"),
        _count("retransmits", "packets sent again"),
        _count("out_of_order", "largest distance of a packet that arrived ahead of its turn"),
        _count("ecn_marks", "packets that arrived marked"),
        _count("trims", "packets that arrived as a header only"),
        _time("created_ps", "posted by the program"),
        _time("first_byte_ps", "first packet on the wire"),
        _time("delivered_ps", "last byte at the receiver"),
        _time("acked_ps", "last acknowledgement at the sender"),
        _time("ideal_ps", "time to deliver in the empty network"),
        _real("slowdown", "1", "time to deliver over the ideal one"),
        *PARTS,
    ),
)

COLLECTIVES = Table(
    "collectives",
    _id("instance", "number of the collective in the program"),
    (
        _id("job", "index into /labels/job"),
        _state("kind", "what it computes", _names(Collective)),
        _state("algorithm", "how it moves its data", _names(Algorithm)),
        _id("group", "group of ranks"),
        _id("ranks", "ranks in the group"),
        _size("bytes", "full buffer of a rank"),
        _id("channels", "channels"),
        _id("chunks", "chunks of a channel"),
        _time("start_ps", "first rank began"),
        _time("finish_ps", "last rank finished"),
        _real("algbw_bps", "bit s-1", "algorithm bandwidth: buffer over duration"),
        _real(
            "busbw_bps", "bit s-1", "bus bandwidth: algorithm bandwidth times the traffic factor"
        ),
    ),
)

JOBS = Table(
    "jobs",
    _id("job", "index into /labels/job"),
    (
        _count("operations", "operations of the job"),
        _time("start_ps", "first operation began"),
        _time("finish_ps", "last operation finished"),
        _time("jct_ps", "job completion time: finish less start"),
    ),
)

MARKS = Table(
    "marks",
    _count("operation", "number of the operation in the program"),
    (
        _id("rank", "rank that passed the mark"),
        _id("job", "index into /labels/job"),
        _id("name", "index into /labels/mark"),
        _time("time_ps", "when it was passed"),
    ),
)

LINKS = Table(
    "links",
    _id("link", "number of the sending port"),
    (
        _id("src_device", "index into /labels/device"),
        _id("dst_device", "index into /labels/device"),
        _real("rate_bps", "bit s-1", "rate"),
        _time("latency_ps", "cable and fixed pipelines"),
        _size("bytes", "wire bytes sent"),
        _count("packets", "packets or cells sent"),
        _count("drops", "packets dropped before the link"),
        _count("ecn_marks", "packets marked before the link"),
        _count("trims", "packets trimmed before the link"),
        _count("lost", "packets lost on the link"),
        _time("pause_ps", "time for which the link was paused, summed over its classes"),
        _size("peak_bytes", "largest waiting bytes"),
        _real("utilisation", "1", "share of the run in which the link was busy"),
    ),
    Series(
        _time("time_ps", "start of the bin"),
        (
            _size("series_bytes", "wire bytes whose transmission started in the bin"),
            _size("series_peak_bytes", "largest waiting bytes in the bin"),
            _count("series_ecn_marks", "packets marked in the bin"),
            _time("series_pause_ps", "time paused in the bin, summed over the classes"),
        ),
    ),
)

PAUSES = Table(
    "pauses",
    _count("pause", "number of the interval, in the order of their starts"),
    (
        _id("link", "link that was paused"),
        _id("traffic_class", "data class that was paused"),
        _time("start_ps", "pause took effect"),
        _time("end_ps", "resumed; missing where the run ended before"),
    ),
)

QUEUE_PAIRS = Table(
    "qps",
    _id("qp", "number of the queue pair"),
    (
        _id("src", "sending rank"),
        _id("dst", "receiving rank"),
        _id("channel", "channel of the connection"),
    ),
    Series(
        _time("time_ps", "when the sample was taken"),
        (
            _real("rate_bps", "bit s-1", "rate of congestion control; missing where it sets none"),
            _real("window_bytes", "byte", "window of congestion control; likewise"),
            _id("entropy", "entropy of the packet sent last; missing before the first"),
        ),
    ),
)

DEVICES = Table(
    "devices",
    _id("device", "index into /labels/device"),
    (
        _state("kind", "what the device is", KINDS),
        _id("first_link", "first of its links"),
        _id("ports", "number of its ports"),
    ),
)

LEAVES = Table(
    "leaves",
    _id("leaf", "number of the leaf in the scheduled fabric"),
    (
        _id("device", "index into /labels/device"),
        _real("cells_per_packet", "1", "cells, or trains, over the packets that were cut"),
        _real("cell_tax", "1", "bytes of cells over the frame bytes in them"),
        _real("credit_wait_mean_ps", "ps", "mean wait of packets at the heads of queues"),
    ),
    Series(
        _time("time_ps", "start of the bin"),
        (
            _size("held_peak_bytes", "largest sum of data that waited in all queues"),
            _size("voq_peak_bytes", "largest virtual output queue when a packet entered"),
            _time("voq_age_peak_ps", "longest wait of a packet that left its queue"),
            _size("balance_peak_bytes", "largest sum of credit that queues kept"),
            _count("reorder_peak_cells", "largest distance of a cell from the next expected"),
            _count("contexts_peak", "largest number of streams with a cell missing"),
            _count("requests", "requests for credit sent, renewals too"),
            _count("renewals", "requests that were said again"),
            _count("credits", "credits granted"),
            _count("excess", "credits of which a part was too much"),
            _count("blocked", "ticks of schedulers at which the egress port was too full"),
            _count("rci_ticks", "ticks at a level of congestion above 0"),
            _count("rci_level_ticks", "the same, each times its level"),
            _count("voq_packets", "packets that left their queue"),
            _time("credit_wait_ps", "their waits at the heads of the queues, summed"),
            _count("cut_packets", "packets that were cut into cells"),
            _size("cut_bytes", "frame bytes of these"),
            _count("cells", "cells, or trains, cut"),
            _size("cell_bytes", "bytes of these"),
            _count("unreached", "cells for which no lane led to their leaf"),
            _count("late", "cells that came after they had been given up"),
            _count("refused", "cells that found no context for reassembly"),
            _count("incomplete", "packets that lost a cell"),
            _size("deep_bytes", "frame bytes that found the on-chip memory full"),
        ),
    ),
)

LANE_QUEUES = Table(
    "lane_queues",
    _size("lower_bytes", "smallest number of waiting bytes that falls into the bucket"),
    (
        _size("upper_bytes", "largest such number"),
        _time("leaf_ps", "time of lanes out of leaves at such a depth, as sampled"),
        _time("element_ps", "time of lanes out of fabric elements at such a depth"),
    ),
)

HISTOGRAMS = Table(
    "histograms",
    _time("lower_ps", "smallest time that falls into the bucket"),
    (
        _time("width_ps", "width of the bucket"),
        _count("fct", "messages acknowledged after such a time"),
        _count("delivered", "messages delivered after such a time"),
    ),
)

TABLES = {
    table.name: table
    for table in (
        MESSAGES,
        COLLECTIVES,
        JOBS,
        MARKS,
        LINKS,
        PAUSES,
        QUEUE_PAIRS,
        DEVICES,
        LEAVES,
        LANE_QUEUES,
        HISTOGRAMS,
    )
}
LABELS = ("job", "device", "mark")


def message_types() -> Mapping[str, np.dtype]:
    """Return the type of every message column, the index first."""
    columns = (MESSAGES.index, *MESSAGES.columns)
    return {column.name: np.dtype(column.dtype) for column in columns}
