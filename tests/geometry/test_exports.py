"""What we write lies where it was seen: SEG and SR read by highdicom and by DCMTK.

Complaint 16: segmentations flipped or rendered elsewhere. Complaint 18: reports whose coordinates
others cannot read.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
from numpy.typing import NDArray

from tests.dicom_in.making import Shelf
from tests.geometry import phantom
from tests.geometry.phantom import BACKGROUND, CENTRE, SPHERE, SPHERES, Scan, scans
from tests.quantify.made import finding_of, report_of, study_of
from workstation.dicom.segmentation import read_seg, write_seg
from workstation.dicom.structured_report import write_sr
from workstation.dicom.volumes import read_volume
from workstation.domain.artefact import new_id
from workstation.domain.finding import FindingState
from workstation.domain.geometry import Floats

# Every axis order and flip once, tilts, spacings, turns and multi-frame files among them.
CHOSEN = [scan for i, scan in enumerate(scans()) if i % 6 == (i // 6) % 6]
DCMTK = all(shutil.which(tool) for tool in ("dcmdump", "dsrdump", "dcm2xml"))
TRUE_MM = CENTRE + SPHERES["S"]


def test_every_axis_order_is_chosen() -> None:
    assert len({(s.row, s.column) for s in CHOSEN}) == 24
    assert {s.tilt_deg for s in CHOSEN} == {0.0, 18.5, -12.0}
    assert {s.enhanced for s in CHOSEN} == {True, False}


def test_seg_and_sr_lie_where_the_sphere_lies(tmp_path: Path) -> None:
    """The sphere's middle from the files we write, by highdicom and DCMTK, within 0.5 mm."""
    if not DCMTK:
        print("DCMTK is not installed: read by highdicom alone")
    worst = {"highdicom": 0.0, "DCMTK": 0.0, "SR": 0.0}
    for number, scan in enumerate(CHOSEN):
        folder = tmp_path / str(number)
        sources = phantom.write(scan, folder / "in")
        shelf = Shelf(folder)
        for path in sources:
            shelf.take(path)
        stack = shelf.stack()
        volume = read_volume(stack, shelf.locate)
        index = np.indices(stack.grid.shape).astype(np.float64)[::-1]
        points = stack.grid.to_lps(np.moveaxis(index, 0, -1))
        near = np.linalg.norm(points - TRUE_MM, axis=-1) < 12
        mask = near & (volume.array > (BACKGROUND + SPHERE) / 2)
        seg_finding = finding_of(scan.study_uid, new_id())
        seen = tuple(float(v) for v in TRUE_MM)
        point = replace(
            finding_of(scan.study_uid, new_id(), FindingState.ADDED),
            series_uid=stack.series_uid, location_mm=(seen[0], seen[1], seen[2]),
        )  # fmt: skip
        study = study_of(scan.study_uid)
        seg = write_seg(
            [(seg_finding, mask, stack.grid)], sources, series_description="seg",
            software_version="1", study=study,
        )  # fmt: skip
        ours = read_seg(seg, stack.grid)[0]
        assert np.array_equal(ours.mask, mask), scan.name
        assert _off(stack.grid.to_lps(np.argwhere(mask)[:, ::-1].astype(float))) < 0.5
        worst["highdicom"] = max(worst["highdicom"], _off(_by_highdicom(seg)))
        (folder / "seg.dcm").write_bytes(seg)
        if DCMTK:
            worst["DCMTK"] = max(worst["DCMTK"], _off(_by_dcmtk(folder / "seg.dcm")))
        report = report_of(study, (seg_finding, point))
        sr = write_sr(report, sources, [seg], software_version="1", organization="示例医院")
        (folder / "sr.dcm").write_bytes(sr)
        worst["SR"] = max(worst["SR"], _sr_by_highdicom(sr, scan))
        if DCMTK and number % 4 == 0:
            worst["SR"] = max(worst["SR"], _sr_by_dcmtk(folder / "sr.dcm"))
    print("worst distance of the sphere's middle, mm:",
          ", ".join(f"{by} {off:.3f}" for by, off in worst.items()))  # fmt: skip
    assert worst["highdicom"] < 0.5 and worst["DCMTK"] < 0.5
    assert worst["SR"] < 1e-3


