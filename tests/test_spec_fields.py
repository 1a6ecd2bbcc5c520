"""Fields that take an amount, a word or a list, and tables within tables."""

import pytest

from fabricemu.errors import ConfigError
from fabricemu.spec.fields import amount_bytes, parse_ack_every, parse_amount
from fabricemu.spec.presets import load_fabric, resolved_toml


def complaint(*overrides, name="clos-ecmp"):
    with pytest.raises(ConfigError) as error:
        load_fabric(name, overrides)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (4096, 4096),
        ("64KiB", 65_536),
        ("1 packet", 100),
        ("43 packets", 4300),
        ("1 BDP", 5000),
        ("0.2 BDP", 1000),
        ("0.81 BDP", 4100),  # 40.5 packets
        ("1.5 BDP", 7500),
    ],
)
def test_amounts_are_bytes_packets_or_parts_of_a_bdp(text, size):
    assert amount_bytes(parse_amount(text), 100, 50) == size


@pytest.mark.parametrize(
    "text", ["0 packets", "-1 packets", "1.5 packets", "0 BDP", "0.0 BDP", "BDP", "1BDP", "", None]
)
def test_what_is_no_amount_says_what_one_looks_like(text):
    with pytest.raises(ValueError, match=r"expected a size .*, '43 packets', '0.2 BDP'"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("text", "due"),
    [(16, 16), ("16 packets", 16), ("1 packet", 1), ("16384B", "16384B"), ("16KiB", "16384B")],
)
def test_acks_are_due_after_packets_or_bytes(text, due):
    assert parse_ack_every(text) == due


@pytest.mark.parametrize("text", ["16", 0, True, "0 packets", "2000000 packets", 1.5, "soon", None])
def test_what_is_neither_packets_nor_bytes_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_ack_every(text)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("congestion.dcqcn.g=1.5", "congestion.dcqcn.g: 1.5: expected 0 to 1, or 'auto'"),
        ("congestion.dcqcn.g=abc", "congestion.dcqcn.g: 'abc': expected a number, or 'auto'"),
        ("congestion.dcqcn.g=nan", "congestion.dcqcn.g: nan: expected 0 to 1, or 'auto'"),
        (
            "congestion.dcqcn.clamp=1",
            "congestion.dcqcn.clamp: 1: expected true or false, or 'auto'",
        ),
        (
            "congestion.dcqcn.cnp_interval=0s",
            "congestion.dcqcn.cnp_interval: '0s': expected at least 1, or 'auto' or 'none'",
        ),
        (
            "congestion.dcqcn.set=papers",
            "congestion.dcqcn.set: 'papers' is not a choice; expected 'tuned', 'paper',"
            " 'connectx', 'hpcc-ns3' or 'simai'; did you mean 'paper'?",
        ),
        (
            "congestion.control=dcqc",
            "congestion.control: 'dcqc' is not a choice; expected 'none', 'dcqcn', 'dctcp',"
            " 'swift', 'hpcc', 'nscc', 'constant', 'rccc' or 'nscc+rccc'; did you mean 'dcqcn'?",
        ),
        (
            "switch.buffer=lots",
            "switch.buffer: 'lots': expected a size such as 4096, 64MB or 2MiB, or 'unbounded'",
        ),
        ("switch.alpha=0", "switch.alpha: 0 is out of range; expected at least 1.52587890625e-05"),
        (
            "switch.class=3",
            "switch.class: 3; expected a list",
        ),
        (
            'switch.class=[{name="a", weight=-1}]',
            "switch.class.0.weight: -1 is out of range; expected at least 0",
        ),
        ("switch.class=[{weight=1}]", "switch.class.0.name: missing; expected a value"),
        ('switch.class=[{name="a b"}]', "switch.class.0.name: 'a b'; expected"),
        ("clos.bands=[2.0]", "clos.bands.0: 2.0: expected bytes, or a fraction between 0 and 1"),
        ("clos.bands=1000", "clos.bands: 1000; expected a list"),
        (
            "transport.entropies=100",
            "transport: entropies is 100; expected a power of two; did you mean 64 or 128",
        ),
        ("transport.ack_every=0", "transport.ack_every: 0: expected 1 to 1048576 packets"),
    ],
)
def test_a_bad_value_is_one_line_with_its_key(override, said):
    text = complaint(override)
    assert text.startswith(f"clos-ecmp: {said}")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("congestion.dcqcn.gg", "did you mean 'congestion.dcqcn.g'"),
        ("ai_rate", "did you mean 'congestion.dcqcn.ai_rate'"),
        ("switch.classes", "did you mean 'switch.class'"),
        ("ecn_low", "did you mean 'switch.ecn_low'"),
    ],
)
def test_an_unknown_key_within_tables_says_the_nearest(key, hint):
    assert hint in complaint(f"{key}=1")


def test_an_unknown_key_in_a_list_of_tables_says_the_nearest():
    text = complaint('changes=[{what="spine0", state="down", att="5us"}]')
    assert text == "clos-ecmp: changes.0.att: unknown key; did you mean 'changes.at'?"


def test_tables_within_tables_are_overridden():
    spec = load_fabric("clos-ecmp", ["congestion.dcqcn.g=0.00390625", "congestion.dcqcn.set=paper"])
    assert (spec.congestion.dcqcn.g, spec.congestion.dcqcn.set) == (1 / 256, "paper")


def test_only_the_chosen_control_is_written_out():
    text = resolved_toml(load_fabric("uet-nscc", ["congestion.control=nscc+rccc"]))
    tables = [line for line in text.splitlines() if line.startswith("[congestion")]
    assert tables == ["[congestion]", "[congestion.nscc]", "[congestion.rccc]"]


def test_classes_and_bands_are_written_out(tmp_path):
    spec = load_fabric(
        "clos-adaptive",
        [
            'switch.class=[{name="rdma", lossless=true}, {name="bulk", weight=3}]',
            'switch.class_of_channel=["bulk", "rdma"]',
            "clos.bands=[1000, 2000]",
            "transport.rto=1ms",
        ],
    )
    path = tmp_path / "written.toml"
    path.write_text(resolved_toml(spec), encoding="utf-8")
    assert load_fabric(path) == spec
