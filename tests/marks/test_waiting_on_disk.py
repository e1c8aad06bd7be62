"""What was drawn with nobody signed in is there again after a crash, and stored at sign-in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.marks.drawn import mark_of
from tests.marks.study import READER, STUDY, ct_archive
from tests.marks.test_window import Room
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.centreline import Centreline
from workstation.domain.errors import NotFound
from workstation.domain.mark import Mark, MarkEdit, MarkKind
from workstation.domain.mark_waiting import Waiting
from workstation.domain.volume import Stack
from workstation.reading import annotate, waiting_work
from workstation.ui.curved_area import CurvedArea
from workstation.ui.program import application

REPOSITORY = Path(__file__).resolve().parents[2]


def ellipse(archive: Archive, name: str) -> Mark:
    (stack,) = archive.all(Stack, STUDY)
    points = stack.grid.to_lps(np.array([[10.0, 10, 4], [20.0, 40, 4]]))
    return mark_of(
        MarkKind.ELLIPSE, points, stack.grid, id=name, study_uid=STUDY,
        series_uid=stack.series_uid, stack_id=stack.id,
    )  # fmt: skip


def test_each_is_stored_once_whenever_the_program_ends(home: Path, tmp_path: Path) -> None:
    """After every single write the disk holds what is still to be stored, and no more."""
    archive, _ = ct_archive(home, tmp_path / "files")
    first, second = ellipse(archive, "a"), ellipse(archive, "b")
    moved = replace(first, points_mm=second.points_mm, words="移动")
    plane = np.zeros(archive.all(Stack, STUDY)[0].grid.shape[1:], dtype=np.bool_)
    plane[3:7, 5:11] = True
    region = replace(ellipse(archive, "c"), kind=MarkKind.BRUSH, mask_id="m")
    waiting = [
        Waiting(STUDY, MarkEdit(None, first)),
        Waiting(STUDY, MarkEdit(first, moved)),
        Waiting(STUDY, MarkEdit(None, second)),
        Waiting(STUDY, by=-1),
        Waiting(STUDY, MarkEdit(None, region), painted={4: plane}),
    ]
    waiting_work.save_marks(archive, waiting)
    for number in range(len(waiting)):
        archive.close()  # as after a crash: only what is on the disk is known
        archive = Archive(home)
        left = waiting_work.saved_marks(archive)
        assert [(w.study_uid, w.edit, w.by) for w in left] == [
            (w.study_uid, w.edit, w.by) for w in waiting[number:]
        ]
        painted = left[-1].painted
        assert painted is not None and np.array_equal(painted[4], plane)
        annotate.store(archive, READER, left[0], left[1:])
    assert waiting_work.saved_marks(archive) == []
    kept = annotate.kept(archive, STUDY)
    assert {m.id: m.words for m in kept.marks} == {"a": "移动", "c": ""}
    assert (len(kept.done), len(kept.undone)) == (3, 0)
    assert archive.load_mask("m")[4].sum() == plane.sum()
    # One that cannot be stored leaves the disk as it was.
    waiting_work.save_marks(archive, waiting[:1])
    lost = Waiting(STUDY, MarkEdit(None, replace(first, id="d", stack_id="gone")))
    with pytest.raises(NotFound):
        annotate.store(archive, READER, lost, [])
    assert len(waiting_work.saved_marks(archive)) == 1
    assert verify(archive).ok
    archive.close()


def test_drawn_signed_out_and_killed(home: Path, tmp_path: Path) -> None:
    archive, _ = ct_archive(home, tmp_path / "files")
    archive.close()
    application()  # first: a screen whose only program is killed takes no other for a moment
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.marks.signed_out_child", str(home)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    assert child.stdout is not None
    told = child.stdout.readline().split()
    child.kill()
    child.wait()
    kept, region, voxels, line = told
    room = Room(home)
    area = room.window.findChild(CurvedArea)
    assert area is not None
    room.until(lambda: "2 个标记" in room.window.notice.text.text())
    room.until(lambda: area.lines_waiting() == {STUDY: 1})
    room.open()
    room.until(lambda: [m.id for m in room.board.marks] == [kept, region])
    drawn = room.board.marks[1]
    painted = room.board.painted[drawn.mask_id]
    assert sum(int(plane.sum()) for plane in painted.values()) == int(voxels) > 0
    room.window.actions_.redo()  # what was taken back can be done again, and taken back
    assert len(room.board.marks) == 3
    room.window.actions_.undo()
    area.toggle()
    assert area.line is not None and area.line.id == line
    area.toggle()
    assert room.stored() == []
    room.sign_in()
    assert [(m.id, m.by) for m in room.stored()] == [(kept, "li"), (region, "li")]
    assert [x.id for x in room.archive.all(Centreline, STUDY)] == [line]
    assert room.archive.load_mask(drawn.mask_id).sum() == int(voxels)
    room.close()
    again = Room(home)  # nothing waits any more
    assert waiting_work.saved_marks(again.archive) == []
    assert waiting_work.saved_lines(again.archive) == waiting_work.WaitingLines()
    again.open()
    again.until(lambda: len(again.board.marks) == 2)
    assert not again.area.waiting.everything
    again.close()
