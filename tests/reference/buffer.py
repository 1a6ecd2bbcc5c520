"""The shared buffer of a switch: who holds how much of it (section 6)."""

from collections import defaultdict
from dataclasses import dataclass

from fabricemu.fabrics.network import Switching

GroupKey = tuple[int, int]  # ingress port within the switch, data class


@dataclass
class Group:
    """Bytes held by a port group, and whether it has paused its sender."""

    resv: int = 0
    shared: int = 0
    hdrm: int = 0
    pausing: bool = False

    @property
    def held(self) -> int:
        return self.resv + self.shared + self.hdrm


class Buffer:
    """Without a size nothing is refused, and all is held as shared."""

    def __init__(self, switching: Switching, headroom: list[int]):
        self.size = switching.buffer_bytes
        self.reserved = switching.reserved_bytes
        self.lossless: list[int] = switching.lossless.tolist()
        self.alpha = switching.alpha
        self.alpha_lossy = switching.alpha_lossy
        self.headroom = headroom  # by ingress port
        self.groups: dict[GroupKey, Group] = defaultdict(Group)
        self.used = 0

    @property
    def limited(self) -> bool:
        return self.size >= 0

    def threshold(self, alpha: int) -> float:
        return alpha * (self.size - self.used) >> 16 if self.limited else float("inf")

    def refuses(self, data_class: int, queue: int) -> bool:
        """Return whether a lossy packet finds ``queue`` too long, itself included."""
        return not self.lossless[data_class] and queue > self.threshold(self.alpha_lossy)

    def charge(self, key: GroupKey, size: int) -> bool:
        """Charge a packet to its port group; return whether there was room."""
        group = self.groups[key]
        if self.limited and group.resv + size <= self.reserved:
            group.resv += size
        elif not self.lossless[key[1]] or group.shared + size <= self.threshold(self.alpha):
            group.shared += size
            self.used += size
        elif group.hdrm + size <= self.headroom[key[0]]:
            group.hdrm += size
        else:
            return False
        return True

    def release(self, key: GroupKey, size: int) -> None:
        group = self.groups[key]
        from_hdrm = min(size, group.hdrm)
        from_shared = min(size - from_hdrm, group.shared)
        group.hdrm -= from_hdrm
        group.shared -= from_shared
        group.resv -= size - from_hdrm - from_shared
        self.used -= from_shared
        assert group.resv >= 0
