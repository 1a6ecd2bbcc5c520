"""What a specification can say of a cell fabric and the kernels do not do yet."""

from dataclasses import fields
from typing import Any

from fabricemu.errors import ConfigError
from fabricemu.fabrics.network import Ddc, Network

# Fields of Ddc and of Network, with the key that sets them.
NOT_YET = {
    "llfc_xoff_bytes": "ddc.llfc_xoff",
    "rci_bytes": "ddc.rci_levels",
    "contexts": "ddc.contexts",
    "reassembly_ps": "ddc.reassembly_timeout",
    "changes": "changes",
    "loss": "loss, links.loss_rate",
    "switching": "switch, ddc.onchip_buffer with ddc.deep_buffer",
}
_ABSENT: dict[str, Any] = {"changes": (), "loss": None, "switching": None}


def check_supported(network: Network) -> None:
    """Raise ConfigError if a cell fabric needs what the kernels do not do yet."""
    ddc = network.ddc
    off = _ABSENT | {field.name: field.default for field in fields(Ddc)}
    for name, key in NOT_YET.items():
        owner = network if name in _ABSENT else ddc
        if ddc is not None and getattr(owner, name) != off[name]:
            raise ConfigError(f"{key}: not supported yet; expected none")
