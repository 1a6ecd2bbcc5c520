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
