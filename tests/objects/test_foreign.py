"""Other makers' objects become findings of theirs: placed, numbered, never accepted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from tests.objects import vendor
from tests.objects.room import Room
from tests.objects.study import grid
from workstation.archive.store import Archive
from workstation.domain.artefact import new_uid
from workstation.domain.finding import Finding, FindingState, shown_value
from workstation.domain.mask import dice
from workstation.domain.people import Actor, Role
from workstation.reading import review
from workstation.reading.assemble import assemble
from workstation.reading.foreign import take_in
from workstation.reading.intake import intake
from workstation.text import say

READER = Actor("li", Role.READER)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_a_segmentation_comes_in_voxel_for_voxel(room: Room, kind: str) -> None:
    room.receive(vendor.segmentation(room.sources, kind))
    found = room.findings
    masks = {"Nodule A": vendor.TUMOUR, "Lesion B": vendor.CYST}
    assert set(found) == set(masks) - ({"Lesion B"} if kind == "FRACTIONAL" else set())
    for name, finding in found.items():
        assert np.array_equal(room.archive.load_mask(finding.mask_id), masks[name])
        assert finding.state is FindingState.PROPOSED and finding.evidence == "unknown"
        origin = finding.origin
        assert origin is not None and origin.algorithm is not None
        assert str(origin.maker) == "Ruiying Imaging AI LungSight 5.2.1"
        assert (origin.algorithm.name, origin.algorithm.version) == vendor.ALGORITHM
        assert origin.algorithm.source == vendor.MAKER
        assert origin.algorithm_type == "AUTOMATIC" and origin.unplaced is None
        assert finding.category is not None and finding.category.value == "49755003"
        assert masks[name][tuple(np.rint(grid().to_index(finding.location_mm)[::-1]).astype(int))]
    notes = [note for f in found.values() if f.origin for note in f.origin.notes]
    assert bool(notes) == (kind == "FRACTIONAL")


def test_a_segmentation_on_another_grid_is_said_to_be_resampled(room: Room) -> None:
    """0.4 of a column beside the images' voxels."""
    coarse = vendor.segmentation(room.sources)
    for frame in coarse.PerFrameFunctionalGroupsSequence:
        place = frame.PlanePositionSequence[0]
        x, y, z = (float(v) for v in place.ImagePositionPatient)
        place.ImagePositionPatient = [x + 0.6, y, z]
    room.receive(coarse)
    finding = room.findings["Nodule A"]
    assert finding.origin is not None
    said = [say(note, lang="en") for note in finding.origin.notes]
    assert len(said) == 1 and said[0].startswith("Its voxels are not those of the images: 7.19 mL")
    assert dice(room.archive.load_mask(finding.mask_id), vendor.TUMOUR) > 0.95


def test_numbers_places_and_words_of_a_report_are_as_stated(room: Room) -> None:
    seg = vendor.segmentation(room.sources)
    room.receive(seg, vendor.report(room.sources, seg))
    found = room.findings
    assert set(found) == {"RY-1", "Lesion", "Nodule A", "Lesion B", "whole image"}
    mass = found["RY-1"]  # in a nested container
    numbers = room.numbers(mass)
    assert numbers["Diameter"].value == 24.125 and shown_value(mass) == "24.125 mm"
    assert mass.value_code is not None and mass.value_code.value == "81827009"
    suspicion = numbers["Suspicion"]
    assert suspicion.unit_code is not None and suspicion.unit_code.scheme == "99RUIYING"
    densest = numbers["Attenuation Coefficient (Maximum)"]
    assert densest.value == -612.75 and densest.modifiers[0][1].value == "56851009"
    assert (mass.site.en, mass.site.zh) == ("Left Lung", "左肺")
    assert mass.origin is not None and mass.origin.words[0].words == "Not significant"
    drawn = room.archive.load_mask(mass.mask_id)
    assert np.flatnonzero(drawn.any(axis=(1, 2))).tolist() == [12]
    # Corners 40..58 and 50..68 as pixel centres, half open.
    assert drawn[12, 50:68, 40:58].all() and drawn.sum() == 18 * 18
    polygon = room.archive.load_mask(found["Lesion"].mask_id)  # without tracking, in the patient
    assert np.flatnonzero(polygon.any(axis=(1, 2))).tolist() == [6]
    assert polygon[6, 40:52, 80:96].all() and polygon.sum() == 12 * 16
    # The group and the segment that it refers to are one finding, with the group's number.
    nodule = found["Nodule A"]
    assert nodule.origin is not None and nodule.origin.kind == "SR"
    assert np.array_equal(room.archive.load_mask(nodule.mask_id), vendor.TUMOUR)
    assert (nodule.value, nodule.unit) == (7.2381, "cm3")
    image = found["whole image"]
    assert not image.mask_id and image.stack_id
    assert round(float(grid().to_index(image.location_mm)[2])) == 3


