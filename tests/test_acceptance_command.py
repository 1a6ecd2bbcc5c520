"""What the comparison with uet-htsim reads, allows and prints."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.acceptance_cases import Case, Figures, kind_of, limits, read_cases
from benchmarks.acceptance_run import compare
from benchmarks.htsim import parse
from fabricemu.errors import TraceError

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "acceptance.py"
HEAD = "experiment,cmd,min_us,tail_us,target_us,verdict,conns,new,rtx,rts,bounced,acks,nacks,pulls"
ROW = "one,./htsim_uec -tm x/small.cm -sender_cc_only,{0},{0},18,PASS,1,10,0,0,0,4,0,0"
SMALL = "Nodes 2\nConnections 1\n0->1 start 0 size 40860\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.cm").write_text(SMALL)
    (tmp_path / "cases.csv").write_text(f"{HEAD}\n{ROW.format('17.0107')}\n")
    return tmp_path


def case_of(command: str, *, measured: bool = False, **theirs: float) -> Case:
    return Case("x", parse(f"./htsim_uec {command}"), Figures(**theirs), measured)


@pytest.mark.parametrize(
    ("options", "overrides"),
    [
        ("-end 1000 -conn_reuse", ()),
        ("-paths 128", ("transport.entropies=128",)),
        ("-load_balancing_algo reps", ("transport.balance=reps",)),
        ("-sack_threshold 4000", ("transport.ack_every=4000B",)),
        ("-q 500", ('clos.queue="500 packets"',)),
        ("-mtu 4160", ("transport.mtu=4096",)),
        ("-linkspeed 400000", ("host.port_rate=400000Mbps",)),
        ("-hop_latency 0.5", ("links.host_latency=0.5us", "links.fabric_latency=0.5us")),
        ("-sender_cc_algo constant", ("congestion.control=constant",)),
        ("-failed 8", ("clos.failed_links=8",)),
        ("-strat ecmp_rr", ("transport.balance=none", "clos.choice=round-robin")),
    ],
)
def test_option_is_an_override(options, overrides):
    assert parse(f"./htsim_uec {options}").overrides == overrides


def test_credit_chooses_the_preset_and_the_folder_of_a_matrix_is_dropped():
    job = parse("./htsim_uec -tm connection_matrices/one.cm -receiver_cc_only")
    assert (job.preset, job.matrix, job.overrides) == ("uet-rccc", "one.cm", ())
    assert parse("./htsim_uec").preset == "uet-nscc"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("-path 128", "did you mean '-paths'"),
        ("-tm", "option -tm of uet-htsim: expected a value"),
        ("-load_balancing_algo rep", "did you mean 'reps'"),
        ("-strat ecmp", "did you mean 'ecmp_"),
        ("-sender_cc_algo dctcp", "expected constant"),
        ("-mtu 64", "more bytes than the header's 64"),
    ],
)
def test_option_that_is_not_understood_is_named(options, text):
    with pytest.raises(TraceError, match=text):
        parse(f"./htsim_uec {options}")


@pytest.mark.parametrize(
    ("case", "pairs", "kind"),
    [
        (case_of(""), {(0, 1)}, "idle"),
        (case_of("", measured=True), {(0, 1)}, "idle"),
        (case_of("", measured=True), {(1, 0), (2, 0)}, "measured"),
        (case_of(""), {(0, 1), (1, 0)}, "two ways"),
        (case_of(""), {(1, 0), (2, 0)}, "incast"),
        (case_of(""), {(1, 0), (2, 1)}, "permutation"),
        (case_of("-paths 1"), {(1, 0), (2, 1)}, "one path"),
    ],
)
def test_kind_is_told_by_the_flows(case, pairs, kind):
    assert kind_of(case, pairs) == kind


@pytest.mark.parametrize(
    ("command", "kind", "low_us", "high_us"),
    [
        ("", "idle", 199.9995, 200.0005),
        ("", "two ways", 199, 201),
        ("", "incast", 150, 162),
        ("-receiver_cc_only", "incast", 150, 154.5),
        ("", "permutation", 180, 220),
        ("-paths 1", "one path", 150, 250),
        ("", "measured", 190, 210),
    ],
)
def test_limits_of_the_slowest_flow(command, kind, low_us, high_us):
    case = case_of(command, fastest_us=1.0, slowest_us=200.0)
    limit = limits(case, kind, bound_us=150)[-1]
    assert limit.figure == "slowest_us"
    assert (limit.low_us, limit.high_us) == pytest.approx((low_us, high_us))


@pytest.mark.parametrize(("printed", "half_us"), [(17.0107, 5e-5), (176.2, 5e-4), (6.50688, 5e-6)])
def test_idle_times_are_equal_to_the_printed_digits(printed, half_us):
    case = case_of("", fastest_us=printed, slowest_us=printed)
    limit = limits(case, "idle", 0)[0]
    assert limit.high_us - limit.low_us == pytest.approx(2 * half_us)


def test_mean_that_is_too_far_off_is_outside_whatever_the_slowest_is(folder):
    case = case_of("", measured=True, mean_us=20.0, slowest_us=17.0107)
    job = replace(case.job, flows=((0, 1, 40860), (1, 0, 40860)), hosts=2)
    result = compare(replace(case, job=job), folder, 1)
    assert [limit.figure for limit in result.outside] == ["mean_us"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"{HEAD}\n{ROW.format('fast')}\n", "could not convert"),
        ("experiment,cmd\na,b\n", "expected the columns experiment, cmd, min_us"),
        (f"{HEAD}\n{ROW.format('17').replace('-tm x/small.cm', '')}\n", "expected a connection"),
    ],
)
def test_bad_table_is_told(folder, content, text):
    path = folder / "cases.csv"
    path.write_text(content)
    with pytest.raises(TraceError, match=text):
        read_cases(path)


def test_messages_of_one_queue_pair_are_one_flow(folder):
    lines = "\n".join(["0->1 id 1 msg start 0 size 4086"] * 10)
    (folder / "small.cm").write_text(f"Nodes 2\nConnections 10\n{lines}\n")
    result = compare(read_cases(folder / "cases.csv")[0], folder, 1)
    assert result.inside
    assert (result.ours.packets, result.ours.acks, result.ours.answers) == (10, 4, 4)


def script(folder, *options):
    """Run the command as a user does, with the rows of ``folder`` alone."""
    command = [sys.executable, str(SCRIPT), "--only-listed", "--cases", str(folder / "cases.csv")]
    command += ["--matrices", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_prints_json_and_is_content_inside(folder):
    done = script(folder, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["inside"]
    assert found["cases"][0]["ours"]["slowest_us"] == 17.01072


def test_command_fails_where_a_row_is_outside(folder):
    (folder / "cases.csv").write_text(f"{HEAD}\n{ROW.format('17.0108')}\n")
    done = script(folder)
    assert done.returncode == 1, done.stderr
    assert "outside: fastest_us, slowest_us" in done.stdout
    assert "1 rows, 1 outside" in done.stdout


@pytest.mark.parametrize("absent", ["cases.csv", "small.cm"])
def test_file_that_is_absent_is_one_line(folder, absent):
    (folder / absent).unlink()
    done = script(folder)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("compiling")]
    assert line.startswith("Error: ")
    assert absent in line
