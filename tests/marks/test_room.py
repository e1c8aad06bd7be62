"""The room that keeps marks: every edit stored, audited, undone and redone, after a crash too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.marks.drawn import by_name, mark_of
from tests.marks.study import PASSWORD, READER, STUDY, ct_archive, ct_voxels
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.errors import NotAllowed
from workstation.domain.mark import Mark, MarkEdit, MarkKind
from workstation.domain.mark_voxels import voxels_inside
from workstation.domain.people import MACHINE
from workstation.domain.volume import Stack
from workstation.reading import annotate
from workstation.reading.draft import draft
from workstation.reading.sign import correct, sign
from workstation.viewing.mark_drawing import on_image


@pytest.fixture
def ct(home: Path, tmp_path: Path) -> Iterator[tuple[Archive, Stack]]:
    archive, stack = ct_archive(home, tmp_path / "files")
    yield archive, stack
    archive.close()


def drawn(
    stack: Stack, kind: MarkKind, index: list[tuple[float, float, float]], **more: Any
) -> Mark:
    points = stack.grid.to_lps(np.asarray(index))
    facts: dict[str, Any] = {
        "study_uid": STUDY, "series_uid": stack.series_uid, "stack_id": stack.id,
        "frame_of_reference_uid": stack.frame_of_reference_uid, "by": "",
    }  # fmt: skip
    return on_image(mark_of(kind, points, stack.grid, **(facts | more)), stack)


def test_a_mark_is_stored_with_numbers_from_the_stored_files(ct: tuple[Archive, Stack]) -> None:
    archive, stack = ct
    mark = drawn(stack, MarkKind.ELLIPSE, [(20, 18, 5), (40, 38, 5)])
    annotate.keep(archive, READER, MarkEdit(None, mark))
    (kept,) = annotate.kept(archive, STUDY).marks
    assert kept.by == "li" and replace(kept, by="", numbers=()) == mark
    z = round(float(stack.grid.to_index(np.asarray(mark.points_mm[0]))[2]))
    ys, xs, inside = voxels_inside(mark, stack.grid, z)
    values = ct_voxels()[z][ys, xs][inside].astype(np.float64)
    numbers = by_name(kept.numbers)
    assert numbers["Mean"] == values.mean() and numbers["Voxels"] == len(values) > 300
    assert {n.unit for n in kept.numbers if n.name == "Mean"} == {"[hnsf'U]"}
    last = archive.audit(STUDY)[-1]
    assert last.actor == "li" and verify(archive).ok


def test_undo_and_redo_survive_a_new_start(ct: tuple[Archive, Stack]) -> None:
    """complaint 20: what was drawn, changed and deleted is there again, undo steps included."""
    archive, stack = ct
    first = drawn(stack, MarkKind.LENGTH, [(10, 10, 2), (30, 10, 2)], id="a")
    second = replace(first, points_mm=(first.points_mm[0], (0.0, 0.0, -695.0)))
    annotate.keep(archive, READER, MarkEdit(None, first))
    annotate.keep(archive, READER, MarkEdit(first, second))
    annotate.keep(archive, READER, MarkEdit(second, None))
    home = archive.home
    archive.close()
    archive = Archive(home)
    stored = annotate.kept(archive, STUDY)
    assert stored.marks == () and len(stored.done) == 3 and stored.undone == ()

    def points(marks: tuple[Mark, ...]) -> list[object]:
        return [m.points_mm for m in marks]

    annotate.undo(archive, READER, STUDY)
    assert points(annotate.kept(archive, STUDY).marks) == [second.points_mm]
    annotate.undo(archive, READER, STUDY)
    stored = annotate.kept(archive, STUDY)
    assert points(stored.marks) == [first.points_mm] and len(stored.undone) == 2
    annotate.redo(archive, READER, STUDY)
    assert points(annotate.kept(archive, STUDY).marks) == [second.points_mm]
    annotate.undo(archive, READER, STUDY)
    annotate.undo(archive, READER, STUDY)
    assert annotate.kept(archive, STUDY).marks == ()
    with pytest.raises(NotAllowed):
        annotate.undo(archive, READER, STUDY)
    third = drawn(stack, MarkKind.PROBE, [(30, 30, 4)], id="b")
    annotate.keep(archive, READER, MarkEdit(None, third))  # what was undone cannot be redone now
    stored = annotate.kept(archive, STUDY)
    assert stored.undone == () and len(stored.done) == 1
    assert verify(archive).ok
    archive.close()


def test_a_painted_region_comes_back_with_its_voxels(ct: tuple[Archive, Stack]) -> None:
    archive, stack = ct
    plane = np.zeros(stack.grid.shape[1:], dtype=np.bool_)
    plane[20:30, 25:40] = True
    mark = drawn(stack, MarkKind.BRUSH, [(30, 25, 4)], mask_id="f" * 32)
    annotate.keep(archive, READER, MarkEdit(None, mark), painted={4: plane})
    (kept,) = annotate.kept(archive, STUDY).marks
    assert np.array_equal(archive.load_mask(kept.mask_id)[4], plane)
    numbers = by_name(kept.numbers)
    assert numbers["Area"] == pytest.approx(150 * 0.75 * 0.75)
    assert numbers["Mean"] == ct_voxels()[4][plane].astype(np.float64).mean()
    annotate.undo(archive, READER, STUDY)
    annotate.redo(archive, READER, STUDY)
    (again,) = annotate.kept(archive, STUDY).marks
    assert by_name(again.numbers) == numbers


def test_a_calibration_line_changes_the_numbers_of_the_others(ct: tuple[Archive, Stack]) -> None:
    """complaint 12"""
    archive, stack = ct
    mark = drawn(stack, MarkKind.LENGTH, [(10, 10, 2), (50, 10, 2)], id="a")
    annotate.keep(archive, READER, MarkEdit(None, mark))
    line = drawn(stack, MarkKind.CALIBRATION, [(10, 20, 2), (30, 20, 2)], id="b", known_mm=30.0)
    annotate.keep(archive, READER, MarkEdit(None, line))

    def length() -> float:
        found = annotate.kept(archive, STUDY).marks
        return next(m for m in found if m.id == "a").numbers[0].value

    assert length() == pytest.approx(60.0)
    annotate.undo(archive, READER, STUDY)
    assert length() == pytest.approx(30.0)
    assert archive.get(Stack, stack.id).calibrated == "patient"


def test_the_machine_draws_nothing(ct: tuple[Archive, Stack]) -> None:
    archive, stack = ct
    mark = drawn(stack, MarkKind.PROBE, [(30, 30, 4)])
    with pytest.raises(NotAllowed):
        annotate.keep(archive, MACHINE, MarkEdit(None, mark))


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_marked_measurement_is_said_in_the_report_and_signed(
    ct: tuple[Archive, Stack], language: str
) -> None:
    archive, stack = ct
    told = drawn(stack, MarkKind.LENGTH, [(10, 10, 2), (50, 10, 2)], id="a", in_report=True)
    told = replace(told, words="结节")
    aside = drawn(stack, MarkKind.LENGTH, [(10, 30, 2), (30, 30, 2)], id="b")
    annotate.keep(archive, READER, MarkEdit(None, told))
    annotate.keep(archive, READER, MarkEdit(None, aside))
    made = draft(archive, STUDY, language=language, actor=READER)
    said = [s.text for section in made.sections for s in section.sentences]
    (line,) = [text for text in said if "结节" in text]
    assert "30.0 mm" in line
    place = "序列 3，图像 3" if language == "zh_CN" else "series 3, image 3"
    assert place in line
    assert not any("15.0 mm" in text for text in said)
    signed = sign(archive, STUDY, user="li", password=PASSWORD)
    assert [m.id for m in signed.marks] == ["a"]
    assert signed.marks[0].numbers[0].value == pytest.approx(30.0)
    with pytest.raises(NotAllowed, match="signed"):
        annotate.keep(archive, READER, MarkEdit(told, None))
    # What is not in the report may still be measured on.
    annotate.keep(archive, READER, MarkEdit(aside, replace(aside, words="aside")))
    correct(archive, STUDY, user="li", password=PASSWORD, reason="wrong level")
    annotate.keep(archive, READER, MarkEdit(told, None))


def test_a_draft_without_a_new_mark_is_stale(ct: tuple[Archive, Stack]) -> None:
    archive, stack = ct
    draft(archive, STUDY, actor=READER)
    told = drawn(stack, MarkKind.LENGTH, [(10, 10, 2), (50, 10, 2)], in_report=True)
    annotate.keep(archive, READER, MarkEdit(None, told))
    with pytest.raises(NotAllowed, match="older"):
        sign(archive, STUDY, user="li", password=PASSWORD)
