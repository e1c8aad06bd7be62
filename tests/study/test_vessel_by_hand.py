"""A vessel by hand: two clicks, the line between them, its straightened view, a stenosis on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.pictures import keep_picture
from tests.study.test_window import Until, home, room, sign_in, top, until
from workstation.analyses.vessel._phantom import box, curved, narrowing, tube
from workstation.analyses.vessel.carotid_stenosis import NASCET
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.arrival import Arrival, ArrivalState
from workstation.domain.centreline import Centreline
from workstation.domain.finding import Finding
from workstation.domain.measurement import Measurement
from workstation.ui.analyses_area import AnalysesArea
from workstation.ui.curved_area import CurvedArea

LEFT = Qt.MouseButton.LeftButton
LENGTH_MM = 68.0
__all__ = ["home", "until"]


def write_angiogram(folder: Path) -> str:
    """A winding artery of 5 mm that narrows to 2 mm, as a TOF angiogram. Its study UID."""
    grid = box((34.0, 34.0, 60.0), (0.5, 0.5, 0.6))
    width = narrowing(5.0, 2.0, LENGTH_MM / 2, 6.0)
    array = tube(curved, width, LENGTH_MM, grid, blur_mm=0.35, noise=25.0)
    study_uid = "2.25.55001"
    header = SeriesHeader(
        modality="MR", patient_name="Vessel^One=血管", patient_id="V1", birth_date="19580101",
        sex="F", age="066Y", study_uid=study_uid, study_date="20240701", study_time="101112",
        study_description="头颅MRA", accession="V1", series_uid=f"{study_uid}.1", series_number=5,
        series_description="3D TOF MRA", series_time="101500",
        frame_of_reference_uid=f"{study_uid}.2", body_part="HEAD",
        window=(float(array.mean()) + 300.0, 900.0), slice_thickness_mm=0.6,
    )  # fmt: skip
    write_series(folder, np.clip(np.round(array), 0, 60000).astype(np.uint16), grid, header)
    return study_uid


def choose(area: AnalysesArea, key: str, id: str) -> None:
    """Choose what an input is, as the list offers it."""
    assert area.panel.form is not None
    field = area.panel.form.inputs[key]
    offered = [field.itemData(at) for at in range(field.count())]
    field.setCurrentIndex(offered.index(id))


def test_two_clicks_become_a_line_and_the_reference_stands_on_the_straightened_view(
    home: Path, tmp_path: Path, until: Until
) -> None:
    study = write_angiogram(tmp_path / "in")
    with room(home) as window:
        archive, grid = window.desk.archive, window.grid_
        window.importing.start([tmp_path / "in"])
        until(lambda: top(window) == study)
        until(lambda: archive.get(Arrival, study).state is ArrivalState.DONE, 240)
        window.people.sign_in()
        sign_in(window, until)
        window.desk.open_study(study)
        until(lambda: window.desk.study_uid == study and window.settled, 120)
        area, board = window.findChild(AnalysesArea), window.findChild(CurvedArea)
        assert area is not None and board is not None
        volume = grid.active_pane.viewport.volume
        assert volume is not None

        window.commands.run("curved")
        assert board.plan.active
        pane = grid.active_pane
        for place in curved(np.array([6.0, LENGTH_MM - 6.0])):
            pane.viewport.move_focus(place)
            until(lambda: window.settled, 60)
            QTest.mouseClick(pane.slices, LEFT, pos=pane.slices.to_view(place).toPoint())
        clicked = board.line
        assert clicked is not None and len(clicked.points_mm) == 2
        until(lambda: any(x.id == clicked.id for x in area.lines))

        window.commands.run("analyses")
        panel = area.panel
        panel.choose("vessel/centreline")
        choose(area, "image", volume.stack.id)
        choose(area, "points", clicked.id)
        QTest.mouseClick(panel.run, LEFT)
        until(lambda: len(board.plan.edit.points) > 5)
        found = board.line
        assert found is not None and found.id != clicked.id
        assert archive.get(Centreline, found.id) == found
        middle = curved(np.linspace(0.0, LENGTH_MM, 700))
        away = [np.linalg.norm(middle - p, axis=1).min() for p in np.array(found.points_mm)]
        assert max(away) < 0.8
        until(lambda: any(x.id == found.id for x in area.lines))

        panel.choose("vessel/carotid_stenosis")
        choose(area, "image", volume.stack.id)
        choose(area, "centreline", found.id)
        QTest.mouseClick(panel.run, LEFT)
        until(lambda: bool(board.plan.marks))
        marks = {words.en: along for along, words in board.plan.marks_along()}
        assert len(marks) == 3  # the narrowest place and a reference on each side
        assert min(marks.values()) + 5 < sorted(marks.values())[1] < max(marks.values()) - 5
        # The sections show the lumen that was measured, at the widths that were put in.
        for words, true_mm in (
            ("Minimal lumen diameter", 2.0),
            ("Distal normal lumen diameter", 5.0),
        ):
            board.plan.go_to(marks[words])
            until(lambda: window.settled)
            lumen = board.plan.lumen(board.plan.along_mm)
            assert lumen is not None and lumen.diameter_mm == pytest.approx(true_mm, abs=0.3)
            assert board.board.sections[1].lumen_shown
        (percent,) = [f for f in archive.all(Finding, study) if f.value_name == NASCET]
        assert percent.value == pytest.approx(60.0, abs=5.0)
        assert archive.all(Measurement, study)
        until(lambda: window.settled)
        keep_picture(window, "vessel_zh")
        assert board.board.lines.currentText() == "中心线 2"
        window.actions_.switch_language()
        until(lambda: window.settled)
        assert board.board.lines.currentText() == "Line 2"
        keep_picture(window, "vessel_en")
        window.actions_.switch_language()
        window.commands.run("curved")
        assert not board.plan.marks  # they belong to the line that was shown
