"""What only a cell fabric has: stages, lanes, speed-up and the credit loop, as plain numbers."""

from dataclasses import MISSING, fields
from typing import Any

from fabricemu.fabrics.cell_modes import cell_modes
from fabricemu.fabrics.ddc import shape_of
from fabricemu.fabrics.ddc_mechanisms import ONE, credit_loop_ps
from fabricemu.fabrics.network import Ddc, Network
from fabricemu.fabrics.speedup import speedups
from fabricemu.spec.fabric import DdcSpec, FabricSpec


def describe_ddc(spec: DdcSpec, network: Network) -> dict[str, Any]:
    """Return stages, ``speedups`` of a leaf, the longest credit loop, and what is switched on."""
    assert network.ddc is not None
    return {
        "cell_fabric": _stages(spec, network.n_ranks),
        "leaf_speedup": speedups(spec, network),
        "credit_loop_ps": credit_loop_ps(network, network.ddc),
        "mechanisms": _mechanisms(network.ddc),
    }


def exact(spec: FabricSpec) -> FabricSpec:
    """Return the fabric with every lane and cell by itself: what is built, not what is emulated."""
    if not isinstance(spec, DdcSpec):
        return spec
    return spec.model_copy(
        update={"ddc": spec.ddc.model_copy(update={"lane_group": 1, "train_cells": 1})}
    )


def emulated_lanes(spec: FabricSpec, n_ranks: int) -> dict[str, Any]:
    """Return what a run has in place of single lanes and cells; nothing where it is exact."""
    if not isinstance(spec, DdcSpec) or spec.ddc.exact:
        return {}
    shape = shape_of(spec, n_ranks)
    content = {
        "exact": False,
        **cell_modes(spec),
        "lanes_of_a_leaf": shape.lanes,
        "elements": shape.pods * shape.elements,
        "spines": shape.spines,
    }
    return {"emulated": content}


def fabric_boxes(spec: DdcSpec, n_ranks: int) -> dict[str, int]:
    """Return the boxes of elements; each has elements of one stage only."""
    shape, size = shape_of(spec, n_ranks), spec.ddc.box_elements
    boxes = {"fabric box": -(-shape.pods * shape.elements // size)}
    return boxes | ({"spine box": -(-shape.spines // size)} if shape.stages == 2 else {})


def _stages(spec: DdcSpec, n_ranks: int) -> dict[str, int]:
    """Return the counts of section 16."""
    shape = shape_of(spec, n_ranks)
    content = {
        "stages": shape.stages,
        "lanes_of_leaves": shape.leaves * spec.ddc.lanes,
        "lanes_to_an_element": shape.lanes_per_element,
    }
    if shape.stages == 1:
        return content
    return content | {
        "pods": shape.pods,
        "leaves_of_a_pod": shape.pod_leaves,
        "lanes_up_of_an_element": shape.up_lanes,
        "lanes_between_stages": shape.pods * shape.elements * shape.up_lanes,
        "planes": shape.planes,
        "lanes_to_a_spine": shape.strands,
    }


def _mechanisms(ddc: Ddc) -> dict[str, Any]:
    """Return what is on beyond section 5, with all that was ``auto`` derived."""
    off = {field.name: field.default for field in fields(Ddc) if field.default is not MISSING}
    found = {name: getattr(ddc, name) for name in off if getattr(ddc, name) != off[name]}
    if "drm" in found:
        found["drm"] /= ONE
    if ddc.rci_bytes:
        found["rci_levels"] = list(found.pop("rci_bytes"))
        found["rci_slow"] = [factor / ONE for factor in ddc.rci_slow]
    return found
