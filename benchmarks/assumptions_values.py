"""What is assumed of the preset ``ddc``, and the other values that each is given.

A latency takes the ends of the range that its description names, or half and double where it
names none; half also below the NIC's, which is at the lower end. A size takes half and double. A
mechanism that is off is switched on, with the figures of docs/ddc.md ("Parameters"), and what is
assumed of it is varied from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

OF_HOSTS = ("host.", "links.")  # keys that an Ethernet fabric shares


@dataclass(frozen=True)
class Variation:
    """One assumed parameter with one other value.

    Attributes
    ----------
    key : str
    value : str
    beside : tuple of str
        What has to be set for the key to do anything; what it changes is counted from there.
    """

    key: str
    value: str
    beside: tuple[str, ...] = ()

    @property
    def overrides(self) -> tuple[str, ...]:
        """What ``load_fabric`` takes."""
        return (*self.beside, f"{self.key}={self.value}")

    @property
    def title(self) -> str:
        """The assignment, and which keys are set beside it."""
        beside = [text.partition("=")[0] for text in self.beside]
        return f"{self.key} = {self.value}" + (f" (beside {', '.join(beside)})" if beside else "")

    @property
    def shared(self) -> bool:
        """Whether an Ethernet fabric has the same hosts and cables, and changes with them."""
        return self.key.startswith(OF_HOSTS)


AHEAD = ("ddc.ahead=auto",)
LLFC = ("ddc.llfc_xoff=4096",)
RCI = ("ddc.rci_levels=[25600, 27700, 29900]",)

VALUES: dict[str, tuple[str, ...]] = {
    "host.nic_latency": ("300ns", "1us"),
    "links.host_latency": ("50ns", "200ns"),
    "links.fabric_latency": ("250ns", "1us"),
    "transport.ack_every": ("1", "8", "32"),
    "ddc.control_cell_bytes": ("24", "80", "512"),  # Jericho 2: a header of 16 B
    "ddc.pad_cells": ("true",),
    "ddc.credit_bytes": ("2048", "8192"),  # a source, but for the generation before
    "ddc.egress_threshold": ("64KiB", "128KiB", "512KiB"),
    "ddc.leaf_ingress_latency": ("750ns", "1250ns"),
    "ddc.leaf_egress_latency": ("750ns", "1250ns"),
    "ddc.element_latency": ("400ns", "800ns"),
    "ddc.choice": ("adaptive",),
    "ddc.spray": ("least-loaded",),
    "ddc.paced": ("true",),
    "ddc.ahead": ("20480", "auto"),  # delays of 300 ns, as iqs_tune.c may have, and of the loop
    "ddc.drm": ("auto",),
    "ddc.llfc_xoff": ("2048", "4096", "8192"),
    "ddc.rci_levels": ("[25600, 27700, 29900]", "[6400, 6925, 7475]"),
}
# By key: its values, and what switches on what it belongs to.
OF_MECHANISMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ddc.balance_limit": (("192KiB", "auto"), AHEAD),
    "ddc.llfc_xon": (("1024", "4096"), LLFC),
    "ddc.llfc_response": (("100ns", "1us"), LLFC),
    "ddc.rci_slow": (("[1.5, 2.0, 2.5]",), RCI),
    "ddc.rci_period": (("5us", "20us"), RCI),
}
# Assumed as well, and why no value of it is tried.
LEFT_OUT = {
    "host.nic_ports": "a choice of who builds the fabric, not a property of its boxes",
    "host.scale_up_ranks": "as nic_ports; the preset has no scale-up domain",
    "host.scale_up_latency": "the preset has no scale-up domain",
    "transport.reorder_packets": "a receiver in order holds nothing apart",
    "ddc.reassembly_timeout": "does something only where cells are lost",
    "ddc.contexts": "loses cells where it does something, which needs a transport with a time-out",
}


def variations() -> Iterator[Variation]:
    """Yield all parameters with all their other values."""
    for key, values in VALUES.items():
        yield from (Variation(key, value) for value in values)
    for key, (values, beside) in OF_MECHANISMS.items():
        yield from (Variation(key, value, beside) for value in values)
