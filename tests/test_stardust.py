"""The permutation of the Stardust paper: the shape of its curve, its set-up, its command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.stardust_command import main
from benchmarks.stardust_run import PACKET_BYTES, SCHEMES, Setting, fabric_of, rates_gbps, targets
from tests.compare import JIT

compiled = pytest.mark.skipif(not JIT, reason="takes minutes without the JIT")
SMALL = Setting(radix=8, duration_ms=6.0)  # 128 hosts
MESSAGE = 8 * 5 * PACKET_BYTES / 3.9e6  # Gb/s of one message in the time that counts
TINY = ["--radix", "4", "--duration-ms", "1", "-f", "ddc", "-f", "dctcp"]


@pytest.fixture(scope="module")
def small():
    """Return the rates of all schemes on 128 hosts, ascending."""
    return {name: rates_gbps(scheme, SMALL) for name, scheme in SCHEMES.items()}


@compiled
def test_ddc_gives_all_flows_the_whole_rate(small):
    """One message more or less may fall into the time that counts."""
    assert small["ddc"].min() >= 10 - MESSAGE
    assert small["ddc"].max() <= 10 + MESSAGE


@compiled
def test_ddc_without_speed_up_pays_for_headers_and_control_cells(small):
    """A packet is 19 cells, a request, 9000 / 4096 credits; an ACK for five has a cell and two.

    The few flows within leaves pay nothing, which lifts the mean by up to their share.
    """
    ack = (96 + 2 * 40) / 5
    tax = 19 * 32 + 40 * (1 + PACKET_BYTES / 4096) + ack
    rate = 10 * PACKET_BYTES / (PACKET_BYTES + tax)
    leaf = np.arange(SMALL.hosts) // (SMALL.radix // 2)
    inside = np.mean(leaf == leaf[targets(SMALL)])
    mean = small["ddc-no-speed-up"].mean()
    assert rate - MESSAGE / 2 <= mean <= rate + (10 - rate) * 2 * inside + MESSAGE / 2
    assert small["ddc-no-speed-up"].min() > 0.94 * rate


@compiled
def test_spray_lies_between_ddc_and_one_path(small):
    mean = {name: rates.mean() for name, rates in small.items()}
    assert mean["dctcp"] < mean["nscc"] < mean["rccc"] < mean["ddc"]
    assert small["rccc"].min() > 8


@compiled
def test_one_path_loses_half_and_has_a_long_tail(small):
    rates = small["dctcp"]
    assert rates.mean() < 6
    assert rates.min() < 2
    assert rates.max() > 9.5


@compiled
@pytest.mark.slow
@pytest.mark.parametrize(("name", "off"), [("dctcp", 0.05), ("rccc", 0.06)])
def test_full_size_is_near_the_published_means(name, off):
    scheme = SCHEMES[name]
    assert rates_gbps(scheme, Setting()).mean() == pytest.approx(scheme.published[0], rel=off)


@pytest.mark.parametrize("name", SCHEMES)
def test_full_size_has_the_hosts_of_the_paper(name):
    network, transport = fabric_of(SCHEMES[name], Setting())
    assert network.n_ranks == 432
    assert set(network.rate_bps) == {10**10}
    assert transport.mtu + transport.header_bytes + transport.gap_bytes == 9000


def test_everyone_sends_to_another_one():
    found = targets(Setting())
    assert sorted(found) == list(range(432))
    assert (found != np.arange(432)).all()


@compiled
def test_command_prints_a_row_for_each_fabric():
    done = CliRunner().invoke(main, TINY)
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()[3:]
    assert [row.split("  ")[0].strip() for row in rows] == ["DDC", "one path, DCTCP"]
    assert rows[1].split()[-3:] == ["4.72", "0.69", "4.58"]


@compiled
def test_command_prints_json_and_draws(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "curve.svg"
    done = CliRunner().invoke(main, [*TINY, "--json", "--plot", str(path)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {name: len(rates) for name, rates in found["rates_gbps"].items()} == {
        "ddc": 16,
        "dctcp": 16,
    }
    assert "one path, DCTCP" in path.read_text()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--radix", "5"), 2, "expected an even number, as 6"),
        (("--plot", "curve.pdg"), 2, "ends in .svg or .png"),
        (("--plot", "no/such/curve.svg"), 73, "there is no folder no/such"),
    ],
)
def test_bad_option_is_told_before_anything_runs(options, code, text):
    done = CliRunner().invoke(main, options)
    assert done.exit_code == code
    assert text in done.stderr
    assert " s\n" not in done.stderr
