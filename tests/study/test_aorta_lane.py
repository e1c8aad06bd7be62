"""Signs of an acute aorta, unasked: from an outline that a model drew to acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ai.packages import trust_maker
from tests.pictures import keep_picture
from tests.study.aorta_ct import write_aorta, write_outliner
from tests.study.test_window import Until, area, home, room, sign_in, top, until
from workstation.analyses.vessel.acute_aorta import SPEC
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.alert import Alert
from workstation.domain.arrival import Arrival, ArrivalState
from workstation.domain.derived import DerivedMap
from workstation.domain.finding import Finding
from workstation.domain.judge import RowState
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import Actor, Role
from workstation.domain.volume import Stack
from workstation.reading.assemble import assemble
from workstation.reading.infer import infer
from workstation.reading.intake import intake
from workstation.reading.judges import known_judges, looks_for_emergencies
from workstation.reading.measure import Request, measure
from workstation.settings import Settings
from workstation.ui.window import Window
from workstation.viewing.judge_rows import rows_of
from workstation.viewing.window_level import LUNG, SOFT_TISSUE

LEFT = Qt.MouseButton.LeftButton
OUTLINER = "outliner"
READER = Actor("li", Role.READER)
__all__ = ["home", "until"]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "数据")
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    trust_maker(tmp_path / "数据")
    return Settings(home=tmp_path / "数据", models=tmp_path / "模型", ai_threads=1)


def bring(archive: Archive, folder: Path, sign: str) -> str:
    study = write_aorta(folder, 1, "Aorta^One=主动", sign)
    intake(archive, [folder])
    assemble(archive, study)
    return study


def drawn(window: Window) -> dict[str, int]:
    """What the slices of the open study show: id of each outline, and its voxels."""
    return {
        one.id: int(np.count_nonzero(one.array))
        for pane in window.grid_.panes
        for one in pane.slices.overlays
        if one.array is not None
    }


def row_state(archive: Archive, settings: Settings, study: str) -> RowState:
    rows = rows_of(
        known_judges(settings),
        archive.all(Stack, study),
        archive.all(Finding, study),
        archive.all(Measurement, study),
        archive.all(Refusal, study),
        archive.all(Outcome, study),
    )
    return next(row.state for row in rows if row.judge.id == SPEC.id)


def reason_of(archive: Archive, study: str) -> Refusal:
    (refusal,) = [one for one in archive.all(Refusal, study) if one.what == SPEC.id]
    return refusal


def test_without_an_outline_it_says_so(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    study = bring(archive, tmp_path / "in", "crescent")
    assert not looks_for_emergencies(settings)  # nothing here outlines an aorta
    infer(archive, settings, study, stat_only=True)
    assert archive.all(Refusal, study) == []  # a model may still outline it
    infer(archive, settings, study)
    assert "Nobody outlined" in str(reason_of(archive, study).reason)
    assert row_state(archive, settings, study) is RowState.NOT_JUDGED
    assert not archive.study(study).urgent


def test_an_experimental_outline_feeds_it_only_by_hand(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    write_outliner(settings.models, experimental=True)
    study = bring(archive, tmp_path / "in", "crescent")
    assert not looks_for_emergencies(settings)
    infer(archive, settings, study)
    assert "experimental" in str(reason_of(archive, study).reason)
    assert row_state(archive, settings, study) is RowState.NOT_JUDGED
    assert archive.all(Alert, study) == []

    (outline,) = archive.all(MaskInfo, study)
    request = Request(SPEC.id, stacks={"ct": outline.stack_id}, masks={"aorta": (outline.id,)})
    done = measure(archive, study, request, actor=READER)
    assert [one.urgent for one in done.findings] == [True, False]  # the sign, and all numbers
    assert archive.all(Alert, study) == []  # who measured it knows of it


def test_an_outline_is_measured_once_and_anew_when_another_stands_in_its_place(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    write_outliner(settings.models)
    study = bring(archive, tmp_path / "in", "flap")
    assert looks_for_emergencies(settings)
    first = infer(archive, settings, study, stat_only=True)
    assert first.ran == ("outliner", SPEC.id)  # the outline is drawn for it, before all else
    (finding,) = archive.all(Finding, study)
    (alert,) = archive.all(Alert, study)
    assert alert.finding_ids == (finding.id,)
    assert archive.study(study).urgent
    (outcome,) = [one for one in archive.all(Outcome, study) if one.what == SPEC.id]
    (outline,) = [one for one in archive.all(MaskInfo, study) if one.code is not None]
    assert outcome.made_from == (outline.stack_id, outline.id) == finding.made_from
    assert SPEC.id not in infer(archive, settings, study).ran
    assert archive.all(DerivedMap, study) == []

    write_outliner(settings.models, version="1.1.0")
    assert infer(archive, settings, study).ran == ("outliner", SPEC.id)
    (anew,) = archive.all(Finding, study)
    assert anew.id != finding.id
    assert verify(archive).ok


def test_a_dissection_jumps_the_list_shows_where_and_is_acknowledged(
    home: Path, tmp_path: Path, until: Until
) -> None:
    write_outliner(tmp_path / "模型")
    calm = write_aorta(tmp_path / "平静", 9, "Calm^One=平静", "none")
    urgent = write_aorta(tmp_path / "急", 1, "Urgent^One=急症", "flap")
    with room(home) as window:
        archive = window.desk.archive
        window.importing.start([tmp_path / "平静"])
        until(lambda: top(window) == calm)
        until(lambda: archive.get(Arrival, calm).state is ArrivalState.DONE, 240)
        assert archive.all(Alert, calm) == []
        notice = area(window).notice
        assert not notice.isVisible()

        window.importing.start([tmp_path / "急"])  # nobody opens it
        until(notice.isVisible, 240)
        until(lambda: top(window) == urgent)
        assert "急症" in notice.text.text()
        (alert,) = archive.all(Alert, urgent)
        assert alert.what == SPEC.id
        until(lambda: archive.get(Alert, alert.id).shown is not None)

        QTest.mouseClick(notice.open_study, LEFT)
        until(lambda: window.desk.study_uid == urgent and window.settled, 240)
        until(lambda: SPEC.id in window.findings.rows)
        row = window.findings.rows[SPEC.id].row
        assert row.state is RowState.FOUND
        (finding,) = row.findings
        window.grid_.active_pane.viewport.set_window(LUNG)
        window.desk.focus_finding(finding.id)
        until(lambda: window.settled)
        # Blood does not show in a lung window.
        assert window.grid_.active_pane.viewport.window == SOFT_TISSUE
        keep_picture(window, "aorta_zh")
        window.actions_.switch_language()
        until(lambda: window.settled)
        keep_picture(window, "aorta_en")
        window.actions_.switch_language()
        mask = archive.load_mask(finding.mask_id)
        stack = archive.get(Stack, finding.stack_id)

        # The outline that it stands on is shown while the row of the model that drew it is open.
        (outline,) = [o for o in archive.all(MaskInfo, urgent) if o.made_by.name == OUTLINER]
        for opened in (True, False):
            QTest.mouseClick(window.findings.rows[OUTLINER], LEFT)
            until(lambda wanted=opened: (outline.id in drawn(window)) is wanted)
            assert drawn(window).get(outline.id, outline.voxel_count) == outline.voxel_count
            keep_picture(window, f"aorta_outline_{opened}")
        x, y, z = (round(v) for v in stack.grid.to_index(finding.location_mm))
        assert mask[z, y, x]  # the jump lands on what triggered it

        QTest.mouseClick(notice.taken, LEFT)
        sign_in(window, until)
        until(lambda: not notice.isVisible())
        taken = archive.get(Alert, alert.id)
        assert taken.acknowledged_by == "li"
        assert taken.arrived is not None
        assert taken.shown is not None
        assert taken.acknowledged is not None
        assert taken.arrived <= taken.detected <= taken.shown <= taken.acknowledged
        assert verify(archive).ok
