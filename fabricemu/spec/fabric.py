"""What a fabric is: its tables, with unit, default and where the default comes from.

A specification names no number of hosts: ``fabricemu.fabrics.build`` sizes it to the trace.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fabricemu.spec.clos import ClosParams
from fabricemu.spec.congestion import Congestion
from fabricemu.spec.ddc import DdcParams
from fabricemu.spec.fields import amount_bytes
from fabricemu.spec.host import Host, Links
from fabricemu.spec.rules import ddc_problems, ethernet_problems, leaf_problems, nic_problems
from fabricemu.spec.switch import Classes, Switch
from fabricemu.spec.table import Table, accept
from fabricemu.spec.topology import ChangeParams, LossParams
from fabricemu.spec.transport import TransportSpec

FILE_NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,99}$"


class _Fabric(Table):
    name: str = Field(
        default="unnamed", pattern=FILE_NAME, description="what results call it, and their files"
    )
    description: str = Field(default="", description="one line for people")
    host: Host = Field(default_factory=Host)
    links: Links = Field(default_factory=Links)
    transport: TransportSpec = Field(default_factory=TransportSpec)
    congestion: Congestion = Field(default_factory=Congestion)


class ClosSpec(_Fabric):
    """An Ethernet Clos fabric and its hosts."""

    kind: Literal["clos"] = "clos"
    changes: list[ChangeParams] = Field(default_factory=list, description="what breaks, and when")
    loss: list[LossParams] = Field(default_factory=list, description="links that lose packets")
    switch: Switch = Field(default_factory=Switch)
    clos: ClosParams = Field(default_factory=ClosParams)

    @model_validator(mode="after")
    def _check(self) -> "ClosSpec":
        problems = nic_problems(self.transport, self.congestion)
        problems += ethernet_problems(self.transport, self.congestion, self.switch, self.clos)
        if self.transport.rto == "none" and self._losses():
            problems.append(f"transport.rto: none with {self._losses()[0]}; expected a time")
        if self.host.nic_latency + self.links.host_latency < 1:
            problems.append("links.host_latency: 0 with nic_latency 0; expected a positive sum")
        if self.clos.switch_latency + self.links.fabric_latency < 1:
            problems.append("links.fabric_latency: 0 with switch_latency 0; expected more")
        return accept(self, problems)

    def _losses(self) -> list[str]:
        """Return what packets can be lost by."""
        receiver = self.transport.receiver
        losses = {
            "a bounded clos.queue": self.clos.queue != "unbounded",
            "a lossy class in a bounded switch.buffer": self.switch.drops_when_full,
            **losses_of_links(self),
            # A NACK is sent once for a gap. Where what it brings is overtaken too, and the gap is
            # at the end of a message, nothing comes that would ask for it again.
            f"transport.receiver {receiver!r} and {self._reorders}, by which packets overtake": (
                receiver != "any-order" and self._reorders != ""
            ),
        }
        return [name for name, given in losses.items() if given]

    @property
    def _reorders(self) -> str:
        """What lets a packet overtake another one of its queue pair, or nothing."""
        if self.clos.choice != "ecmp":
            return f"clos.choice {self.clos.choice!r}"
        balance = self.transport.balance
        return "" if balance == "none" else f"transport.balance {balance!r}"

    @property
    def queue_bytes(self) -> int:
        """Limit of an output port in frame bytes, -1 without limit or if the BDP decides."""
        queue = self.clos.queue
        if queue == "unbounded" or str(queue).endswith("BDP"):
            return -1
        return amount_bytes(queue, self.transport.frame_bytes, 0)


class DdcSpec(_Fabric):
    """A scheduled fabric and its hosts."""

    kind: Literal["ddc"] = "ddc"
    changes: list[ChangeParams] = Field(default_factory=list, description="what breaks, and when")
    loss: list[LossParams] = Field(default_factory=list, description="links that lose cells")
    switch: Classes = Field(default_factory=Classes)
    ddc: DdcParams = Field(default_factory=DdcParams)

    @model_validator(mode="after")
    def _check(self) -> "DdcSpec":
        nic, cable = self.host.nic_latency, self.links.host_latency
        problems = nic_problems(self.transport, self.congestion)
        problems += ddc_problems(self.transport, self.congestion)
        problems += leaf_problems(self.ddc, self.switch) + self._recovery()
        if nic + cable + self.ddc.leaf_ingress_latency < 1:
            problems.append("ddc.leaf_ingress_latency: 0 with no NIC or cable latency")
        if nic + cable + self.ddc.leaf_egress_latency < 1:
            problems.append("ddc.leaf_egress_latency: 0 with no NIC or cable latency")
        if self.links.fabric_latency < 1:
            problems.append("links.fabric_latency: 0; expected a positive time")
        return accept(self, problems)

    def _recovery(self) -> list[str]:
        """Return what is missing where cells or packets can be lost, which else never ends."""
        cells = {**losses_of_links(self), "bounded ddc.contexts": self.ddc.contexts != "unbounded"}
        packets = {
            "a bounded ddc.voq_limit": self.ddc.voq_limit != "unbounded",
            "a lossy class in a bounded ddc.deep_buffer": self.ddc.deep_buffer != "unbounded"
            and any(not item.lossless for item in self.switch.data_classes),
        }
        cell = next((name for name, given in cells.items() if given), None)
        packet = next((name for name, given in packets.items() if given), cell)
        missing = {
            "transport.rto": packet if self.transport.rto == "none" else None,
            "ddc.credit_watchdog": cell if self.ddc.credit_watchdog == "none" else None,
            "ddc.reassembly_timeout": cell if self.ddc.reassembly_timeout == "none" else None,
        }
        return [f"{key}: none with {why}; expected a time" for key, why in missing.items() if why]


FabricSpec = ClosSpec | DdcSpec


def losses_of_links(spec: FabricSpec) -> dict[str, bool]:
    """Return by what links can lose something, and whether they do."""
    return {
        "links.loss_rate": spec.links.loss_rate > 0,
        "links that lose, [[loss]]": any(item.rate for item in spec.loss),
        "links that go down, [[changes]]": any(item.state == "down" for item in spec.changes),
    }


AnyFabric = Annotated[FabricSpec, Field(discriminator="kind")]
KINDS: dict[str, type[ClosSpec] | type[DdcSpec]] = {"clos": ClosSpec, "ddc": DdcSpec}
