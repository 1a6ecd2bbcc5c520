"""A result file is whole, the same for the same content, and opens in other readers."""

import errno
import os
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr

from fabricemu.errors import OutputError, ResultError, StorageError
from fabricemu.results import schema, seal
from fabricemu.results.log import MessageLog
from fabricemu.results.provenance import provenance
from fabricemu.results.reader import Result, recover, verify
from fabricemu.results.spill import spill_folder
from fabricemu.results.writer import check_output, publish


def messages(number, seed=1):
    rng = np.random.default_rng(seed)
    rows = {name: np.zeros(number, dtype) for name, dtype in schema.message_types().items()}
    rows["message"] = np.arange(number) * 3
    rows["bytes"] = np.full(number, 4096)
    rows["created_ps"] = rng.integers(0, 10**9, number)
    rows["delivered_ps"] = rows["created_ps"] + rng.integers(1, 10**8, number)
    rows["acked_ps"] = rows["delivered_ps"] + rng.integers(1, 10**6, number)
    rows["collective"][:] = -1
    return rows


def links(bins=4, number=5):
    columns = {column.name: np.arange(number) for column in schema.LINKS.columns}
    series = np.arange(bins * number).reshape(bins, number)
    return columns | {
        "link": np.arange(number),
        "time_ps": np.arange(bins) * 1000,
        "series_bytes": series,
        "series_peak_bytes": series + 1,
        "series_pause_ps": np.zeros((0, number)),
    }


def queue_pairs(samples=3, number=2):
    columns = {column.name: np.arange(number) for column in schema.QUEUE_PAIRS.columns}
    rates = np.arange(float(samples * number)).reshape(samples, number)
    return columns | {
        "qp": np.arange(number) * 7,
        "time_ps": np.arange(samples) * 1000,
        "rate_bps": rates,
        "window_bytes": np.full_like(rates, np.nan),
        "entropy": np.zeros((samples, number)),
    }


def write(path, number=200):
    tables = {
        "messages": messages(number),
        "links": links(),
        "qps": queue_pairs(),
        "pauses": {"pause": np.zeros(0, np.int64)},
        "marks": {"operation": np.zeros(0, np.int64)},
        "devices": {"device": np.arange(2), "kind": np.array([0, 1]), "cells_sent": np.ones(2)},
    }
    labels = {"job": ["job"], "device": ["host 0", "switch ü"], "mark": []}
    publish(path, tables, labels, provenance("a = 1\n", "gen:x", "00", 7, reproducible=True))
    return path


def test_reader_returns_what_was_written(tmp_path):
    result = Result.open(write(tmp_path / "a.h5"))
    expected = messages(200)
    for name, column in result.tables["messages"].items():
        np.testing.assert_array_equal(column, expected[name])
    np.testing.assert_array_equal(result.tables["links"]["series_bytes"], links()["series_bytes"])
    assert result.labels == {"job": ["job"], "device": ["host 0", "switch ü"], "mark": []}
    assert result.attributes["seed"] == 7
    assert result.complete


def test_same_content_gives_same_bytes(tmp_path):
    first, second = write(tmp_path / "a.h5"), write(tmp_path / "b.h5")
    assert first.read_bytes() == second.read_bytes()


def test_verify_counts_the_rows_and_leaves_out_empty_tables(tmp_path):
    rows = verify(write(tmp_path / "a.h5"))
    assert rows == {"messages": 200, "links": 5, "qps": 2, "devices": 2}


def test_every_dataset_is_chunked_checked_and_described(tmp_path):
    with h5py.File(write(tmp_path / "a.h5")) as file:
        datasets = []
        file.visititems(lambda _, d: datasets.append(d) if isinstance(d, h5py.Dataset) else None)
        for dataset in datasets:
            assert dataset.chunks
            assert dataset.shuffle
            assert dataset.compression == "gzip"
            assert "long_name" in dataset.attrs
            assert dataset.fletcher32 or dataset.dtype.kind == "O"
            assert dataset.dtype.kind in "ifO"


@pytest.mark.parametrize("group", ["messages", "links", "qps", "devices", "labels/device"])
def test_xarray_opens_every_group_without_a_warning(tmp_path, group):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_dataset(write(tmp_path / "a.h5"), group=group, engine="h5netcdf") as data:
            assert all(variable.load().size for variable in data.variables.values())


def test_xarray_sees_the_series_over_time_and_link(tmp_path):
    with xr.open_dataset(write(tmp_path / "a.h5"), group="links", engine="h5netcdf") as data:
        assert data["series_bytes"].dims == ("time_ps", "link")
        assert data["time_ps"].attrs["units"] == "ps"
        assert data["time_ps"].attrs["long_name"] == "start of the bin"
        assert "series_pause_ps" not in data


def test_xarray_sees_the_series_over_time_and_queue_pair(tmp_path):
    with xr.open_dataset(write(tmp_path / "a.h5"), group="qps", engine="h5netcdf") as data:
        assert data["rate_bps"].dims == ("time_ps", "qp")
        assert data["rate_bps"].sel(time_ps=2000, qp=7) == 5.0
        assert data["window_bytes"].isnull().all()
        assert data["time_ps"].attrs["long_name"] == "when the sample was taken"