def _off(points: Floats) -> float:
    return float(np.linalg.norm(points.mean(axis=0) - TRUE_MM))


def _by_highdicom(data: bytes) -> Floats:
    """LPS mm of every voxel set, by highdicom's own transformer from pixels to the patient."""
    seg = hd.seg.segread(io.BytesIO(data))
    found = []
    shared = seg.SharedFunctionalGroupsSequence[0]
    planes = np.asarray(seg.pixel_array).reshape(-1, seg.Rows, seg.Columns)
    for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, planes, strict=True):
        to_patient = hd.spatial.PixelToReferenceTransformer(
            image_position=frame.PlanePositionSequence[0].ImagePositionPatient,
            image_orientation=shared.PlaneOrientationSequence[0].ImageOrientationPatient,
            pixel_spacing=shared.PixelMeasuresSequence[0].PixelSpacing,
        )
        rows, columns = np.nonzero(plane)
        if rows.size:
            found.append(to_patient(np.stack([columns, rows], axis=-1)))
    return np.concatenate(found)


def _numbers(text: str, keyword: str) -> list[list[float]]:
    values = re.findall(rf"\[([^\]]*)\]\s+#\s*\d+, *\d+ {keyword}", text)
    return [[float(v) for v in value.split("\\")] for value in values]


def _by_dcmtk(path: Path) -> Floats:
    """The same from what dcmdump prints and from the pixel data it takes out, bit by bit."""
    out = path.with_suffix("")
    out.mkdir()
    dumped = subprocess.run(
        ["dcmdump", "+L", "+W", str(out), str(path)], capture_output=True, check=True, timeout=60
    ).stdout.decode("utf-8", "replace")
    positions = np.array(_numbers(dumped, "ImagePositionPatient"))
    (orientation,) = _numbers(dumped, "ImageOrientationPatient")
    (spacing,) = _numbers(dumped, "PixelSpacing")
    rows, columns = (int(re.findall(rf"US (\d+) .* {k}", dumped)[0]) for k in ("Rows", "Columns"))
    raw: NDArray[np.uint8] = np.fromfile(next(out.glob("*.raw")), dtype=np.uint8)
    bits = np.unpackbits(raw, bitorder="little")[: len(positions) * rows * columns]
    frames, down, across = np.nonzero(bits.reshape(-1, rows, columns))
    right, below = np.array(orientation[:3]), np.array(orientation[3:])
    return np.asarray(
        positions[frames]
        + across[:, None] * spacing[1] * right
        + down[:, None] * spacing[0] * below
    )


def _sr_by_highdicom(data: bytes, scan: Scan) -> float:
    report = hd.sr.srread(io.BytesIO(data))
    regions = [
        group.roi
        for group in report.content.get_planar_roi_measurement_groups()
        if group.roi is not None
    ]
    (roi,) = regions
    assert roi.frame_of_reference_uid == phantom.header_of(scan).frame_of_reference_uid
    return float(np.linalg.norm(np.asarray(roi.value)[0] - TRUE_MM))


def _sr_by_dcmtk(path: Path) -> float:
    """The worse of dsrdump's and dcm2xml's reading of the point."""
    said, text = (
        subprocess.run(
            [tool, str(path)], capture_output=True, check=True, timeout=60
        ).stdout.decode("utf-8", "replace")
        for tool in ("dsrdump", "dcm2xml")
    )
    (dumped,) = re.findall(r"SCOORD3D:[^\n]*=\(POINT,[^,]*,([^)]*)\)", said)
    (graphic,) = re.findall(r'name="GraphicData"[^>]*>([^<]*)<', text)
    points = [[float(v) for v in dumped.split("/")], [float(v) for v in graphic.split("\\")]]
    return max(float(np.linalg.norm(np.array(p) - TRUE_MM)) for p in points)