def test_twice_is_once_and_what_was_decided_is_not_touched(room: Room) -> None:
    seg = vendor.segmentation(room.sources)
    room.receive(seg, vendor.report(room.sources, seg))
    review.accept(room.archive, READER, room.findings["RY-1"].id)
    before = {f.id: f for f in room.archive.all(Finding)}
    audited = len(room.archive.audit(limit=10_000))
    take_in(room.archive, room.files.study_uid)
    room.receive(seg)
    assert {f.id: f for f in room.archive.all(Finding)} == before
    assert len(room.archive.audit(limit=10_000)) == audited
    # Another segmentation has every report read again; nothing of it comes twice.
    room.receive(vendor.segmentation(room.sources, tracking="1.2.3.4"))
    after = {f.id: f for f in room.archive.all(Finding)}
    assert len(after) == len(before) + 2
    assert {id: after[id] for id in before} == before


def test_a_successor_replaces_what_is_undecided(room: Room) -> None:
    first = vendor.report(room.sources)
    room.receive(first)
    mass = room.findings["RY-1"]
    review.accept(room.archive, READER, mass.id)
    second = vendor.report(room.sources, predecessors=[first], diameter=25.5)
    received = {r.id: r for r in room.receive(second)}
    assert received[first.SOPInstanceUID].replaced_by == second.SOPInstanceUID
    every = room.archive.all(Finding, room.files.study_uid)
    old = [f for f in every if f.origin and f.origin.sop_instance_uid == first.SOPInstanceUID]
    assert [(f.id, f.state) for f in old] == [(mass.id, FindingState.ACCEPTED)]
    new = [f for f in every if f.origin and f.origin.sop_instance_uid == second.SOPInstanceUID]
    assert len(new) == 3 and {f.state for f in new} == {FindingState.PROPOSED}
    assert 25.5 in {f.value for f in new}


def test_a_newer_segmentation_of_the_same_regions_replaces_the_older(room: Room) -> None:
    older = vendor.segmentation(room.sources, made="20260302")
    newer = vendor.segmentation(room.sources, made="20260303")
    room.receive(older)
    received = {r.id: r for r in room.receive(newer)}
    assert received[older.SOPInstanceUID].replaced_by == newer.SOPInstanceUID
    every = room.archive.all(Finding, room.files.study_uid)
    assert {f.origin.sop_instance_uid for f in every if f.origin} == {newer.SOPInstanceUID}
    # The older one coming after the newer one changes nothing.
    assert len(room.archive.all(Finding, room.files.study_uid)) == 2


def test_what_its_maker_takes_back_is_gone(room: Room) -> None:
    written = vendor.segmentation(room.sources)
    room.receive(written)
    room.receive(vendor.rejection(written, codes.cid7010.ForConference))
    assert len(room.findings) == 2, "a list for a conference takes nothing back"
    review.reject(room.archive, READER, room.findings["Lesion B"].id)
    room.receive(vendor.rejection(written))
    assert [f.state for f in room.findings.values()] == [FindingState.REJECTED]


