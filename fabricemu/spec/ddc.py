"""A cell fabric.

Sources: "FBOSS" is facebook/fboss (Jericho3Asic.cpp, Ramon3Asic.cpp,
FabricLinkMonitoringManager.cpp, meru800bia platform mapping), "OpenBCM" is
Broadcom-Network-Switching-Software/OpenBCM (scheduler_tune.c, jr2_a0_data_iqs.c).
"""

from typing import Literal

from pydantic import Field, model_validator

from fabricemu.spec.ddc_mechanisms import DdcMechanisms
from fabricemu.spec.fields import Bytes, CountOrAuto, RateBps, TimePs
from fabricemu.spec.table import GBPS, MAX_TIME, NS

MAX_CELL = 65535  # bytes of a cell or train


class DdcParams(DdcMechanisms):
    """A cell fabric; the defaults are Jericho3-AI leaves and Ramon3 elements."""

    leaf_ports: int = Field(
        default=36, ge=1, le=2**16, description="NIC ports of a leaf; 14.4 Tb/s = 36 x 400G (FBOSS)"
    )
    lanes: int = Field(default=160, ge=1, le=4096, description="fabric lanes of a leaf (FBOSS)")
    lane_rate: RateBps = Field(
        default=100 * GBPS,
        ge=10**6,
        description="bit/s net of a 106.25G PAM4 lane: x 514/544 RS-FEC x 256/257 (IEEE 802.3)",
    )
    element_lanes: int = Field(
        default=256, ge=1, le=2**16, description="lanes of an element (FBOSS: a Ramon3 has 2 x 256)"
    )
    lanes_per_element: CountOrAuto = Field(
        default="auto",
        description="lanes of a leaf to one element; auto: the largest power of two that"
        " divides lanes and fits the leaves, that is the fewest elements; 1 with pods of auto size",
    )
    pod_leaves: CountOrAuto = Field(
        default="auto",
        description="leaves of a pod of two stages; auto: one stage where it reaches all leaves,"
        " else as many as half the lanes of an element (FBOSS VoqConstants.h: 128)",
    )
    up_lanes: CountOrAuto = Field(
        default="auto",
        description="lanes of a pod's element to those above; auto: as many as down, so that"
        " nothing blocks (FBOSS: 128)",
    )
    planes: CountOrAuto = Field(
        default="auto",
        description="planes of the elements above, each for its share of a pod's elements; auto:"
        " the fewest for which an element above has the lanes (FBOSS: 4)",
    )
    box_elements: int = Field(
        default=4,
        ge=1,
        le=1024,
        description="elements of a box, MERU800BFA: 1,024 lanes, 2 Ramon3 of 2 elements (FBOSS)",
    )
    cell_bytes: int = Field(
        default=512, ge=2, le=MAX_CELL, description="bytes, with header (FBOSS)"
    )
    cell_header_bytes: int = Field(default=32, ge=1, le=4096, description="bytes (FBOSS)")
    control_cell_bytes: int = Field(
        default=40,
        ge=1,
        le=65535,
        description="bytes of a request or credit (assumed: a cell header and 8 bytes)",
    )
    lane_group: int = Field(
        default=1,
        ge=1,
        le=4096,
        description="lanes that are emulated as one of so many times the rate; 1: exact, 4 and 8:"
        " jobs within 0.5 and 1.25 % of that where lanes are not at their limit (docs/ddc.md)",
    )
    train_cells: CountOrAuto = Field(
        default="auto",
        description="cells that travel as one; auto: lane_group, so that hops take as long",
    )
    packing: bool = Field(
        default=True,
        description="cut what a credit releases as one byte stream (Stardust, NSDI 2019)",
    )
    pad_cells: bool = Field(
        default=False, description="send short cells at full size (assumed: no)"
    )
    credit_bytes: Bytes = Field(
        default=4096, ge=1, le=2**24, description="bytes of a credit (OpenBCM)"
    )
    credit_speedup: float = Field(
        default=1.05, ge=0.5, le=10, description="credit rate over port rate (OpenBCM)"
    )
    egress_threshold: Bytes = Field(
        default=256 * 1024,
        ge=1,
        le=2**40,
        description="bytes waiting at an egress port above which credits stop (assumed: more"
        " than a credit loop holds at 400G, so that a stopped port does not run dry)",
    )
    leaf_ingress_latency: TimePs = Field(
        default=1000 * NS,
        le=MAX_TIME,
        description="ps (assumed; 1.5 to 2.5 us in and out estimated)",
    )
    leaf_egress_latency: TimePs = Field(
        default=1000 * NS, le=MAX_TIME, description="ps (assumed, as leaf_ingress_latency)"
    )
    element_latency: TimePs = Field(
        default=600 * NS, le=MAX_TIME, description="ps (assumed; 0.4 to 0.8 us estimated)"
    )
    choice: Literal["round-robin", "adaptive"] = Field(
        default="round-robin", description="an element's choice among the lanes to a leaf (assumed)"
    )

    @property
    def cells_of_a_train(self) -> int:
        """Cells that travel as one."""
        return self.lane_group if isinstance(self.train_cells, str) else self.train_cells

    @property
    def exact(self) -> bool:
        """Whether every lane and every cell is emulated by itself."""
        return self.lane_group == self.cells_of_a_train == 1

    @model_validator(mode="after")
    def _check(self) -> "DdcParams":
        if self.cell_header_bytes >= self.cell_bytes:
            raise ValueError(
                f"cell_header_bytes is {self.cell_header_bytes}; expected less than"
                f" cell_bytes {self.cell_bytes}"
            )
        most = MAX_CELL // self.cell_bytes
        if self.cells_of_a_train > most:
            raise ValueError(
                f"train_cells: {self.cells_of_a_train} of {self.cell_bytes} bytes; expected at most"
                f" {MAX_CELL} bytes, that is {most}"
            )
        per = self.lanes_per_element
        if isinstance(per, int) and self.lanes % per:
            divisors = [d for d in range(1, self.lanes + 1) if self.lanes % d == 0]
            near = min(divisors, key=lambda d: abs(d - per))
            raise ValueError(
                f"lanes_per_element is {per}; expected a divisor of lanes {self.lanes};"
                f" did you mean {near}"
            )
        return self
