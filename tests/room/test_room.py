"""The reading room: series strip, roles, hanging protocols, a second window, the next series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QGuiApplication, QImage, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from tests.viewer.conftest import flat
from workstation.domain.mark import RoleChoice
from workstation.domain.people import Permission
from workstation.domain.role import CORRECTED
from workstation.domain.volume import Flag, Stack
from workstation.text import set_language
from workstation.ui.room_area import Room
from workstation.ui.series_strip import HEADERS, entries_of
from workstation.ui.thumb import Thumb, thumbnail
from workstation.viewing.hanging_files import own_protocols
from workstation.viewing.preferences import load_preferences

# --- the strip


def single(name: str, series: str, **changes: object) -> Stack:
    return replace(flat(name, shape=(1, 30, 40), **changes), series_uid=series)


def test_single_images_of_one_series_share_one_entry() -> None:
    """A localiser of many orientations was many stacks that crowded the strip."""
    images = [single(f"loc{n}", "scout") for n in range(9)]
    stacks = [flat("a"), *images, flat("b"), single("x", "other")]
    entries = entries_of(stacks)
    assert [[s.id for s in entry] for entry in entries] == [
        ["a"], [f"loc{n}" for n in range(9)], ["b"], ["x"],
    ]  # fmt: skip


def test_a_shared_entry_shows_and_drags_the_chosen_image(qtbot: QtBot) -> None:
    thumb = Thumb([single(f"loc{n}", "scout", flags=(Flag.SINGLE_IMAGE,)) for n in range(3)])
    qtbot.addWidget(thumb)
    thumb.show()
    chosen: list[str] = []
    thumb.chosen.connect(chosen.append)
    QTest.mouseClick(thumb, Qt.MouseButton.LeftButton)
    none, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    down = QWheelEvent(QPointF(20, 20), QPointF(20, 20), QPoint(), QPoint(0, -120),
                       Qt.MouseButton.NoButton, none, phase, False)  # fmt: skip
    QApplication.sendEvent(thumb, down)
    QTest.mouseClick(thumb, Qt.MouseButton.LeftButton)
    QTest.keyClick(thumb, Qt.Key.Key_Right)
    QTest.keyClick(thumb, Qt.Key.Key_Return)
    assert chosen == ["loc0", "loc1", "loc2"]
    assert not thumb.warns and "3" in thumb.accessibleName()


def test_a_thumbnail_keeps_the_shape_of_the_slice(qtbot: QtBot) -> None:
    """Pixels twice as high as wide: a circle stays a circle."""
    stack = flat("a")
    grid = stack.grid
    y, x = np.mgrid[0:40, 0:80]
    disc = ((y - 20) * 2.0) ** 2 + (x - 40.0) ** 2 < 30**2
    tall = replace(stack, grid=type(grid)((8, 40, 80), ((1.0, 0, 0, 0), (0, 2.0, 0, 0),
                   (0, 0, 3.0, 0), (0, 0, 0, 1.0))))  # fmt: skip
    thumb = Thumb([tall])
    qtbot.addWidget(thumb)
    thumb.show_picture(thumbnail(disc.astype(np.int16) * 1000, "MONOCHROME2"))
    image = QImage(thumb.size(), QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    thumb._paint_image(painter, thumb.rect().toRectF())
    painter.end()
    bits = np.frombuffer(bytes(image.constBits()), np.uint8).reshape(thumb.height(), -1, 4)
    white = bits[..., 0] > 128
    high, wide = np.ptp(np.nonzero(white.any(1))[0]), np.ptp(np.nonzero(white.any(0))[0])
    assert abs(int(high) - int(wide)) <= 3


def menu_entry(menu: QMenu, *path: str) -> QAction:
    found = menu
    for words in path[:-1]:
        inner = next(a.menu() for a in found.actions() if a.text() == words)
        assert isinstance(inner, QMenu)
        found = inner
    return next(a for a in found.actions() if a.text() == path[-1])


def test_a_role_corrected_in_the_strip_hangs_again(room: Room, until: Callable[..., None]) -> None:
    window = room.window
    contents = window.desk.contents
    assert contents is not None
    tof = next(s for s in contents.stacks if s.role == "TOF")
    menu = window.strip.menu_of(tof.id)
    menu_entry(menu, "序列用途", "增强 MRA").trigger()

    def role() -> str:
        now = window.desk.contents
        stack = now.stack(tof.id) if now is not None else None
        return stack.role if stack is not None else ""

    until(lambda: role() == "CE-MRA" and window.settled)
    thumb = window.strip.thumbs[tof.id]
    assert thumb.title == "增强 MRA" and "li" in thumb.note and "更正" in thumb.toolTip()
    (choice,) = window.desk.archive.all(RoleChoice, tof.study_uid)
    assert (choice.by, choice.role) == ("li", "CE-MRA")
    stack = window.desk.archive.get(Stack, tof.id)
    assert stack.role_reason == CORRECTED
    # It hangs by its new role: the same place of the protocol takes either.
    assert window.grid_.panes[1].content.stack_id == tof.id
    assert window.grid_.stacks[tof.id].role == "CE-MRA"
    room.choose_role(tof.id, HEADERS)
    until(lambda: role() == "TOF" and window.settled)
    assert not window.desk.archive.all(RoleChoice, tof.study_uid)


def test_ai_is_marked_on_what_was_judged(room: Room) -> None:
    assert any(thumb.has_ai for thumb in room.window.strip.thumbs.values())


# --- hanging


def test_stages_and_saved_protocols_by_key(room: Room, until: Callable[..., None]) -> None:
    window, grid = room.window, room.window.grid_
    set_language("zh_CN")
    assert grid.hanging is not None and grid.hanging.protocol.id == "brain_heart"
    grid.active_pane.setFocus()
    QTest.keyClick(grid.active_pane.slices, Qt.Key.Key_Period)
    assert grid.stage == 1 and "2" in window.status.hints.text()
    QTest.keyClick(grid.active_pane.slices, Qt.Key.Key_Comma)
    assert grid.stage == 0
    window.commands.run("shape_1x2")
    room.show_hangings()
    assert room.dialog is not None
    room.dialog.name.setText("双窗")
    room.dialog.save.click()
    (own,), faults = own_protocols(room.home)
    assert (
        own.name == "双窗" and not faults and (own.stages[0].rows, own.stages[0].columns) == (1, 2)
    )
    grid.hang_by("")
    assert grid.hanging.protocol.id == own.id and len(grid.panes) == 2
    room.delete_hanging(own.id)
    assert own_protocols(room.home) == ((), ())
    grid.hang_by("")
    assert grid.hanging.protocol.id == "brain_heart" and len(grid.panes) == 4


def test_the_context_menu_offers_series_and_groups(room: Room) -> None:
    window = room.window
    menu = window.toolbar.context_menu()
    titles = [a.text() for a in menu.actions() if a.menu() is not None]
    assert "在此显示序列" in titles and "测量" in titles and "布局" in titles
    series = next(a.menu() for a in menu.actions() if a.text() == "在此显示序列")
    assert isinstance(series, QMenu)
    assert len(series.actions()) == len(window.strip.thumbs)
    series.actions()[-1].trigger()
    assert window.grid_.active_pane.content.stack_id == list(window.strip.thumbs)[-1]


def test_the_tool_in_hand_is_seen_and_named(room: Room) -> None:
    bar = room.window.toolbar
    room.window.grid_.set_tool("angle")
    assert bar.quick["angle"].isChecked() and not bar.quick[""].isChecked()
    assert bar.chosen.isVisible() and "角度" in bar.chosen.text()
    assert "[G]" in bar.quick["angle"].toolTip()
    room.window.resize(1100, 760)
    QTest.qWait(50)
    assert bar.chosen.isVisible() and bar.chosen.geometry().right() <= bar.width()
    bar.chosen.click()
    assert room.window.grid_.tool == "" and not bar.chosen.isVisible()


# --- complaint 23: a second monitor


def test_the_report_moves_to_a_window_of_its_own_and_back(
    room: Room, until: Callable[..., None]
) -> None:
    """complaint 23: report and findings on another screen; one screen works too."""
    window = room.window
    window.commands.run("report_apart")
    shell = room.apart.shell
    assert shell is not None and shell.isVisible()
    assert window.report.window() is shell and window.findings.window() is shell
    assert window.grid_.window() is window and window.report.isVisible()
    # It lies within a screen that there is.
    assert any(s.geometry().intersects(shell.geometry()) for s in QGuiApplication.screens())
    # The same keys act in it: it is a tool window of the main one.
    shell.activateWindow()
    QTest.qWaitForWindowActive(shell)
    window.report.setFocus()
    QTest.keyClick(shell, Qt.Key.Key_Period)
    assert window.grid_.stage == 1
    window.jobs.flush()
    kept = load_preferences(room.home)
    assert kept.apart == "report" and kept.apart_place is not None
    shell.close()  # closing loses nothing
    until(lambda: room.apart.part == "")
    assert window.report.window() is window and window.report.isVisible()
    assert window.findings.window() is window


def test_the_images_move_and_a_lost_screen_is_no_trap(room: Room) -> None:
    """complaint 23: a place on a screen that is gone is not used."""
    window = room.window
    room.apart.move("images", (90_000, 90_000, 800, 600))
    shell = room.apart.shell
    assert shell is not None and window.grid_.window() is shell
    assert any(s.geometry().intersects(shell.geometry()) for s in QGuiApplication.screens())
    room.apart.move("report")
    assert window.grid_.window() is window
    assert window.report.window() is room.apart.shell
    room.apart.move("")
    assert window.report.window() is window


# --- complaint 5: the next series


def test_the_next_series_is_read_before_it_is_asked_for(
    room: Room, until: Callable[..., None]
) -> None:
    """complaint 5: the next series loads by itself, not by a double click."""
    window, grid = room.window, room.window.grid_
    order = list(window.strip.thumbs)
    window.commands.run("shape_1x1")
    grid.show_stack(order[0])
    window.library.forget()
    grid.show_stack(order[0])
    until(lambda: window.library.held(order[1]) is not None)
    loading = window.library.held(order[1])
    assert loading is not None
    until(lambda: loading.done)
    QTest.keyClick(grid.active_pane.slices, Qt.Key.Key_PageDown)
    assert grid.active_pane.content.stack_id == order[1]
    assert grid.active_pane.slices.loaded == 1.0  # at once, nothing to wait for


def test_scrolling_on_past_the_end_leads_into_the_next_series(
    room: Room, until: Callable[..., None]
) -> None:
    """complaint 5: with one view, three notches beyond the last slice are meant."""
    window, grid = room.window, room.window.grid_
    order = list(window.strip.thumbs)
    window.commands.run("shape_1x1")
    grid.show_stack(order[0])
    until(lambda: window.settled)
    view = grid.active_pane.slices
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_End)
    for _ in range(2):
        QTest.keyClick(view, Qt.Key.Key_Down)
        assert grid.active_pane.content.stack_id == order[0]
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert grid.active_pane.content.stack_id == order[1]
    # With several views each scrolls to its own end and stays.
    window.commands.run("shape_1x2")
    grid.show_stack(order[0], 0)
    QTest.keyClick(view, Qt.Key.Key_End)
    for _ in range(5):
        QTest.keyClick(view, Qt.Key.Key_Down)
    assert grid.panes[0].content.stack_id == order[0]


def test_an_administrator_who_looks_is_not_told_that_he_may_not_draft(
    room: Room, until: Callable[..., None]
) -> None:
    window = room.window
    archive = window.desk.archive
    boss = archive.user("boss")
    assert not boss.actor.may(Permission.DRAFT)
    window.desk.sign_in(boss)
    window.notice.hide()
    try:
        for _ in range(2):  # the draft follows the language
            window.actions_.switch_language()
            QTest.qWait(500)  # a draft is made a moment later
            window.jobs.flush()
            until(lambda: window.settled)
            assert not window.notice.isVisible(), window.notice.text.text()
    finally:
        window.desk.sign_in(archive.user("li"))


def test_before_signing_a_comparison_is_not_called_part_of_the_report(room: Room) -> None:
    set_language("zh_CN")
    lines = room.window.people.summary().splitlines()
    (beside,) = [line for line in lines if "血池法" in line]
    assert beside.startswith("–") and "仅供对照，不写入报告" in beside
    assert not any("仅供对照" in line for line in lines if line != beside)
