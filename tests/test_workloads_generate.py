"""What ``gen:`` URIs make, and how wrong ones are refused."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from fabricemu.errors import TraceError
from fabricemu.workloads.check import check, info
from fabricemu.workloads.expand import expand
from fabricemu.workloads.generate import GENERATORS, derangement, generate
from fabricemu.workloads.models import gradient_buckets, parameter_count, resnet50
from fabricemu.workloads.program import Op

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
KINETO = SHARED / "traces" / "kineto" / "hta_resnet_ddp_2gpu_rank0_nccl_data.json.gz"
SMALL = {
    "all-reduce": "ranks=4&bytes=1000",
    "all-gather": "ranks=4&bytes=1000",
    "reduce-scatter": "ranks=4&bytes=1000",
    "all-to-all": "ranks=4&bytes=1000",
    "broadcast": "ranks=4&bytes=1000",
    "barrier": "ranks=4",
    "permutation": "ranks=4&bytes=1000",
    "incast": "ranks=4&bytes=1000",
    "training": "ranks=4",
}
OTHER = {
    "ranks": "5",
    "bytes": "2000",
    "channels": "2",
    "chunks": "2",
    "root": "1",
    "algorithm": "halving-doubling",
    "schedule": "at-once",
    "steps": "2",
    "batch": "32",
    "tflops": "30",
    "bucket": "1MiB",
}
# The only choice so far.
SINGLE = {("training", "model")}


def content(program):
    arrays = [value for value in vars(program).values() if isinstance(value, np.ndarray)]
    return [a.tolist() for a in [*arrays, *vars(program.collectives).values()]]


@pytest.mark.parametrize("name", GENERATORS)
def test_generated_program_has_no_problem(name):
    assert check(generate(f"gen:{name}?{SMALL[name]}")) == []


@pytest.mark.parametrize(
    ("name", "key"),
    [(n, k) for n, g in GENERATORS.items() for k in g.keys if (n, k) not in SINGLE],
)
def test_every_key_changes_the_program(name, key):
    texts = dict(item.split("=") for item in SMALL[name].split("&"))
    changed = "&".join(f"{k}={v}" for k, v in (texts | {key: OTHER[key]}).items())
    first, second = generate(f"gen:{name}?{SMALL[name]}"), generate(f"gen:{name}?{changed}")
    assert content(first) != content(second)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("gen:all-redce?ranks=4", "did you mean 'all-reduce'"),
        ("gen:all-reduce?ranks=4&byte=1", "did you mean 'bytes'"),
        ("gen:all-reduce?ranks=4", "bytes is missing"),
        ("gen:all-reduce?ranks=4&bytes=1XB", "unit 'XB' is not known"),
        ("gen:all-reduce?ranks=4&bytes=0", "at least 1 bytes"),
        ("gen:all-reduce?ranks=1&bytes=1", "at least 2"),
        ("gen:all-reduce?ranks=4&ranks=4&bytes=1", "given twice"),
        ("gen:all-reduce?ranks", "expected key=value"),
        ("gen:all-reduce?ranks=4&bytes=1&algorithm=rng", "did you mean 'ring'"),
        ("gen:all-to-all?ranks=4&bytes=1&schedule=shit", "did you mean 'shift'"),
        ("gen:broadcast?ranks=4&bytes=1&root=4", "root 4 is not below"),
        ("gen:training?ranks=4&model=resnet5", "did you mean 'resnet50'"),
        ("gen:training?ranks=4&tflops=-1", "positive number"),
        ("gen:barrier?ranks=99999999", "at most"),
        ("gen:barrier?ranks=4&members=0-4", "no rank 4; the ranks are 0-3"),
        ("gen:barrier?ranks=4&members=0-9999999999", "expected ranks such as"),
        ("gen:barrier?ranks=4&members=3-2", "expected ranks such as"),
        ("gen:barrier?ranks=4&members=0-3:0", "expected ranks such as"),
        ("gen:barrier?ranks=4&members=one", "expected ranks such as"),
        ("gen:barrier?ranks=4&members=2", "at least 2 ranks"),
        ("gen:barrier?ranks=4&members=1,2,0-3", "twice"),
        ("gen:barrier?ranks=4&membres=0-3", "did you mean 'members'"),
        ("gen:broadcast?ranks=4&bytes=1&members=0,1&root=2", "root 2 is not below"),
        ("gen:barrier?ranks=4+barrier?ranks=5", "ranks is given as 4 and as 5"),
        ("gen:barrier?ranks=4+bcast", "no generator 'bcast'"),
        ("gen:barrier+barrier", "ranks is missing"),
    ],
)
def test_wrong_uri_is_one_clear_line(uri, text):
    with pytest.raises(TraceError, match=text) as caught:
        generate(uri)
    assert "\n" not in str(caught.value)


def test_units_of_bytes_are_decimal_and_binary():
    sizes = [generate(f"gen:incast?ranks=2&bytes=64{u}").bytes.max() for u in ("MB", "MiB")]
    assert sizes == [64_000_000, 64 << 20]


def test_bytes_of_all_to_all_are_per_pair():
    program = generate("gen:all-to-all?ranks=8&bytes=256KiB")
    assert info(program)["bytes"] == 8 * 7 * (256 << 10)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [2, 3, 16])
def test_permutation_has_no_fixed_point(n, seed):
    found = derangement(n, seed)
    assert sorted(found) == list(range(n))
    assert not np.any(found == np.arange(n))


def test_permutation_follows_the_seed():
    uri = "gen:permutation?ranks=64&bytes=2MiB"
    assert content(generate(uri, seed=3)) == content(generate(uri, seed=3))
    assert content(generate(uri, seed=3)) != content(generate(uri, seed=4))


def test_incast_sends_from_all_others_to_rank_0():
    program = generate("gen:incast?ranks=33&bytes=1MiB")
    sends = program.kind == Op.SEND
    assert program.rank_of[sends].tolist() == list(range(1, 33))
    assert not np.any(program.peer[sends])


def test_ranks_may_come_from_outside_but_not_contradict():
    assert generate("gen:barrier", ranks=6).n_ranks == 6
    with pytest.raises(TraceError, match="6 ranks are asked for"):
        generate("gen:barrier?ranks=4", ranks=6)


def test_resnet50_has_its_published_number_of_parameters():
    assert parameter_count(resnet50()) == 25_557_032


def test_resnet50_buckets_hold_every_gradient_once():
    assert sum(b.bytes for b in gradient_buckets(resnet50(), 25 << 20)) == 102_228_128


@pytest.mark.skipif(not KINETO.exists(), reason="the recorded trace is not at hand")
def test_resnet50_buckets_are_those_of_a_recorded_run():
    with gzip.open(KINETO) as file:
        events = json.load(file)["traceEvents"]
    kernels = [e for e in events if e.get("cat") == "kernel" and "AllReduce" in e["name"]]
    kernels.sort(key=lambda event: event["ts"])
    recorded = [4 * event["args"]["In msg nelems"] for event in kernels]
    ours = [b.bytes for b in gradient_buckets(resnet50(), 25 << 20)]
    assert recorded == 3 * ours


def test_training_computes_forward_and_twice_that_backward():
    program = generate("gen:training?ranks=2&batch=1&tflops=1&steps=3")
    flops = sum(layer.forward_flops for layer in resnet50())
    assert info(program)["critical_path_ps"] == 3 * 3 * flops


def sends_of(program):
    """Return (source, destination, bytes) of every message, collectives expanded."""
    flat = expand(program)
    sends = flat.kind == Op.SEND
    rows = np.stack([flat.rank_of[sends], flat.peer[sends], flat.bytes[sends]], axis=1)
    return sorted(rows.tolist())


@pytest.mark.parametrize("name", GENERATORS)
def test_members_take_part_in_the_place_of_ranks(name):
    alone = generate(f"gen:{name}?{SMALL[name]}", seed=3)
    placed = generate(f"gen:{name}?{SMALL[name].replace('=4', '=9', 1)}&members=7,2-6:2", seed=3)
    members = [7, 2, 4, 6]
    wanted = sorted([members[src], members[dst], size] for src, dst, size in sends_of(alone))
    assert sends_of(placed) == wanted
    assert check(placed) == []


def test_generators_joined_send_what_each_sends_alone():
    first, second = "training?ranks=6&members=1-3", "incast?ranks=6&bytes=1000"
    alone = [send for uri in (first, second) for send in sends_of(generate(f"gen:{uri}"))]
    joined = generate(f"gen:{first}+{second}")
    assert sends_of(joined) == sorted(alone)
    assert check(joined) == []


def test_generators_joined_are_a_job_each():
    joined = generate("gen:barrier?ranks=4&members=0,1+barrier+incast?bytes=1")
    assert joined.jobs == ["barrier", "barrier-2", "incast"]
    assert joined.job[joined.kind != Op.COLL].tolist() == [2] * 6
    assert joined.collectives.job.tolist() == [0, 1]


def test_messages_of_generators_joined_do_not_meet():
    joined = generate("gen:permutation?ranks=2&bytes=1+permutation?bytes=2")
    key = np.stack([joined.kind, joined.peer, joined.tag, joined.bytes], axis=1)
    assert sorted(key[joined.rank_of == 0].tolist()) == [
        [Op.SEND, 1, 0, 1],
        [Op.SEND, 1, 1, 2],
        [Op.RECV, 1, 0, 1],
        [Op.RECV, 1, 1, 2],
    ]
