"""What was said and chosen for one study does not go over to the next; long names are readable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QRect, Qt

from tests.marks.study import OTHER, STUDY, add_other, ct_archive
from tests.marks.test_window import Room
from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import Message
from workstation.domain.measurement import Measurement
from workstation.domain.people import MACHINE, Permission
from workstation.domain.volume import Stack

from workstation.ui.program import application  # isort: skip
from workstation.ui.study_tabs import MeasurementsTab  # isort: skip

LONG = Wording(
    "Left ventricular end-diastolic volume indexed to body surface area, papillary muscles in",
    "左心室舒张末期容积按体表面积校正的指数（乳头肌计入心腔，短轴电影逐层勾画后求和得出）",
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    application()
    home = tmp_path_factory.mktemp("关闭") / "家"
    home.mkdir()
    archive, _ = ct_archive(home, home.parent / "files")
    add_other(archive, home.parent / "other files")
    (stack,) = archive.all(Stack, STUDY)
    made = Measurement(
        "m1", STUDY, stack.series_uid, LONG, Code("1", "99T", "x"), 71.25, "mL/m2", "test.volume",
        "a source", (stack.id,), MadeBy("test", "1"),
    )  # fmt: skip
    with archive.write(MACHINE, Permission.ANALYSE, Message("made for a test"), STUDY) as writer:
        writer.put(made)
        writer.put(replace(made, id="m2", name=Wording("Heart rate", "心率")))
    archive.close()
    opened = Room(home)
    opened.open()
    yield opened
    opened.close()


def test_notices_tools_and_undo_end_with_their_study(room: Room) -> None:
    window = room.window
    room.sign_in()
    room.draw("distance", (20, 20), (40, 20))
    room.stored()
    window.commands.run("ellipse")
    assert window.grid_.tool == "ellipse"
    window.notice.error("said of this patient")
    assert window.notice.isVisible()
    window.desk.open_study(OTHER)
    assert not window.notice.isVisible() and window.grid_.tool == ""
    room.until(lambda: window.settled, 60)
    assert not window.notice.isVisible() and window.grid_.tool == ""
    assert all(pane.slices.tool == "" for pane in window.grid_.panes)
    window.actions_.undo()  # nothing of the other study is taken back
    room.until(lambda: window.notice.isVisible())
    assert len(room.stored()) == 1
    window.commands.run("segment_brush")
    window.notice.news("news")
    window.desk.close_study()
    assert not window.notice.isVisible() and window.grid_.tool == ""
    room.open()


def test_long_names_of_measurements_are_wrapped_never_cut(room: Room) -> None:
    tab = room.window.measurements
    assert isinstance(tab, MeasurementsTab)
    room.window.tabs.setCurrentWidget(tab)
    table = tab.table
    for width in (1600, 1200, 1800):
        room.window.resize(width, 900)
        room.until(lambda: table.isVisible() and table.rowCount() == 2)
        for _ in range(5):
            application().processEvents()
        heights = []
        for row in range(2):
            cell = table.item(row, 0)
            assert cell is not None
            room_for = QRect(0, 0, table.columnWidth(0) - 6, 10_000)
            flags = int(Qt.TextFlag.TextWordWrap)
            needed = table.fontMetrics().boundingRect(room_for, flags, cell.text())
            assert needed.width() <= table.columnWidth(0), (width, cell.text())
            assert table.rowHeight(row) >= needed.height(), (width, cell.text())
            heights.append(table.rowHeight(row))
        assert max(heights) >= 2 * min(heights) - 8  # one is wrapped, the other is not
