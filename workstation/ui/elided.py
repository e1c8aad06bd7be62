"""A label that shortens its text with … where there is no room, and tells all of it as tool tip."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class ElidedLabel(QLabel):
    """Asks for room for all of its text, and makes do with little."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.note = ""  # a tool tip of its own, beside the text
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show ``text``, shortened if need be."""
        self._whole = text
        self.setAccessibleName(text)
        self.updateGeometry()
        self._fit()

    @property
    def whole(self) -> str:
        """The text that was given."""
        return self._whole

    def clear(self) -> None:
        """No text."""
        self.setText("")

    def _around(self) -> int:
        # What the style sheet's padding and border take, whatever is written.
        margins = self.contentsMargins()
        plain = super().sizeHint().width() - self.fontMetrics().horizontalAdvance(self.text())
        return max(plain, margins.left() + margins.right())

    def _fit(self) -> None:
        room = self.width() - self._around()
        metrics = self.fontMetrics()
        super().setText(metrics.elidedText(self._whole, Qt.TextElideMode.ElideRight, room))
        shortened = self.text() != self._whole
        self.setToolTip("\n".join(w for w in (self._whole if shortened else "", self.note) if w))

    def sizeHint(self) -> QSize:
        """Room for the whole text."""
        wide = self.fontMetrics().horizontalAdvance(self._whole) + self._around() + 2
        return QSize(wide, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """A few letters are enough."""
        few = self.fontMetrics().horizontalAdvance("0") * 5 + self._around()
        return QSize(min(few, self.sizeHint().width()), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width, another text."""
        super().resizeEvent(event)
        self._fit()
