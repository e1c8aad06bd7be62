"""Frames of another maker's segmentation that cannot be shown are counted aloud, or all refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.objects import vendor
from tests.objects.room import Room
from workstation.domain.document import ObjectKind, SegmentSet
from workstation.domain.errors import BadInput
from workstation.reading.objects import objects_of, open_study_object
from workstation.text import say

Change = Callable[[Dataset], None]


def _frames(written: Dataset) -> list[Dataset]:
    return list(written.PerFrameFunctionalGroupsSequence)


def _of(written: Dataset, number: int) -> list[Dataset]:
    return [
        frame
        for frame in _frames(written)
        if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number
    ]


def _move(frame: Dataset, x: float = 0.0, z: float = 0.0) -> None:
    """A place of its own: the library lets frames of one plane share theirs."""
    place, was = Dataset(), frame.PlanePositionSequence[0].ImagePositionPatient
    place.ImagePositionPatient = [float(was[0]) + x, float(was[1]), float(was[2]) + z]
    frame.PlanePositionSequence = [place]


def _states_fewer(written: Dataset) -> None:
    written.NumberOfFrames = 1


def _describes_fewer(written: Dataset) -> None:
    written.PerFrameFunctionalGroupsSequence = _frames(written)[:-2]


def _one_is_nowhere(written: Dataset) -> None:
    _move(_of(written, 1)[2], z=float("nan"))


def _one_has_no_place(written: Dataset) -> None:
    del _of(written, 1)[2].PlanePositionSequence


def _one_names_no_segment(written: Dataset) -> None:
    _of(written, 1)[2].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9


def _two_lie_across(written: Dataset) -> None:
    shared = written.SharedFunctionalGroupsSequence[0]
    common = shared.PlaneOrientationSequence
    del shared.PlaneOrientationSequence
    across = Dataset()
    across.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    turned = _of(written, 1)[:2]
    for frame in _frames(written):
        is_turned = any(frame is one for one in turned)
        frame.PlaneOrientationSequence = [across] if is_turned else common


def _one_lies_beside(written: Dataset) -> None:
    _move(_of(written, 1)[2], x=40.0)


def _one_is_kilometres_away(written: Dataset) -> None:
    _move(_of(written, 1)[2], z=60_000.0)


def _all_at_one_place(written: Dataset) -> None:
    place = _of(written, 1)[0].PlanePositionSequence
    for frame in _of(written, 1):
        frame.PlanePositionSequence = place


@pytest.mark.parametrize(
    ("change", "why", "lost"),
    [
        (_states_fewer, "the file holds more frames than it states", None),
        (_describes_fewer, "they name no segment that the file defines", 2),
        (_one_is_nowhere, "they state no place, or one that cannot be read", 1),
        (_one_has_no_place, "they state no place, or one that cannot be read", 1),
        (_one_names_no_segment, "they name no segment that the file defines", 1),
        (_two_lie_across, "they do not lie in one stack with the others", 2),
        (_one_lies_beside, "they do not lie in one stack with the others", 1),
        (_one_is_kilometres_away, "they do not lie in one stack with the others", 1),
        (_all_at_one_place, "another frame of the same segment lies at the same place", None),
    ],
)
def test_frames_that_are_not_shown_are_counted(
    room: Room, change: Change, why: str, lost: int | None
) -> None:
    written = vendor.segmentation(room.sources)
    frames, own = len(_frames(written)), len(_of(written, 1))
    change(written)
    room.receive(written)
    assert room.refusals() == []
    finding = room.findings["Nodule A"]
    mask = room.archive.load_mask(finding.mask_id)
    assert mask.any() and not (mask & ~vendor.TUMOUR).any(), "what is shown lies where it did"
    shown = int(mask.any(axis=(1, 2)).sum())
    assert finding.origin is not None
    cautions = [say(note, lang="en") for note in finding.origin.notes]
    if change in {_states_fewer, _all_at_one_place}:
        assert shown == 1
    # What names no segment may belong to any: it is missing from each.
    unknown = 2 if change is _describes_fewer else 0
    still = len(_of(written, 1)) if change is _describes_fewer else own
    missing = still + unknown - shown
    assert cautions[0] == (
        f"Caution: {missing} of its {still + unknown} frames are not shown; "
        "its volume is of the others."
    )
    opened = _opened(room)
    counted = lost if lost is not None else (frames - 1 if change is _states_fewer else own - 1)
    assert [say(note, lang="en") for note in opened.notes] == [
        f"{counted} of its {frames} frames are not shown: {why}."
    ]
    said = [say(note, lang="zh_CN") for note in (*finding.origin.notes, *opened.notes)]
    assert all("帧" in words and "they" not in words for words in said)


def _opened(room: Room) -> SegmentSet:
    (listed,) = [
        one
        for one in objects_of(room.archive, room.files.study_uid)
        if one.kind is ObjectKind.SEGMENTATION
    ]
    opened = open_study_object(room.archive, listed.sop_instance_uid)
    assert isinstance(opened, SegmentSet)
    return opened


def _none_can_be_placed(written: Dataset) -> None:
    for frame in _frames(written):
        _move(frame, z=float("nan"))


def _all_name_another_segment(written: Dataset) -> None:
    for frame in _frames(written):
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 77


def _segments_are_not_those_of_frames(written: Dataset) -> None:
    for number, segment in enumerate(written.SegmentSequence):
        segment.SegmentNumber = 40 + number


def _no_segments(written: Dataset) -> None:
    written.SegmentSequence = []


def _one_number_twice(written: Dataset) -> None:
    for segment in written.SegmentSequence:
        segment.SegmentNumber = 1


def _no_spacing(written: Dataset) -> None:
    written.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [0, 0]


def _axes_coincide(written: Dataset) -> None:
    plane = written.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_none_can_be_placed, "Where its frames lie cannot be read: none can be shown."),
        (_axes_coincide, "Where its frames lie cannot be read: none can be shown."),
        (_all_name_another_segment, "Its frames name no segment that it defines: none"),
        (_segments_are_not_those_of_frames, "Its frames name no segment that it defines: none"),
        (_no_segments, "Its frames name no segment that it defines: none"),
        (_one_number_twice, "It defines two segments by the same number."),
        (_no_spacing, "It states no distance between its pixels: none can be shown."),
    ],
)
def test_a_segmentation_of_which_nothing_can_be_shown_is_refused(
    room: Room, change: Change, why: str
) -> None:
    written = vendor.segmentation(room.sources)
    change(written)
    room.receive(written)
    assert room.findings == {}
    (said,) = room.refusals()
    assert said.startswith(why)
    with pytest.raises(BadInput, match=why[:30]):
        _opened(room)


@pytest.mark.parametrize("kept", [1, 0])
def test_values_of_a_label_map_that_name_no_segment_are_said(room: Room, kept: int) -> None:
    written = vendor.segmentation(room.sources, "LABELMAP")
    pixels = np.frombuffer(written.PixelData, np.uint8).copy()
    pixels[pixels > kept] += 40
    written.PixelData = pixels.tobytes()
    room.receive(written)
    if not kept:
        assert room.findings == {}
        assert room.refusals() == ["Its pixels name no segment that it defines: none can be shown."]
        return
    finding = room.findings["Nodule A"]
    assert np.array_equal(room.archive.load_mask(finding.mask_id), vendor.TUMOUR & ~vendor.CYST)
    assert finding.origin is not None
    assert say(finding.origin.notes[0], lang="en").startswith("Caution: 1 values of its pixels")
