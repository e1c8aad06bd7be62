"""SEG files: bit-exact, valid, and the patient's own."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest

from tests.quantify.made import (
    NAME,
    dciodvfy_errors,
    finding_of,
    grid_of,
    random_mask,
    study_of,
    write_slices,
)
from workstation.dicom.segmentation import read_seg, write_seg
from workstation.domain.artefact import new_id, new_uid
from workstation.domain.errors import BadInput
from workstation.domain.finding import FindingState
from workstation.domain.geometry import Grid, as_matrix

SHAPES: dict[str, dict[str, Any]] = {
    "straight": {},
    "oblique": {"turn_deg": 23.0},
    "sheared": {"tilt_deg": 18.5},
    "sheared and turned": {"turn_deg": -31.0, "tilt_deg": 18.5},
    "odd pixel count": {"shape": (5, 7, 9)},
    "backwards": {"spacing_mm": (0.9, 0.8, -3.0)},
}


@pytest.mark.parametrize("name", SHAPES)
def test_masks_come_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    grid = grid_of(**SHAPES[name])
    uid = new_uid()
    files = write_slices(tmp_path / "in", grid, uid)
    ids = [new_id() for _ in range(3)]
    states = [FindingState.ACCEPTED, FindingState.EDITED, FindingState.ADDED]
    masks = [random_mask(grid.shape, seed) for seed in range(3)]
    findings = [finding_of(uid, i, s) for i, s in zip(ids, states, strict=True)]
    data = write_seg(
        [(f, m, grid) for f, m in zip(findings, masks, strict=True)],
        files,
        series_description="AI 分割",
        software_version="0.1.0",
        study=study_of(uid),
    )
    (tmp_path / "seg.dcm").write_bytes(data)
    assert dciodvfy_errors(tmp_path / "seg.dcm") == []
    read = read_seg(data, grid)
    assert [r.tracking_id for r in read] == ids
    assert [r.algorithm_type for r in read] == ["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]
    assert [r.algorithm for r in read] == ["brain-wmh", "brain-wmh", ""]
    assert all(r.label == "脑白质高信号 左侧脑白质" for r in read)
    for segment, mask in zip(read, masks, strict=True):
        assert np.array_equal(segment.mask, mask)
    # Without being told the grid, the file alone puts the same voxels at the same places.
    for segment, mask in zip(read_seg(data), masks, strict=True):
        ours = grid.to_lps(np.argwhere(mask)[:, ::-1].astype(float))
        theirs = segment.grid.to_lps(np.argwhere(segment.mask)[:, ::-1].astype(float))
        assert ours.shape == theirs.shape
        assert (
            np.abs(np.unique(ours.round(3), axis=0) - np.unique(theirs.round(3), axis=0)).max()
            < 0.01
        )


def test_it_is_the_same_patient_and_refers_to_the_images(tmp_path: Path) -> None:
    grid, uid = grid_of(), new_uid()
    files = write_slices(tmp_path, grid, uid)
    mask = random_mask(grid.shape, 1)
    data = write_seg(
        [(finding_of(uid, new_id()), mask, grid)],
        files,
        series_description="seg",
        software_version="0.1.0",
        study=study_of(uid),
        creator="李医生",
    )
    seg = hd.seg.segread(io.BytesIO(data))
    source = pydicom.dcmread(files[0])
    assert seg.StudyInstanceUID == uid
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert seg.PatientID == "P-007" and str(seg.PatientName) == NAME
    assert seg.SpecificCharacterSet == "ISO_IR 192"
    assert seg.ContentQualification == "RESEARCH"
    assert seg.ContentCreatorName.ideographic == "李医生"
    assert seg.AccessionNumber == "A1" and seg.StudyDate == "20240506"
    # highdicom's own path from source image to mask gives the same voxels.
    uids = [str(pydicom.dcmread(f).SOPInstanceUID) for f in files]
    pixels = seg.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    assert np.array_equal(pixels[..., 0].astype(bool), mask)


def test_missing_slices_bare_headers_and_lying_names(tmp_path: Path) -> None:
    """Slices lost, no frame of reference, no dates; a GBK name under a false character set."""
    grid, uid = grid_of(), new_uid()
    files = write_slices(tmp_path / "in", grid, uid, skip=(2, 3), bare=True)
    for path in files:
        ds = pydicom.dcmread(path)
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.PatientName = "王小明".encode("gbk").decode("latin-1")
        ds.PatientSex = "X"
        ds.save_as(path)
    mask = random_mask(grid.shape, 5)
    given = finding_of(uid, "hand-made id")
    data = write_seg(
        [(given, mask, grid)],
        files,
        series_description="seg",
        software_version="0.1.0",
        study=study_of(uid),
    )
    (tmp_path / "seg.dcm").write_bytes(data)
    assert dciodvfy_errors(tmp_path / "seg.dcm") == []
    assert np.array_equal(read_seg(data, grid)[0].mask, mask)
    assert str(pydicom.dcmread(io.BytesIO(data)).PatientName) == NAME


def test_a_resampled_grid_is_kept_exactly(tmp_path: Path) -> None:
    """A mask on a finer grid than the images: explicit positions, no claim on source frames."""
    uid = new_uid()
    files = write_slices(tmp_path / "in", grid_of(), uid)
    fine = np.diag([0.45, 0.4, 1.5, 1.0])
    fine[:3, 3] = (-11.25, 7.5, -30.125)
    grid = Grid((11, 40, 48), as_matrix(fine))
    mask = random_mask(grid.shape, 2)
    data = write_seg(
        [(finding_of(uid, new_id()), mask, grid)],
        files,
        series_description="seg",
        software_version="0.1.0",
    )
    (tmp_path / "seg.dcm").write_bytes(data)
    assert dciodvfy_errors(tmp_path / "seg.dcm") == []
    assert np.array_equal(read_seg(data, grid)[0].mask, mask)


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    grid, uid = grid_of(), new_uid()
    files = write_slices(tmp_path, grid, uid)
    mask, finding = random_mask(grid.shape, 1), finding_of(uid, new_id())
    words: dict[str, Any] = {"series_description": "seg", "software_version": "0"}
    with pytest.raises(BadInput, match="empty mask"):
        write_seg([(finding, np.zeros(grid.shape, bool), grid)], files, **words)
    with pytest.raises(BadInput, match="another study"):
        write_seg([(finding, mask, grid)], files, study=study_of(new_uid()), **words)
    other = replace(grid, shape=(7, 20, 24))
    with pytest.raises(BadInput, match="one image grid"):
        write_seg([(finding, mask, grid), (finding, mask, other)], files, **words)
    with pytest.raises(BadInput, match="no source image"):
        write_seg([(finding, mask, grid)], [], **words)
    data = write_seg([(finding, mask, grid)], files, **words)
    with pytest.raises(BadInput, match="does not lie"):
        read_seg(data, grid_of(spacing_mm=(0.9, 0.8, 3.2)))
    with pytest.raises(BadInput, match="not a readable"):
        read_seg(b"\0" * 200)


def test_real_series(tmp_path: Path, shared_data: Path | None) -> None:
    """The follow-up FLAIR and the chest CT of the shared data, where they are there."""
    if shared_data is None:
        return
    folders = [shared_data / "mr_ms_followup/dicom/study1/FLAIR", shared_data / "ct_chest/series"]
    for number, folder in enumerate(folders):
        headers = [(pydicom.dcmread(p, stop_before_pixels=True), p) for p in folder.glob("*.dcm")]
        normal = np.cross(*np.reshape(headers[0][0].ImageOrientationPatient, (2, 3)).astype(float))
        headers.sort(key=lambda h: float(np.dot(h[0].ImagePositionPatient, normal)))
        first, last = headers[0][0], headers[-1][0]
        affine = np.eye(4)
        affine[:3, 0] = np.array(first.ImageOrientationPatient[:3], float) * first.PixelSpacing[1]
        affine[:3, 1] = np.array(first.ImageOrientationPatient[3:], float) * first.PixelSpacing[0]
        ends = [np.array(h.ImagePositionPatient, float) for h in (first, last)]
        affine[:3, 2] = (ends[1] - ends[0]) / (len(headers) - 1)
        affine[:3, 3] = ends[0]
        grid = Grid((len(headers), first.Rows, first.Columns), as_matrix(affine))
        mask = np.zeros(grid.shape, bool)
        mask[3:9, 100:140, 80:99] = True
        finding = finding_of(first.StudyInstanceUID, new_id())
        data = write_seg(
            [(finding, mask, grid)],
            [p for _, p in headers],
            series_description="seg",
            software_version="0.1.0",
        )
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(data)
        assert dciodvfy_errors(path) == []
        assert np.array_equal(read_seg(data, grid)[0].mask, mask)
