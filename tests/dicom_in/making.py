"""DICOM files for tests, made element by element so that each can be wrong in its own way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from workstation.dicom.headers import read_header
from workstation.dicom.stacks import build_stacks
from workstation.domain.artefact import digest_of
from workstation.domain.study import Instance
from workstation.domain.volume import Stack

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
FLIPPED = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # as of a patient lying prone
_TURN = np.radians(25.0)
OBLIQUE = (
    float(np.cos(_TURN)), float(np.sin(_TURN)), 0.0,
    float(-np.sin(_TURN) * np.cos(0.4)), float(np.cos(_TURN) * np.cos(0.4)), float(np.sin(0.4)),
)  # fmt: skip


def pixels_of(index: int, rows: int = 5, columns: int = 7) -> NDArray[np.int16]:
    """Samples that tell every slice and pixel from every other."""
    grid = np.arange(rows * columns, dtype=np.int16).reshape(rows, columns)
    return np.asarray(grid + 100 * index, dtype=np.int16)


def image(
    index: int,
    position: Sequence[float] | None,
    orientation: Sequence[float] | None = AXIAL,
    *,
    modality: str = "CT",
    pixels: NDArray[Any] | None = None,
    study: str = "1.2.3",
    series: str = "1.2.3.4",
    **extra: Any,
) -> Dataset:
    """One image of a series; ``extra`` sets or, with None, removes attributes by keyword."""
    array = pixels_of(index) if pixels is None else pixels
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
    dataset.SOPInstanceUID = f"{series}.{index + 1}"
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    dataset.FrameOfReferenceUID = "1.2.3.9"
    dataset.Modality = modality
    dataset.PatientID = "P1"
    dataset.PatientName = "Test^Patient"
    dataset.StudyDate = "20250102"
    dataset.InstanceNumber = index + 1
    if position is not None:
        dataset.ImagePositionPatient = [float(v) for v in position]
    if orientation is not None:
        dataset.ImageOrientationPatient = [float(v) for v in orientation]
    dataset.PixelSpacing = [0.5, 0.75]
    dataset.SliceThickness = 1.0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.Rows, dataset.Columns = array.shape[:2]
    dataset.SamplesPerPixel = 1 if array.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if array.ndim == 2 else "RGB"
    if array.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = array.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(array.dtype.kind == "i")
    dataset.PixelData = array.tobytes() + b"\0" * (array.nbytes % 2)
    for keyword, value in extra.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def save(dataset: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write with preamble and meta header in ``syntax``."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CTImageStorage)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or generate_uid()
    meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax == ExplicitVRBigEndian and dataset.BitsAllocated == 16:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
    dataset.save_as(
        path,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return path


class Shelf:
    """A folder of files as the archive would keep them: found by the hash in their instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        self.instances: list[Instance] = []

    def add(self, dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
        """Write a dataset as one more file."""
        return self.take(save(dataset, self.folder / f"{len(self.paths):04}.dcm", syntax))

    def take(self, path: Path) -> Path:
        """Take in a file that is there already."""
        header = read_header(path)
        sha256 = digest_of(str(path))
        self.paths[sha256] = path
        self.instances.append(header.instance(sha256, path.stat().st_size))
        self.study_uid, self.series = header.study.study_uid, header.series
        return path

    def locate(self, sha256: str) -> Path:
        """Where a frame's file lies."""
        return self.paths[sha256]

    def stacks(self) -> list[Stack]:
        """Stacks of everything on the shelf, taken as one series."""
        return build_stacks(self.study_uid, self.series, self.instances)

    def stack(self) -> Stack:
        """The only stack."""
        (stack,) = self.stacks()
        return stack


def line_of_slices(
    shelf: Shelf,
    places: Sequence[float],
    orientation: Sequence[float] = AXIAL,
    *,
    direction: Sequence[float] | None = None,
    origin: Sequence[float] = (-30.0, 12.5, 7.25),
    order: Callable[[int], int] = lambda i: i,
    **extra: Any,
) -> None:
    """Slices at ``places`` mm along ``direction`` (default: the normal), numbered by ``order``."""
    axes = np.asarray(orientation)
    normal = np.cross(axes[:3], axes[3:])
    along = normal if direction is None else np.asarray(direction)
    for at, place in enumerate(places):
        position = np.asarray(origin) + along * place
        item = image(at, position.tolist(), orientation, **extra)
        item.InstanceNumber = order(at) + 1
        shelf.add(item)
