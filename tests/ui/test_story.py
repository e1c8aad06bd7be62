"""The issue's story by keyboard and mouse in a real window: open, look, edit, decide, sign."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget

from tests.gestures import drag
from workstation.archive.verify import verify
from workstation.domain.finding import Finding, FindingState
from workstation.domain.measurement import format_value
from workstation.domain.study import StudyState
from workstation.ui.dialogs import SignInDialog
from workstation.ui.window import Window

Until = Callable[..., None]
PASSWORD = "long enough 1"
LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier


def press(window: Window, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
    if not window.isActiveWindow():  # a window manager would have done so when a dialog closed
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
    QTest.keyClick(window.grid_.active_pane.slices, key, modifier)


def open_brain_heart(window: Window, until: Until) -> None:
    """From the search box to the study by keyboard."""
    until(lambda: len(window.worklist.model.rows) == 2)
    study = next(s for s in window.worklist.model.rows if "MR" in s.modalities)
    QTest.keyClicks(window.worklist.search, study.patient.patient_id)
    until(lambda: [s.study_uid for s in window.worklist.model.rows] == [study.study_uid])
    QTest.keyClick(window.worklist.search, Qt.Key.Key_Return)
    until(lambda: window.settled, 180)


def sign_in(window: Window, until: Until) -> None:
    QTest.mouseClick(window.banner.user, LEFT)
    until(lambda: window.people.dialog is not None)
    dialog = window.people.dialog
    assert isinstance(dialog, SignInDialog)
    dialog.name.setCurrentIndex(dialog.name.findData("li"))
    QTest.keyClicks(dialog.findChildren(QLineEdit)[0], PASSWORD)
    QTest.mouseClick(dialog.ok, LEFT)
    until(lambda: window.desk.user is not None)


def wheel(view: QWidget, notches: int) -> None:
    centre = QPointF(view.width() / 2, view.height() / 2)
    still, button = QPoint(0, 0), Qt.MouseButton.NoButton
    where = QPointF(view.mapToGlobal(centre.toPoint()))
    turned, phase = QPoint(0, -120 * notches), Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(centre, where, still, turned, button, NONE, phase, False)
    QApplication.sendEvent(view, event)


def current(window: Window, finding_id: str) -> Finding:
    return window.desk.archive.get(Finding, finding_id)


def test_from_worklist_to_signed_report(window: Window, until: Until) -> None:
    open_brain_heart(window, until)
    contents = window.desk.contents
    assert contents is not None
    view = window.grid_.panes[0].slices
    before = view.viewport.slice_number
    wheel(view, 3)
    assert view.viewport.slice_number == before + 3

    wmh = next(f for f in contents.findings if f.template_key == "wmh")
    until(lambda: wmh.id in window.findings.cards)
    QTest.mouseClick(window.findings.cards[wmh.id], LEFT)
    until(lambda: window.desk.state.finding_id == wmh.id)
    pane = window.grid_.active_pane
    assert pane.content.stack_id == wmh.stack_id
    assert abs(pane.viewport.focus_mm - wmh.location_mm).max() < 0.01

    press(window, Qt.Key.Key_A)  # nobody is signed in: asked who reads, nothing is decided
    until(lambda: window.people.dialog is not None)
    assert window.people.dialog is not None
    window.people.dialog.reject()
    assert current(window, wmh.id).state is FindingState.PROPOSED
    sign_in(window, until)

    press(window, Qt.Key.Key_E)
    until(lambda: window.decisions.painted_id == wmh.id)
    view = window.grid_.active_pane.slices
    middle = QPoint(view.width() // 2, view.height() // 2)
    drag(view, [middle + QPoint(4 * step, 2 * step) for step in range(12)])
    until(lambda: current(window, wmh.id).state is FindingState.EDITED)
    painted = current(window, wmh.id)
    assert painted.value is not None and wmh.value is not None
    assert painted.value > wmh.value
    mask = window.desk.archive.load_mask(painted.mask_id)
    stack = contents.stack(wmh.stack_id)
    assert stack is not None
    assert abs(mask.sum() * stack.grid.voxel_ml - painted.value) < 1e-6
    assert painted.original_mask_id == wmh.mask_id

    press(window, Qt.Key.Key_Z, CTRL)
    until(lambda: current(window, wmh.id).mask_id == wmh.mask_id)
    press(window, Qt.Key.Key_Y, CTRL)
    until(lambda: current(window, wmh.id).mask_id == painted.mask_id)
    press(window, Qt.Key.Key_Return)
    until(lambda: not window.decisions.painted_id)

    others = [f for f in contents.findings if f.id != wmh.id]
    for number, finding in enumerate(others):
        window.desk.focus_finding(finding.id)
        press(window, Qt.Key.Key_X if number == 0 else Qt.Key.Key_A)
        until(lambda f=finding: current(window, f.id).state is not FindingState.PROPOSED)
    if others:
        assert current(window, others[0].id).state is FindingState.REJECTED

    until(lambda: window.desk.contents is not None and not window.desk.contents.obstacles)
    shown = format_value(painted.value, painted.unit)
    assert window.desk.contents is not None and window.desk.contents.draft is not None
    words = " ".join(
        s.text for section in window.desk.contents.draft.sections for s in section.sentences
    )
    assert shown in words

    press(window, Qt.Key.Key_Return, CTRL)
    until(lambda: window.people.dialog is not None)
    dialog = window.people.dialog
    assert dialog is not None
    field = dialog.findChildren(QLineEdit)[0]
    QTest.keyClicks(field, "wrong password")
    QTest.mouseClick(dialog.ok, LEFT)
    until(lambda: dialog.wrong.isVisible())
    field.clear()
    QTest.keyClicks(field, PASSWORD)
    QTest.mouseClick(dialog.ok, LEFT)
    until(lambda: window.desk.contents is not None and bool(window.desk.contents.reports), 90)
    assert window.desk.archive.study(wmh.study_uid).state is StudyState.SIGNED
    assert verify(window.desk.archive).ok

    press(window, Qt.Key.Key_X)  # a signed report does not change
    until(lambda: window.notice.isVisible())
    assert current(window, wmh.id).state is FindingState.EDITED


def test_every_panel_speaks_both_languages(window: Window, until: Until) -> None:
    open_brain_heart(window, until)

    def words() -> str:
        shown = [b.text() for b in window.findChildren(QPushButton) if b.isVisible()]
        return " ".join([*shown, window.tabs.tabText(0), window.report.head.text()])

    assert "所见" in words()
    press(window, Qt.Key.Key_L, CTRL)
    until(lambda: "Findings" in words())

    def chinese() -> str:
        own = words().replace("中 / EN", "").replace("李医生", "")
        return "".join(c for c in own if "一" <= c <= "鿿")

    until(lambda: not chinese())  # the draft is written anew in English, a moment later


def test_desk_comes_back_as_it_was(window: Window, until: Until) -> None:
    open_brain_heart(window, until)
    contents = window.desk.contents
    assert contents is not None
    window.desk.focus_finding(contents.findings[0].id)
    window.grid_.panes[1].viewport.scroll(2)
    window.grid_.set_layout("single")
    until(lambda: window.desk.state.views == window.grid_.state())
    left = window.grid_.state()
    window.desk.close()
    window.jobs.flush()
    second = Window(window.desk.settings, window.desk.archive)
    try:
        second.show()
        from workstation.ui.desk import DESK

        second.desk.restore(window.desk.archive.desk(DESK))
        until(lambda: second.settled, 120)
        assert second.desk.state.finding_id == contents.findings[0].id
        assert second.grid_.state() == left
    finally:
        second.shut()
