"""Where the panels of the window stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from workstation.ui import theme

if TYPE_CHECKING:
    from workstation.ui.window import Window

_SIDE = 430  # pixels, for text of the usual size


def lay_out(window: Window) -> tuple[QStackedWidget, QWidget]:
    """(worklist and reading room one behind the other, everything)."""
    side = QSplitter(Qt.Orientation.Vertical)
    side.addWidget(window.tabs)
    side.addWidget(window.report)
    side.setSizes([400, 460])
    side.setMinimumWidth(340)
    body = QSplitter(Qt.Orientation.Horizontal)
    body.addWidget(_column(window.toolbar, window.grid_))
    body.addWidget(side)
    body.setStretchFactor(0, 1)
    body.setSizes([1100, _SIDE])
    body.setCollapsible(0, False)
    room = QWidget()
    row = QHBoxLayout(room)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(0)
    row.addWidget(window.strip)
    row.addWidget(body, 1)
    pages = QStackedWidget()
    pages.addWidget(window.worklist)
    pages.addWidget(room)
    whole = _column(window.banner, window.notice, pages, window.status, grows=2)
    return pages, whole


def fit_side(window: Window) -> None:
    """The side as wide as text of this size needs, with room left for the images."""
    side = window.tabs.parentWidget()
    body = side.parentWidget() if side is not None else None
    if isinstance(body, QSplitter):
        wide = min(theme.scaled(_SIDE), int(window.width() * 0.42))
        body.setSizes([max(sum(body.sizes()) - wide, 1), wide])


def _column(*parts: QWidget, grows: int = 1) -> QWidget:
    """Widgets below one another without gaps; part number ``grows`` takes what room there is."""
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for number, part in enumerate(parts):
        column.addWidget(part, 1 if number == grows else 0)
    return whole
