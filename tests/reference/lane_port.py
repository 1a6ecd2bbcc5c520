"""Ports that send cells: those of leaves towards elements, and of elements (section 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.packets import Cell, Item, PauseFrame
from tests.reference.port import Port

if TYPE_CHECKING:
    from tests.reference.element import Element


class LanePort(Port):
    thresholds: tuple[int, ...] = ()  # waiting bytes from which a cell gets level 1, 2, ...

    def leave(self, level: int) -> Item:
        item = super().leave(level)
        if isinstance(item, Cell):
            found = sum(self.waiting[level] >= threshold for threshold in self.thresholds)
            if found > item.congestion:
                item.congestion = found
                self.marks += 1
        return item


class ElementPort(LanePort):
    device: Element

    def wait(self, item: Item) -> None:
        super().wait(item)
        if isinstance(item, Cell):
            self.device.hold(item)

    def departed(self, item: Item | PauseFrame) -> None:
        if isinstance(item, Cell):
            self.device.let_go(item)
