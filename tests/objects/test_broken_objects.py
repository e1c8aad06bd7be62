"""One bad object of another maker is refused by name; all else of its study comes in."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.objects import vendor
from tests.objects.room import Room
from workstation.domain.errors import BadInput, Cancelled, NotFound, ReaderError
from workstation.domain.measurement import Refusal
from workstation.domain.received import Received
from workstation.reading.foreign import take_in
from workstation.reading.received_objects import ReadObject
from workstation.text import say

NO_NUMBERS = "Its coordinates are missing or are no numbers."


def _walk(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _walk(child)


def _change(written: Dataset, change: Callable[[list[float]], list[float]], kind: str) -> Dataset:
    """Coordinates of every item of a kind (SCOORD, SCOORD3D) in a report changed."""
    for item in _walk(written):
        if item.get("ValueType") == kind:
            item.GraphicData = change([float(v) for v in item.GraphicData])
    return written


@pytest.mark.parametrize("kind", ["SCOORD", "SCOORD3D"])
@pytest.mark.parametrize("which", ["all", "one"])
def test_coordinates_that_are_no_numbers_cost_that_report_alone(
    room: Room, kind: str, which: str
) -> None:
    seg, sound = vendor.segmentation(room.sources), vendor.report(room.sources)
    bad = vendor.report(room.sources)
    bad.SeriesDescription = "bad report"
    nan = float("nan")
    _change(bad, lambda v: [nan] * len(v) if which == "all" else [nan, *v[1:]], kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        received = {r.id: r for r in room.receive(bad, seg, sound)}
    refusals = room.archive.all(Refusal, room.files.study_uid)
    assert [(r.name.en, say(r.reason, lang="en")) for r in refusals] == [("bad report", NO_NUMBERS)]
    assert received[bad.SOPInstanceUID].refused is not None
    assert len(received[sound.SOPInstanceUID].finding_ids) == 3
    assert {"Nodule A", "Lesion B", "RY-1"} <= set(room.findings)


@pytest.mark.parametrize(
    ("change", "kind", "name", "why"),
    [
        (lambda v: v[:-1], "SCOORD", "RY-1", "Its coordinates are incomplete."),
        (lambda v: v[:2], "SCOORD", "RY-1", "Its coordinates are incomplete."),
        (lambda v: [x + 1e9 for x in v], "SCOORD", "RY-1", "It lies outside the images"),
        (lambda v: [x - 400 for x in v], "SCOORD", "RY-1", "It lies outside the images"),
        (lambda v: v[:-1], "SCOORD3D", "Lesion", "Its coordinates are incomplete."),
        (lambda v: [x + 1e9 for x in v], "SCOORD3D", "Lesion", "It lies outside the images"),
    ],
)
def test_a_finding_whose_place_cannot_be_true_is_not_placed(
    room: Room, change: Callable[[list[float]], list[float]], kind: str, name: str, why: str
) -> None:
    room.receive(_change(vendor.report(room.sources), change, kind))
    assert room.refusals() == []
    finding = room.findings[name]
    assert finding.origin is not None and finding.origin.unplaced is not None
    assert say(finding.origin.unplaced, lang="en").startswith(why)
    assert finding.stack_id == "" and not finding.mask_id
    numbers = room.numbers(finding)
    assert kind == "SCOORD3D" or numbers["Diameter"].value == 24.125, "what it states stays"
    others = {"RY-1", "Lesion"} - {name}
    assert all(room.findings[other].mask_id for other in others)


def test_a_shape_that_is_not_shown_is_counted(room: Room) -> None:
    """A centre and an outline on each of two slices; one of these goes off the image."""
    written = vendor.chest_cad(room.sources)
    drawn = [item for item in _walk(written) if item.get("ValueType") == "SCOORD"]
    outline = next(item for item in drawn if item.GraphicType == "POLYLINE")
    outline.GraphicData = [float(v) + 5000 for v in outline.GraphicData]
    room.receive(written)
    (nodule,) = room.findings.values()
    mask = room.archive.load_mask(nodule.mask_id)
    assert np.count_nonzero(mask.any(axis=(1, 2))) == 1
    assert nodule.origin is not None
    said = [say(note, lang="en") for note in nodule.origin.notes]
    assert "Caution: 1 of the 4 shapes that draw it are not shown." in said


def test_a_lost_file_costs_that_object_alone(room: Room) -> None:
    seg, report = vendor.segmentation(room.sources), vendor.report(room.sources)
    room.receive(seg)
    for series in room.archive.series_of(room.files.study_uid):
        for instance in room.archive.instances_of(series.series_uid):
            if instance.sop_instance_uid == seg.SOPInstanceUID:
                room.archive.blob_path(instance.sha256).unlink()
    # Another object comes: both are read again.
    room.receive(report, vendor.segmentation(room.sources, tracking="1.2.3.4"))
    take_in(room.archive, room.files.study_uid)
    refused = [r for r in room.archive.all(Received, room.files.study_uid) if r.refused]
    assert [r.id for r in refused] == [seg.SOPInstanceUID]
    assert "RY-1" in room.findings


def test_what_nobody_foresaw_is_refused_and_what_is_not_the_objects_fault_is_raised(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    instance = next(
        instance
        for series in room.archive.series_of(room.files.study_uid)
        for instance in room.archive.instances_of(series.series_uid)
    )
    for error in (MemoryError("Zhang^San"), ZeroDivisionError("Zhang^San")):
        one = ReadObject(instance, "SEG", "title", predecessors=("1.2",))
        one.refuse(error)
        assert one.refused is not None and one.predecessors == ()
        assert type(error).__name__ in say(one.refused, lang="zh_CN")
        assert type(error).__name__ in caplog.text and "Zhang" not in caplog.text
    for foreseen in (BadInput("why"), NotFound("why")):
        one = ReadObject(instance, "SEG", "title")
        one.refuse(foreseen)
        assert one.refused is not None and str(one.refused) == "why"
    for raised in (Cancelled(), ReaderError("The disk is full.")):
        with pytest.raises(type(raised)):
            ReadObject(instance, "SEG", "title").refuse(raised)
