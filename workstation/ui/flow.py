"""A row of controls that goes on below where it has no room: large text cuts nothing off."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class Flow(QLayout):
    """Items from left to right at their size hints, in as many rows as they need.

    grows: items of a row share what room is left in it.
    """

    def __init__(
        self, parent: QWidget | None = None, *, spacing: int = 5, grows: bool = False
    ) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)
        self._grows = grows
        self._items: list[QLayoutItem] = []

    def addItem(self, item: QLayoutItem) -> None:
        """See ``QLayout``."""
        self._items.append(item)

    def count(self) -> int:
        """See ``QLayout``."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """See ``QLayout``."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """See ``QLayout``."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Wider where there is room."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        """The narrower, the higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Height of all rows."""
        rows = self._rows(width)
        return sum(self._high(row) for row in rows) + self.spacing() * max(len(rows) - 1, 0)

    def sizeHint(self) -> QSize:
        """All in one row."""
        items = self._shown()
        wide = sum(self._wide(item) for item in items) + self.spacing() * max(len(items) - 1, 0)
        return QSize(wide, self._high(items))

    def minimumSize(self) -> QSize:
        """Room for the widest alone."""
        items = self._shown()
        return QSize(max((i.minimumSize().width() for i in items), default=0), self._high(items))

    def setGeometry(self, rect: QRect) -> None:
        """Place every item."""
        super().setGeometry(rect)
        y = rect.y()
        for row in self._rows(rect.width()):
            left = rect.width() - self.spacing() * (len(row) - 1)
            widths = [min(self._wide(item), rect.width()) for item in row]
            more = max(left - sum(widths), 0) // len(row) if self._grows else 0
            x, high = rect.x(), self._high(row)
            for item, wide in zip(row, widths, strict=True):
                own = min(item.sizeHint().height(), high)
                place = QPoint(x, y + (high - own) // 2)
                item.setGeometry(QRect(place, QSize(wide + more, own)))
                x += wide + more + self.spacing()
            y += high + self.spacing()

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    @staticmethod
    def _wide(item: QLayoutItem) -> int:
        return max(item.sizeHint().width(), item.minimumSize().width())

    @staticmethod
    def _high(items: list[QLayoutItem]) -> int:
        return max((item.sizeHint().height() for item in items), default=0)

    def _rows(self, width: int) -> list[list[QLayoutItem]]:
        rows: list[list[QLayoutItem]] = []
        used = 0
        for item in self._shown():
            wide = self._wide(item)
            if not rows or used + self.spacing() + wide > width:
                rows.append([item])
                used = wide
            else:
                rows[-1].append(item)
                used += self.spacing() + wide
        return rows
