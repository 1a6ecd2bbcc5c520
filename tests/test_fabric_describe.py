"""The bill of materials agrees with published builds."""

import json

import pytest

from fabricemu.fabrics.describe import describe
from fabricemu.spec.presets import load_fabric, preset_names


def test_4608_ports_of_ddc_are_128_leaves_20_boxes_and_5120_modules():
    content = describe(load_fabric("ddc"), 4608)
    assert content["boxes"] == {"leaf": 128, "element": 80, "fabric box": 20}
    assert content["fabric_modules"] == 5120


def test_2048_ports_of_clos_are_32_leaves_and_16_spines():
    content = describe(load_fabric("clos-ecmp"), 2048)
    assert content["boxes"] == {"leaf": 32, "spine": 16}
    assert content["fabric_modules"] == 2048


def test_the_net_speedup_depends_on_how_packets_are_cut():
    spec = load_fabric("ddc", ["transport.mtu=4092"])  # 4,154-byte frames
    speedup = describe(spec, 72)["leaf_speedup"]
    rounded = {name: round(value, 3) for name, value in speedup.items()}
    assert rounded == {
        "raw": 1.111,
        "packed": 1.042,
        "short_cells": 1.039,
        "padded": 1.002,
        "configured": 1.042,
        "net": 1.025,
        "worst": 1.025,
    }


@pytest.mark.parametrize(
    ("overrides", "lane_bytes"),
    [
        # a frame a credit: 9 cells with 32 B of header each, and 2 x 40 B of control cells
        (["transport.mtu=4034"], 4096 + 9 * 32 + 80),
        # 4 frames a credit: 9 cells, or 3 for each frame
        (["transport.mtu=962"], 4096 + 9 * 32 + 80),
        (["transport.mtu=962", "ddc.packing=false"], 4096 + 12 * 32 + 80),
        (["transport.mtu=962", "ddc.packing=false", "ddc.pad_cells=true"], 12 * 512 + 80),
    ],
)
def test_the_net_speedup_counts_all_that_is_on_the_lanes(overrides, lane_bytes):
    spec = load_fabric("ddc", [*overrides, "transport.gap_bytes=0"])
    expected = 160 / 144 * 4096 / lane_bytes
    assert describe(spec, 72)["leaf_speedup"]["net"] == pytest.approx(expected)


@pytest.mark.parametrize(("lanes", "warns"), [(144, True), (160, False)])
def test_lanes_that_cannot_carry_what_comes_are_worth_a_warning(lanes, warns):
    content = describe(load_fabric("ddc", [f"ddc.lanes={lanes}"]), 72)
    assert bool(content.get("warnings")) == warns == (content["leaf_speedup"]["net"] < 1)


def test_mechanisms_are_shown_as_they_were_derived():
    keys = ["ahead=auto", "balance_limit=auto", "credit_watchdog=500us", "paced=true", "drm=1.5"]
    found = describe(load_fabric("ddc", [f"ddc.{key}" for key in keys]), 72)["mechanisms"]
    assert found == {
        "ahead_bytes": 41 * 4096,
        "balance_bytes": 119 * 4096,
        "watchdog_ps": 500_000_000,
        "paced": True,
        "drm": 1.5,
    }


def test_the_credit_loop_is_two_ways_over_the_lanes():
    # 2 x (500 + 600 + 500 ns) and four control cells of 40 bytes at 100 Gb/s
    assert describe(load_fabric("ddc"), 72)["credit_loop_ps"] == 3_200_000 + 4 * 3200


def test_oversubscription_halves_the_bisection():
    flat = describe(load_fabric("clos-ecmp", ["clos.hosts_per_leaf=64"]), 1024)
    thin = describe(
        load_fabric("clos-ecmp", ["clos.hosts_per_leaf=64", "clos.oversubscription=2"]), 1024
    )
    assert flat["bisection_bps"] == 2 * thin["bisection_bps"] == 512 * 400 * 10**9


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("ranks", [1, 65])
def test_every_description_is_plain_json(name, ranks):
    assert json.loads(json.dumps(describe(load_fabric(name), ranks)))["ranks"] == ranks
