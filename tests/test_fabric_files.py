"""Topology files of htsim, HPCC and SimAI."""

from pathlib import Path

import numpy as np
import pytest

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.describe import describe
from fabricemu.fabrics.network import Kind
from fabricemu.fabrics.topology import hosts_of
from fabricemu.fabrics.verify import verify
from fabricemu.spec.presets import load_fabric

SHARED = Path(__file__).resolve().parents[2] / "shared" / "traces"
GBPS = 10**9

TOPO = """\
# comment
Nodes 16
tiers 3
Podsize 8

Tier 0
Downlink_speed_Gbps 100
Radix_Down 4
Radix_Up 2        # 2:1
Oversubscribed 2
Downlink_Latency_ns 1000
Queue_Up 9000
Queue_Down 8000

Tier 1
Downlink_speed_Gbps 100
Radix_Down 2
Radix_Up 2
Downlink_Latency_ns 500
Switch_Latency_ns 300

Tier 2
Downlink_speed_Gbps 50
Radix_Down 4
Bundle 2
Downlink_Latency_ns 2000
"""
HPCC = """\
7 3 6
4 5 6
0 4 100Gbps 1000ns 0
1 4 100Gbps 1000ns 0
2 5 200Gbps 0.002ms 0
3 6 100Gbps 1us 0.5
4 5 400Gbps 1us 0
5 6 400Gbps 1us 0.000001
"""
NVLINKS = """\
10 2 2 4 14 H100
4 5
6 7 8 9
0 4 2880Gbps 0.000025ms 0
1 4 2880Gbps 0.000025ms 0
2 5 2880Gbps 0.000025ms 0
3 5 2880Gbps 0.000025ms 0
"""
NICS = "".join(
    f"{gpu} {6 + gpu % 2 + 2 * port} 200Gbps 0.0005ms 0\n" for gpu in range(4) for port in range(2)
)
SIMAI = f"{NVLINKS}{NICS}6 7 400Gbps 1us 0\n8 9 400Gbps 1us 0\n"


def from_file(folder, text, *overrides, ranks=4):
    path = folder / "topology"
    path.write_text(text, encoding="utf-8")
    overrides = [f"clos.topology={str(path)!r}", "transport.rto=1ms", *overrides]
    return build(load_fabric("clos-ecmp", overrides), ranks)[0]


def link(network, one, other):
    """Return the first port from one box to another, by name."""
    start, end = network.port_ptr[network.names.index(one) :][:2]
    far = network.device_of[network.peer[start:end]]
    return start + [network.names[device] for device in far].index(other)


def error_of(folder, text, *overrides, ranks=4):
    with pytest.raises(ConfigError) as error:
        from_file(folder, text, *overrides, ranks=ranks)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "")


def test_a_topo_decides_counts_rates_latencies_and_queues(tmp_path):
    network = from_file(tmp_path, TOPO, "host.nic_latency=0ns")
    verify(network)
    ports = [
        link(network, *ends)
        for ends in (
            ("host0", "leaf0"),
            ("leaf0", "host0"),
            ("leaf0", "agg1"),
            ("agg1", "leaf0"),
            ("agg1", "core1"),
            ("core1", "agg1"),
        )
    ]
    assert network.rate_bps[ports].tolist() == [100 * GBPS] * 4 + [50 * GBPS] * 2
    expected = [1_000_000, 1_000_000, 500_000, 800_000, 2_300_000, 2_000_000]
    assert network.latency_ps[ports].tolist() == expected
    assert network.queue_bytes[ports].tolist() == [-1, 8000, 9000, -1, -1, -1]
    names = [name.rstrip("0123456789") for name in network.names]
    assert [names.count(name) for name in ("host", "leaf", "agg", "core")] == [16, 4, 4, 2]


def test_a_topo_keeps_the_arithmetic_of_ways(tmp_path):
    assert from_file(tmp_path, TOPO).routes is None


def test_a_topo_may_be_a_plane(tmp_path):
    network = from_file(tmp_path, TOPO, "clos.planes=2", "host.nic_ports=2")
    verify(network)
    assert network.n_ranks == 16
    assert network.names.count("leaf7") == 1