def test_any_single_flipped_bit_is_found(tmp_path):
    path = write(tmp_path / "a.h5", number=20)
    sound = path.read_bytes()
    for bit in np.random.default_rng(5).integers(0, 8 * (len(sound) - seal.LENGTH), 100):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        with pytest.raises(ResultError, match="damaged"):
            verify(path)


def test_a_changed_number_is_found_without_the_seal(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["messages/acked_ps"][5] += 1
    path.write_bytes(path.read_bytes()[: -seal.LENGTH] + bytes(seal.LENGTH))
    with pytest.raises(ResultError, match="acked_ps"):
        verify(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.99])
def test_truncated_file_is_one_clear_line(tmp_path, share):
    path = write(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ResultError) as caught:
        Result.open(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def foreign(path, build):
    with h5py.File(path, "w") as file:
        file.attrs["fabricemu_schema"] = "1.0"
        group = file.create_group("messages")
        build(file, group)
    return path


def _external_link(_, group):
    group["message"] = h5py.ExternalLink("other.h5", "/x")


def _soft_link(file, group):
    file["x"] = np.arange(3)
    group["message"] = h5py.SoftLink("/x")


def _external_storage(_, group):
    group.create_dataset("message", (3,), "i8", external=[("/etc/hostname", 0, 24)])


def _virtual(_, group):
    layout = h5py.VirtualLayout((3,), "i8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
    group.create_virtual_dataset("message", layout)


def _bomb(_, group):
    group.create_dataset("message", (1 << 40,), "i8", chunks=(1 << 20,), compression="gzip")


def _strings(_, group):
    group["message"] = ["a", "b"]


def _ragged(_, group):
    group["message"], group["bytes"] = np.arange(3), np.arange(4)


def _no_index(_, group):
    group["bytes"] = np.arange(4)


def _filter(_, group):
    group.create_dataset("message", data=np.arange(99), chunks=(9,), compression="lzf")


HOSTILE = [
    _external_link,
    _soft_link,
    _external_storage,
    _virtual,
    _bomb,
    _strings,
    _ragged,
    _no_index,
    _filter,
]


@pytest.mark.parametrize("build", HOSTILE, ids=lambda build: build.__name__)
def test_hostile_file_is_refused(tmp_path, build):
    with pytest.raises(ResultError):
        Result.open(foreign(tmp_path / "a.h5", build))


def test_other_hdf5_and_other_schema_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
    with pytest.raises(ResultError, match="not a result"):
        Result.open(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["fabricemu_schema"] = "2.0"
    with pytest.raises(ResultError, match=r"schema 2\.0"):
        Result.open(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["absent.h5", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(ResultError):
        Result.open(tmp_path / name)


@pytest.mark.parametrize("after", [0, 1, 5, 20, 60])
def test_full_disk_leaves_nothing_and_keeps_the_old_file(tmp_path, monkeypatch, after):
    path = write(tmp_path / "a.h5", number=10)
    before, calls, real = path.read_bytes(), [0], os.write

    def full(descriptor, data):
        calls[0] += 1
        if calls[0] > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match=r"a\.h5: No space left"):
        write(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_failed_sync_leaves_nothing(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="Input/output error"):
        write(tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_output_that_exists_needs_force(tmp_path):
    path = write(tmp_path / "a.h5")
    with pytest.raises(OutputError, match="exists already"):
        check_output(path)
    check_output(path, force=True)


@pytest.mark.parametrize("name", [".", "absent/a.h5", "x" * 300])
def test_output_that_cannot_be_created_is_refused(tmp_path, name):
    with pytest.raises(OutputError):
        check_output(tmp_path / name)


def test_check_of_output_removes_what_dead_processes_left(tmp_path):
    (tmp_path / ".a.h5.99999999.tmp").touch()
    (tmp_path / ".a.h5.1.tmp").touch()
    check_output(tmp_path / "a.h5")
    assert [p.name for p in tmp_path.iterdir()] == [".a.h5.1.tmp"]


def test_parts_of_a_killed_run_make_a_partial_file(tmp_path):
    path, rows = tmp_path / "a.h5", messages(100)
    log = MessageLog(spill_folder(path), 100, note={"attributes": {"seed": 3}})
    log.add({name: column[:60] for name, column in rows.items()})
    log.checkpoint()
    log.add({name: column[60:] for name, column in rows.items()})
    assert recover(spill_folder(path), path) == 60
    result = Result.open(path)
    assert not result.complete
    assert result.attributes["seed"] == 3
    np.testing.assert_array_equal(result.tables["messages"]["message"], rows["message"][:60])
    log.remove()


@pytest.mark.parametrize("text", [None, "", "{", '{"rows": 5}', '{"rows": -1, "types": []}'])
def test_damaged_parts_are_one_clear_line(tmp_path, text):
    folder = tmp_path / "parts"
    if text is not None:
        folder.mkdir()
        (folder / "spill.json").write_text(text)
    with pytest.raises(ResultError):
        recover(folder, tmp_path / "a.h5")
