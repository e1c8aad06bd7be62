"""A line to type into, right at a mark: words, or the length of a calibration line."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget


class MarkEditor(QLineEdit):
    """``committed`` with what was typed, or ``dropped``; it then goes away by itself."""

    committed = Signal(str)
    dropped = Signal()

    def __init__(self, parent: QWidget, place: QPointF, words: str, hint: str) -> None:
        super().__init__(parent)
        self.setObjectName("markEditor")
        self.setPlaceholderText(hint)
        self.setText(words)
        self.selectAll()
        self._open = True
        width = min(240, max(parent.width() - 20, 80))
        x = min(max(place.x(), 6.0), parent.width() - width - 6.0)
        y = min(max(place.y(), 6.0), parent.height() - 36.0)
        self.setGeometry(int(x), int(y), width, 30)
        self.returnPressed.connect(self.commit)
        self.show()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def commit(self) -> None:
        """Keep what was typed."""
        if self._close():
            self.committed.emit(self.text().strip())

    def drop(self) -> None:
        """Forget what was typed."""
        if self._close():
            self.dropped.emit()

    def _close(self) -> bool:
        was, self._open = self._open, False
        if was:
            self.hide()
            self.deleteLater()
            parent = self.parentWidget()
            if parent is not None:
                parent.setFocus(Qt.FocusReason.OtherFocusReason)
        return was

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc forgets; nothing typed here is a command of the view below."""
        if event.key() == Qt.Key.Key_Escape:
            self.drop()
            return
        super().keyPressEvent(event)
        event.accept()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Going elsewhere keeps what was typed."""
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            self.commit()
