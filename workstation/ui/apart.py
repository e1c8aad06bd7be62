"""A second window for a second screen: the report with its findings, or the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from workstation.domain.errors import N_
from workstation.text import tr

if TYPE_CHECKING:
    from workstation.ui.window import Window

TITLES = {"report": N_("OneScan: report"), "images": N_("OneScan: images")}


class ApartWindow(QWidget):
    """Holds a part of the window while it stands apart; closing it puts the part back.

    It is a tool window of the main one, so that the same keys act in both.
    """

    back_wanted = Signal()

    def __init__(self, main: QWidget) -> None:
        super().__init__(
            main,
            Qt.WindowType.Tool
            | Qt.WindowType.CustomizeWindowHint
            | Qt.WindowType.WindowTitleHint
            | Qt.WindowType.WindowMinMaxButtonsHint
            | Qt.WindowType.WindowCloseButtonHint,
        )
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Nothing is lost by closing it: its part goes home first."""
        event.ignore()
        QTimer.singleShot(0, self.back_wanted.emit)


class Apart:
    """Moves a part of the window out and back; remembers which and where."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.part = ""
        self.shell: ApartWindow | None = None
        body = window.toolbar.parentWidget()
        splitter = body.parentWidget() if body is not None else None
        assert body is not None and isinstance(splitter, QSplitter)
        self._splitter = splitter
        side = splitter.widget(1)
        assert side is not None
        self._images, self._side = body, side
        self._sizes: list[int] = []

    @property
    def place(self) -> tuple[int, int, int, int] | None:
        """Where the window apart stands: left, top, width, height."""
        if self.shell is None:
            return None
        place = self.shell.geometry()
        return place.x(), place.y(), place.width(), place.height()

    def move(self, part: str, place: tuple[int, int, int, int] | None = None) -> None:
        """Let ``part`` ("report", "images") stand apart; "" puts everything back."""
        if part == self.part:
            return
        self._home()
        if not part:
            return
        self._sizes = self._splitter.sizes()
        widget = self._images if part == "images" else self._side
        shell = ApartWindow(self.window)
        shell.back_wanted.connect(lambda: self.move(""))
        shell.column.addWidget(widget)
        widget.show()
        self.shell, self.part = shell, part
        shell.setGeometry(self._geometry(place, part))
        self.retranslate()
        shell.show()

    def _home(self) -> None:
        if self.shell is None:
            return
        at, widget = (0, self._images) if self.part == "images" else (1, self._side)
        self._splitter.insertWidget(at, widget)
        widget.show()
        self._splitter.setStretchFactor(0, 1)
        if len(self._sizes) == 2:
            self._splitter.setSizes(self._sizes)
        self.shell.hide()
        self.shell.deleteLater()
        self.shell, self.part = None, ""

    def _geometry(self, place: tuple[int, int, int, int] | None, part: str) -> QRect:
        """Where it was if that is still on a screen, else the other screen, else this one."""
        if place is not None:
            asked = QRect(*place)
            for screen in QGuiApplication.screens():
                seen = screen.availableGeometry().intersected(asked)
                # Its title and a good part of it must be within reach of the mouse.
                if seen.width() >= 200 and seen.height() >= 150 and seen.top() <= asked.top():
                    return asked
        here = self.window.screen()
        others = [s for s in QGuiApplication.screens() if s is not here]
        if others:
            return others[0].availableGeometry()
        room = here.availableGeometry()
        width = room.width() * 3 // 5 if part == "images" else max(480, room.width() // 3)
        return QRect(room.right() - width, room.top() + 40, width, room.height() - 80)

    def retranslate(self) -> None:
        """The title in the language of now."""
        if self.shell is not None:
            self.shell.setWindowTitle(tr(TITLES[self.part]))
