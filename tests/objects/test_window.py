"""Objects in a real window: listed, read, drawn, applied, switched off."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest

from tests.objects.study import LIVER, SPLEEN, STATE_SLICE, grid
from workstation import text
from workstation.domain.document import ObjectKind, ReportTree
from workstation.domain.finding import FindingState
from workstation.text import tr
from workstation.ui.objects_area import ObjectsArea
from workstation.ui.program import application, wait_until
from workstation.ui.slice_view import SliceView
from workstation.ui.window import Window
from workstation.wiring import open_services

Until = Callable[[Callable[[], bool]], None]


def wait(condition: Callable[[], bool]) -> None:
    assert wait_until(application(), condition, 30), "it did not come about in time"


@pytest.fixture(scope="module")
def window(objects_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    home = tmp_path_factory.mktemp("窗") / "家"
    shutil.copytree(objects_home, home)
    before = text.language()
    with open_services(home, "zh_CN") as services:
        application()
        window = Window(services.settings, services.archive)
        window.resize(1600, 900)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        window.actions_.open_study(services.archive.last_study_uid())
        wait(lambda: window.settled)
        window.grid_.set_layout("single")
        wait(lambda: window.settled)
        yield window
        window.shut()
    text.set_language(before)


@pytest.fixture
def until() -> Until:
    return wait


@pytest.fixture
def room(window: Window) -> Window:
    """The window as after opening the study: nothing of its objects is open."""
    text.set_language("zh_CN")
    stack_id = window.grid_.active_pane.content.stack_id
    area = area_of(window)
    area.close_reader()
    window.grid_.show_stack(stack_id)
    area._study()
    wait(lambda: bool(area.panel.objects) and window.settled)
    return window


def area_of(room: Window) -> ObjectsArea:
    found = room.findChild(ObjectsArea)
    assert isinstance(found, ObjectsArea)
    return found


def choose(room: Window, kind: ObjectKind, until: Until) -> str:
    """Click an object in the list, as a reader does."""
    area = area_of(room)
    room.tabs.setCurrentWidget(area.panel)
    until(lambda: bool(area.panel.objects))
    tree = area.panel.list
    uid = next(o.sop_instance_uid for o in area.panel.objects if o.kind is kind)
    for number in range(tree.topLevelItemCount()):
        row = tree.topLevelItem(number)
        if row is not None and row.data(0, Qt.ItemDataRole.UserRole) == uid:
            tree.scrollToItem(row)
            rect = tree.visualItemRect(row)
            QTest.mouseClick(
                tree.viewport(), Qt.MouseButton.LeftButton, pos=rect.center() + QPoint(20, 0)
            )
    until(lambda: not area.busy and uid in area.opened)
    return uid


def view_of(room: Window) -> SliceView:
    return room.grid_.active_pane.slices


def pixels(view: SliceView) -> np.ndarray[Any, np.dtype[np.uint8]]:
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = np.frombuffer(image.constBits(), np.uint8)
    rows = data.reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3)


def colour_at(view: SliceView, index_xyz: tuple[float, float, float]) -> tuple[int, int, int]:
    place = view.to_view(grid().to_lps(index_xyz))
    red, green, blue = pixels(view)[int(place.y()), int(place.x())]
    return int(red), int(green), int(blue)


def test_a_segmentation_is_drawn_named_and_can_be_hidden(room: Window, until: Until) -> None:
    """Complaint 16: segmentation rendered wrong; others' segments are shown, never ours."""
    uid = choose(room, ObjectKind.SEGMENTATION, until)
    area, view = area_of(room), view_of(room)
    rows = area.panel.rows
    said = []
    for n in range(rows.topLevelItemCount()):
        row = rows.topLevelItem(n)
        assert row is not None
        said.append([row.text(column) for column in range(3)])
    volume = LIVER.sum() * 1.5 * 1.4 * 3.0 / 1000
    assert said[0] == ["肝脏", "Liver", f"{volume:.1f}"] and said[1][0] == "脾脏"
    view.viewport.move_focus(grid().to_lps((90, 20, 12)))  # lines of the crosshair out of the way
    room.decisions.overlays_changed.emit([])  # the same regions as findings lie over them
    until(lambda: room.settled)
    grey = colour_at(view, (120, 60, 12))
    liver, spleen = colour_at(view, (50, 60, 12)), colour_at(view, (104, 66, 12))
    assert max(grey) - min(grey) <= 2
    assert liver[0] - liver[2] > 30 and spleen[2] - spleen[0] > 20  # red and blue of the palette
    assert [words for layer in area.layers if layer.view is view for words, _ in layer.texts()] == [
        tr("Segmentation: {name}", name="器官分割")
    ]
    row = rows.topLevelItem(0)
    assert row is not None
    row.setCheckState(0, Qt.CheckState.Unchecked)
    hidden = colour_at(view, (50, 60, 12))
    assert max(hidden) - min(hidden) <= 2 and area.shown.segments[uid].hidden == {1}
    area.toggle()
    other = colour_at(view, (104, 66, 12))
    assert max(other) - min(other) <= 2
    assert room.desk.contents is not None
    states = {finding.state for finding in room.desk.contents.findings}
    assert states == {FindingState.PROPOSED}, "drawing what others found decides nothing"
    # A click on a segment goes to its middle.
    area.panel.jump_wanted.emit(uid, 2)
    z, y, x = np.rint(grid().to_index(view.viewport.focus_mm)[::-1]).astype(int)
    assert SPLEEN[z, y, x]


