"""What keys of ``[ddc]`` and ``[switch]`` become, and what is said about mistakes."""

from dataclasses import MISSING, asdict, fields

import pytest

from fabricemu.errors import ConfigError
from fabricemu.fabrics.build import build
from fabricemu.fabrics.network import Ddc
from fabricemu.spec.presets import load_fabric

ONE = 1 << 16
US = 10**6
RECOVERS = ["transport.rto=1ms", "ddc.credit_watchdog=500us", "ddc.reassembly_timeout=100us"]
PAUSES = ["switch.pfc=true", "switch.xoff=1MB"]


def configured(*overrides, ranks=72):
    return build(load_fabric("ddc", overrides), ranks)[0]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["voq_limit=1MB"], {"voq_bytes": 10**6}),
        (["onchip_buffer=128MB"], {"onchip_bytes": 128 * 10**6}),
        (["ahead=4096"], {"ahead_bytes": 4096}),
        # 400 Gb/s for 3.2128 us are 39.2 credits of 4,096 bytes
        (["ahead=auto"], {"ahead_bytes": 41 * 4096}),
        (["balance_limit=auto"], {"balance_bytes": 3 * 40 * 4096 - 4096}),
        (["balance_limit=auto", "credit_bytes=64KiB"], {"balance_bytes": 500_000}),
        (["balance_limit=auto", "credit_bytes=1MB"], {"balance_bytes": 10**6}),
        (["balance_limit=10kB"], {"balance_bytes": 10_000}),
        (["credit_watchdog=500us"], {"watchdog_ps": 500 * US}),
        (["paced=true"], {"paced": True}),
        (["drm=auto"], {"drm": round(512 / 480 * ONE)}),
        (["drm=1.5"], {"drm": 3 * ONE // 2}),
        (["train_cells=3"], {"train_cells": 3}),
        (["spray=least-loaded"], {"least_loaded": True}),
        (
            ["llfc_xoff=4096", "llfc_response=100ns"],
            {"llfc_xoff_bytes": 4096, "llfc_xon_bytes": 2048, "llfc_response_ps": 100_000},
        ),
        (["llfc_xoff=4096", "llfc_xon=9"], {"llfc_xoff_bytes": 4096, "llfc_xon_bytes": 9}),
        (
            ["rci_levels=[25600,27700]"],
            {
                "rci_bytes": (25600, 27700),
                "rci_slow": (ONE * 9 // 8, ONE * 10 // 8),
                "rci_period_ps": 10 * US,
            },
        ),
        (
            ["rci_levels=[100]", "rci_slow=[2.0]", "rci_period=5us"],
            {"rci_bytes": (100,), "rci_slow": (2 * ONE,), "rci_period_ps": 5 * US},
        ),
        (["reassembly_timeout=100us"], {"reassembly_ps": 100 * US}),
        (["contexts=64"], {"contexts": 64}),
        (
            ["lane_group=4", "llfc_xoff=4096", "rci_levels=[9000]"],
            {
                "train_cells": 4,
                "llfc_xoff_bytes": 4 * 4096,
                "llfc_xon_bytes": 4 * 2048,
                "rci_bytes": (36_000,),
                "rci_slow": (ONE * 9 // 8,),
                "rci_period_ps": 10 * US,
            },
        ),
    ],
    ids=str,
)
def test_a_key_sets_its_fields_and_no_other(overrides, expected):
    needed = RECOVERS if overrides[0].startswith(("contexts", "voq_limit")) else []
    found = configured(*needed, *(f"ddc.{text}" for text in overrides)).ddc
    plain = asdict(configured(*needed).ddc)
    wired = ("lanes", "lanes_per_element", "credit_bytes")
    changed = {k: v for k, v in asdict(found).items() if plain[k] != v and k not in wired}
    assert changed == expected


def test_a_plain_fabric_has_no_mechanism():
    network = configured()
    off = {field.name: field.default for field in fields(Ddc) if field.default is not MISSING}
    assert {name: getattr(network.ddc, name) for name in off} == off
    assert network.switching is network.routes is network.loss is None


def test_only_ports_to_hosts_pause():
    network = configured(*PAUSES, "switch.headroom=1000")
    switching = network.switching
    first = int(network.port_ptr[72])
    assert switching.pfc[first : first + 196].tolist() == [1] * 36 + [0] * 160
    assert switching.headroom.sum() == 72 * 1000
    assert switching.lossless.tolist() == [1]
    assert (switching.xoff_bytes, switching.xon_bytes) == (10**6, 800_000)


def test_the_pool_is_both_memories():
    both = ["ddc.onchip_buffer=1MB", "ddc.deep_buffer=4MB"]
    assert configured(*both, "transport.rto=1ms").switching.buffer_bytes == 5 * 10**6


def test_classes_have_weights_and_channels():
    classes = "switch.class=[{name='a', weight=3}, {name='b', weight=1}]"
    switching = configured(classes, "switch.class_of_channel=['b','a']").switching
    assert switching.weight.tolist() == [3, 1]
    assert switching.qp_class == (1, 0)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["ddc.deep_buffer=1GB"], "ddc.deep_buffer: nothing gets there"),
        (["ddc.llfc_xon=10"], "ddc.llfc_xon: changes nothing; expected auto, or an llfc_xoff"),
        (["ddc.llfc_xoff=10", "ddc.llfc_xon=20"], "ddc.llfc_xon: 20; expected at most llfc_xoff"),
        (["ddc.rci_levels=[5,3]"], "ddc.rci_levels: [5, 3]; expected ascending, as [3, 5]"),
        (["ddc.rci_levels=[5]", "ddc.rci_slow=[1.1,1.2]"], "2 factors; expected one for each"),
        (["ddc.rci_levels=[5]", "ddc.rci_slow=[0.5]"], "expected factors of 1 to 1000"),
        (["ddc.balance_limit=4095"], "nearest valid choice is 4096"),
        (["ddc.balance_limit=5000", "ddc.ahead=6000"], "nearest valid choice is 6000"),
        (["ddc.voq_limit=1MB"], "transport.rto: none with a bounded ddc.voq_limit"),
        (
            ["ddc.onchip_buffer=1MB", "ddc.deep_buffer=1MB"],
            "transport.rto: none with a lossy class in a bounded ddc.deep_buffer",
        ),
        (["links.loss_rate=0.1", *RECOVERS[1:]], "transport.rto: none with links.loss_rate"),
        (
            ["links.loss_rate=0.1", RECOVERS[0], RECOVERS[2]],
            "ddc.credit_watchdog: none with links.loss_rate; expected a time",
        ),
        (
            ["ddc.contexts=8", *RECOVERS[:2]],
            "ddc.reassembly_timeout: none with bounded ddc.contexts; expected a time",
        ),
        (["switch.pfc=true"], "switch.xoff: 'dynamic' with an unbounded ddc.deep_buffer"),
        (["switch.class=[{name='a', lossless=true}]"], "a cannot be lossless without PFC"),
        (["switch.ecn_low=1000"], "unknown key 'switch.ecn_low'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_in_one_line(overrides, words):
    with pytest.raises(ConfigError) as error:
        configured(*overrides)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
