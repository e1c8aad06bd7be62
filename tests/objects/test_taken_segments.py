"""Segments of others, and our own of an earlier day, taken into the list to be edited."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QPushButton

from tests.gestures import drag
from tests.objects.study import EQUIPMENT, LIVER, SPLEEN, grid, segment
from workstation import text
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.documents.signatures import make_key
from workstation.domain.artefact import new_uid
from workstation.domain.document import ObjectKind
from workstation.domain.errors import BadInput
from workstation.domain.mask import MaskInfo
from workstation.domain.people import MACHINE, Actor, Role
from workstation.domain.segment import Segment
from workstation.domain.volume import Stack
from workstation.reading import segments
from workstation.reading.intake import intake
from workstation.reading.objects import objects_of
from workstation.reading.segments_taken import take
from workstation.text import say
from workstation.ui.objects_area import ObjectsArea
from workstation.ui.program import application, wait_until
from workstation.ui.segment_area import SegmentArea
from workstation.ui.window import Window
from workstation.wiring import open_services

DRAWN = {"肝脏": LIVER, "脾脏": SPLEEN}


def reader(archive: Archive) -> Actor:
    return add_user(archive, MACHINE, "li", "李医生", Role.READER, "long enough 1", make_key).actor


def seg_of(archive: Archive, study_uid: str) -> list[str]:
    kinds = (ObjectKind.SEGMENTATION,)
    return [o.sop_instance_uid for o in objects_of(archive, study_uid) if o.kind in kinds]


def image_stack(archive: Archive, study_uid: str) -> Stack:
    return next(s for s in archive.all(Stack, study_uid) if s.is_volume)


def test_others_segments_are_taken_bit_for_bit_and_go_out_again(
    archive: Archive, tmp_path: Path
) -> None:
    """Complaint 16: a round trip through DICOM and the list of segments moves no voxel."""
    actor, study = reader(archive), archive.last_study_uid()
    (uid,) = seg_of(archive, study)
    taken = take(archive, actor, uid)
    assert taken.notes == ()
    for one in taken.segments:
        assert np.array_equal(archive.load_mask(one.mask_id), DRAWN[one.name.zh])
        assert one.origin is not None and one.origin.sop_instance_uid == uid
        assert one.origin.words == "器官分割 · Other maker"
        assert (one.origin.algorithm, one.origin.algorithm_type) == ("others' model", "AUTOMATIC")
        stored = archive.get(MaskInfo, one.mask_id)
        assert uid in stored.made_from and stored.made_by.name == one.origin.words
    assert [s.number for s in taken.segments] == [1, 2]
    assert [s.kind.meaning for s in taken.segments] == ["Liver", "Spleen"]
    # Out as our own SEG, in again as a file of this study, and once more onto the list.
    files = segments.write_dicom(archive, actor, study, tmp_path / "out", "zh_CN")
    assert [path.name for path in files] == ["segments-2.dcm"]
    described = pydicom.dcmread(files[0]).SegmentSequence[0]
    parameters = described.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
    assert uid in parameters and "others' model" in parameters
    intake(archive, files)
    (own,) = [each for each in seg_of(archive, study) if each != uid]
    again = take(archive, actor, own, numbers=[2])
    assert [s.name.zh for s in again.segments] == ["脾脏"]
    assert np.array_equal(archive.load_mask(again.segments[0].mask_id), SPLEEN)
    assert again.segments[0].number == 3


def test_what_is_not_taken_as_it_is_is_said(archive: Archive, tmp_path: Path) -> None:
    """Half a voxel aside, an empty segment, fractions: taken as near as can be, and said."""
    actor, study = reader(archive), archive.last_study_uid()
    stack = image_stack(archive, study)
    sources = [pydicom.dcmread(archive.blob_path(f.sha256)) for f in stack.frames]
    empty = np.zeros(LIVER.shape, dtype=np.float32)
    pixels = np.stack([LIVER.astype(np.float32) * 0.6, empty], axis=-1)
    made = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type="FRACTIONAL",
        fractional_type="PROBABILITY",
        segment_descriptions=[
            segment(n, f"结构{n}", hd.sr.CodedConcept("10200004", "SCT", "Liver")) for n in (1, 2)
        ],
        series_instance_uid=new_uid(),
        sop_instance_uid=new_uid(),
        specific_character_set="ISO_IR 192",
        series_description="旁移",
        omit_empty_frames=False,
        **EQUIPMENT,
    )
    aside = grid().directions[:, 0] * 0.75  # half a column
    places = [f.PlanePositionSequence[0] for f in made.PerFrameFunctionalGroupsSequence]
    for place in {id(each): each for each in places}.values():  # segments share those of a plane
        moved = np.array(place.ImagePositionPatient, dtype=float) + aside
        place.ImagePositionPatient = [f"{v:.6f}" for v in moved]
    made.save_as(tmp_path / "aside.dcm", enforce_file_format=True)
    intake(archive, [tmp_path / "aside.dcm"])
    before = set(seg_of(archive, study))
    uid = str(made.SOPInstanceUID)
    assert uid in before
    taken = take(archive, actor, uid)
    assert [s.name.zh for s in taken.segments] == ["结构1"]
    text.set_language("en")
    said = " ".join(say(note) for note in taken.notes)
    assert "Resampled to the voxels of this series: 1." in said and "left out: 1." in said
    assert "at least half" in said
    mask = archive.load_mask(taken.segments[0].mask_id)
    near = [np.array_equal(mask, np.roll(LIVER, by, axis=2)) for by in (0, 1)]
    assert any(near)  # half a voxel lies as near to one column as to the next
    with pytest.raises(BadInput):
        take(archive, actor, uid, numbers=[2])
    others = [o for o in objects_of(archive, study) if o.kind is ObjectKind.REPORT]
    with pytest.raises(BadInput):
        take(archive, actor, others[0].sop_instance_uid)


def test_contours_can_be_edited_too(archive: Archive) -> None:
    actor, study = reader(archive), archive.last_study_uid()
    uid = next(
        o.sop_instance_uid for o in objects_of(archive, study) if o.kind is ObjectKind.CONTOURS
    )
    (ring,) = take(archive, actor, uid).segments
    mask = archive.load_mask(ring.mask_id)
    wanted = np.zeros(LIVER.shape, dtype=bool)
    wanted[8:16, 20:36, 60:80] = True
    wanted[8:16, 24:32, 65:75] = False
    assert np.array_equal(mask, wanted)


@pytest.fixture(scope="module")
def window(objects_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    home = tmp_path_factory.mktemp("取") / "家"
    shutil.copytree(objects_home, home)
    before = text.language()
    with open_services(home, "en") as services:
        application()
        reader(services.archive)
        window = Window(services.settings, services.archive)
        window.resize(1600, 900)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        window.actions_.open_study(services.archive.last_study_uid())
        wait(lambda: window.settled)
        window.desk.sign_in(services.archive.user("li"))
        window.grid_.set_layout("single")
        wait(lambda: window.settled)
        yield window
        window.shut()
    text.set_language(before)


def wait(condition: object) -> None:
    assert callable(condition)
    assert wait_until(application(), condition, 30), "it did not come about in time"


def areas(window: Window) -> tuple[ObjectsArea, SegmentArea]:
    objects, area = window.findChild(ObjectsArea), window.findChild(SegmentArea)
    assert isinstance(objects, ObjectsArea) and isinstance(area, SegmentArea)
    return objects, area


def choose(window: Window) -> str:
    objects, _ = areas(window)
    wait(lambda: bool(objects.panel.objects))
    uid = next(
        o.sop_instance_uid for o in objects.panel.objects if o.kind is ObjectKind.SEGMENTATION
    )
    window.tabs.setCurrentWidget(objects.panel)
    objects.panel.current = uid
    objects.open(uid)
    wait(lambda: uid in objects.shown.segments and not objects.busy)
    return uid


def test_a_button_takes_them_undo_gives_them_back(window: Window) -> None:
    objects, area = areas(window)
    window.commands.run("segment_take")
    assert "tab of objects" in window.notice.text.text()
    assert area.desk.list.segments == []
    uid = choose(window)
    button: QPushButton = objects.panel.take
    assert button.isVisible() and button.text() == "Take as segments to edit"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    desk = area.desk
    wait(lambda: len(desk.list.segments) == 2 and desk.painting is not None)
    assert "Other maker" in window.notice.text.text()
    assert not objects.shown.is_on(uid)
    first = desk.list.segments[0]
    assert desk.active_id == first.id
    assert np.array_equal(desk.voxels(first.id).full(), LIVER)
    area.panel.refresh()
    assert "taken from 器官分割 · Other maker" in area.panel.told.text()
    # It is painted on as one's own, and undone step by step: the stroke, then the taking.
    view = window.grid_.active_pane.slices
    view.viewport.move_focus(grid().to_lps((90, 20, 12)))
    window.commands.run("segment_brush")
    places = [view.to_view(grid().to_lps((x, 100.0, 12.0))).toPoint() for x in (40, 44, 48)]
    drag(view, places)
    wait(lambda: desk.voxels(first.id).count > int(LIVER.sum()))
    wait(lambda: not any(s.waiting for s in desk.list.sheets.values()))
    painted = desk.voxels(first.id).full()
    archive = window.desk.archive
    window.commands.run("undo")
    wait(lambda: np.array_equal(desk.voxels(first.id).full(), LIVER))
    window.commands.run("undo")
    wait(lambda: desk.list.segments == [] and archive.all(Segment) == [])
    window.commands.run("redo")
    wait(lambda: len(desk.list.segments) == 2 and desk.active_id == first.id)
    assert np.array_equal(desk.voxels(first.id).full(), LIVER)
    window.commands.run("redo")
    wait(lambda: np.array_equal(desk.voxels(first.id).full(), painted))
    assert archive.get(Segment, first.id).origin == first.origin
    for one in desk.list.segments:
        desk.list.remove(one.id)
    wait(lambda: archive.all(Segment) == [])


def test_one_segment_is_taken_by_its_menu(window: Window) -> None:
    objects, area = areas(window)
    choose(window)
    rows = objects.panel.rows
    row = rows.topLevelItem(1)
    assert row is not None
    rows.customContextMenuRequested.emit(rows.visualItemRect(row).center() + QPoint(2, 0))
    menu = next(m for m in objects.panel.findChildren(QMenu) if m.isVisible())
    menu.actions()[0].trigger()
    menu.close()
    wait(lambda: [s.name.zh for s in area.desk.list.segments] == ["脾脏"])
    (spleen,) = area.desk.list.segments
    assert np.array_equal(area.desk.voxels(spleen.id).full(), SPLEEN)