def test_a_presentation_state_is_applied_exactly_and_named(room: Window, until: Until) -> None:
    view = view_of(room)
    before = (view.viewport.window, view.viewport.axes, view.viewport.zoom)
    uid = choose(room, ObjectKind.PRESENTATION, until)
    area, port = area_of(room), view_of(room).viewport
    assert port.stored_z == STATE_SLICE
    assert (port.window.centre, port.window.width) == (500.0, 2000.0)
    # 90 degrees clockwise, then mirrored: down the picture goes along a stored row, and to its
    # right goes down the stored image.
    rows, columns = grid().directions[:, 0], grid().directions[:, 1]
    assert np.allclose(port.axes.down, rows, atol=1e-6)
    assert np.allclose(port.axes.right, columns, atol=1e-6)
    # Columns 41-104 and rows 81-128 fill the pane: 64 columns run down it.
    top = view.to_view(grid().to_lps((39.5, 79.5, STATE_SLICE)))
    bottom = view.to_view(grid().to_lps((103.5, 127.5, STATE_SLICE)))
    assert top.y() == pytest.approx(0, abs=1.5)
    assert bottom.y() == pytest.approx(view.height(), abs=1.5)
    assert (top.x() + bottom.x()) / 2 == pytest.approx(view.width() / 2, abs=1.5)
    layer = next(one for one in area.layers if one.view is view)
    assert layer.texts()[0][0] == tr("Display state: {name}", name="BONE")
    # The ellipse's end lies on its outline: column 62 of row 104.
    shown = pixels(view)
    place = view.to_view(grid().to_lps((62.0, 104.0, STATE_SLICE)))
    near = shown[int(place.y()) - 3 : int(place.y()) + 4, int(place.x()) - 3 : int(place.x()) + 4]
    yellow = (near[..., 0] > 200) & (near[..., 1] > 170) & (near[..., 2] < 90)
    assert yellow.any()
    # What it does not speak of is as it was; off, everything is.
    port.scroll(1)
    assert layer.texts() == [] and (port.window, port.axes, port.zoom) == before
    port.scroll(-1)
    assert port.window.centre == 500.0
    area.shown.switch(uid, False)
    assert (port.window, port.axes, port.zoom) == before
    area.shown.switch(uid, True)
    assert port.window.centre == 500.0


def test_a_reader_may_change_the_window_of_a_state(room: Window, until: Until) -> None:
    choose(room, ObjectKind.PRESENTATION, until)
    view = view_of(room)
    view.viewport.preset(4)
    changed = view.viewport.window
    assert changed.centre != 500.0
    view.viewport.pan(5.0, 0.0)
    assert view.viewport.window == changed


