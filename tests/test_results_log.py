"""What the log knows of messages does not depend on how they came."""

import errno
import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricemu.errors import StorageError
from fabricemu.results import schema
from fabricemu.results.histogram import Histogram, bucket_of, lower_edge, width
from fabricemu.results.log import MessageLog

SHARES = [0.5, 0.99, 0.999]


def messages(number, seed=1):
    rng = np.random.default_rng(seed)
    rows = {name: np.zeros(number, dtype) for name, dtype in schema.message_types().items()}
    rows["message"] = rng.permutation(number)
    rows["bytes"] = rng.integers(0, 10**6, number)
    rows["created_ps"] = rng.integers(0, 10**9, number)
    rows["delivered_ps"] = rows["created_ps"] + rng.integers(1, 10**9, number)
    rows["acked_ps"] = rows["delivered_ps"] + rng.integers(1, 10**6, number)
    return rows


def filled(folder, rows, cuts=(), **options):
    log = MessageLog(folder, len(rows["message"]), **options)
    edges = [0, *cuts, len(rows["message"])]
    for start, stop in pairwise(edges):
        log.add({name: column[start:stop] for name, column in rows.items()})
    return log


def state(log):
    columns = {name: column.tolist() for name, column in log.columns().items()}
    histograms = {name: column.tolist() for name, column in log.histograms().items()}
    return log.count, log.bytes, log.fingerprint, log.quantiles("fct", SHARES), columns, histograms


@pytest.mark.parametrize("limit", [1000, 100])
def test_chunking_and_order_change_nothing(tmp_path, limit):
    rows = messages(500)
    order = np.random.default_rng(2).permutation(500)
    shuffled = {name: column[order] for name, column in rows.items()}
    one = filled(tmp_path / "one", rows, limit=limit)
    many = filled(tmp_path / "many", shuffled, cuts=(1, 7, 7, 300), limit=limit)
    assert state(one) == state(many)
    one.remove()
    many.remove()


@pytest.mark.parametrize("name", ["message", "created_ps", "delivered_ps", "acked_ps"])
def test_fingerprint_changes_with_each_time(tmp_path, name):
    rows, log = messages(50), filled(tmp_path / "a", messages(50))
    rows[name][20] += 1
    changed = filled(tmp_path / "b", rows)
    assert log.fingerprint != changed.fingerprint


def test_quantiles_of_all_rows_are_exact(tmp_path):
    rows = messages(1000)
    log = filled(tmp_path / "a", rows)
    times = np.sort(rows["acked_ps"] - rows["created_ps"])
    assert log.quantiles("fct", [0, 0.5, 0.99, 0.999, 1]) == times[[0, 499, 989, 998, 999]].tolist()
    log.remove()


def test_sample_keeps_about_the_limit_and_all_counts(tmp_path):
    rows = messages(20_000)
    log = filled(tmp_path / "a", rows, limit=2000, seed=4)
    exact = np.quantile(rows["acked_ps"] - rows["created_ps"], SHARES, method="inverted_cdf")
    assert not log.complete
    assert log.count == 20_000
    assert 1800 < len(log.columns()["message"]) < 2200
    np.testing.assert_allclose(log.quantiles("fct", SHARES), exact, rtol=0.004)
    log.remove()


def test_sample_depends_on_the_seed(tmp_path):
    rows = messages(2000)
    kept = [filled(tmp_path / str(s), rows, limit=500, seed=s).columns()["message"] for s in (1, 2)]
    assert kept[0].tolist() != kept[1].tolist()


def test_log_without_messages_has_no_quantiles(tmp_path):
    log = MessageLog(tmp_path / "a", 0)
    assert log.quantiles("fct", SHARES) == []
    assert len(log.columns()["message"]) == 0
    log.remove()


def test_full_disk_during_a_run_names_the_folder_and_leaves_nothing(tmp_path, monkeypatch):
    log = MessageLog(tmp_path / "parts", 10)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="parts: No space left"):
        log.add(messages(10))
    assert not (tmp_path / "parts").exists()


def test_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        MessageLog(tmp_path / "file" / "parts", 10)


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1))
def test_bucket_holds_its_values(values):
    values = np.array(values, np.int64)
    buckets = bucket_of(values)
    offset = values - lower_edge(buckets)
    assert (offset >= 0).all()
    assert (offset < width(buckets)).all()
    assert (width(buckets) * 128 <= np.maximum(values, 128)).all()


def test_histogram_is_exact_below_an_octave_of_buckets():
    histogram = Histogram()
    histogram.add(np.arange(1, 101))
    assert histogram.quantiles([0.01, 0.5, 1]) == [1, 50, 100]
    assert (histogram.number, histogram.total) == (100, 5050)
