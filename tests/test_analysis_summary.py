"""A run in numbers, from memory and from its file."""

from dataclasses import fields, replace

import numpy as np
import pytest

from fabricemu.analysis import summary
from fabricemu.analysis.compare import check_comparable, compare
from fabricemu.errors import ResultError
from fabricemu.fabrics.network import Kind, Network
from fabricemu.results import schema
from fabricemu.results.log import MessageLog, combine
from fabricemu.results.outcome import Outcome
from fabricemu.results.reader import Result, verify
from fabricemu.results.tables import build_labels, build_tables, links, traffic_factor
from fabricemu.results.writer import publish
from fabricemu.workloads.build import ProgramBuilder
from fabricemu.workloads.program import Algorithm, Collective

GBPS = 10**9


def ints(*values):
    return np.array(values, np.int64)


def star():
    """Return two hosts on one switch."""
    zero = np.zeros(3, np.int64)
    return Network(
        n_ranks=2,
        nic_ports=1,
        scale_up=1,
        kind=ints(Kind.HOST, Kind.HOST, Kind.SWITCH),
        port_ptr=ints(0, 1, 2, 4),
        peer=ints(2, 3, 0, 1),
        rate_bps=ints(*[100 * GBPS] * 4),
        latency_ps=ints(*[1000] * 4),
        queue_bytes=ints(*[-1] * 4),
        lo=zero,
        hi=ints(0, 0, 2),
        div=ints(1, 1, 1),
        bundle=ints(1, 1, 1),
        up_first=zero,
        up_count=zero,
        choice=zero,
        names=["host 0", "host 1", "switch"],
    )


def program():
    builder = ProgramBuilder(2)
    row = builder.collective(
        Collective.ALL_REDUCE, Algorithm.RING, builder.group([0, 1]), 1_000_000
    )
    for rank in range(2):
        builder.mark(rank, "end", after=builder.coll(rank, row))
    return builder.build()


def outcome():
    sent = ints(4000, 8000, 8000, 4000)
    return Outcome(
        end_ps=2_000_000,
        op_start_ps=ints(0, 1_800_000, 500_000, 2_000_000),
        op_finish_ps=ints(1_800_000, 1_800_000, 2_000_000, 2_000_000),
        link_bytes=sent,
        link_packets=ints(1, 2, 2, 1),
        link_drops=ints(0, 0, 3, 0),
        link_peak_bytes=sent,
        bin_ps=1_000_000,
        series_bytes=np.stack([sent, sent]),
        series_peak_bytes=np.stack([sent, sent]),
        device={"marked_bytes": ints(0, 0, 5)},
        packets=3,
        retransmits=1,
        windows=7,
        compile_s=1.0,
        sim_s=2.0,
        link_marks=ints(0, 0, 0, 6),
        link_trims=ints(0, 0, 2, 0),
        link_lost=ints(1, 0, 0, 0),
        pause_ps=np.array([[0, 0], [300, 50], [0, 0], [0, 0]]),
        series_marks=np.array([[0, 0, 0, 2], [0, 0, 0, 4]]),
        series_pause_ps=np.array([[0, 350, 0, 0], [0, 0, 0, 0]]),
        pauses={
            "link": ints(1, 1, 1),
            "traffic_class": ints(1, 0, 0),
            "start_ps": ints(400, 500, 100),
            "end_ps": ints(450, -1, 200),
        },
        pauses_dropped=2,
        qp_samples={
            "time_ps": ints(0, 1_000_000),
            "qp": ints(0, 1),
            "qp_src": ints(0, 1),
            "qp_dst": ints(1, 0),
            "qp_channel": ints(0, 0),
            "rate_bps": np.array([[1e11, 1e11], [1e11, 4e10]]),
            "window_bytes": np.full((2, 2), np.nan),
            "entropy": np.full((2, 2), 3),
        },
    )


def log(folder, number=4):
    rows = {name: np.zeros(number, dtype) for name, dtype in schema.message_types().items()}
    rows["message"] = np.arange(number)
    rows["bytes"][:] = 100
    rows["delivered_ps"] = 1_000_000 * (1 + np.arange(number))
    rows["acked_ps"] = rows["delivered_ps"] + 500_000
    found = MessageLog(folder, number)
    found.add(rows)
    return found


@pytest.fixture
def run(tmp_path):
    messages = log(tmp_path / "parts")
    yield summary.run_object(
        "star", 3, star(), outcome(), messages, 1_000_000, 4.0, 1 << 20, "a.h5"
    )
    messages.remove()


@pytest.fixture
def result(tmp_path, run):
    messages = log(tmp_path / "more")
    tables = build_tables(star(), program(), outcome(), messages)
    labels = build_labels(star(), program())
    publish(tmp_path / "a.h5", tables, labels, dict(summary.attributes_of(run)))
    messages.remove()
    return Result.open(tmp_path / "a.h5")


def test_run_object_has_the_keys_of_the_command_line(run):
    assert list(run) == [
        *("fabric", "seed", "jct_s", "bound_s", "messages", "bytes", "fct_us", "delivered_us"),
        *("packets", "packet_hops", "cell_hops", "drops", "retransmits", "pauses", "ecn_marks"),
        *("trims", "lost"),
        *("sim_s", "compile_s", "wall_s", "packet_hops_per_s", "peak_rss_bytes", "fingerprint"),
        "result",
    ]


def test_run_object_counts(run):
    assert run["jct_s"] == 2e-6
    assert run["bound_s"] == 1e-6
    assert run["fct_us"] == {"min": 1.5, "p50": 2.5, "p99": 4.5, "p999": 4.5, "max": 4.5}
    assert run["delivered_us"]["p50"] == 2.0
    assert (run["messages"], run["bytes"], run["packets"]) == (4, 400, 3)
    assert (run["packet_hops"], run["cell_hops"], run["drops"]) == (6, 0, 3)
    assert run["packet_hops_per_s"] == 3.0
    assert (run["pauses"], run["ecn_marks"], run["trims"], run["lost"]) == (5, 6, 2, 1)


