"""Which congestion control the NIC runs, and a table of parameters for each."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from fabricemu.spec.controls import (
    ConstantParams,
    DctcpParams,
    HpccParams,
    NsccParams,
    RcccParams,
    SwiftParams,
)
from fabricemu.spec.dcqcn import DcqcnParams
from fabricemu.spec.table import Table

CONTROL_TABLES = ("dcqcn", "dctcp", "swift", "hpcc", "nscc", "constant", "rccc")


class Congestion(Table):
    """The congestion control; only the table of the chosen one may be given."""

    control: Literal[
        "none", "dcqcn", "dctcp", "swift", "hpcc", "nscc", "constant", "rccc", "nscc+rccc"
    ] = Field(default="none", description="congestion control of the NIC")
    dcqcn: DcqcnParams = Field(default_factory=DcqcnParams)
    dctcp: DctcpParams = Field(default_factory=DctcpParams)
    swift: SwiftParams = Field(default_factory=SwiftParams)
    hpcc: HpccParams = Field(default_factory=HpccParams)
    nscc: NsccParams = Field(default_factory=NsccParams)
    constant: ConstantParams = Field(default_factory=ConstantParams)
    rccc: RcccParams = Field(default_factory=RcccParams)

    @model_serializer(mode="wrap")
    def _only_chosen(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return keep_tables(write(self), self.control)

    def idle_tables(self) -> list[str]:
        """Return the tables that are given but are not those of the control."""
        given = self.model_fields_set.intersection(CONTROL_TABLES)
        return sorted(given.difference(self.control.split("+")))


def keep_tables(table: dict[str, Any], control: str) -> dict[str, Any]:
    """Return ``[congestion]`` without the tables of other controls than ``control``."""
    idle = set(CONTROL_TABLES).difference(control.split("+"))
    return {name: value for name, value in table.items() if name not in idle}
