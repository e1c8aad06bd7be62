"""The message strip: what went wrong or was done, in words, until it is closed or replaced."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from workstation.ui.named import named


class Notice(QFrame):
    """One line that never hides an image: errors stay until closed, news go by themselves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        self.text = QLabel()
        self.text.setWordWrap(True)
        close = named(QPushButton("✕"), "flat")
        close.clicked.connect(self.hide)
        row.addWidget(self.text, 1)
        row.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def error(self, sentence: str) -> None:
        """Say what failed; stays."""
        self._show("⚠ " + sentence, "error", 0)

    def news(self, sentence: str) -> None:
        """Say what was done; goes after a while."""
        self._show(sentence, "news", 8000)

    def _show(self, sentence: str, kind: str, milliseconds: int) -> None:
        self._timer.stop()
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.text.setText(sentence)
        self.show()
        if milliseconds:
            self._timer.start(milliseconds)
