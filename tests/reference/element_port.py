"""A port of a fabric element: levels of congestion, and what is held (section 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.packets import Cell, Item, PauseFrame
from tests.reference.port import Port

if TYPE_CHECKING:
    from tests.reference.element import Element


class ElementPort(Port):
    device: Element

    def wait(self, item: Item) -> None:
        super().wait(item)
        if isinstance(item, Cell):
            self.device.hold(item)

    def leave(self, level: int) -> Item:
        item = super().leave(level)
        if isinstance(item, Cell):
            found = self.device.congestion(self.waiting[level])
            if found > item.congestion:
                item.congestion = found
                self.marks += 1
        return item

    def departed(self, item: Item | PauseFrame) -> None:
        if isinstance(item, Cell):
            self.device.let_go(item)