def test_a_chest_cad_report_comes_in_by_feature(room: Room) -> None:
    received = room.receive(vendor.chest_cad(room.sources))
    assert [r.kind for r in received] == ["CAD"]
    (nodule,) = room.archive.all(Finding, room.files.study_uid)
    assert nodule.label.zh == "结节" and nodule.confidence == 0.625
    assert (nodule.value, nodule.unit) == (15.25, "mm")
    drawn = room.archive.load_mask(nodule.mask_id)
    assert np.flatnonzero(drawn.any(axis=(1, 2))).tolist() == [10, 11], "both slices, by reference"
    assert drawn[10, 30:40, 60:70].all() and drawn.sum() == 200
    assert nodule.origin is not None and nodule.origin.algorithm is not None
    assert str(nodule.origin.algorithm) == "nodule-net 4.0.3"
    said = " ".join(say(note, lang="en") for note in nodule.origin.notes)
    assert "1 more findings that they are not to be presented" in said


def test_a_map_is_a_finding_and_many_organs_are_one(room: Room) -> None:
    room.receive(vendor.parametric_map(room.sources), vendor.many_organs(room.sources))
    found = room.findings
    (shown,) = [f for name, f in found.items() if name.startswith("Map")]
    assert shown.label.en == "Map: Extracellular volume [%]" and shown.stack_id
    assert found["Segmentation of 20 structures"].note.startswith("organ 1, organ 2")
    assert len(found) == 2


# --- what has no place, and what is refused


def _other_space(written: Dataset) -> Dataset:
    other = new_uid()
    written.FrameOfReferenceUID = other
    return written


def _dangling_images(written: Dataset) -> Dataset:
    for frame in written.PerFrameFunctionalGroupsSequence:
        for derivation in frame.get("DerivationImageSequence", []):
            for image in derivation.SourceImageSequence:
                image.ReferencedSOPInstanceUID = new_uid()
    written.ReferencedSeriesSequence[0].SeriesInstanceUID = new_uid()
    return written


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: _other_space(_dangling_images(w)), "frame of reference is that of no series"),
        (lambda w: _moved(_other_space(w)), "does not lie on them"),
    ],
)
def test_a_segmentation_without_a_place_is_shown_unplaced(
    room: Room, change: Callable[[Dataset], Dataset], said: str
) -> None:
    room.receive(change(vendor.segmentation(room.sources)))
    for finding in room.findings.values():
        assert finding.origin is not None and finding.origin.unplaced is not None
        assert said in say(finding.origin.unplaced, lang="en")
        assert finding.stack_id == "" and not finding.mask_id
        decided = review.reject(room.archive, READER, finding.id)
        assert decided.state is FindingState.REJECTED


def _moved(written: Dataset) -> Dataset:
    for frame in written.PerFrameFunctionalGroupsSequence:
        place = frame.PlanePositionSequence[0]
        place.ImagePositionPatient = [float(v) + 7.3 for v in place.ImagePositionPatient]
    return written


def test_a_wrong_frame_uid_exactly_on_the_images_is_placed_with_a_note(room: Room) -> None:
    room.receive(_other_space(vendor.segmentation(room.sources)))
    finding = room.findings["Nodule A"]
    assert np.array_equal(room.archive.load_mask(finding.mask_id), vendor.TUMOUR)
    assert finding.origin is not None
    assert "it lies exactly on them" in say(finding.origin.notes[0], lang="en")


def test_images_that_are_not_here_are_replaced_by_the_shared_space(room: Room) -> None:
    room.receive(_dangling_images(vendor.segmentation(room.sources)))
    finding = room.findings["Nodule A"]
    assert np.array_equal(room.archive.load_mask(finding.mask_id), vendor.TUMOUR)
    assert finding.origin is not None
    assert "placed by its frame of reference" in say(finding.origin.notes[0], lang="en")


