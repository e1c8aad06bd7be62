"""Text of the size that the reader chose: in panels, over images, and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from workstation.ui import theme
from workstation.ui.layout import fit_side
from workstation.ui.panel_style import PANELS
from workstation.viewing.preferences import TEXT_PERCENTS

if TYPE_CHECKING:
    from workstation.ui.window import Window


def next_percent(percent: int, step: int) -> int:
    """The size so many steps larger (or smaller), within what is offered."""
    nearest = min(range(len(TEXT_PERCENTS)), key=lambda n: abs(TEXT_PERCENTS[n] - percent))
    return TEXT_PERCENTS[min(max(nearest + step, 0), len(TEXT_PERCENTS) - 1)]


def show_text_at(window: Window, percent: int) -> None:
    """Set all text of the program to ``percent`` of the usual size."""
    theme.set_text_percent(percent)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, PANELS)
    window.banner.fit_text()
    window.status.fit_text()
    window.worklist.fit_text()
    fit_side(window)
    window.strip.rebuild()
    window.findings.rebuild()
    for pane in window.grid_.every_pane:
        pane.slices.update()
        if pane.solid is not None:
            pane.solid.update()
    window.retranslate()
