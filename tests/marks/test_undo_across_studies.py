"""Undo after another study was opened: never in the wrong study, never lost in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint

from tests.gestures import drag
from tests.marks.study import OTHER, READER, STUDY, add_other, ct_archive
from tests.marks.test_window import Room
from workstation import text
from workstation.archive.store import Archive
from workstation.domain.artefact import Code, Wording
from workstation.domain.finding import Decision, Finding
from workstation.domain.report import ReportDraft
from workstation.domain.volume import Stack
from workstation.reading import draft, review
from workstation.ui.undo_order import REFUSED, UndoOrder

from workstation.ui.program import application  # isort: skip


def test_the_order_is_kept_study_by_study() -> None:
    """What one area did between two steps of another is between them again after reopening."""
    told: list[str] = []
    order = UndoOrder()

    def says(words: str) -> Callable[[], object]:
        return lambda: told.append(words)

    for area in ("marks", "findings", "segments"):
        order.register(area, says(f"-{area}"), says(f"+{area}"))
    order.opened("1")
    for area in ("marks", "segments", "findings", "marks", "findings"):
        order.did(area)
    order.undo()
    order.forget()
    order.opened("2")
    assert not order.undo() and not order.redo()
    order.forget()
    order.opened("1")
    order.restored("findings", 1, 1)
    order.restored("marks", 3, 0)  # one is older than what was known
    told.clear()
    assert order.redo() and told == ["+findings"]
    told.clear()
    while order.undo():
        pass
    assert told == ["-findings", "-marks", "-findings", "-marks", "-marks"]
    # Asked of nobody, a step stays the next one.
    order.register("findings", lambda: REFUSED, lambda: None)
    order.did("findings")
    assert order.undo() and order.undo()
    order.register("findings", lambda: told.append("now"), lambda: None)
    assert order.undo() and told[-1] == "now"


def add_finding(archive: Archive, study_uid: str, name: str) -> Finding:
    """A reader's finding with a painted block."""
    stack = next(s for s in archive.all(Stack, study_uid) if s.is_volume)
    mask = np.zeros(stack.grid.shape, dtype=np.bool_)
    z, y, x = (n // 2 for n in mask.shape)
    mask[z - 1 : z + 2, y - 4 : y + 4, x - 4 : x + 4] = True
    words, code = Wording(name, name), Code("52988006", "SCT", "Lesion")
    return review.add(archive, READER, stack, words, code, Wording("", ""), mask)


def test_a_stroke_is_taken_back_where_it_was_painted(home: Path, tmp_path: Path) -> None:
    text.set_language("en")
    archive, _ = ct_archive(home, tmp_path / "files")
    add_other(archive, tmp_path / "other files")
    finding, elsewhere = (add_finding(archive, STUDY, name) for name in ("one", "two"))
    other = add_finding(archive, OTHER, "other")
    told = len(archive.all(Decision, OTHER))
    archive.close()
    application()
    room = Room(home)
    window, desk, archive = room.window, room.window.desk, room.archive
    said = window.notice.text.text

    def open_study(uid: str) -> None:
        window.actions_.open_study(uid)
        room.until(lambda: desk.study_uid == uid and window.settled, 60)

    def run(name: str) -> None:
        window.commands.run(name)
        window.jobs.flush()

    def mask_now() -> str:
        return archive.get(Finding, finding.id).mask_id

    open_study(STUDY)
    room.sign_in()
    run("undo")  # nothing has focus and nothing was done: said, not passed over
    room.until(lambda: said().endswith("Nothing to undo."))
    desk.focus_finding(finding.id)
    room.until(lambda: window.settled)
    window.commands.run("edit")
    room.until(lambda: bool(window.decisions.painted_id))
    view = room.view
    middle = view.to_view(np.asarray(finding.location_mm)).toPoint()
    drag(view, [middle, middle + QPoint(25, 4), middle + QPoint(45, 9)])
    window.decisions.finish_editing()
    window.jobs.flush()
    painted = mask_now()
    assert painted != finding.mask_id
    room.draw("distance", (20, 20), (40, 20))  # after the stroke: it is the first to go
    # Into the other study before the report is drafted again: it is drafted all the same.
    open_study(OTHER)

    def drafted() -> bool:
        made = archive.all(ReportDraft, STUDY)
        return bool(made) and draft.is_current(archive, made[0])

    room.until(drafted, 60)
    window.notice.error("-")
    run("undo")
    room.until(lambda: said().endswith("Nothing to undo."))
    window.notice.error("-")
    desk.focus_finding(other.id)
    run("undo")
    room.until(lambda: said().endswith("Nothing to undo."))
    assert mask_now() == painted and len(room.stored()) == 1  # not behind the reader's back
    assert archive.get(Finding, other.id).mask_id == other.mask_id
    assert len(archive.all(Decision, OTHER)) == told
    # Back where it was painted, in the order in which it was done, and brought into focus.
    open_study(STUDY)
    room.until(lambda: len(room.board.marks) == 1)
    desk.focus_finding(elsewhere.id)
    run("undo")
    assert room.stored() == [] and mask_now() == painted
    run("undo")
    room.until(lambda: mask_now() == finding.mask_id)
    assert desk.state.finding_id == finding.id
    assert archive.get(Finding, elsewhere.id).mask_id == elsewhere.mask_id
    run("redo")
    room.until(lambda: mask_now() == painted)
    # Nobody signed in: it is asked who it is, and the step is still the next one.
    desk.sign_in(None)
    run("undo")
    assert window.people.dialog is not None
    window.people.dialog.reject()
    assert mask_now() == painted
    room.sign_in()
    run("undo")
    room.until(lambda: mask_now() == finding.mask_id)
    room.close()