def test_dangling_references_of_a_report_leave_it_unplaced_with_the_reason(room: Room) -> None:
    seg = vendor.segmentation(room.sources)
    written = vendor.report(room.sources, seg)  # the segmentation itself never arrives
    for item in _walk(written):
        if item.get("ValueType") == "IMAGE" and "66.4" not in str(
            item.ReferencedSOPSequence[0].ReferencedSOPClassUID
        ):
            item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = new_uid()
        if item.get("ValueType") == "SCOORD3D":
            item.ReferencedFrameOfReferenceUID = new_uid()
    room.receive(written)
    why = {
        name: say(f.origin.unplaced, lang="en")
        for name, f in room.findings.items()
        if f.origin and f.origin.unplaced
    }
    assert why == {
        "RY-1": "It was drawn on an image that is not in this study.",
        "Lesion": "Its frame of reference is that of no series of this study.",
        "Nodule A": "It refers to a segmentation that is not in this study.",
        "whole image": "It was drawn on an image that is not in this study.",
    }


def _walk(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _walk(child)


def test_objects_of_another_study_or_patient_are_refused(room: Room) -> None:
    elsewhere = vendor.report(room.sources)
    for study in elsewhere.CurrentRequestedProcedureEvidenceSequence:
        study.StudyInstanceUID = new_uid()
    someone = vendor.segmentation(room.sources)
    del someone.PatientBirthDate  # the library shares elements between its objects
    someone.PatientBirthDate = "19550102"
    room.receive(elsewhere, someone)
    assert room.findings == {}
    assert sorted(room.refusals()) == [
        "The object is about another study: nothing of it was taken.",
        "The object names another patient: nothing of it was taken.",
    ]
    damaged = vendor.segmentation(room.sources)
    damaged.SegmentationType = "SOMETHING"
    room.receive(damaged)
    assert "This file is not a readable DICOM segmentation." in room.refusals()
    assert room.findings == {}


def test_an_edit_keeps_the_maker_and_tells_the_volume_measured_here(room: Room) -> None:
    room.receive(vendor.report(room.sources))
    mass = room.findings["RY-1"]
    drawn = room.archive.load_mask(mass.mask_id)
    drawn[13] = drawn[12]
    edited = review.edit(room.archive, READER, mass.id, drawn)
    assert edited.state is FindingState.EDITED and edited.origin == mass.origin
    assert edited.unit == "mL" and edited.value_code is None
    assert edited.value == pytest.approx(drawn.sum() * grid().voxel_ml)
    back = review.undo(room.archive, READER, mass.id)
    assert (back.value, back.unit, back.value_code) == (24.125, "mm", mass.value_code)


def test_published_objects_come_in(shared_data: Path | None, tmp_path: Path) -> None:
    """A report and segmentations by dcmqi and highdicom, with the images they were made from."""
    if shared_data is None:
        return
    base = shared_data / "dicom_corner_cases" / "highdicom_test_files"
    folder = tmp_path / "files"
    folder.mkdir()
    names = ("ct_image", "sr_document", "sr_document_with_multiple_groups", "seg_image_ct_binary")
    for name in names:
        shutil.copy(base / f"{name}.dcm", folder)
    archive = Archive(tmp_path / "家")
    intake(archive, [folder])
    found: dict[str, Finding] = {}
    for study in archive.worklist():
        assemble(archive, study.study_uid)
        take_in(archive, study.study_uid)
        for finding in archive.all(Finding, study.study_uid):
            assert finding.origin is not None
            found[finding.origin.tracking_id or finding.label.en] = finding
    image = str(pydicom.dcmread(base / "ct_image.dcm").SOPInstanceUID)
    assert image
    nodule = found["LungNodule0001"]
    assert (nodule.value, nodule.unit, nodule.site.zh) == (10.0, "mm", "肺")
    assert nodule.origin is not None and nodule.origin.observer == "John Doe"
    assert nodule.stack_id and not nodule.origin.unplaced
    cord = found["Planar ROI Measurements"]
    assert (cord.value, cord.unit, cord.label.en) == (1.7, "cm2", "Spinal cord")
    archive.close()
