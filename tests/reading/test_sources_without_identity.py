"""Files stripped of their UIDs are read, reported, signed and exported like all others."""

from __future__ import annotations

import io
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tests.quantify.made import dciodvfy_errors, grid_of, write_slices
from tests.reading.readable import PASSWORD, make_user
from workstation.archive.store import Archive
from workstation.dicom.evidence import MADE_IDENTITY_NOTE, read_sources
from workstation.dicom.report_content import read_report
from workstation.dicom.segmentation import read_seg
from workstation.domain.artefact import Code, Wording, new_uid
from workstation.domain.errors import BadInput
from workstation.domain.people import Role
from workstation.domain.study import Instance
from workstation.domain.volume import Stack
from workstation.reading import review
from workstation.reading.assemble import assemble
from workstation.reading.draft import draft
from workstation.reading.export import export, verify_folder
from workstation.reading.intake import intake
from workstation.reading.sign import sign

UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def strip(path: Path, *, meta: bool, empty: bool) -> None:
    """Take every identifier out of a file: emptied or removed, with or without its meta header."""
    source = pydicom.dcmread(path)
    for keyword in UIDS:
        if empty:
            setattr(source, keyword, "")
        else:
            delattr(source, keyword)
    source.PixelData = np.full((source.Rows, source.Columns), int(path.stem[-3:]), "<u2").tobytes()
    if meta:
        source.save_as(path)  # the meta header still names class and image
        return
    bare = Dataset()
    bare.update(source)
    bare.save_as(path, implicit_vr=True, little_endian=True)


@pytest.fixture(params=["public", "emptied", "no meta header"])
def images(request: pytest.FixtureRequest, shared_data: Path | None, tmp_path: Path) -> Path:
    """A folder of files that do not say which study, series and image they are."""
    if request.param == "public" and shared_data is not None:
        return shared_data / "ct_abdomen" / "series"  # emptied, with the meta header left
    folder = tmp_path / "无标识"
    for path in write_slices(folder, grid_of((8, 20, 24)), new_uid(), modality="CT"):
        named = request.param != "no meta header"
        strip(path, meta=named, empty=named)
    return folder


def drawn(stack: Stack) -> NDArray[np.bool_]:
    """A blob in the middle third, on some slices only."""
    mask = np.zeros(stack.grid.shape, np.bool_)
    z, y, x = (n // 3 for n in mask.shape)
    mask[z : z + 3, y : y + 5, x : x + 4] = True
    mask[z, y + 1, x] = False
    return mask


def header(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def referred(dataset: Dataset) -> set[tuple[str, str]]:
    """Every (class, instance) pair that a dataset refers to, anywhere in it."""
    return {
        (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
        for item in _items(dataset)
        if "ReferencedSOPInstanceUID" in item
    }


def _items(dataset: Dataset) -> list[Dataset]:
    nested = [one for element in dataset if element.VR == "SQ" for one in element.value]
    return [dataset, *(found for one in nested for found in _items(one))]


def test_signed_and_exported(images: Path, tmp_path: Path, home: Path) -> None:
    archive = Archive(home)
    li = make_user(archive, "li", "李明华", Role.READER)
    came = intake(archive, [images])
    assert not came.refused
    (study_uid,) = came.study_uids
    (stack,) = assemble(archive, study_uid)
    known = {one.sop_instance_uid: one for one in archive.instances_of(stack.series_uid)}
    assert all(one.attributes["identity"] == "made" for one in known.values())
    mask = drawn(stack)
    finding = review.add(
        archive, li.actor, stack, Wording("Cyst", "囊肿"),
        Code("367643001", "SCT", "Cyst"), Wording("Liver", "肝"), mask,
    )  # fmt: skip
    draft(archive, study_uid, actor=li.actor)
    sign(archive, study_uid, user="li", password=PASSWORD)
    folder = tmp_path / "报告 out"
    files = {file.kind: file.path for file in export(archive, study_uid, folder)}
    archive.close()
    assert verify_folder(folder).ok

    assert dciodvfy_errors(files["seg"]) == []
    (segment,) = read_seg(files["seg"], stack.grid)
    assert np.array_equal(segment.mask, mask)
    assert segment.tracking_id == finding.id
    seg = hd.seg.segread(files["seg"])
    assert str(seg.StudyInstanceUID) == study_uid
    (of_series,) = seg.ReferencedSeriesSequence
    assert str(of_series.SeriesInstanceUID) == stack.series_uid
    assert str(seg.ImageComments) == MADE_IDENTITY_NOTE

    assert dciodvfy_errors(files["sr"]) == []
    written = hd.sr.srread(files["sr"])
    assert str(written.StudyInstanceUID) == study_uid
    (group,) = written.content.get_volumetric_roi_measurement_groups()
    on = {stack.frames[z].sop_instance_uid for z in np.flatnonzero(mask.any(axis=(1, 2)))}
    images_of_group = {uid for _, uid in referred(group[0])} - {str(seg.SOPInstanceUID)}
    assert images_of_group == on, "exactly the slices that are drawn on"
    # Nothing is referred to but the study's own images, as what the index knows them as.
    pairs = (referred(written) | referred(seg)) - {
        (str(seg.SOPClassUID), str(seg.SOPInstanceUID)),
    }
    assert {uid for _, uid in pairs} == set(known)
    assert {kind for kind, _ in pairs} == {"1.2.840.10008.5.1.4.1.1.2"}, "CT images"
    assert MADE_IDENTITY_NOTE in [text for _, text in read_report(files["sr"].read_bytes()).texts]


def test_a_files_own_identity_is_never_replaced(tmp_path: Path) -> None:
    (path, *_) = write_slices(tmp_path, grid_of(), "2.25.1")
    own = pydicom.dcmread(path)
    other = Instance("9.9", "9.8", "9.7", "9.6", "", 0, 1, "")
    (clean,) = read_sources([path], instances=[other])
    assert [clean[keyword].value for keyword in UIDS] == [own[keyword].value for keyword in UIDS]


def test_without_any_identity_it_is_refused(tmp_path: Path) -> None:
    (path, *_) = write_slices(tmp_path, grid_of(), "2.25.1")
    strip(path, meta=False, empty=False)
    with pytest.raises(BadInput, match="lacks its identifiers"):
        read_sources([path])
    (tmp_path / "words.dcm").write_bytes(b"not an image at all" * 40)
    with pytest.raises(BadInput, match=r"words\.dcm cannot be read as DICOM"):
        read_sources([tmp_path / "words.dcm"])
