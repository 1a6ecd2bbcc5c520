"""What tables of a fabric cannot be combined is refused in one line that says the way out."""

import pytest

from fabricemu.errors import ConfigError
from fabricemu.spec.presets import load_fabric

EACH = "transport.ack_every=1"
UEC = ["transport.protocol=uec", "transport.receiver=any-order", "congestion.control=nscc"]


def complaint(name, *overrides):
    with pytest.raises(ConfigError) as error:
        load_fabric(name, overrides)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "overrides", "part"),
    [
        (
            "uet-nscc",
            ["congestion.control=dcqcn"],
            "congestion.control: 'dcqcn' with transport.protocol 'uec'; expected none or nscc or",
        ),
        (
            "clos-ecmp",
            ["congestion.control=nscc"],
            "congestion.control: 'nscc' with transport.protocol 'rc'; expected none or dcqcn or",
        ),
        (
            "clos-ecmp",
            ["congestion.control=dctcp"],
            "transport.ack_every: 16 with congestion.control 'dctcp'",
        ),
        (
            "clos-ecmp",
            ["congestion.control=swift", "transport.ack_every=4096B"],
            "transport.ack_every: 4096B with congestion.control 'swift'",
        ),
        ("clos-ecmp", ["congestion.control=hpcc"], "needs each packet acknowledged; expected 1"),
        (
            "clos-ecmp",
            ["congestion.dcqcn.set=simai"],
            "transport.ack_every: 16 with congestion.dcqcn.window",
        ),
        (
            "clos-ecmp",
            ["congestion.dcqcn.window=1 BDP"],
            "transport.ack_every: 16 with congestion.dcqcn.window",
        ),
        (
            "clos-ecmp",
            ["congestion.control=swift", EACH, "congestion.swift.flow_min=100"],
            "congestion.swift.flow_min: 100.0; expected less than flow_max",
        ),
        (
            "clos-ecmp",
            ["congestion.control=swift", EACH, "congestion.swift.max_window=0.001"],
            "congestion.swift.max_window: 0.001; expected at least min_window",
        ),
        ("ddc", [EACH, "congestion.control=hpcc"], "needs the stamps of packet switches"),
        ("ddc", ["congestion.control=dcqcn"], "'dcqcn' lives by marks, and a cell fabric makes"),
        ("ddc", ["transport.balance=reps"], "transport.balance: changes nothing over a cell"),
        (
            "clos-ecmp",
            ["congestion.hpcc.eta=0.9"],
            "congestion.hpcc: changes nothing with congestion.control 'dcqcn';"
            " expected congestion.dcqcn",
        ),
        (
            "clos-ecmp",
            ["congestion.control=none", "congestion.dcqcn.g=0.1"],
            "congestion.dcqcn: changes nothing with congestion.control 'none'; expected no table",
        ),
        (
            "uet-nscc",
            ["congestion.control=nscc+rccc", "congestion.rccc.max_window=1 BDP"],
            "expected congestion.nscc.max_window",
        ),
        ("clos-ecmp", ["transport.rto=auto"], "transport.rto: 'auto' with transport.protocol 'rc'"),
        (
            "clos-ecmp",
            ["transport.loss_distance=3"],
            "transport.loss_distance: changes nothing with transport.receiver 'in-order'",
        ),
        (
            "uet-nscc",
            ["transport.receiver=in-order"],
            "transport.receiver: 'in-order' with transport.protocol 'uec'; expected any-order",
        ),
        ("uet-nscc", ["transport.window=1MB"], "transport.window: changes nothing with"),
        (
            "uet-nscc",
            ["transport.loss_distance=3"],
            "transport.loss_distance: changes nothing with",
        ),
        (
            "uet-nscc",
            ["transport.rto=none"],
            "transport.rto: none with a bounded clos.queue; expected a time",
        ),
        (
            "clos-ecmp",
            ["switch.pfc=false", "switch.class=[]"],
            "transport.rto: none with a lossy class in a bounded switch.buffer; expected a time",
        ),
        (
            "clos-ecmp",
            ["clos.choice=spray"],
            "transport.rto: none with transport.receiver 'in-order' and clos.choice 'spray'",
        ),
        (
            "clos-adaptive",
            ["transport.receiver=window"],
            "transport.rto: none with transport.receiver 'window' and clos.choice 'adaptive'",
        ),
        (
            "clos-ecmp",
            ["transport.balance=reps"],
            "transport.rto: none with transport.receiver 'in-order' and transport.balance 'reps'",
        ),
        ("clos-ecmp", ["links.loss_rate=1e-5"], "transport.rto: none with links.loss_rate"),
        (
            "clos-ecmp",
            ["switch.ecn_low=none"],
            "switch.ecn_low: none with congestion.control 'dcqcn', which lives by marks",
        ),
        (
            "clos-spray",
            ["transport.balance=reps"],
            "transport.balance: changes nothing with clos.choice 'spray'; expected ecmp",
        ),
        (
            "clos-ecmp",
            ['switch.class=[{name="a"}]', "transport.rto=1ms"],
            "switch.pfc: true without a lossless class",
        ),
        (
            "clos-ecmp",
            ["switch.pfc=false"],
            "switch.class: rdma cannot be lossless without PFC; expected switch.pfc = true",
        ),
        (
            "clos-ecmp",
            ["switch.buffer=unbounded"],
            "switch.xoff: 'dynamic' with an unbounded switch.buffer never pauses",
        ),
        ("clos-ecmp", ["switch.trim=64"], "'rc' has no answer to a trimmed packet"),
        (
            "uet-nscc",
            ["clos.queue=unbounded"],
            "switch.trim: changes nothing with an unbounded clos.queue",
        ),
        ("uet-nscc", ["switch.trim=5000"], "switch.trim: 5000 bytes; expected less than a packet"),
        (
            "clos-ecmp",
            ['switch.class_of_channel=["rdmo"]'],
            "switch.class_of_channel: no class 'rdmo'; did you mean 'rdma'?",
        ),
        (
            "clos-ecmp",
            ['switch.class=[{name="a", lossless=true}, {name="a", lossless=true}]'],
            "switch: class 'a' is given twice",
        ),
        (
            "clos-ecmp",
            ["clos.bands=[1000]"],
            "clos.bands: change nothing with choice 'ecmp'; expected adaptive",
        ),
        ("clos-adaptive", ["clos.bands=[2000, 1000]"], "clos.bands: [2000, 1000]; expected ascend"),
        ("clos-adaptive", ["clos.bands=[0.5, 1000]"], "clos.bands: bytes and fractions; expected"),
        ("clos-adaptive", ["clos.bands=[0.5]"], "clos.bands: fractions of an unbounded queue"),
        ("clos-adaptive", ["clos.refresh=1us"], "clos.refresh: changes nothing without bands"),
        (
            "clos-ecmp",
            ["clos.weighted=true", "clos.choice=round-robin"],
            "clos.weighted: changes nothing with choice 'round-robin'",
        ),
    ],
)
def test_what_makes_no_sense_together_is_refused(name, overrides, part):
    text = complaint(name, *overrides)
    assert part in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("clos-ecmp", ["congestion.control=none"]),
        ("clos-ecmp", ["congestion.control=dctcp", EACH]),
        ("clos-ecmp", ["congestion.control=swift", EACH, "congestion.swift.beta=0.7"]),
        ("clos-ecmp", ["congestion.control=hpcc", EACH]),
        ("clos-ecmp", ["congestion.dcqcn.set=simai", EACH]),
        ("clos-ecmp", ["congestion.dcqcn.set=simai", "congestion.dcqcn.window=none"]),
        ("clos-ecmp", ["transport.balance=reps", "transport.rto=1ms"]),
        ("clos-ecmp", ["transport.balance=reps", "transport.receiver=any-order"]),
        ("clos-flowlet", ["transport.balance=reps"]),
        ("clos-ecmp", ["transport.receiver=any-order", "transport.loss_distance=3"]),
        ("clos-ecmp", ["switch.buffer=unbounded", "switch.xoff=15 packets"]),
        ("ddc", ["congestion.control=swift", EACH]),
        ("ddc", [*UEC, "transport.rto=1ms"]),
        ("uet-nscc", ["congestion.control=nscc+rccc", "congestion.rccc.pacing=0.95"]),
        ("uet-nscc", ["transport.balance=none", "clos.choice=adaptive"]),
        ("uet-rccc", ["congestion.control=nscc", "congestion.nscc.gamma=0.7"]),
    ],
)
def test_what_makes_sense_together_is_accepted(name, overrides):
    assert load_fabric(name, overrides).name == name


def test_another_control_leaves_the_tables_of_the_old_one_behind(tmp_path):
    base = tmp_path / "base.toml"
    base.write_text('extends = "clos-ecmp"\n[congestion.dcqcn]\ng = 0.1\n')
    top = tmp_path / "top.toml"
    top.write_text('extends = "base.toml"\n[congestion]\ncontrol = "none"\n')
    assert load_fabric(top).congestion.control == "none"
    back = load_fabric(top, ["congestion.control=dcqcn"])
    assert back.congestion.dcqcn.g == "auto"


def test_a_control_that_stays_keeps_its_table(tmp_path):
    base = tmp_path / "base.toml"
    base.write_text('extends = "clos-ecmp"\n[congestion.dcqcn]\ng = 0.1\n')
    found = load_fabric(base, ["congestion.control=dcqcn", "congestion.dcqcn.ai_rate=1Gbps"])
    assert (found.congestion.dcqcn.g, found.congestion.dcqcn.ai_rate) == (0.1, 10**9)
