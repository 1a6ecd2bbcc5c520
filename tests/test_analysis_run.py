"""What the engine does stays within what the analysis says is possible."""

import pytest

from fabricemu.analysis.bound import bound_ps
from fabricemu.analysis.summary import attributes_of, busiest_links, run_object
from fabricemu.engine.run import simulate
from fabricemu.engine.timeline import derive
from fabricemu.fabrics.build import build
from fabricemu.fabrics.paths import Paths
from fabricemu.results.log import MessageLog
from fabricemu.results.reader import Result, verify
from fabricemu.results.schema import PARTS
from fabricemu.results.tables import build_labels, build_tables
from fabricemu.results.writer import publish
from fabricemu.spec.presets import load_fabric
from fabricemu.workloads.generate import generate
from fabricemu.workloads.schedule import total_messages

FABRICS = ["ddc", "clos-ecmp", "clos-spray"]
TRACES = [
    "gen:all-reduce?ranks=10&bytes=200KB&channels=2",
    "gen:all-reduce?ranks=12&bytes=64KB&algorithm=halving-doubling",
    "gen:broadcast?ranks=9&bytes=100KB",
    "gen:all-to-all?ranks=40&bytes=9KB&schedule=at-once",
    "gen:incast?ranks=9&bytes=50KB",
    "gen:permutation?ranks=40&bytes=100KB",
]


def emulate(fabric, trace, folder, windows=0):
    """Run a trace and write its file; return the run object and the file."""
    program = generate(trace)
    network, transport = build(load_fabric(fabric), program.n_ranks)
    paths = Paths(network, transport)
    log = MessageLog(folder / "parts", total_messages(program))
    outcome = simulate(
        network, transport, program, lambda raw: log.add(derive(raw, paths)), windows=windows
    )
    bound = bound_ps(program, paths)
    run = run_object(fabric, 0, network, outcome, log, bound, 0.0, 0, "a.h5")
    tables = build_tables(network, program, outcome, log)
    labels = build_labels(network, program)
    publish(folder / "a.h5", tables, labels, dict(attributes_of(run, reproducible=True)))
    log.remove()
    return run, folder / "a.h5"


@pytest.mark.slow
@pytest.mark.parametrize("fabric", FABRICS)
@pytest.mark.parametrize("trace", TRACES)
def test_no_run_beats_the_bound_and_no_message_its_ideal(fabric, trace, tmp_path):
    run, path = emulate(fabric, trace, tmp_path)
    assert run["jct_s"] >= run["bound_s"] > 0
    messages = Result.open(path).tables["messages"]
    assert (messages["slowdown"] >= 1).all()
    whole = messages["delivered_ps"] - messages["created_ps"]
    assert (sum(messages[part.name] for part in PARTS) == whole).all()


@pytest.mark.slow
def test_file_does_not_depend_on_the_chunks_of_the_run(tmp_path):
    files = []
    for windows in (3, 1000):
        folder = tmp_path / str(windows)
        folder.mkdir()
        files.append(emulate("ddc", TRACES[3], folder, windows)[1])
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.slow
def test_receiver_of_an_incast_has_the_busiest_link(tmp_path):
    result = Result.open(emulate("clos-ecmp", TRACES[4], tmp_path)[1])
    assert verify(result.path)["messages"] == 8
    busiest = busiest_links(result.tables, result.labels, 1)[0]
    assert busiest["to"] == result.labels["device"][0]
