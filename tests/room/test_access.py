"""Access: keys that can be changed, scalable text, names for every control, the test pattern."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QWidget,
)

from workstation.domain.errors import BadInput
from workstation.text import set_language
from workstation.ui import theme
from workstation.ui.icons import ICONS, icon
from workstation.ui.keys import taken_by, why_not, written
from workstation.ui.keys_dialog import KeysDialog
from workstation.ui.object_entry import SIGNS
from workstation.ui.room_area import Room
from workstation.ui.test_pattern import TestPattern
from workstation.ui.text_size import next_percent, show_text_at
from workstation.viewing.calibration import (
    Calibration,
    is_valid,
    load_calibrations,
    save_calibration,
    standing,
    warns,
)
from workstation.viewing.commands import BY_NAME, COMMANDS, clashes, keys_of
from workstation.viewing.preferences import (
    FILE,
    Preferences,
    load_preferences,
    save_preferences,
    usable_keys,
)
from workstation.viewing.test_pattern import CORNER, STEPS, make_pattern

# --- keys


def test_no_key_means_two_things_and_every_command_has_words() -> None:
    assert clashes() == []
    assert len({c.name for c in COMMANDS}) == len(COMMANDS)
    assert [written(k) for k in ("Ctrl+Return", "Shift+Up", "+", "Ctrl++", "?")] == [
        "Ctrl+Enter", "Shift+↑", "+", "Ctrl++", "?",
    ]  # fmt: skip


def test_keys_are_checked_before_they_are_used() -> None:
    assert taken_by("fit", "A", {}) == ["accept"]
    assert taken_by("fit", "A", {"accept": ""}) == []
    assert taken_by("fit", "Ctrl+Alt+F", {}) == []
    assert why_not("fit", "Tab") and why_not("fit", "7")
    assert why_not("worklist", "B") and not why_not("worklist", "Ctrl+B")
    # A damaged file: unknown commands, clashes, nonsense. What is left means one thing each.
    given = {"fit": "Ctrl+Alt+F", "cine": "A", "nobody": "Z", "slab": 7, "invert": "I"}
    kept = usable_keys(given)
    assert kept == {"fit": "Ctrl+Alt+F"}
    assert keys_of("view", kept)["Ctrl+Alt+F"] == "fit" and "F" not in keys_of("view", kept)
    assert usable_keys(["x"]) == {} and usable_keys(None) == {}


def test_preferences_survive_and_a_damaged_file_does_no_harm(home: Path) -> None:
    assert load_preferences(home) == Preferences()
    mine = Preferences({"fit": "Ctrl+Alt+F"}, 130, "report", (10, 20, 600, 700))
    save_preferences(home, mine)
    assert load_preferences(home) == mine
    for damaged in ("{", "[]", '{"text_percent": 12, "apart": "x", "apart_place": [1, 2]}'):
        (home / FILE).write_text(damaged, encoding="utf-8")
        assert load_preferences(home) == Preferences()


def test_a_key_is_changed_by_pressing_it(room: Room, until: Callable[..., None]) -> None:
    window = room.window
    window.commands.run("keys")
    dialog = window.findChild(KeysDialog)
    assert dialog is not None
    dialog.search.setText("电影")
    shown = [n for n, line in dialog.lines.items() if not line.isHidden()]
    assert "cine" in shown and "accept" not in shown
    dialog.search.clear()
    # A conflict is named, and nothing changes until it is settled.
    dialog.choose("cine")
    dialog.wait_for_key()
    QTest.keyClick(dialog, Qt.Key.Key_A)
    assert "接受" in dialog.said.text() and dialog.take.isVisible()
    assert window.commands.key_of("cine") == "C"
    dialog.take.click()
    assert window.commands.key_of("cine") == "A" and window.commands.key_of("accept") == ""
    # Another one, free: Ctrl+Shift+K; a held Ctrl alone is not yet a key.
    dialog.choose("fit")
    dialog.wait_for_key()
    QTest.keyPress(dialog, Qt.Key.Key_Control)
    assert dialog.waiting == "fit"
    ctrl_alt = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    QTest.keyClick(dialog, Qt.Key.Key_K, ctrl_alt)
    assert window.commands.key_of("fit") == "Ctrl+Alt+K"
    dialog.choose("slab")
    dialog.wait_for_key()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert window.commands.key_of("slab") == "M"
    dialog.reject()
    # The views act on the new keys at once, panes made later too, and they are kept.
    window.grid_.add_rows_and_columns(3, 3)
    assert all(p.slices.keys["Ctrl+Alt+K"] == "fit" for p in window.grid_.panes)
    window.jobs.flush()
    kept = load_preferences(room.home).keys
    assert kept == {"cine": "A", "accept": "", "fit": "Ctrl+Alt+K"}
    window.commands.run("keys")
    again = window.findChildren(KeysDialog)[-1]
    again.all_usual.click()
    assert window.commands.own_keys == {}
    assert [c.name for c in COMMANDS if window.commands.key_of(c.name) != c.key] == []
    again.reject()


def test_keys_are_printed_as_they_are_now(room: Room, tmp_path: Path) -> None:
    room.window.commands.set_keys({"fit": "Ctrl+Alt+F"})
    dialog = KeysDialog(room.window)
    path = tmp_path / "按键.pdf"
    dialog.print_to(path)
    with pypdfium2.PdfDocument(str(path)) as document:
        words = "".join(page.get_textpage().get_text_range() for page in document)
    assert "Ctrl+Alt+F" in words and "Ctrl+Enter" in words


# --- names and signs


def test_every_control_has_a_name_for_those_who_cannot_see_it(
    room: Room, until: Callable[..., None]
) -> None:
    window = room.window
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractItemView)
    for page in (0, 1):
        window.pages.setCurrentIndex(page)
        QTest.qWait(50)
        nameless = []
        for widget in window.findChildren(QWidget):
            internal = widget.objectName().startswith("qt_") or isinstance(widget, QHeaderView)
            if not isinstance(widget, kinds) or not widget.isVisible() or internal:
                continue
            interface = QAccessible.queryAccessibleInterface(widget)
            name = interface.text(QAccessible.Text.Name) if interface is not None else ""
            hint = widget.placeholderText() if isinstance(widget, QLineEdit) else ""
            if not (name or hint or widget.accessibleName() or widget.toolTip()):
                nameless.append(f"{type(widget).__name__} {widget.objectName()}")
        assert not nameless


def test_every_icon_is_drawn_and_no_two_alike() -> None:
    QGuiApplication.instance()
    seen: dict[bytes, str] = {}
    same = {"": "window", "segment_brush": "segment"}  # the same act, the same sign
    for name in ICONS:
        image = icon(name).pixmap(18, 18).toImage()
        bits = bytes(image.constBits())
        assert any(bits), name
        twin = seen.setdefault(bits, name)
        assert twin == name or same.get(name) == twin, (name, twin)
    objects = set(SIGNS.values())
    assert set(ICONS) - {"more"} - set(BY_NAME) - objects <= {
        "", "view", "window", "layout", "measure", "segment", "compare", "solid", "share",
        "finding", "report", "room",
    }  # fmt: skip


# --- text


def test_text_grows_and_nothing_is_wider_than_the_screen(
    room: Room, until: Callable[..., None]
) -> None:
    """At 150 % in a window of 1366x768 all is still within it, in both languages."""
    window = room.window
    assert [next_percent(100, 1), next_percent(80, -1), next_percent(200, 1)] == [115, 80, 200]
    small = window.banner.name.fontMetrics().height()
    for code in ("zh_CN", "en"):
        set_language(code)
        window.actions_.speak()
        room.set_text(150)
        window.notice.hide()
        window.resize(1366, 768)
        QTest.qWait(100)
        assert window.banner.name.fontMetrics().height() >= 1.4 * small
        least = window.minimumSizeHint()
        assert least.width() <= 1366 and least.height() <= 768, (code, least)
        for button in window.toolbar.findChildren(QAbstractButton):
            if button.isVisible():
                assert button.geometry().right() <= window.toolbar.width()
    window.jobs.flush()
    assert load_preferences(room.home).text_percent == 150
    show_text_at(window, 100)
    assert theme.text_percent() == 100


# --- the screen


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1366, 768), (1200, 1920), (320, 240)])
def test_the_pattern_has_the_greys_that_it_promises(width: int, height: int) -> None:
    pattern = make_pattern(width, height)
    picture = pattern.picture
    assert picture.shape == (height, width)
    assert len(pattern.steps) == STEPS == 18
    greys = [int(np.median(step.of(picture))) for step in pattern.steps]
    assert greys == [15 * n for n in range(18)]
    for step in pattern.steps:  # corners inside a step differ from it by one small step only
        around = {int(v) - step.grey for v in np.unique(step.of(picture))} - {0}
        assert around and all(abs(v) in (CORNER, 2 * CORNER) for v in around)
    for (outer, inner), ground, part in ((pattern.dark, 0, 0.05), (pattern.bright, 255, 0.95)):
        assert outer.of(picture)[0, 0] == ground
        assert inner.of(picture).mean() / 255 == pytest.approx(part, abs=0.003)
    for ramp in pattern.ramps:
        column = ramp.of(picture)[:, 0].astype(int)
        assert column[0] == 0 and column[-1] == 255 and np.diff(column).min() >= 0
    for lines in pattern.lines:  # one pixel on, one off: the finest that a screen can show
        pixels = lines.of(picture).astype(int)
        assert set(np.unique(pixels)) == {0, 255}
        across = max(np.abs(np.diff(pixels, axis=1)).mean(), np.abs(np.diff(pixels, axis=0)).mean())
        assert across > 150
    assert (picture[[0, -1]] == 255).all() and (picture[:, [0, -1]] == 255).all()


def test_the_pattern_on_screen_is_not_scaled(home: Path, room: Room) -> None:
    screen = QGuiApplication.primaryScreen()
    page = TestPattern(home, screen, room.window)
    page.setGeometry(0, 0, 800, 600)
    page.show()
    page.panel.hide()
    seen = page.grab().toImage()
    step = page.pattern.steps[7]
    ratio = page.devicePixelRatioF()
    x, y = step.left + step.width // 2, step.top + step.height // 2
    assert seen.pixelColor(round(x), round(y)).red() == step.grey and ratio >= 1.0
    QTest.keyClick(page, Qt.Key.Key_Space)
    assert page.panel.isVisible()
    QTest.keyClick(page, Qt.Key.Key_Escape)


def test_an_uncalibrated_screen_is_said_and_a_record_expires(home: Path) -> None:
    record = Calibration("A 1", "2026-01-10", "王工", 1.1, 420.0, True)
    assert warns(None, date(2026, 1, 10))
    assert is_valid(record, date(2026, 1, 10)) and is_valid(record, date(2027, 1, 10))
    assert not is_valid(record, date(2027, 1, 11)) and warns(record, date(2027, 1, 11))
    assert not is_valid(record, date(2026, 1, 9))  # from the future
    assert not warns(record, date(2026, 6, 1))
    dim = Calibration("A 1", "2026-01-10", "王工", 0.5, 200.0, True)
    assert warns(dim, date(2026, 6, 1)) and "350" in standing(dim, date(2026, 6, 1)).template
    save_calibration(home, record)
    save_calibration(home, Calibration("B 2", "2026-01-11", "w", 1.0, 400.0, False))
    assert load_calibrations(home)["A 1"] == record
    assert not is_valid(load_calibrations(home)["B 2"], date(2026, 2, 1))
    for wrong in (("", 1.0, 400.0), ("w", 0.0, 400.0), ("w", 500.0, 400.0)):
        with pytest.raises(BadInput):
            save_calibration(home, Calibration("C", "2026-01-11", *wrong, True))
    assert set(load_calibrations(home)) == {"A 1", "B 2"}
    (home / "screens.json").write_text('[{"screen": "x"}, 3]', encoding="utf-8")
    assert load_calibrations(home) == {}


def test_the_status_bar_warns_until_the_screen_is_recorded(room: Room) -> None:
    window = room.window
    assert window.status.screen_state.text().startswith("⚠")
    room.show_test_pattern()
    page = room.pattern
    assert page is not None
    page.save.click()
    assert page.wrong.isVisible()  # who measured it?
    page.tester.setText("王工")
    page.minimum.setValue(1.2)
    page.maximum.setValue(450.0)
    page.gsdf.setChecked(True)
    page.save.click()
    assert window.status.screen_state.text().startswith("✓")
    assert "王工" in window.status.screen_state.toolTip()
    page.close()
