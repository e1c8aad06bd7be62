"""The analyses tab: fields from a spec, a run by hand, a map in a view and over one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLayout, QLineEdit, QPushButton, QWidget

from workstation.domain.artefact import MadeBy, Wording, new_id
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.people import Permission
from workstation.domain.volume import Volume
from workstation.ui.analyses_area import AnalysesArea
from workstation.ui.fusion_area import FusionArea
from workstation.ui.program import application, wait_until
from workstation.ui.room_area import Room
from workstation.viewing.derived import PREFIX


@pytest.fixture
def area(room: Room) -> Iterator[AnalysesArea]:
    window = room.window
    found = window.findChild(AnalysesArea)
    assert found is not None
    window.commands.run("analyses")
    assert wait_until(application(), lambda: bool(found.masks), 30)
    yield found
    window.grid_.hang_by("")


def widgets_of(layout: QLayout) -> list[QWidget]:
    items = [layout.itemAt(n) for n in range(layout.count())]
    widgets = [item.widget() for item in items if item is not None]
    return [w for w in widgets if w is not None]


def numbers(area: AnalysesArea) -> list[str]:
    return [w.text() for w in widgets_of(area.panel.numbers) if isinstance(w, QLabel)]


def test_a_measure_started_by_hand_becomes_a_proposal(area: AnalysesArea) -> None:
    window, panel = area.window, area.panel
    panel.choose("brain/wmh_load")
    assert panel.form is not None
    box = panel.form.inputs["wmh"]
    lesion = next(n for n in range(box.count()) if "脑白质高信号" in box.itemText(n))
    box.setCurrentIndex(lesion)
    (mask_id,) = box.itemData(lesion)
    before = {f.id for f in window.desk.archive.all(Finding, window.desk.study_uid)}
    QTest.mouseClick(panel.run, Qt.MouseButton.LeftButton)
    assert wait_until(application(), lambda: bool(numbers(area)), 60), panel.said.text()
    made = [
        f for f in window.desk.archive.all(Finding, window.desk.study_uid) if f.id not in before
    ]
    assert [f.state for f in made] == [FindingState.PROPOSED]
    voxels = window.desk.archive.load_mask(mask_id)
    stack = next(s for s in area.offered()[0] if s.id == made[0].stack_id)
    assert made[0].value == pytest.approx(float(voxels.sum()) * stack.grid.voxel_ml)
    assert f"{made[0].value:.1f} mL" in numbers(area)
    window.desk.jobs.write(lambda: withdraw(area, made[0]))
    window.jobs.flush()


def withdraw(area: AnalysesArea, finding: Finding) -> None:
    """Leave the study as other tests want it."""
    desk = area.window.desk
    assert desk.actor is not None
    with desk.archive.write(
        desk.actor, Permission.REVIEW, Message("test"), desk.study_uid
    ) as writer:
        writer.withdraw(Finding, finding.id)


def test_what_a_person_chose_stays_when_the_study_changes(area: AnalysesArea) -> None:
    """The room reads the study anew whenever a model or a person stored something."""
    panel = area.panel
    panel.choose("brain/adc")
    assert panel.form is not None
    field = panel.form.parameters["core_below"]
    assert isinstance(field, QLineEdit)
    field.selectAll()
    QTest.keyClicks(field, "580")
    panel.refresh()
    again = panel.form.parameters["core_below"]
    assert again is not field and isinstance(again, QLineEdit) and again.text() == "580"
    panel.choose("brain/evans_index")
    panel.choose("brain/adc")
    fresh = panel.form.parameters["core_below"]
    assert isinstance(fresh, QLineEdit) and fresh.text() == "620"


def test_what_is_not_chosen_is_said(area: AnalysesArea) -> None:
    area.panel.choose("heart/lv_function")
    assert area.panel.form is not None
    for box in area.panel.form.inputs.values():
        box.setCurrentIndex(0)
    QTest.mouseClick(area.panel.run, Qt.MouseButton.LeftButton)
    app = application()
    assert wait_until(app, lambda: area.panel.said.property("tone") == "error", 30)
    assert "请选择" in area.panel.said.text()


def test_a_map_is_shown_and_laid_over(area: AnalysesArea) -> None:
    window = area.window
    desk, grid = window.desk, window.grid_
    flair = next(s for s in area.offered()[0] if s.role == "FLAIR")
    values = np.full(flair.grid.shape, np.nan, dtype=np.float32)
    values[5:30] = np.arange(25, dtype=np.float32)[:, None, None]
    info = DerivedMap(
        new_id(), desk.study_uid, flair.series_uid, flair.id, "adc", Wording("Test map", "测试图"),
        "ms", (0.0, 25.0), flair.grid, desk.archive.store_map(values), "brain/test", "Test 2026",
        (flair.id,), MadeBy("brain/test", "1.0.0"),
    )  # fmt: skip
    assert desk.actor is not None
    with desk.archive.write(
        desk.actor, Permission.REVIEW, Message("test"), desk.study_uid
    ) as writer:
        writer.put(info)
    app = application()
    window.jobs.poll()
    assert wait_until(app, lambda: info in area.maps, 30)
    (row,) = [
        w for w in widgets_of(area.panel.maps) if w.findChildren(QLabel)[0].text() == "测试图"
    ]
    buttons = {button.text(): button for button in row.findChildren(QPushButton)}
    grid.show_stack(flair.id)
    assert wait_until(app, lambda: window.settled, 60)
    QTest.mouseClick(buttons["叠加"], Qt.MouseButton.LeftButton)
    fusion = window.findChild(FusionArea)
    assert fusion is not None
    assert wait_until(app, lambda: fusion.active is not None, 30)
    over = fusion.active
    assert over is not None and over.volume.stack.id == PREFIX + info.id
    QTest.mouseClick(buttons["显示"], Qt.MouseButton.LeftButton)

    def shown() -> Volume | None:
        volume = grid.active_pane.viewport.volume
        return volume if volume is not None and volume.stack.id == PREFIX + info.id else None

    assert wait_until(app, lambda: shown() is not None, 30)
    volume = shown()
    assert volume is not None and volume.value_at(flair.grid.to_lps((3, 3, 12))) == 7.0
    QTest.mouseClick(buttons["移除"], Qt.MouseButton.LeftButton)
    assert wait_until(app, lambda: info not in area.maps, 30)
    assert replace(info) in desk.archive.history(DerivedMap, info.id)
