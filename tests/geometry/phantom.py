"""A phantom of known shapes, sampled by any scanner geometry and written as real DICOM files.

Around ``CENTRE`` lie four spheres, 36 mm from the first one along x, y and z, a wedge, and the
letter F three times: as a radiologist reads it on an axial, a coronal and a sagittal picture. F is
neither its own mirror image nor its own rotation. Every shape is a formula in patient space.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom.write import SeriesHeader, derived_uid, write_series
from workstation.domain.geometry import Floats, Grid, as_matrix

CENTRE = np.array([7.3, -21.6, 41.9])
SPHERES = {
    "S": np.array([-20.0, -18.0, -16.0]),
    "x": np.array([16.0, -18.0, -16.0]),
    "y": np.array([-20.0, 18.0, -16.0]),
    "z": np.array([-20.0, -18.0, 20.0]),
}
RADII = {"S": 7.0, "x": 5.0, "y": 5.0, "z": 5.0}
BETWEEN_MM = 36.0
WEDGE_MM3 = 20.0 * 16.0 / 2 * 12.0
LETTER_AT = 34.0  # each letter's plane is so far from the centre, 10 mm thick
BACKGROUND, LETTER, WEDGE, SPHERE = 100.0, 500.0, 700.0, 1000.0
REACH_MM = 43.0
_EDGE = 1.0
# Strokes of the letter in its plane: (right, down) from its middle, half sizes.
STROKES = (
    ((-8.0, 0.0), (3.0, 18.0)),
    ((3.0, -15.0), (8.0, 3.0)),
    ((0.0, -2.0), (5.0, 3.0)),
)
PLANES = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}
"""Plane to the patient axis that runs right, that runs up or down, and its normal."""


def _cover(distance: Floats) -> Floats:
    return np.clip(0.5 - distance / _EDGE, 0.0, 1.0)


def letter(right_mm: Floats, down_mm: Floats) -> Floats:
    """Coverage 0..1 of the letter at places in its own picture, mm from its middle."""
    flat = np.stack([right_mm, down_mm], axis=-1)
    strokes = [_cover((np.abs(flat - m) - h).max(axis=-1)) for m, h in STROKES]
    return np.asarray(np.max(strokes, axis=0))


@dataclass(frozen=True)
class Shape:
    """Coverage 0..1 of points (..., 3), given from ``CENTRE``; inside the box middle +- half."""

    level: float
    middle: Floats
    half: Floats
    cover: Callable[[Floats], Floats]


def _sphere(name: str) -> Shape:
    def cover(p: Floats) -> Floats:
        return _cover(np.linalg.norm(p - SPHERES[name], axis=-1) - RADII[name])

    return Shape(SPHERE, SPHERES[name], np.full(3, RADII[name]), cover)


def _wedge() -> Shape:
    """A right triangle in the coronal plane, 20 mm long and 16 mm high, 12 mm thick along y."""

    def cover(p: Floats) -> Floats:
        x, y, z = p[..., 0], p[..., 1], p[..., 2]
        slope = (z - 0.8 * (x + 6.0)) / np.hypot(1.0, 0.8)
        sides = np.stack([slope, -z, x - 14.0, np.abs(y - 2.0) - 6.0], axis=-1)
        return _cover(sides.max(axis=-1))

    return Shape(WEDGE, np.array([4.0, 2.0, 8.0]), np.array([10.0, 6.0, 8.0]), cover)


def _letter(plane: str) -> Shape:
    across, along, normal = PLANES[plane]
    middle, half = np.zeros(3), np.full(3, 5.0)
    middle[normal] = LETTER_AT
    half[across], half[along] = 11.0, 18.0

    def cover(p: Floats) -> Floats:
        down = p[..., along] if along == 1 else -p[..., along]  # to the feet is down
        thick = _cover(np.abs(p[..., normal] - LETTER_AT) - 5.0)
        return np.minimum(letter(p[..., across], down), thick)

    return Shape(LETTER, middle, half, cover)


SHAPES = (*map(_sphere, SPHERES), _wedge(), *map(_letter, PLANES))


@dataclass(frozen=True)
class Scan:
    """One way to scan the phantom. order: patient axis and sign of rows and of columns."""

    name: str
    row: tuple[int, int]
    column: tuple[int, int]
    tilt_deg: float
    spacing_mm: tuple[float, float, float]  # between columns, rows, slices
    oblique_deg: float
    enhanced: bool
    backwards: bool  # image numbers run against the normal
    modality: str = "MR"

    @property
    def grid(self) -> Grid:
        """A grid around the phantom; slices advance along row x column, leaning by the tilt."""
        axes = np.zeros((3, 2))
        axes[self.row[0], 0], axes[self.column[0], 1] = self.row[1], self.column[1]
        turn = _turned(self.oblique_deg)
        right, down = turn @ axes[:, 0], turn @ axes[:, 1]
        normal = np.cross(right, down)
        dx, dy, dz = self.spacing_mm
        reach = REACH_MM * (1.0 if not self.oblique_deg else 1.25)
        lean = np.tan(np.radians(self.tilt_deg))
        step = (normal + down * lean) * dz
        columns, slices = round(2 * reach / dx), round(2 * reach / dz)
        rows = round(2 * reach * (1 + abs(lean)) / dy)
        affine = np.eye(4)
        affine[:3, :3] = np.stack([right * dx, down * dy, step], axis=1)
        middle = np.array([columns - 1, rows - 1, slices - 1]) / 2
        affine[:3, 3] = CENTRE + np.array([0.4, -0.3, 0.7]) - affine[:3, :3] @ middle
        return Grid((slices, rows, columns), as_matrix(affine))

    @property
    def study_uid(self) -> str:
        return derived_uid("phantom", self.name)


def _turned(degrees: float) -> Floats:
    k = np.array([1.0, 2.0, 0.5]) / np.linalg.norm([1.0, 2.0, 0.5])
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    a = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross)


def scans() -> Iterator[Scan]:
    """24 axis orders and flips x 3 tilts x single-frame and enhanced; three spacings and, for a
    quarter, a skew turn of 14 degrees run through them."""
    spacings = ((1.1, 1.5, 3.0), (1.6, 1.2, 2.7), (2.2, 2.2, 2.2))
    orders = [
        ((a, s), (b, t))
        for a, b in itertools.permutations(range(3), 2)
        for s, t in itertools.product((1, -1), repeat=2)
    ]
    for o, (row, column) in enumerate(orders):
        for t, tilt in enumerate((0.0, 18.5, -12.0)):
            for k, enhanced in enumerate((False, True)):
                sign = {1: "+", -1: "-"}
                name = (
                    f"{sign[row[1]]}{'xyz'[row[0]]}{sign[column[1]]}{'xyz'[column[0]]} "
                    f"{tilt:+g} {'enhanced' if enhanced else 'single'}"
                )
                oblique = 14.0 if (o + 2 * t + k) % 4 == 0 else 0.0
                yield Scan(
                    name, row, column, tilt, spacings[(o + t + k) % 3], oblique, enhanced,
                    backwards=bool((o + k) % 2),
                )  # fmt: skip


CLASSES = {
    "MR": "1.2.840.10008.5.1.4.1.1.4.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2.1",
    "PT": "1.2.840.10008.5.1.4.1.1.130",
}
"""Enhanced multi-frame storage by modality (PS3.4 B.5)."""


def enhanced_scans() -> Iterator[Scan]:
    """Each of the 24 axis orders as enhanced CT or enhanced PET in turn, with each of the tilts."""
    multi = [scan for scan in scans() if scan.enhanced]
    for order in range(24):
        scan, modality = multi[3 * order + order // 2 % 3], ("CT", "PT")[order % 2]
        yield replace(scan, name=f"{scan.name} {modality}", modality=modality)


def sampled(grid: Grid) -> NDArray[np.int32]:
    """Voxels (z, y, x) as a scanner would see them: means of five layers across each slice."""
    value = np.full(grid.shape, BACKGROUND)
    layers = (np.arange(5) - 2) / 5 * grid.slice_distance_mm
    for shape in SHAPES:
        signs = np.array(list(itertools.product((-1, 1), repeat=3)))
        corners = grid.to_index(CENTRE + shape.middle + signs * (shape.half + _EDGE))
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, grid.shape[::-1])
        block = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
        z, y, x = np.mgrid[block].astype(np.float64)
        lps = grid.to_lps(np.stack([x, y, z], axis=-1)) - CENTRE
        parts = [grid.slice_normal * layer for layer in layers]
        if shape.level == WEDGE:  # its sharp corners need the mean within the slice too
            sides = grid.matrix[:3, :2].T / 4
            parts = [
                p + s * sides[0] + t * sides[1] for p in parts for s in (-1, 1) for t in (-1, 1)
            ]
        seen = sum(shape.cover(lps + part) for part in parts) / len(parts)
        value[block] += seen * (shape.level - value[block])
    return np.asarray(np.rint(value), dtype=np.int32)


def header_of(scan: Scan) -> SeriesHeader:
    return SeriesHeader(
        modality=scan.modality, patient_name="Phantom^F", patient_id=derived_uid(scan.name)[-20:],
        birth_date="19700101", sex="O", age="055Y", study_uid=scan.study_uid,
        study_date="20250102", study_time="101112", study_description="phantom", accession="A1",
        series_uid=derived_uid(scan.name, "series"), series_number=1,
        series_description=scan.name, series_time="101112",
        frame_of_reference_uid=derived_uid(scan.name, "frame"), body_part="HEAD",
        window=(500.0, 1000.0), slice_thickness_mm=scan.spacing_mm[2],
    )  # fmt: skip


def write(scan: Scan, folder: Path) -> list[Path]:
    """The scan's files: one a slice, or one enhanced multi-frame file with scrambled frames."""
    grid, array = scan.grid, sampled(scan.grid)
    if scan.enhanced:
        folder.mkdir(parents=True)
        return [_write_enhanced(scan, grid, array, folder / "enhanced.dcm")]
    if scan.backwards:  # the same slices, numbered and written the other way round
        matrix = grid.matrix
        matrix[:3, 3] = grid.to_lps((0, 0, grid.shape[0] - 1))
        matrix[:3, 2] *= -1
        grid, array = Grid(grid.shape, as_matrix(matrix)), array[::-1]
    return write_series(folder, array, grid, header_of(scan))