def test_a_report_is_read_and_its_place_drawn(room: Window, until: Until) -> None:
    """Complaint 22: reports not rendered."""
    choose(room, ObjectKind.REPORT, until)
    area, view = area_of(room), view_of(room)
    assert "Diameter" in area.panel.text.toPlainText() and "病灶 1" in area.panel.text.toPlainText()
    place = area.shown.lines[area.panel.current][0]
    assert place.label.startswith("Mass") and "30 mm" in place.label
    tree = area.opened[area.panel.current]
    assert isinstance(tree, ReportTree)
    path = tree.places[0].path
    area.panel.link_clicked.emit(f"place:{path}")
    until(lambda: room.settled)
    assert view.viewport.stored_z == 12
    edge = view.to_view(grid().to_lps((60.0, 60.0, 12)))
    shown = pixels(view)[
        int(edge.y()) - 12 : int(edge.y()) + 12, int(edge.x()) - 3 : int(edge.x()) + 4
    ]
    drawn = QColor("#5ce1d6")
    close = np.abs(shown.astype(int) - (drawn.red(), drawn.green(), drawn.blue())).max(axis=2) < 60
    assert close.any()
    QTest.mouseClick(area.panel.read, Qt.MouseButton.LeftButton)
    assert area.reader is not None and "病灶 1" in area.reader.text.toPlainText()
    assert area.reader.geometry() == room.grid_.active_pane.rect()
    QTest.keyClick(area.reader, Qt.Key.Key_Escape)
    assert area.reader is None


def test_pages_of_a_pdf_are_read_over_the_view(room: Window, until: Until) -> None:
    choose(room, ObjectKind.DOCUMENT, until)
    area = area_of(room)
    reader = area.reader
    assert reader is not None
    until(lambda: not reader.sheet.pixmap().isNull())
    assert reader.place.text() == "1 / 2" and reader.title.text() == "外院会诊报告"
    first = reader.sheet.pixmap().toImage()
    QTest.keyClick(reader, Qt.Key.Key_PageDown)
    until(lambda: reader.sheet.pixmap().toImage() != first)
    assert reader.place.text() == "2 / 2"
    wide = reader.sheet.pixmap().width()
    QTest.mouseClick(reader.larger, Qt.MouseButton.LeftButton)
    until(lambda: reader.sheet.pixmap().width() > wide * 1.4)
    QTest.mouseClick(reader.away, Qt.MouseButton.LeftButton)
    assert area.reader is None


def test_key_images_are_jumped_to(room: Window, until: Until) -> None:
    uid = choose(room, ObjectKind.KEY_IMAGES, until)
    area = area_of(room)
    assert area.panel.rows.topLevelItemCount() == 2
    area.panel.jump_wanted.emit(uid, 1)
    assert view_of(room).viewport.stored_z == 18


def test_it_speaks_the_other_language(room: Window, until: Until) -> None:
    choose(room, ObjectKind.SEGMENTATION, until)
    panel = area_of(room).panel
    row = panel.list.topLevelItem(0)
    assert row is not None and row.text(0).startswith("文档")
    room.actions_.switch_language()
    row = panel.list.topLevelItem(0)
    assert row is not None and row.text(0).startswith("Document")
    assert panel.rows.headerItem().text(0) == "Segment"
    room.actions_.switch_language()


def test_objects_stand_in_the_series_strip_as_what_they_are(room: Window, until: Until) -> None:
    area = room.findChild(ObjectsArea)
    assert area is not None
    until(lambda: bool(area.panel.objects))
    entries = room.strip.entries
    assert set(entries) == {one.sop_instance_uid for one in area.panel.objects}
    kinds = {one.kind for one in area.panel.objects}
    assert {ObjectKind.SEGMENTATION, ObjectKind.REPORT, ObjectKind.KEY_IMAGES} <= kinds
    for one in area.panel.objects:
        entry = entries[one.sop_instance_uid]
        assert entry.accessibleName().startswith(tr(one.kind.value))
        assert entry.isVisible() and entry.focusPolicy() is Qt.FocusPolicy.TabFocus
    wanted = next(o for o in area.panel.objects if o.kind is ObjectKind.REPORT)
    entry = entries[wanted.sop_instance_uid]
    room.tabs.setCurrentIndex(0)
    QTest.mouseClick(entry, Qt.MouseButton.LeftButton)
    until(lambda: area.panel.current == wanted.sop_instance_uid)
    until(lambda: wanted.sop_instance_uid in area.opened)
    assert room.tabs.tabText(room.tabs.currentIndex()).startswith(tr("Objects"))
    assert entry.shown
    other = next(o for o in area.panel.objects if o.kind is ObjectKind.KEY_IMAGES)
    QTest.keyClick(entries[other.sop_instance_uid], Qt.Key.Key_Return)
    until(lambda: other.sop_instance_uid in area.opened)
    assert entries[other.sop_instance_uid].shown and not entry.shown
    room.actions_.switch_language()  # every word anew, and still all there
    assert (
        room.strip.entries[wanted.sop_instance_uid].accessibleName().startswith("Structured report")
    )
    room.actions_.switch_language()
