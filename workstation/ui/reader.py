"""A document over a pane: pages of a PDF, or a report as text; closed with Esc."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, Qt, QUrl, Signal
from PySide6.QtGui import QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from workstation.documents.pages import PdfPages
from workstation.text import tr
from workstation.ui.jobs import Jobs
from workstation.ui.named import named

ZOOMS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


class Reader(QFrame):
    """Covers a pane as long as a document is read; the images below stay as they were."""

    closed = Signal()
    link_clicked = Signal(str)

    def __init__(self, jobs: Jobs, pane: QWidget) -> None:
        super().__init__(pane)
        self.setObjectName("reader")
        self.jobs = jobs
        self.pages: PdfPages | None = None
        self.page = 0
        self._zoom = ZOOMS.index(1.0)
        self._asked = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.title = named(QLabel(), "strong")
        self.place = named(QLabel(), "dim")
        self.back, self.on = QPushButton("◀"), QPushButton("▶")
        self.smaller, self.larger = QPushButton("−"), QPushButton("+")
        self.away = QPushButton("✕")
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 4, 4, 4)
        bar.addWidget(self.title, 1)
        bar.addWidget(self.place)
        for button, act in (
            (self.back, lambda: self.turn(-1)),
            (self.on, lambda: self.turn(1)),
            (self.smaller, lambda: self.zoom(-1)),
            (self.larger, lambda: self.zoom(1)),
            (self.away, self.leave),
        ):
            named(button, "flat").clicked.connect(act)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            bar.addWidget(button)
        self.sheet = QLabel(alignment=Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.sheets = QScrollArea()
        self.sheets.setWidgetResizable(True)
        self.sheets.setWidget(self.sheet)
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._clicked)
        self.kinds = QStackedWidget()
        self.kinds.addWidget(self.sheets)
        self.kinds.addWidget(self.text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.kinds, 1)
        pane.installEventFilter(self)
        self.setGeometry(pane.rect())
        self.retranslate()
        self.show()
        self.raise_()
        self.setFocus()

    def retranslate(self) -> None:
        """Tool tips in the language of now."""
        for button, words in (
            (self.back, tr("Page back")),
            (self.on, tr("Page on")),
            (self.smaller, tr("Smaller")),
            (self.larger, tr("Larger")),
            (self.away, tr("Close  [Esc]")),
        ):
            button.setToolTip(words)
            button.setAccessibleName(words)

    # --- what is read

    def show_pdf(self, title: str, data: bytes, failed: Callable[[str], None]) -> None:
        """Open a PDF in the background and show its first page."""
        self.title.setText(title)
        self.kinds.setCurrentWidget(self.sheets)

        def opened(pages: PdfPages) -> None:
            self.pages = pages
            self.show_page(0)

        def wrong(sentence: str) -> None:
            self.sheet.setText(sentence)
            failed(sentence)

        self.jobs.read(lambda: PdfPages(data), opened, wrong)

    def show_html(self, title: str, page: str) -> None:
        """Show a report as text."""
        self.title.setText(title)
        self.place.setText("")
        for button in (self.back, self.on):
            button.hide()
        self.kinds.setCurrentWidget(self.text)
        self.text.setHtml(page)

    def show_page(self, number: int) -> None:
        """Show a page, from 0, as wide as the pane times the zoom."""
        if self.pages is None:
            return
        self.page = min(max(number, 0), self.pages.count - 1)
        self.place.setText(f"{self.page + 1} / {self.pages.count}")
        self.back.setEnabled(self.page > 0)
        self.on.setEnabled(self.page < self.pages.count - 1)
        self._asked += 1
        asked, pages, page = self._asked, self.pages, self.page
        ratio = self.devicePixelRatioF()
        width = max(100, int((self.sheets.viewport().width() - 16) * ZOOMS[self._zoom] * ratio))

        def arrived(picture: NDArray[np.uint8]) -> None:
            if asked == self._asked:
                self.sheet.setPixmap(_pixmap(picture, ratio))
                self.sheets.verticalScrollBar().setValue(0)

        self.jobs.read(lambda: pages.picture(page, width), arrived, self.sheet.setText)

    def turn(self, step: int) -> None:
        """Some pages on or back."""
        self.show_page(self.page + step)

    def zoom(self, step: int) -> None:
        """Larger or smaller pages or letters."""
        if self.kinds.currentWidget() is self.text:
            self.text.zoomIn(step) if step > 0 else self.text.zoomOut(-step)
            return
        self._zoom = min(max(self._zoom + step, 0), len(ZOOMS) - 1)
        self.show_page(self.page)

    def leave(self) -> None:
        """Close the document and show the images again."""
        if self.pages is not None:
            pages, self.pages = self.pages, None
            pages.close()
        self.hide()
        self.closed.emit()
        self.deleteLater()

    def _clicked(self, url: QUrl) -> None:
        self.link_clicked.emit(url.toString())

    # --- keys and size

    def _act_of(self, event: QKeyEvent) -> Callable[[], None] | None:
        acts: dict[int, Callable[[], None]] = {
            Qt.Key.Key_Escape: self.leave,
            Qt.Key.Key_PageDown: lambda: self.turn(1),
            Qt.Key.Key_PageUp: lambda: self.turn(-1),
            Qt.Key.Key_Plus: lambda: self.zoom(1),
            Qt.Key.Key_Minus: lambda: self.zoom(-1),
        }
        return acts.get(event.key())

    def event(self, event: QEvent) -> bool:
        """Keep the reader's keys from the shortcuts of the room, which would act on the images."""
        override = event.type() is QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._act_of(event) is not None:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes; Page Up and Down turn pages."""
        act = self._act_of(event)
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the pane."""
        if event.type() is QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
            if self.pages is not None:
                self.show_page(self.page)
        return False


def _pixmap(picture: NDArray[np.uint8], ratio: float) -> QPixmap:
    height, width = picture.shape[:2]
    image = QImage(picture.data, width, height, width * 3, QImage.Format.Format_RGB888)
    pixmap = QPixmap.fromImage(image.copy())
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
