"""The released page for the patient on a second screen: that page, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import (
    QGuiApplication,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPixmap,
    QResizeEvent,
    QScreen,
)
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from workstation.text import tr
from workstation.ui.named import named

_PAPER = "#e8ebef"


class PatientScreen(QWidget):
    """Fills a screen. A click or Space: the whole page, or as wide as fits; L: the other
    language; Esc closes it."""

    closed = Signal()

    def __init__(
        self, pages: Mapping[str, bytes], language: str, screen: QScreen, parent: QWidget
    ) -> None:
        """pages: language to PNG of the released page."""
        super().__init__(parent, Qt.WindowType.Window)
        self.pages, self.language = dict(pages), language
        self.wide = False
        # The title stands in task bars too: it names nobody.
        self.setWindowTitle(tr("Page for the patient"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.page = named(QLabel(), "patientPage")
        self.page.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.page.setStyleSheet(f"background: {_PAPER};")
        self.area = QScrollArea()
        self.area.setStyleSheet(f"background: {_PAPER}; border: none;")
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(self.page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.area)
        self._image = QImage()
        self.show_language(language)
        self.setGeometry(screen.geometry())

    def show_language(self, language: str) -> None:
        """The page in another of its languages."""
        self.language = language
        self._image = QImage.fromData(self.pages[language])
        self._fit()

    def _fit(self) -> None:
        if self._image.isNull() or not self.width():
            return
        ratio = self.devicePixelRatioF()
        room = self.size() * ratio
        smooth = Qt.TransformationMode.SmoothTransformation
        if self.wide:
            wide = min(room.width() - round(24 * ratio), self._image.width())
            image = self._image.scaledToWidth(wide, smooth)
        else:
            image = self._image.scaled(room, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(ratio)
        self.page.setPixmap(pixmap)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def toggle_width(self) -> None:
        """The whole page, or as wide as the screen, to be scrolled."""
        self.wide = not self.wide
        self._fit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.toggle_width()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        languages = list(self.pages)
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() == Qt.Key.Key_Space:
            self.toggle_width()
        elif event.key() == Qt.Key.Key_L:
            at = languages.index(self.language)
            self.show_language(languages[(at + 1) % len(languages)])
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            bar = self.area.verticalScrollBar()
            step = bar.pageStep() // 2
            bar.setValue(bar.value() + (step if event.key() == Qt.Key.Key_Down else -step))


def second_screen(window: QWidget) -> QScreen:
    """A screen that the window is not on; its own where there is no other."""
    here = window.screen()
    return next((s for s in QGuiApplication.screens() if s is not here), here)
