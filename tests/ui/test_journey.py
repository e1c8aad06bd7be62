"""One visit, brain and heart, by real events: three workspaces, five decisions, one contour.

The contour changes the ejection fraction on the card, in the draft, in the signed report, in the
structured report read back from its file, and on the page for the patient: one number everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pypdfium2
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit

from tests.gestures import drag
from tests.pictures import keep_picture
from tests.ui.test_story import CTRL, LEFT, PASSWORD, current, open_brain_heart, press, sign_in
from workstation.analyses.heart.aha17 import THICKNESS
from workstation.archive.verify import verify
from workstation.dicom.report_content import read_sr
from workstation.domain.beat import made_outline_of, outline_of
from workstation.domain.derived import DerivedMap
from workstation.domain.finding import Finding, FindingState, shown_value
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, format_value
from workstation.domain.report import SignedReport
from workstation.domain.study import StudyState
from workstation.reading.measure import Request
from workstation.reading.patient_page import page_file, released
from workstation.ui.analyses_area import AnalysesArea
from workstation.ui.patient_page_area import PatientPages
from workstation.ui.window import Window
from workstation.viewing.bullseye import SEGMENTS

Until = Callable[..., None]
RIGHT = Qt.MouseButton.RightButton
KEYS = {"brain": Qt.Key.Key_1, "vessel": Qt.Key.Key_2, "heart": Qt.Key.Key_3}


def visit_workspaces(window: Window, until: Until) -> None:
    """Each by its key; what the visit lacks is named, and what it brings is not."""
    grid = window.grid_

    def shown(region: str) -> bool:
        ids = [pane.content.stack_id for pane in grid.panes if pane.content.stack_id]
        regions = {grid.stacks[id].region for id in ids}
        return regions == {region} and all(pane.settled for pane in grid.panes)

    for region, key in KEYS.items():
        press(window, key, Qt.KeyboardModifier.AltModifier)
        until(lambda region=region: shown(region), 90)
        keep_picture(window, f"journey_{region}")
    missing = [label.text() for label in window.strip.findChildren(QLabel, "stripMissing")]
    assert not any(word in words for words in missing for word in ("延迟强化", "弥散", "T1 图"))


def finding_by(window: Window, maker: str) -> Finding:
    contents = window.desk.contents
    assert contents is not None
    return next(f for f in contents.findings if f.made_by.name == maker)


def choose(window: Window, until: Until, finding_id: str) -> None:
    until(lambda: finding_id in window.findings.cards)
    QTest.mouseClick(window.findings.cards[finding_id], LEFT)
    until(lambda: window.desk.state.finding_id == finding_id)


def systole_of(window: Window, heart: Finding) -> int:
    masks = window.desk.archive.all(MaskInfo, heart.study_uid)
    contents = window.desk.contents
    stack = contents.stack(heart.stack_id) if contents is not None else None
    assert stack is not None
    counts = {m.id: m.voxel_count for m in masks}
    code = heart.code.value
    sizes = [counts[outline_of(heart, masks, code, p)] for p in range(stack.phases)]
    return int(np.argmin(sizes))


def narrow_systole(window: Window, until: Until, heart: Finding) -> Finding:
    """Erase a part of the cavity at end-systole; the finding once it is measured again."""
    choose(window, until, heart.id)
    press(window, Qt.Key.Key_E)
    decisions = window.decisions
    until(lambda: decisions.painted_id == heart.id and decisions.aim is not None)
    systole = systole_of(window, heart)
    for _ in range((systole - window.grid_.active_pane.phase) % 25):
        press(window, Qt.Key.Key_Right)
    until(lambda: (aim := decisions.painted_aim) is not None and aim.phase == systole)
    view = window.grid_.active_pane.slices
    middle = view.to_view(view.viewport.focus_mm).toPoint()  # the crosshair, in the cavity
    for _ in range(3):
        press(window, Qt.Key.Key_BracketRight)
    drag(view, [middle + QPoint(2 * step, step) for step in range(12)], RIGHT)
    until(lambda: bool(current(window, heart.id).outlined))
    until(lambda: current(window, heart.id).value is not None)
    keep_picture(window, "journey_contour")
    press(window, Qt.Key.Key_Return)
    until(lambda: not decisions.painted_id)
    edited = current(window, heart.id)
    assert edited.state is FindingState.EDITED
    assert {one.phase for one in edited.outlined} == {systole}
    assert edited.mask_id == heart.mask_id, "end-diastole is as the model drew it"
    archive = window.desk.archive
    masks = archive.all(MaskInfo, heart.study_uid)
    made = archive.load_mask(made_outline_of(heart, masks, heart.code.value, systole))
    now = archive.load_mask(edited.outlined[0].mask_id)
    assert (now <= made).all() and (now != made).any(axis=(1, 2)).sum() == 1
    return edited


def measure_walls(window: Window, until: Until, heart: Finding) -> Finding:
    """Wall thickness by segment on the outlines; the bullseye shows it and leads to the images."""
    archive, area = window.desk.archive, window.findChild(AnalysesArea)
    assert area is not None
    masks = archive.all(MaskInfo, heart.study_uid)
    chosen = {
        key: tuple(
            outline_of(heart, masks, code, phase)
            for phase in (heart.phase, systole_of(window, heart))
        )
        for key, code in (("lv_myo", "49848007"), ("rv_endo", "53085002"))
    }
    area.measure(Request("heart/aha17", masks=chosen))
    until(
        lambda: any(f.made_by.name == "heart/aha17" for f in archive.all(Finding, heart.study_uid))
    )
    press(window, KEYS["heart"], Qt.KeyboardModifier.AltModifier)
    views = [pane.bullseye for pane in window.grid_.panes if pane.bullseye is not None]
    until(lambda: bool(views) and len(views[0].values) >= 15, 90)
    view = views[0]
    keep_picture(window, "journey_bullseye")
    stored = {m.name.en: m for m in archive.all(Measurement, heart.study_uid)}
    for number, value in view.values.items():
        name = next(n for n in stored if n.startswith(f"{THICKNESS.en}, {number} "))
        assert float(format_value(stored[name].value, "mm").split()[0]) == value
    segment = next(s for s in SEGMENTS if s.number == 11)
    centre, radius = view._circle()
    x, y = segment.middle
    spot = QPoint(round(centre.x() + x * radius), round(centre.y() - y * radius))
    QTest.mouseClick(view, LEFT, pos=spot)
    shown = next(one for one in archive.all(DerivedMap, heart.study_uid) if one.key == "segments")
    labels = archive.load_map(shown)

    def there() -> bool:
        pane = window.grid_.active_pane
        index = np.round(shown.grid.to_index(pane.viewport.focus_mm)).astype(int)
        at = tuple(int(v) for v in index[::-1])
        return pane.content.stack_id == heart.stack_id and labels[at] == 11

    until(there)
    found = archive.all(Finding, heart.study_uid)
    return next(f for f in found if f.made_by.name == "heart/aha17")


def test_one_visit_brain_and_heart(window: Window, until: Until) -> None:
    open_brain_heart(window, until)
    sign_in(window, until)
    archive = window.desk.archive
    visit_workspaces(window, until)

    heart = finding_by(window, "heart-sax")
    walls = measure_walls(window, until, heart)
    until(lambda: walls.id in window.findings.cards)
    edited = narrow_systole(window, until, heart)
    assert heart.value is not None and edited.value is not None
    assert edited.value > heart.value + 0.5, "a narrower cavity at end-systole ejects more"

    beside = finding_by(window, "heart/lv_function")
    decided = 0
    for finding in window.desk.contents.findings if window.desk.contents else ():
        choose(window, until, finding.id)
        press(window, Qt.Key.Key_X if finding.id == beside.id else Qt.Key.Key_A)
        wanted = FindingState.REJECTED if finding.id == beside.id else None
        until(
            lambda id=finding.id, wanted=wanted: (
                current(window, id).state is not FindingState.PROPOSED
                and (wanted is None or current(window, id).state is wanted)
            )
        )
        decided += 1
    assert decided >= 5
    twice = next(f for f in archive.all(Finding, heart.study_uid)
                 if f.state is FindingState.ACCEPTED)  # fmt: skip
    choose(window, until, twice.id)
    window.notice.hide()
    press(window, Qt.Key.Key_A)
    window.jobs.flush()
    assert not window.notice.isVisible(), "a key pressed twice is no mistake"
    until(lambda: window.desk.contents is not None and not window.desk.contents.obstacles)

    # The panel: a card with the number as it will be signed.
    shown = shown_value(edited)
    until(lambda: edited.id in window.findings.cards)
    card = window.findings.cards[edited.id]
    assert shown in [label.text() for label in card.findChildren(QLabel, "cardValue")]
    contents = window.desk.contents
    assert contents is not None and contents.draft is not None
    drafted = " ".join(s.text for part in contents.draft.sections for s in part.sentences)
    assert shown in drafted

    press(window, Qt.Key.Key_Return, CTRL)
    until(lambda: window.people.dialog is not None)
    dialog = window.people.dialog
    assert dialog is not None
    QTest.keyClicks(dialog.findChildren(QLineEdit)[0], PASSWORD)
    QTest.mouseClick(dialog.ok, LEFT)
    until(lambda: window.desk.contents is not None and bool(window.desk.contents.reports), 120)
    study_uid = edited.study_uid
    assert archive.study(study_uid).state is StudyState.SIGNED
    (report,) = archive.all(SignedReport, study_uid)
    keep_picture(window, "journey_signed")

    # Report, its PDF and its SR: every finding and every number of the finding of the heart.
    spoken = {f.id: f for f in report.findings}
    assert beside.id not in spoken and spoken[edited.id].value == edited.value
    files = {d.kind: archive.read_blob(d.sha256) for d in report.documents}
    pages = pypdfium2.PdfDocument(files["pdf"])
    printed = "".join(p.get_textpage().get_text_range() for p in pages)
    numbers = {(n.tracking_id, n.unit, n.printed) for n in read_sr(files["sr"])}
    known = [m for m in archive.all(Measurement, study_uid) if m.finding_id == edited.id]
    assert {"mL", "mL/m2"} <= {m.unit for m in known}
    for finding in spoken.values():
        if finding.value is None:
            continue
        words = shown_value(finding)
        assert words in drafted and without_gaps(words) in without_gaps(printed)
        assert any(owner == finding.id and says(text, words) for owner, _, text in numbers)
    for one in known:
        words = format_value(one.value, one.unit)
        assert without_gaps(words) in without_gaps(printed), one.name.en
        assert any(unit == one.unit and says(text, words) for _, unit, text in numbers)

    # The page for the patient, released by who signed.
    area = window.findChild(PatientPages)
    assert area is not None
    window.commands.run("patient_page")
    until(lambda: area.dialog is not None and area.dialog.shown is not None, 90)
    page = area.dialog
    assert page is not None
    QTest.keyClicks(page.password, PASSWORD)
    QTest.mouseClick(page.release, LEFT)
    until(lambda: released(archive, study_uid) is not None, 90)
    keep_picture(page, "journey_patient")
    page.reject()
    kept = released(archive, study_uid)
    assert kept is not None
    for language in ("zh_CN", "en"):
        pdf = pypdfium2.PdfDocument(page_file(archive, kept, language, "pdf"))
        words = "".join(p.get_textpage().get_text_range() for p in pdf)
        assert without_gaps(shown) in without_gaps(words)
    assert verify(archive).ok
    print(json.dumps({"before": heart.value, "after": edited.value, "decided": decided}))


def without_gaps(words: str) -> str:
    """Without blanks and line ends, which a page may put anywhere."""
    return "".join(words.split())


def says(text: str, words: str) -> bool:
    """Whether a number of the SR is the one that is shown: the digits before its unit."""
    return words.split(" ")[0] == text
