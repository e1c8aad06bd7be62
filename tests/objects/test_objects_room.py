"""What a study holds beside images: listed by kind, opened, true to what was put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.objects.study import (
    LABELS,
    LIVER,
    SHAPE,
    SPLEEN,
    STATE_SLICE,
    grid,
    pdf_bytes,
    voxels,
)
from workstation.archive.store import Archive
from workstation.dicom.rt_structures import fill_contours, read_structures
from workstation.documents.pages import PdfPages
from workstation.documents.tree_page import tree_page
from workstation.domain.document import (
    EncapsulatedDocument,
    KeySelection,
    ObjectKind,
    PresentationState,
    ReportTree,
    SegmentSet,
    StudyObject,
)
from workstation.domain.errors import NotFound
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.mask_block import MaskBlock
from workstation.domain.people import Actor, Role
from workstation.domain.polygon import area_of
from workstation.domain.volume import Stack
from workstation.reading import objects
from workstation.text import set_language


def listed(archive: Archive) -> dict[ObjectKind, StudyObject]:
    return {o.kind: o for o in objects.objects_of(archive, archive.last_study_uid())}


def test_objects_are_listed_as_what_they_are(archive: Archive) -> None:
    found = listed(archive)
    assert set(found) == set(ObjectKind) - {ObjectKind.OTHER}
    assert found[ObjectKind.DOCUMENT].title == "外院会诊报告"
    assert found[ObjectKind.SEGMENTATION].title == "器官分割"
    assert found[ObjectKind.CONTOURS].title == "GTV"
    assert found[ObjectKind.PRESENTATION].title == "BONE · 会诊"
    assert found[ObjectKind.REPORT].title == "Imaging Measurement Report · 测量报告"
    assert found[ObjectKind.KEY_IMAGES].title == "For Conference"
    assert len(archive.all(Stack)) == 1  # none of them became a volume
    with pytest.raises(NotFound):
        objects.object_of(archive, "1.2.3")


def test_masks_lie_where_they_were_drawn(archive: Archive) -> None:
    """Complaints 16 and 24: segmentations flipped, Chinese segment labels garbled."""
    uid = listed(archive)[ObjectKind.SEGMENTATION].sop_instance_uid
    about = objects.open_study_object(archive, uid)
    assert isinstance(about, SegmentSet)
    assert tuple(s.label for s in about.segments) == LABELS
    assert [s.type.meaning for s in about.segments if s.type] == ["Liver", "Spleen"]
    masks = objects.masks_of(archive, uid)
    stack = archive.all(Stack)[0]
    assert masks.stack_ids == (stack.id,)
    (block,) = masks.layers
    for number, mask in ((1, LIVER), (2, SPLEEN)):
        part = MaskBlock(number, block.array == block.numbers.index(number) + 1, block.grid, 0.0)
        assert np.array_equal(part.on_grid(stack.grid), mask)
        assert masks.volumes_ml[number] == pytest.approx(mask.sum() * 1.5 * 1.4 * 3.0 / 1000)
        z, y, x = np.rint(stack.grid.to_index(masks.centres_mm[number])[::-1]).astype(int)
        assert mask[z, y, x]


def test_contours_become_masks_with_their_hole(archive: Archive) -> None:
    masks = objects.masks_of(archive, listed(archive)[ObjectKind.CONTOURS].sop_instance_uid)
    # 20 x 16 pixels without 10 x 8, on eight slices.
    pixels = (20 * 16 - 10 * 8) * 8
    assert masks.volumes_ml[3] == pytest.approx(pixels * 1.5 * 1.4 * 3.0 / 1000)
    (block,) = masks.layers
    x, y, z = np.rint(block.grid.to_index(grid().to_lps((70, 28, 10)))).astype(int)
    assert block.array[z, y, x] == 0 and block.array[z, y, 0] == 1


def test_a_report_is_a_tree_with_places(archive: Archive) -> None:
    """Complaints 18 and 22: other templates than one not read, reports not rendered."""
    uid = listed(archive)[ObjectKind.REPORT].sop_instance_uid
    tree = objects.open_study_object(archive, uid)
    assert isinstance(tree, ReportTree)
    assert tree.complete and not tree.verified_by and tree.template == "1500"
    set_language("zh_CN")
    page = tree_page(tree)
    assert "病灶 1" in page and "Mass" in page and "30.0" in page and "已完成" in page
    assert "Observer Type" not in page and "Observer Type" in tree_page(tree, details=True)
    marks = objects.marks_in(archive, uid)
    assert [m.kind for m in marks] == [MarkKind.FREEHAND]
    # A circle of 10 pixels about (50, 60) of slice 12: 15 mm across, 14 mm down.
    index = grid().to_index(np.array(marks[0].points_mm))
    assert np.allclose(index[:, 2], 12, atol=0.01)
    assert np.allclose(np.hypot(index[:, 0] - 50, index[:, 1] - 60), 10, atol=0.01)
    assert [(n.name, n.value, n.unit) for n in marks[0].numbers] == [("Diameter", 30.0, "mm")]


def test_marks_of_others_become_ours_only_on_request(archive: Archive) -> None:
    uid = listed(archive)[ObjectKind.REPORT].sop_instance_uid
    assert archive.all(Mark) == []
    reader = Actor("li", Role.READER)
    taken = objects.take_marks(archive, reader, uid)
    assert archive.all(Mark) == taken and taken[0].by == "li" and not taken[0].in_report
    # Measured anew on the stored voxels: a disc within the liver of 65 HU.
    z, y, x = np.indices(SHAPE)
    disc = (z == 12) & (np.hypot(x - 50, y - 60) < 9.9)
    said = {n.name: n.value for n in taken[0].numbers}
    assert said["Mean"] == pytest.approx(float(voxels()[disc].mean()), abs=1.0)
    assert said["Area"] == pytest.approx(np.pi * 15 * 14, rel=0.01)
    assert "Diameter" not in said


def test_key_images_state_and_document(archive: Archive) -> None:
    found = listed(archive)
    stack = archive.all(Stack)[0]
    selection = objects.open_study_object(archive, found[ObjectKind.KEY_IMAGES].sop_instance_uid)
    assert isinstance(selection, KeySelection) and selection.words == "周三讨论"
    chosen = [ref.sop_instance_uid for ref in selection.images]
    assert chosen == [stack.frames[5].sop_instance_uid, stack.frames[18].sop_instance_uid]
    state = objects.open_study_object(archive, found[ObjectKind.PRESENTATION].sop_instance_uid)
    assert isinstance(state, PresentationState)
    assert (state.rotation_deg, state.flipped, state.inverse) == (90, True, False)
    assert state.concerns(stack.frames[STATE_SLICE].sop_instance_uid, 0)
    assert not state.concerns(stack.frames[3].sop_instance_uid, 0)
    assert state.drawings[0].captions[0].words == "椎体\nT12"
    assert state.drawings[0].graphics[0].points[0] == (62.0, 104.0)
    document = objects.open_study_object(archive, found[ObjectKind.DOCUMENT].sop_instance_uid)
    assert isinstance(document, EncapsulatedDocument)
    assert document.data == pdf_bytes()[: len(document.data)]
    pages = PdfPages(document.data)
    assert pages.count == 2 and "Second page" in pages.text(1)
    wide, high = pages.size_mm(0)
    assert (round(wide), round(high)) == (210, 297)
    picture = pages.picture(0, 420)
    assert picture.shape[1] == 420 and abs(picture.shape[0] - 594) <= 1
    assert picture.min() < 60 and (picture == 255).mean() > 0.9
    pages.close()


def test_contours_of_a_real_patient(shared_data: Path | None) -> None:
    """The tumour of the public PET-CT-MR patient, where it is there: volume by the shoelace
    formula, and by voxels of the CT, within one percent."""
    if shared_data is None:
        return
    for kind, step in (("CT", 3.27), ("PET", 3.27), ("MR_T1", 3.27)):
        path = shared_data / "petctmr_sarcoma/STS_001" / kind / "mask/RS.dcm"
        structures = read_structures(path)
        flat = sum(area_of(c.points_mm[:, :2]) for c in structures.contours) * step / 1000
        filled = fill_contours(structures, None)
        assert filled.volumes_ml[1] == pytest.approx(flat, rel=0.01)
        assert structures.about.segments[0].label == f"GTV_Mass_{kind}"