COUNTERS = ("link_drops", "link_marks", "link_trims", "link_lost", "pause_ps")


@pytest.mark.parametrize("name", COUNTERS)
def test_fingerprint_covers_every_counter(name):
    counted = getattr(outcome(), name).copy()
    counted.flat[1] += 1
    changed = replace(outcome(), **{name: counted})
    assert combine("00", changed) != combine("00", outcome())


def test_outcome_of_a_fabric_without_congestion_counts_zeros():
    given = {field.name: getattr(outcome(), field.name) for field in fields(Outcome)}
    plain = Outcome(**{name: given[name] for name in list(given)[:16]})
    found = links(star(), plain)
    for name in ("ecn_marks", "trims", "lost", "pause_ps"):
        assert found[name].tolist() == [0, 0, 0, 0]
    assert plain.n_pauses == 0


def test_run_without_messages_has_no_times(tmp_path):
    empty = MessageLog(tmp_path / "parts", 0)
    assert set(summary.spread_us(empty, "fct").values()) == {None}
    empty.remove()


def test_links_at_an_element_carry_cells():
    network = star()
    network.kind[2] = Kind.ELEMENT
    assert network.carries_cells.all()


def test_file_gives_the_run_object_back(result, run):
    assert summary.run_of(result) == run | {"result": str(result.path)}


def test_reproducible_attributes_hold_nothing_measured(run):
    assert list(summary.attributes_of(run, reproducible=True)) == ["summary"]


def test_file_holds_every_table(result):
    assert verify(result.path) == {
        "messages": 4,
        "histograms": 8,
        "collectives": 1,
        "jobs": 1,
        "marks": 2,
        "links": 4,
        "pauses": 3,
        "qps": 2,
        "devices": 3,
    }
    assert result.tables["devices"]["marked_bytes"].tolist() == [0, 0, 5]
    assert result.labels["mark"] == ["end"]


def test_file_holds_what_congestion_did_to_links(result):
    found = result.tables["links"]
    assert found["pause_ps"].tolist() == [0, 350, 0, 0]
    assert found["ecn_marks"].tolist() == [0, 0, 0, 6]
    assert found["series_ecn_marks"].sum(axis=0).tolist() == [0, 0, 0, 6]
    assert found["series_pause_ps"].sum(axis=0).tolist() == [0, 350, 0, 0]


def test_pauses_are_in_the_order_of_their_starts(result):
    found = result.tables["pauses"]
    assert found["start_ps"].tolist() == [100, 400, 500]
    assert found["end_ps"].tolist() == [200, 450, -1]
    assert found["traffic_class"].tolist() == [0, 1, 0]


def test_file_holds_the_series_of_queue_pairs(result):
    found = result.tables["qps"]
    assert (found["src"].tolist(), found["dst"].tolist()) == ([0, 1], [1, 0])
    assert found["rate_bps"].tolist() == [[1e11, 1e11], [1e11, 4e10]]
    assert np.isnan(found["window_bytes"]).all()
    assert found["entropy"].dtype == np.int32


def test_job_completes_when_its_last_operation_does(result):
    rows = summary.jobs(result.tables, result.labels)
    assert rows == [{"job": "job", "start_s": 0.0, "finish_s": 2e-6, "jct_s": 2e-6}]


def test_collective_has_bus_bandwidth(result):
    (row,) = summary.collectives(result.tables)
    assert (row["kind"], row["algorithm"], row["ranks"]) == ("all_reduce", "ring", 2)
    assert row["algbw_bps"] == row["busbw_bps"] == 4e12


def test_busiest_links_come_first(result):
    rows = summary.busiest_links(result.tables, result.labels, 2)
    assert [(row["from"], row["to"]) for row in rows] == [
        ("host 1", "switch"),
        ("switch", "host 0"),
    ]
    assert rows[0]["utilisation"] == 0.32


@pytest.mark.parametrize(
    ("kind", "factor"),
    [
        (Collective.ALL_REDUCE, 1.5),
        (Collective.ALL_GATHER, 0.75),
        (Collective.REDUCE_SCATTER, 0.75),
        (Collective.ALL_TO_ALL, 0.75),
        (Collective.BROADCAST, 1.0),
    ],
)
def test_traffic_factor_is_that_of_nccl_tests(kind, factor):
    assert traffic_factor(ints(kind), ints(4)).tolist() == [factor]


def test_comparison_is_against_the_first_run(run):
    slower = run | {"jct_s": 3e-6, "fct_us": run["fct_us"] | {"p99": 9.0, "p50": None}}
    first, second = compare([run, slower])
    assert first["change"]["jct_s"] == 0
    assert second["change"]["jct_s"] == pytest.approx(50)
    assert second["change"]["fct_p99_us"] == 100
    assert second["change"]["fct_p50_us"] is None
    assert second["over_bound"] == pytest.approx(3)


def test_partial_result_is_not_compared(tmp_path):
    publish(tmp_path / "a.h5", {}, {}, {}, complete=False)
    with pytest.raises(ResultError, match="partial"):
        check_comparable([Result.open(tmp_path / "a.h5")])


def test_results_of_two_traces_are_not_compared(tmp_path):
    for name in ("a", "b"):
        publish(tmp_path / f"{name}.h5", {}, {}, {"trace_sha256": name})
    with pytest.raises(ResultError, match="another trace"):
        check_comparable([Result.open(tmp_path / f"{name}.h5") for name in ("a", "b")])