def _item(**values: object) -> Sequence:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


def _write_enhanced(scan: Scan, grid: Grid, array: NDArray[np.int32], path: Path) -> Path:
    """Enhanced MR, CT or PET Image Storage (PS3.3 A.36, A.38, A.56): positions per frame.

    CT is stored with an offset of 1024, PET with a slope of its own for each frame, as they are.
    """
    head = header_of(scan)
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = CLASSES[scan.modality], derived_uid(scan.name, 0)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = head.study_uid, head.series_uid
    ds.FrameOfReferenceUID = head.frame_of_reference_uid
    ds.Modality, ds.PatientID, ds.PatientName = scan.modality, head.patient_id, head.patient_name
    ds.PatientBirthDate, ds.PatientSex = head.birth_date, head.sex
    ds.StudyDate, ds.StudyTime, ds.StudyID = head.study_date, head.study_time, "1"
    ds.AccessionNumber, ds.StudyDescription = head.accession, head.study_description
    ds.SeriesNumber, ds.InstanceNumber, ds.SeriesDescription = 1, 1, head.series_description
    ds.ReferringPhysicianName, ds.PositionReferenceIndicator = "", ""
    ds.ContentDate, ds.ContentTime = head.study_date, head.series_time
    ds.Rows, ds.Columns, ds.NumberOfFrames = grid.shape[1], grid.shape[2], grid.shape[0]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    order = [(i * 7 + 3) % grid.shape[0] for i in range(grid.shape[0])]
    if len(set(order)) < len(order):
        order = list(range(grid.shape[0]))[::-1]
    shared = Dataset()
    cosines = [round(float(v), 9) for v in grid.directions[:, :2].T.ravel()]
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=cosines)
    shared.PixelMeasuresSequence = _item(
        PixelSpacing=[grid.spacing_mm[1], grid.spacing_mm[0]], SliceThickness=scan.spacing_mm[2]
    )
    intercept = -1024 if scan.modality == "CT" else 0
    slopes = np.array([0.25 * (1 + z % 5) for z in range(grid.shape[0])])
    if scan.modality != "PT":
        slopes[:] = 1.0
        shared.PixelValueTransformationSequence = _item(
            RescaleSlope=1,
            RescaleIntercept=intercept,
            RescaleType="HU" if scan.modality == "CT" else "US",
        )
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for z in order:
        groups = Dataset()
        place = [round(float(v), 6) for v in grid.to_lps((0.0, 0.0, float(z)))]
        groups.PlanePositionSequence = _item(ImagePositionPatient=place)
        if scan.modality == "PT":
            groups.PixelValueTransformationSequence = _item(
                RescaleSlope=float(slopes[z]), RescaleIntercept=0, RescaleType="US"
            )
        frames.append(groups)
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    stored = np.rint((array - intercept) / slopes[:, None, None])
    ds.PixelData = stored[order].astype("<u2").tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(path, enforce_file_format=True)
    return path
