"""The most paused link and the worst queue pair of made-up tables."""

import numpy as np
import pytest

from fabricemu.analysis.congestion import most_paused_link, worst_qp

LABELS = {"device": ["host 0", "switch"]}
NAN, INF = np.nan, np.inf


def links(*pause_ps):
    number = len(pause_ps)
    ends = {"src_device": np.arange(number) % 2, "dst_device": 1 - np.arange(number) % 2}
    return {"links": ends | {"pause_ps": np.array(pause_ps)}}


def samples(rate_bps, window_bytes):
    """Return queue pairs 10, 11, ... from their samples, one list a time."""
    rates = np.array(rate_bps, float)
    ids = np.arange(rates.shape[1])
    fixed = {"qp": 10 + ids, "src": ids, "dst": ids + 1, "channel": 0 * ids}
    return {"qps": fixed | {"rate_bps": rates, "window_bytes": np.array(window_bytes, float)}}


def test_most_paused_link_is_named_by_its_ends():
    assert most_paused_link(links(0, 3_000_000, 2), LABELS) == {
        "link": 1,
        "from": "switch",
        "to": "host 0",
        "pause_s": 3e-6,
    }


@pytest.mark.parametrize("tables", [links(0, 0), {}, {"links": {"src_device": np.zeros(2)}}])
def test_without_pauses_no_link_is_the_most_paused(tables):
    assert most_paused_link(tables, LABELS) is None


def test_worst_queue_pair_has_the_lowest_mean_rate():
    tables = samples([[9, 5, 9], [9, 7, 1]], [[NAN, NAN, NAN], [NAN, NAN, NAN]])
    assert worst_qp(tables) == {
        "qp": 12,
        "src": 2,
        "dst": 3,
        "channel": 0,
        "mean_rate_bps": 5.0,
        "mean_window_bytes": None,
    }


@pytest.mark.parametrize("rates", [[[NAN, NAN], [NAN, NAN]], [[4, 4], [4, 4]], [[INF, 4], [4, 4]]])
def test_windows_decide_where_no_rate_was_cut(rates):
    found = worst_qp(samples(rates, [[100, 30], [100, NAN]]))
    assert (found["qp"], found["mean_window_bytes"]) == (11, 30.0)


def test_queue_pair_without_samples_is_not_the_worst():
    assert worst_qp(samples([[NAN, 8], [NAN, 6]], [[NAN, NAN], [NAN, NAN]]))["qp"] == 11


@pytest.mark.parametrize(
    "tables",
    [{}, samples([[4, 4]], [[NAN, NAN]]), {"qps": {"qp": np.arange(2)}}],
    ids=["no table", "never cut", "no samples"],
)
def test_where_nothing_was_held_back_no_queue_pair_is_the_worst(tables):
    assert worst_qp(tables) is None
