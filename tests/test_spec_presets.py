"""Presets, files that extend them, overrides, and what is said about mistakes."""

import json
import shlex
from pathlib import Path

import pytest

from fabricemu.errors import ConfigError
from fabricemu.spec.presets import json_schema, load_fabric, preset_names, resolved_toml

PAGE = Path(__file__).parents[1] / "docs" / "presets.md"


def options_of_uet_htsim():
    """Return the overrides in each row of the table of options."""
    cells = [
        line.split("|")[2] for line in PAGE.read_text().splitlines() if line.startswith("| `-")
    ]
    rows = [shlex.split(cell.replace("`", " ")) for cell in cells]
    overrides = [[row[at + 1] for at, word in enumerate(row) if word == "--set"] for row in rows]
    return [row for row in overrides if row]


def write(tmp_path, text, name="mine.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(name, overrides=()):
    with pytest.raises(ConfigError) as error:
        load_fabric(name, overrides)
    return str(error.value)


def test_all_promised_presets_exist():
    ethernet = {"clos-ecmp", "clos-flowlet", "clos-adaptive", "clos-spray", "clos-uec"}
    assert {"ddc", "uet-nscc", "uet-rccc"} | ethernet <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_resolved_preset_loads_as_itself(name, tmp_path):
    spec = load_fabric(name)
    assert load_fabric(write(tmp_path, resolved_toml(spec))) == spec


def test_the_page_of_presets_names_all():
    text = PAGE.read_text()
    assert [name for name in preset_names() if f"`{name}`" not in text] == []


@pytest.mark.parametrize("overrides", options_of_uet_htsim(), ids=" ".join)
def test_options_of_uet_htsim_change_its_preset(overrides):
    changed = load_fabric("uet-nscc", overrides) != load_fabric("uet-nscc")
    assert changed or overrides == ["transport.balance=mixed"]


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_named_after_their_file(name):
    assert load_fabric(name).name == name


@pytest.mark.parametrize("name", [name for name in preset_names() if name.startswith("clos-")])
def test_the_clos_presets_have_the_hosts_and_cables_of_ddc(name):
    spec, ddc = load_fabric(name), load_fabric("ddc")
    assert (spec.host, spec.links) == (ddc.host, ddc.links)


def test_a_file_changes_only_what_it_says(tmp_path):
    path = write(tmp_path, 'extends = "ddc"\n[ddc]\ncredit_bytes = "8KiB"\n')
    expected = load_fabric("ddc", ["ddc.credit_bytes=8192", "name=mine"])
    assert load_fabric(path) == expected


def test_a_file_may_extend_a_file_beside_it(tmp_path):
    write(tmp_path, 'extends = "ddc"\n[transport]\nqps = 4\n', "base.toml")
    assert load_fabric(write(tmp_path, 'extends = "base.toml"')).transport.qps == 4


def test_files_that_extend_each_other_are_refused(tmp_path):
    write(tmp_path, 'extends = "mine.toml"', "base.toml")
    assert "circle" in complaint(write(tmp_path, 'extends = "base.toml"'))


def test_the_last_override_wins():
    spec = load_fabric("clos-ecmp", ["transport.mtu=1024", "transport.mtu=2048"])
    assert spec.transport.mtu == 2048


def test_overrides_take_units_and_words():
    spec = load_fabric(
        "clos-ecmp",
        ["transport.rto=1ms", "clos.queue=43 packets", "switch.pfc=false", "switch.class=[]"],
    )
    assert (spec.transport.rto, spec.queue_bytes) == (10**9, 43 * 4158)


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("credit_bytes=4096", "did you mean 'ddc.credit_bytes'"),
        ("ddc.credit_byte=4096", "did you mean 'ddc.credit_bytes'"),
        ("ddc.packing", "expected key.path=value"),
        ("host=3", "unknown key 'host'; it is a table; expected a key of it, as 'host.nic_ports'"),
        ("hots.nic_ports=3", "did you mean 'host.nic_ports'"),
    ],
)
def test_a_wrong_override_says_the_nearest_key(override, hint):
    assert hint in complaint("ddc", [override])


def test_a_value_where_a_table_is_due_is_refused(tmp_path):
    path = write(tmp_path, 'extends = "ddc"\nhost = 3\n')
    assert complaint(path) == f"{path}: host: 3; expected a table"
    assert "'host' is not a table" in complaint(path, ["host.nic_ports=2"])


def test_an_unknown_preset_says_the_nearest():
    assert complaint("clos-ecpm") == (
        "fabric 'clos-ecpm': no such preset or file; did you mean 'clos-ecmp'?"
    )


def test_every_mistake_of_a_file_gets_its_line(tmp_path):
    path = write(
        tmp_path,
        'extends = "clos-ecmp"\n[host]\nport_rate = 400\n[transport]\nqps = 0\nmtu = "4096"\n'
        '[clos]\nchoice = "spary"\nchoise = "ecmp"\n',
    )
    assert complaint(path).splitlines() == [
        f"{path}: host.port_rate: 400: the unit is missing;"
        " expected a rate such as 400Gbps or 50GB/s",
        f"{path}: transport.mtu: '4096'; expected a whole number",
        f"{path}: transport.qps: 0 is out of range; expected at least 1",
        f"{path}: clos.choice: 'spary' is not a choice;"
        " expected 'ecmp', 'spray', 'adaptive' or 'round-robin'; did you mean 'spray'?",
        f"{path}: clos.choise: unknown key; did you mean 'clos.choice'?",
    ]


@pytest.mark.parametrize(
    ("name", "overrides", "part"),
    [
        (
            "clos-ecmp",
            ["clos.queue=100kB", "switch.pfc=false", "switch.class=[]"],
            "transport.rto: none with a bounded clos.queue",
        ),
        ("clos-spray", ["transport.reorder_packets=100"], "did you mean 64 or 128"),
        ("ddc", ["transport.mtu=65530"], "expected at most 65535"),
        ("ddc", ["links.fabric_latency=0ns"], "links.fabric_latency: 0; expected a positive"),
        ("ddc", ["ddc.lanes_per_element=3"], "expected a divisor of lanes 160; did you mean 2"),
        ("ddc", ["ddc.cell_header_bytes=512"], "expected less than cell_bytes 512"),
        ("ddc", ["kind=close"], "kind: 'close' is not a choice"),
        ("uet-nscc", ["links.host_latency=0ns"], "links.host_latency: 0"),
        ("ddc", ["name=../ddc"], "name: '../ddc'; expected a name without slashes"),
        ("clos-ecmp", ["clos.tiers='2'"], "'2' is not a choice; expected 'auto', 2 or 3"),
        ("ddc", ["ddc.credit_speedup=nan"], "ddc.credit_speedup: nan is out of range"),
    ],
)
def test_what_cannot_work_together_is_refused(name, overrides, part):
    text = complaint(name, overrides)
    assert part in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["kind = ", "\x00", 'kind = "clos"\nkind = "ddc"', "[" * 5000])
def test_what_is_not_toml_is_one_line(text, tmp_path):
    said = complaint(write(tmp_path, text))
    assert "not TOML" in said
    assert "\n" not in said


def test_a_file_without_kind_says_the_kinds(tmp_path):
    assert "kind: missing; expected one of clos, ddc" in complaint(write(tmp_path, "[host]"))


def test_the_schema_describes_every_field_of_both_kinds():
    tables = json_schema()["$defs"]
    fields = [field for table in tables.values() for field in table["properties"].items()]
    assert all(
        "description" in body for name, body in fields if name != "kind" and "$ref" not in body
    )
    assert json.dumps(tables)