def test_a_file_decides_how_many_hosts_there_are(tmp_path):
    network = from_file(tmp_path, TOPO, ranks=3)
    assert network.n_ranks == 16
    assert "has 16 hosts; expected at least 17" in error_of(tmp_path, TOPO, ranks=17)


def test_links_of_hpcc_have_their_own_rates_delays_and_losses(tmp_path):
    network = from_file(tmp_path, HPCC, "host.nic_latency=1ns", "clos.switch_latency=2ns")
    verify(network)
    up, down = link(network, "host2", "switch5"), link(network, "switch5", "host2")
    between = link(network, "switch5", "switch6")
    assert network.rate_bps[[up, down, between]].tolist() == [200 * GBPS] * 2 + [400 * GBPS]
    assert network.latency_ps[[up, down, between]].tolist() == [2_001_000, 2_003_000, 1_002_000]
    lossy = [link(network, "host3", "switch6"), link(network, "switch6", "host3"), between]
    assert network.loss[lossy].tolist() == [2**31, 2**31, 4295]
    assert np.count_nonzero(network.loss) == 4


def test_nvswitches_of_simai_are_the_scale_up_domain(tmp_path):
    network = from_file(tmp_path, SIMAI)
    verify(network)
    assert (network.n_ranks, network.nic_ports, network.scale_up) == (4, 2, 2)
    assert (network.kind == Kind.SCALE_UP).sum() == 2
    up = network.port_ptr[3] + 2
    assert (network.rate_bps[up], network.latency_ps[up]) == (2880 * GBPS, 25_000)
    assert network.device_of[network.peer[up]] == network.names.index("scaleup1")


def test_nic_ports_of_simai_keep_the_order_of_their_links(tmp_path):
    network = from_file(tmp_path, SIMAI)
    leaves = network.device_of[network.peer[network.port_ptr[3] : network.port_ptr[3] + 2]]
    assert [network.names[leaf] for leaf in leaves] == ["switch7", "switch9"]


def test_a_topology_is_found_beside_its_fabric_file(tmp_path):
    (tmp_path / "small.topo").write_text(TOPO, encoding="utf-8")
    text = 'extends = "uet-nscc"\n[clos]\ntopology = "small.topo"\n'
    (tmp_path / "fabric.toml").write_text(text, encoding="utf-8")
    assert hosts_of(load_fabric(tmp_path / "fabric.toml")) == 16


