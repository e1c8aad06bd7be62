"""Large text on small screens: no words cut off, nothing over anything else."""

from __future__ import annotations

from itertools import combinations

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QComboBox,
    QLabel,
    QSplitter,
    QStackedWidget,
    QWidget,
)

from workstation import text
from workstation.ui.elided import ElidedLabel
from workstation.ui.keys_dialog import KeysDialog
from workstation.ui.program import application, wait_until
from workstation.ui.room_area import Room
from workstation.ui.text_size import show_text_at
from workstation.ui.window import Window

SIZES = ((1366, 768), (1920, 1080))


def breathe() -> None:
    wait_until(application(), lambda: False, 0.3)


def words_of(widget: QWidget) -> str:
    if isinstance(widget, (QLabel, QAbstractButton)):
        return widget.text()
    return widget.currentText() if isinstance(widget, QComboBox) else ""


def cut_off(whole: QWidget) -> list[str]:
    """Words that have less room than they need, or are out of sight at the right."""
    found = []
    for widget in whole.findChildren(QWidget):
        shown = widget.visibleRegion().boundingRect()
        if not widget.isVisible() or shown.isEmpty() or not words_of(widget):
            continue
        if isinstance(widget, ElidedLabel):  # says the rest in its tool tip
            assert widget.text() == widget.whole or widget.whole in widget.toolTip()
            continue
        wrapped = isinstance(widget, QLabel) and widget.wordWrap()
        if wrapped:
            low = widget.height() + 1 < widget.heightForWidth(widget.width())
        else:
            low = widget.width() + 1 < widget.sizeHint().width()
        low = low or widget.height() + 1 < widget.fontMetrics().height()
        if low or shown.width() < widget.width() - 2:
            found.append(f"{type(widget).__name__} {widget.objectName()} {words_of(widget)[:40]!r}")
    return found


def overlapping(whole: QWidget) -> list[str]:
    """Widgets beside each other that cover one another."""
    found = []
    for parent in [whole, *whole.findChildren(QWidget)]:
        stacked = isinstance(parent, (QStackedWidget, QSplitter, QAbstractScrollArea))
        layout = parent.layout()
        if stacked or not parent.isVisible() or layout is None:
            continue
        items = [layout.itemAt(number) for number in range(layout.count())]
        inside = [item.widget() for item in items if item is not None]
        for a, b in combinations([w for w in inside if w is not None and w.isVisible()], 2):
            if a.geometry().adjusted(1, 1, -1, -1).intersects(b.geometry()):
                found.append(f"{a.objectName()} over {b.objectName()} in {parent.objectName()}")
    return found


def check(whole: QWidget, what: str) -> None:
    breathe()
    assert cut_off(whole) == [], what
    assert overlapping(whole) == [], what


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("percent", [150, 200])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(
    one_window: Window, room: Room, language: str, percent: int, size: tuple[int, int]
) -> None:
    window = one_window
    before = text.language()
    try:
        text.set_language(language)
        window.actions_.speak()
        window.resize(*size)
        room.remember(text_percent=percent)
        show_text_at(window, percent)
        breathe()
        window.resize(*size)
        breathe()
        assert (window.width(), window.height()) == size
        for number in range(window.tabs.count()):
            window.tabs.setCurrentIndex(number)
            check(window, f"{window.tabs.tabText(number)} {size} {percent} {language}")
        window.actions_.toggle_worklist()
        check(window, f"worklist {size} {percent} {language}")
        window.actions_.toggle_worklist()
        window.commands.run("keys")
        dialog = window.findChildren(KeysDialog)[-1]
        check(dialog, f"keys {size} {percent} {language}")
        assert dialog.height() <= size[1] and dialog.width() <= size[0]
        dialog.reject()
        breathe()
    finally:
        window.tabs.setCurrentIndex(0)
        text.set_language(before)
        window.actions_.speak()
