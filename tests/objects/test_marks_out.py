"""Marks and key images out as DICOM and in again."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest

from tests.objects.material import (
    AT,
    PIXELS,
    Made,
    checked_by_dcmtk,
    dsrdump,
    errors_of,
    key_image,
    made,
    mark_of,
)
from tests.quantify.made import grid_of
from workstation.dicom.key_object_writer import write_key_objects
from workstation.dicom.key_objects import read_key_objects
from workstation.dicom.mark_groups import Sources, marks_of_report
from workstation.dicom.mark_report import write_mark_report
from workstation.dicom.presentation_state import COLOUR, read_state
from workstation.dicom.presentation_writer import write_states
from workstation.dicom.sr_tree import read_tree
from workstation.domain.errors import BadInput
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.mark_exchange import marks_of_state

GRIDS: dict[str, dict[str, Any]] = {
    "straight": {},
    "oblique": {"turn_deg": 23.0},
    "tilted": {"turn_deg": -31.0, "tilt_deg": 18.5},
    "backwards": {"spacing_mm": (0.9, 0.8, -3.0)},
}
WORDS: dict[str, Any] = {"author": "王医生", "software_version": "0.1.0"}


def same(read: Mark, drawn: Mark) -> None:
    """Points within 0.01 mm, everything else identical."""
    away = np.abs(np.asarray(read.points_mm) - np.asarray(drawn.points_mm))
    assert away.max() < 0.01, (read.kind, away.max())
    if drawn.kind in {MarkKind.RECTANGLE, MarkKind.ELLIPSE}:
        for a, b in ((read.right, drawn.right), (read.down, drawn.down)):
            assert abs(float(np.asarray(a) @ np.asarray(b))) > 0.9999
    kept = """id study_uid series_uid stack_id frame_of_reference_uid kind by at sop_instance_uid
        frame phase words known_mm"""
    for name in kept.split():
        assert getattr(read, name) == getattr(drawn, name), (drawn.kind, name)


def written(folder: Path, name: str, *, on_image: bool = True) -> tuple[Made, list[Mark], Path]:
    given = made(folder / "in", grid_of(**GRIDS[name]))
    slices = given.stack.grid.shape[0]
    marks = [mark_of(given, kind, n % slices, on_image=on_image) for n, kind in enumerate(PIXELS)]
    data = write_mark_report(marks, given.sources, organization="示例医院", **WORDS)
    path = folder / "marks.dcm"
    path.write_bytes(data)
    return given, marks, path


@pytest.mark.parametrize("name", GRIDS)
def test_marks_come_back_from_our_report(tmp_path: Path, name: str) -> None:
    """Complaint 20: measurements gone or changed after save."""
    given, marks, path = written(tmp_path, name)
    assert errors_of(path) == []
    read = marks_of_report(read_tree(path), [given.stack])
    assert [m.kind for m in read] == [m.kind for m in marks]
    for mine, drawn in zip(read, marks, strict=True):
        same(mine, drawn)
        assert mine.numbers == drawn.numbers  # to the last bit, formulas included


def test_marks_on_reformatted_planes_are_stated_in_the_patient(tmp_path: Path) -> None:
    given, marks, path = written(tmp_path, "oblique", on_image=False)
    assert errors_of(path) == []
    tree = read_tree(path)
    assert {g.space.value for p in tree.places for g in p.graphics} == {"patient"}
    read = marks_of_report(tree, [given.stack])
    for mine, drawn in zip(read, marks, strict=True):
        same(mine, drawn)
        assert mine.numbers == drawn.numbers


def test_others_read_the_report(tmp_path: Path) -> None:
    _, marks, path = written(tmp_path, "straight")
    content = hd.sr.srread(io.BytesIO(path.read_bytes())).content
    planar = content.get_planar_roi_measurement_groups()
    closed = {MarkKind.RECTANGLE, MarkKind.ELLIPSE, MarkKind.FREEHAND, MarkKind.BRUSH}
    assert [g.tracking_identifier for g in planar] == [m.id for m in marks if m.kind in closed]
    lines = content.get_image_measurement_groups()
    assert len(planar) + len(lines) == len(marks)
    length = next(g for g in lines if g.tracking_identifier == marks[0].id)
    first = length.get_measurements()[0]
    assert (first.name.value, first.value, first.unit.value) == (
        "410668003", NUMBERS_LENGTH, "mm")  # fmt: skip
    # The first pixel's middle is 0.5, 0.5 in DICOM.
    ellipse = next(g for g in planar if g.tracking_identifier == _id(marks, MarkKind.ELLIPSE))
    ends = ellipse.roi.value
    assert np.allclose(ends.mean(axis=0), [8.5, 10.25], atol=1e-4)
    shown = dsrdump(path)
    if shown:
        assert "右侧小结节" in shown and shown.count("Measurement Group") >= len(marks)


NUMBERS_LENGTH = 12.345678901234567


def _id(marks: list[Mark], kind: MarkKind) -> str:
    return next(m.id for m in marks if m.kind is kind)


@pytest.mark.parametrize("name", GRIDS)
def test_marks_come_back_from_our_presentation_state(tmp_path: Path, name: str) -> None:
    given, marks, _ = written(tmp_path, name)
    elsewhere = mark_of(given, MarkKind.LENGTH, on_image=False)
    keys = [key_image(given, 1, window=(50.0, 350.5))]
    files = write_states([*marks, elsewhere], keys, given.sources, **WORDS)
    assert len(files) == 1
    path = tmp_path / "state.dcm"
    path.write_bytes(files[0])
    assert errors_of(path) == []
    assert checked_by_dcmtk(path) == []
    state = read_state(path)
    assert state.label == "MARKS" and state.creator == "=王医生"
    assert (state.rotation_deg, state.flipped, state.inverse) == (0, False, False)
    read = marks_of_state(state, [given.stack])
    assert sorted(m.id for m in read) == sorted(m.id for m in marks)
    by_id = {m.id: m for m in marks}
    for mine in read:
        same(mine, by_id[mine.id])
    # Each image with its window: the key image with what the reader saw.
    windows = {w.images[0].sop_instance_uid: (w.centre, w.width) for w in state.windows}
    assert windows[keys[0].sop_instance_uid] == (50.0, 350.5)
    assert (40.0, 400.0) in windows.values()
    rows, columns = given.stack.grid.shape[1:]
    area = state.areas[0]
    assert (area.left, area.top, area.right, area.bottom) == (-0.5, -0.5, columns - 0.5, rows - 0.5)
    texts = [c.words for d in state.drawings for c in d.captions]
    assert "Length 12.3 mm\nMean -0.333 HU" in texts
    ds = pydicom.dcmread(path)
    assert (ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType) == (1, -1024, "HU")


def test_key_images_come_back(tmp_path: Path) -> None:
    given = made(tmp_path / "in", grid_of())
    keys = [key_image(given, 1, "结节"), key_image(given, 3, "结节"), key_image(given, 4)]
    files = write_key_objects(keys, given.sources)
    assert len(files) == 2
    found = []
    for number, data in enumerate(files):
        path = tmp_path / f"ko{number}.dcm"
        path.write_bytes(data)
        assert errors_of(path) == []
        read = read_key_objects(path)
        assert read.title == "Of Interest" and read.author == "=王医生"
        found += [(ref.sop_instance_uid, read.words) for ref in read.images]
        assert {ref.series_uid for ref in read.images} == {given.stack.series_uid}
        again = hd.ko.KeyObjectSelectionDocument.from_dataset(pydicom.dcmread(path))
        assert len(again.content.get_references()) == len(read.images)
        if number == 0 and (shown := dsrdump(path)):
            assert "Key Object Selection" in shown and "结节" in shown
    assert found == [(k.sop_instance_uid, k.words) for k in keys]
    ds = pydicom.dcmread(tmp_path / "ko0.dcm")
    assert str(ds.ContentDate) == AT.astimezone().strftime("%Y%m%d")


def test_key_images_have_the_standards_titles(tmp_path: Path) -> None:
    given = made(tmp_path / "in", grid_of())
    keys = [
        replace(key_image(given, 1, "气胸"), title="113004"),
        replace(key_image(given, 2, "气胸"), title="113005"),
        key_image(given, 3, "气胸"),
    ]
    titles = []
    for number, data in enumerate(write_key_objects(keys, given.sources)):
        path = tmp_path / f"ko{number}.dcm"
        path.write_bytes(data)
        assert errors_of(path) == []
        titles.append(read_key_objects(path).title)
    assert titles == ["For Teaching", "For Conference", "Of Interest"]


def test_what_cannot_be_said_is_refused_in_words(tmp_path: Path) -> None:
    given = made(tmp_path / "in", grid_of())
    with pytest.raises(BadInput, match="no mark"):
        write_mark_report([], given.sources, organization="", **WORDS)
    nowhere = replace(mark_of(given, MarkKind.LENGTH, on_image=False), frame_of_reference_uid="")
    with pytest.raises(BadInput, match="frame of reference"):
        write_mark_report([nowhere], given.sources, organization="", **WORDS)
    with pytest.raises(BadInput, match="no key image"):
        write_key_objects([], given.sources)

    assert write_states([nowhere], [], given.sources, **WORDS) == []
    for path in (given.files[0], tmp_path / "none.dcm"):
        (tmp_path / "none.dcm").write_bytes(b"\0" * 400)
        for read in (read_tree, read_key_objects, read_state):
            with pytest.raises(BadInput):
                read(path)


def test_a_mark_beyond_the_edge_of_its_image_is_kept(tmp_path: Path) -> None:
    given = made(tmp_path / "in", grid_of())
    mark = mark_of(given, MarkKind.LENGTH)
    far = tuple(np.asarray(mark.points_mm[1]) + np.asarray(mark.right) * 60)
    mark = replace(mark, points_mm=(mark.points_mm[0], (far[0], far[1], far[2])))
    data = write_mark_report([mark], given.sources, organization="", **WORDS)
    (tmp_path / "sr.dcm").write_bytes(data)
    read = marks_of_report(read_tree(tmp_path / "sr.dcm"), [given.stack])
    assert np.allclose(read[0].points_mm, mark.points_mm, atol=0.01)
    (tmp_path / "pr.dcm").write_bytes(write_states([mark], [], given.sources, **WORDS)[0])
    again = marks_of_state(read_state(tmp_path / "pr.dcm"), [given.stack])
    assert np.allclose(again[0].points_mm, mark.points_mm, atol=0.01)


def test_a_colour_image_has_a_colour_state(tmp_path: Path) -> None:
    given = made(tmp_path / "in", grid_of())
    stack = replace(given.stack, samples=3, unit="1")
    sources = Sources([stack], given.sources.headers)
    mark = mark_of(given, MarkKind.ELLIPSE)
    (data,) = write_states([mark], [], sources, **WORDS)
    path = tmp_path / "state.dcm"
    path.write_bytes(data)
    assert errors_of(path) == []
    assert pydicom.dcmread(path).SOPClassUID == COLOUR
    assert [m.id for m in marks_of_state(read_state(path), [stack])] == [mark.id]