def change(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (change(TOPO, "Podsize 8\n", ""), "/topology: Podsize: missing"),
        (change(TOPO, "tiers 3", "tiers 2"), "line 3: Tiers: 2, and 3 are described"),
        (change(TOPO, "Down 4", "Down 3"), "line 4: Podsize: 8; expected a multiple of 3"),
        (change(TOPO, "Nodes 16", "Nodes 20"), "line 2: Nodes: 20; expected a multiple of 8"),
        (change(TOPO, "Nodes", "Notes"), "line 2: Notes: unknown field; did you mean 'Nodes'?"),
        (change(TOPO, "Tier 1", "Tier 2"), "line 15: Tier: 2; expected 1"),
        (change(TOPO, "Radix_Down 4", "Radix_Down four"), "line 8: Radix_Down: 'four'; expected"),
        (change(TOPO, "Radix_Down 4", "Radix_Down 0"), "line 8: Radix_Down: is 0; expected"),
        (
            change(TOPO, "Oversubscribed 2", "Oversubscribed 4"),
            "line 10: Oversubscribed: 4, but radices and speeds make it 2",
        ),
        (
            change(TOPO, "Radix_Down 2", "Radix_Down 3"),
            "line 17: Radix_Down: 3; the other counts make it 2",
        ),
        (change(TOPO, "Bundle 2", "Bundle 3"), "Radix_Up: 2; expected a multiple of 3"),
        (change(TOPO, "Queue_Up 9000", "Nodes 16"), "line 12: Nodes: was said in line 2"),
        (change(TOPO, "Bundle 2", "Radix_Up 2"), "line 25: Radix_Up: the top tier has nothing"),
        (change(TOPO, "Tier 0\n", ""), "line 6: Downlink_speed_Gbps: belongs to a tier"),
        ("", "/topology: Nodes: missing"),
        (change(HPCC, "7 3 6", "7 3 7"), "node: missing; the file ends in line 8"),
        (change(HPCC, "7 3 6", "7 3 5"), "link_num: is 5, but more links follow"),
        (change(HPCC, "0 4 100", "0 9 100"), "line 3: node: 9 is not a node; expected 0 to 6"),
        (change(HPCC, "0 4 100", "0 1 100"), "line 3: link: joins host and host"),
        (change(HPCC, "0 4 100", "4 4 100"), "line 3: link: joins node 4 to itself"),
        (change(HPCC, "100Gbps", "100"), "line 3: rate: '100': the unit is missing"),
        (change(HPCC, "1000ns", "1000"), "line 3: delay: '1000': the unit is missing"),
        (change(HPCC, "0.5", "1.5"), "line 6: error_rate: '1.5'; expected a probability"),
        (change(HPCC, "4 5 6", "4 5 5"), "line 2: switch: 5 is named twice"),
        (
            change(HPCC, "3 6 100", "2 6 100"),
            "line 6: link: host 2 has 2 links to switches, host 0",
        ),
        (change(HPCC, "5 6 400", "5 4 400"), "/topology: NIC port 0 of host 3 has no way"),
        (change(SIMAI, "10 2 2 4", "10 3 2 4"), "nvswitch_num: 2 for 4 GPUs in servers of 3"),
        (change(SIMAI, "1 4 2880", "1 5 2880"), "line 5: link: GPU 1: another NVSwitch"),
        (change(SIMAI, "3 5 2880", "3 5 1440"), "line 7: link: rate, positive delay"),
        (change(SIMAI, "3 5 2880", "2 5 2880"), "expected one link from each GPU to the NVSwitch"),
        (change(SIMAI, "6 7 400", "4 7 400"), "link: joins switch and nvswitch"),
    ],
)
def test_a_mistake_is_told_by_file_line_and_field(tmp_path, text, expected):
    assert expected in error_of(tmp_path, text)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["clos.rail_optimised=true", "host.scale_up_ranks=2"], "clos.topology decides"),
        (["host.nic_ports=3"], "Nodes: 16 do not make whole hosts of 3 NIC ports"),
    ],
)
def test_what_a_file_decides_is_not_said_twice(tmp_path, overrides, expected):
    assert expected in error_of(tmp_path, TOPO, *overrides)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"clos\.topology: .*nowhere: cannot be read"):
        build(load_fabric("clos-ecmp", [f"clos.topology='{tmp_path / 'nowhere'}'"]), 4)


def shared(pattern):
    files = sorted(SHARED.glob(pattern))
    return files or [pytest.param(None, marks=pytest.mark.skip("no shared traces"))]


@pytest.mark.parametrize("path", shared("htsim_topo/*.topo"), ids=lambda path: path and path.stem)
def test_every_topo_of_htsim_is_wired_right(path):
    nodes = int(path.read_text().split("Nodes ")[1].split()[0])
    network = build(load_fabric("uet-nscc", [f"clos.topology='{path}'"]), 1)[0]
    verify(network)
    assert network.n_ranks == nodes


LISTS = [*shared("hpcc_synthetic/topology*"), *shared("simai_topo/*00")]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path and path.stem)
def test_every_list_of_links_is_wired_right(path):
    spec = load_fabric("clos-ecmp", [f"clos.topology='{path}'"])
    network = build(spec, 1)[0]
    verify(network)
    links = int(path.read_text().split("\n")[0].split()[4 if "simai" in str(path) else 2])
    assert network.n_ports == 2 * links


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared traces")
def test_the_dual_plane_of_simai_has_two_planes_of_eight_rails():
    path = SHARED / "simai_topo/AlibabaHPN_64g_8gps_DualToR_DualPlane_200Gbps_H100"
    content = describe(load_fabric("clos-ecmp", [f"clos.topology='{path}'"]), 64)
    assert (content["planes"], content["rails"]) == (2, 8)
    assert content["boxes"] == {"switch": 32, "scaleup": 8}
    assert content["links"] == {"host": 128, "fabric": 128, "scale_up": 64}
