"""Priority flow control: when a port group pauses its sender (section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fabricemu.fabrics.network import Switching
from tests.reference.buffer import Buffer, GroupKey
from tests.reference.packets import DATA, PauseFrame

if TYPE_CHECKING:
    from tests.reference.port import Port


class Pfc:
    """``able`` says of each port of the switch whether what comes in there can be paused."""

    def __init__(self, switching: Switching, buffer: Buffer, able: list[int], gap: int):
        self.buffer = buffer
        self.able = able
        self.lossless: list[int] = switching.lossless.tolist()
        self.xoff = switching.xoff_bytes
        self.xon = switching.xon_bytes
        self.frame = switching.pause_bytes
        self.wire = switching.pause_bytes + gap
        self.response = switching.pause_response_ps

    def charged(self, key: GroupKey, ports: list[Port]) -> None:
        """Pause the sender if its group has grown too much."""
        group = self.buffer.groups[key]
        if self.governs(key) and not group.pausing and self.too_much(key):
            group.pausing = True
            self.send(key, True, ports)

    def released(self, key: GroupKey, ports: list[Port]) -> None:
        """Let the sender go on if its group has shrunk enough."""
        group = self.buffer.groups[key]
        if group.pausing and self.little(key):
            group.pausing = False
            self.send(key, False, ports)

    def governs(self, key: GroupKey) -> bool:
        return bool(self.able[key[0]] and self.lossless[key[1]])

    def too_much(self, key: GroupKey) -> bool:
        group = self.buffer.groups[key]
        if self.xoff >= 0:
            return group.held > self.xoff
        return group.hdrm > 0 or group.shared >= self.buffer.threshold(self.buffer.alpha)

    def little(self, key: GroupKey) -> bool:
        group = self.buffer.groups[key]
        if self.xoff >= 0:
            return group.held <= self.xon
        threshold = self.buffer.threshold(self.buffer.alpha)
        return group.hdrm == 0 and (group.shared == 0 or group.shared + self.xon <= threshold)

    def send(self, key: GroupKey, stop: bool, ports: list[Port]) -> None:
        ingress, data_class = key
        frame = PauseFrame(DATA + data_class, stop, self.frame, self.wire, self.response)
        ports[ingress].send_pause(frame)
