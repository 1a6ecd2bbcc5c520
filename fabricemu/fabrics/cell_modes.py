"""Faster modes of a cell fabric: what a result says of them, and where they are not proven."""

from fabricemu.spec.fabric import DdcSpec, FabricSpec

# Most by which a job's time differs from that with exact cells, by lane_group, with trains as
# long (tests/test_ddc_faster.py has the jobs).
WITHIN = {4: "0.5 %", 8: "1.25 %"}


def cell_modes(spec: FabricSpec) -> dict[str, int]:
    """Return how many lanes are one, and how many cells; nothing without a cell fabric."""
    if not isinstance(spec, DdcSpec):
        return {}
    return {"lane_group": spec.ddc.lane_group, "train_cells": spec.ddc.cells_of_a_train}


def mode_warnings(spec: FabricSpec) -> list[str]:
    """Return a line if nobody knows how far a faster mode is from exact cells."""
    if not isinstance(spec, DdcSpec) or spec.ddc.exact:
        return []
    lanes, cells = spec.ddc.lane_group, spec.ddc.cells_of_a_train
    if lanes in WITHIN and lanes == cells:
        return []
    proven = " and ".join(f"{lanes} ({bound})" for lanes, bound in WITHIN.items())
    return [
        f"ddc.lane_group {lanes} with ddc.train_cells {cells}: the error against exact cells has no"
        f" proven bound; those of lane_group {proven} have, with train_cells as large"
    ]
