"""The emergency lane from import to acknowledgement, with the shipped triage of head bleeding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.pictures import keep_picture
from tests.study.head_ct import scan, write_head
from tests.study.test_window import Until, area, room, sign_in, top, until
from workstation.ai.shelf import switch
from workstation.archive.verify import verify
from workstation.domain.alert import Alert
from workstation.domain.arrival import Arrival, ArrivalState
from workstation.domain.finding import Finding, FindingState
from workstation.domain.judge import RowState
from workstation.domain.mask import dice

LEFT = Qt.MouseButton.LeftButton
MODEL = "ct-head-bleed"
MODELS = Path(__file__).resolve().parents[2] / "models"
__all__ = ["until"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A site that switched the triage on; it comes switched off."""
    folder = tmp_path / "家 home"
    folder.mkdir()
    (folder / "settings.toml").write_text("ai_threads = 2\n", encoding="utf-8")
    switch(folder, MODEL, True, "boss", "for triage, with its card read")
    return folder


def test_a_bleeding_jumps_the_list_and_a_healthy_head_does_not(
    home: Path, tmp_path: Path, until: Until
) -> None:
    calm = write_head(tmp_path / "平静", 9, "Calm^One=平静", bleeding=False)
    urgent = write_head(tmp_path / "急", 1, "Urgent^One=急症", bleeding=True)
    with room(home) as window:
        archive = window.desk.archive
        window.importing.start([tmp_path / "平静"])
        until(lambda: top(window) == calm)
        until(lambda: archive.get(Arrival, calm).state is ArrivalState.DONE, 180)
        assert archive.all(Alert, calm) == []
        assert archive.all(Finding, calm) == []
        assert not archive.study(calm).urgent
        notice = area(window).notice
        assert not notice.isVisible()

        window.importing.start([tmp_path / "急"])  # nobody opens it
        until(notice.isVisible, 180)
        until(lambda: top(window) == urgent)  # it is the older study, and stands first now
        assert window.worklist.model.words(window.worklist.model.rows[0])[0].startswith("‼")
        assert "急症" in notice.text.text()
        (alert,) = archive.all(Alert, urgent)
        assert alert.what == MODEL
        until(lambda: archive.get(Alert, alert.id).shown is not None)
        keep_picture(window, "bleed_arrives_zh")
        window.actions_.switch_language()
        keep_picture(window, "bleed_arrives_en")
        window.actions_.switch_language()

        QTest.mouseClick(notice.open_study, LEFT)
        until(lambda: window.desk.study_uid == urgent and window.settled, 180)
        until(lambda: MODEL in window.findings.rows)
        row = window.findings.rows[MODEL].row
        assert row.state is RowState.FOUND
        (finding,) = row.findings
        window.desk.focus_finding(finding.id)
        until(lambda: window.settled)
        keep_picture(window, "bleed_zh")
        window.actions_.switch_language()
        until(lambda: window.settled)
        keep_picture(window, "bleed_en")
        window.actions_.switch_language()

        # The volume on the screen is that of the mask, and the mask lies on the blood.
        stored = archive.get(Finding, finding.id)
        assert stored.state is FindingState.PROPOSED
        mask = archive.load_mask(stored.mask_id)
        truth = scan(bleeding=True)
        assert stored.value == pytest.approx(np.count_nonzero(mask) * truth.grid.voxel_ml)
        assert dice(mask, truth.truth) > 0.7
        assert stored.value == pytest.approx(truth.volume_ml(), rel=0.3)

        QTest.mouseClick(notice.taken, LEFT)
        sign_in(window, until)
        until(lambda: not notice.isVisible())
        taken = archive.get(Alert, alert.id)
        assert taken.acknowledged_by == "li"
        assert taken.arrived is not None
        assert taken.shown is not None
        assert taken.acknowledged is not None
        assert taken.arrived <= taken.detected <= taken.shown <= taken.acknowledged
        assert archive.study(urgent).urgent
        assert not archive.study(calm).urgent
        assert verify(archive).ok
