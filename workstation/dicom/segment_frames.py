"""The frames of a segmentation: which segment, where in the patient, which bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workstation.dicom import frame_table
from workstation.dicom.encodings import DEFLATED_LITTLE, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from workstation.dicom.frame_table import FrameFile, Node, open_frames
from workstation.dicom.items import Item
from workstation.dicom.pixels import decode_frame
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats, Grid, affine_of_stack

ALL_SEGMENTS = -1
"""Segment number of a frame that holds every segment (label maps)."""


@dataclass(frozen=True)
class SegmentFrames:
    """Frames of a segmentation file. numbers: segment of each frame. positions: LPS mm or None.

    source: SOP instance and frame (from 0) that each frame was drawn on, empty where unknown.
    """

    file: FrameFile
    header: Item
    encoding: str
    rows: int
    columns: int
    numbers: NDArray[np.int64]
    positions: Floats | None
    orientations: Floats | None
    spacing: tuple[float, float]
    thickness_mm: float
    source: tuple[tuple[str, int], ...]

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.numbers)

    @cached_property
    def _bytes(self) -> NDArray[np.uint8] | None:
        """Samples as they lie in the file; None where a decoder is needed."""
        element = self.file.element
        plain = self.file.syntax in {EXPLICIT_LITTLE, IMPLICIT_LITTLE}
        if element is None or not plain or element.offset < 0:
            return None
        return np.memmap(self.file.path, np.uint8, "r", element.offset)

    @cached_property
    def _deflated(self) -> NDArray[np.uint8] | None:
        if self.file.syntax != DEFLATED_LITTLE:
            return None
        return np.frombuffer(self.file.dataset.PixelData, np.uint8)

    def close(self) -> None:
        """Let the file go, so that it can be deleted or replaced (Windows)."""
        self.__dict__.pop("_bytes", None)

    @property
    def bits(self) -> int:
        """Bits of one sample: 1, 8 or 16."""
        return self.header.whole("BitsAllocated", 1)

    def packed(self, number: int) -> NDArray[np.uint8]:
        """Bytes of one frame as stored, 1 bit a pixel; only where rows begin on whole bytes."""
        each = self.rows * self.columns // 8
        data = self._stored()
        assert data is not None
        return data[number * each : (number + 1) * each]

    def _stored(self) -> NDArray[np.uint8] | None:
        return self._bytes if self._bytes is not None else self._deflated

    @property
    def is_packed(self) -> bool:
        """Whether ``packed`` can be asked: single bits, whole bytes a row, no decoder."""
        return self.bits == 1 and self.columns % 8 == 0 and self._stored() is not None

    def pixels(self, number: int) -> NDArray[np.uint16]:
        """Samples (rows, columns) of one frame: 0/1, fractions, or segment numbers."""
        size = self.rows * self.columns
        data = self._stored()
        if data is None:
            frame = decode_frame(self.file.path, number)
            if frame.shape != (self.rows, self.columns):
                raise BadInput(N_("A frame of the segmentation has another size than it states."))
            return np.asarray(frame, dtype=np.uint16)
        if self.bits == 1:
            first = number * size
            some = np.array(data[first // 8 : (first + size + 7) // 8])
            bits = np.unpackbits(some, bitorder="little")[first % 8 : first % 8 + size]
        elif self.bits == 8:
            bits = data[number * size : (number + 1) * size]
        else:
            raw = bytes(data[number * size * 2 : (number + 1) * size * 2])
            bits = np.frombuffer(raw, "<u2")
        if bits.size != size:
            raise BadInput(N_("The file ends in the middle of its image data."))
        return np.asarray(bits.reshape(self.rows, self.columns), dtype=np.uint16)

    @cached_property
    def main_orientation(self) -> NDArray[np.bool_]:
        """Frames that share the orientation of most; the others cannot be on one grid."""
        assert self.orientations is not None
        if np.allclose(self.orientations, self.orientations[0], atol=1e-4):
            return np.ones(self.count, dtype=bool)
        keys, inverse, counts = np.unique(
            self.orientations.round(3), axis=0, return_inverse=True, return_counts=True
        )
        del keys
        return np.asarray(inverse.reshape(-1) == int(np.argmax(counts)))

    def grid(self, step_mm: float = 0.0) -> Grid | None:
        """The smallest regular grid that holds the frames; planes may be missing in between.

        step_mm: distance of the images that they were drawn on, where known. None where the file
        does not say where its frames lie.
        """
        if self.positions is None or self.orientations is None or not self.count:
            return None
        chosen = self.main_orientation
        positions = self.positions[chosen]
        orientation = self.orientations[chosen][0]
        normal = np.cross(orientation[:3], orientation[3:])
        distinct = np.unique(positions.round(4), axis=0)
        distinct = distinct[np.argsort(distinct @ normal)]
        along = distinct @ normal
        keep = np.concatenate(([True], np.diff(along) > 1e-3))
        distinct, along = distinct[keep], along[keep]
        if len(distinct) == 1:
            step, count = normal * (step_mm or self.thickness_mm or 1.0), 1
        else:
            whole = distinct[-1] - distinct[0]
            gap = _step(np.diff(along), (step_mm, self.thickness_mm))
            count = round(float(along[-1] - along[0]) / gap) + 1
            step = whole / (count - 1)
        affine = affine_of_stack(distinct[0].tolist(), orientation.tolist(), self.spacing, step)
        return Grid((count, self.rows, self.columns), affine)

    def levels(self, grid: Grid) -> NDArray[np.int64]:
        """Slice of ``grid`` (this file's own) on which each frame lies, -1 for none."""
        assert self.positions is not None
        index = np.rint(grid.to_index(self.positions)[:, 2]).astype(np.int64)
        inside = (index >= 0) & (index < grid.shape[0]) & self.main_orientation
        return np.where(inside, index, -1)


def _step(gaps: Floats, candidates: tuple[float, float]) -> float:
    """Distance of slices from the gaps between those that are there.

    Where only some slices hold anything, every gap is a multiple of the distance: that of the
    images where it fits, else the one that the file states, else the smallest gap.
    """
    images, stated = candidates
    even = bool(np.ptp(gaps) < 0.05 * gaps.min())
    for step in (images, 0.0 if even else stated):
        if step <= 0 or np.rint(gaps / step).min() < 1:
            continue
        if np.abs(gaps / step - np.rint(gaps / step)).max() < 0.05:
            return step
    return float(gaps[gaps < gaps.min() * 1.5].mean())


def read_frames(path: Path) -> SegmentFrames:
    """The frames of a segmentation file. Raises ``BadInput`` where it is none."""
    file = open_frames(path)
    header = Item(file.dataset)
    encoding = header.text("SegmentationType").upper()
    if encoding not in {"BINARY", "FRACTIONAL", "LABELMAP"} or file.element is None:
        raise BadInput(N_("This file is not a readable DICOM segmentation."))
    rows, columns = header.whole("Rows"), header.whole("Columns")
    stated = max(1, header.whole("NumberOfFrames", 1))
    frames = file.frames[:stated] or [{}] * stated
    shared = header.first("SharedFunctionalGroupsSequence")
    if rows <= 0 or columns <= 0:
        raise BadInput(N_("This file is not a readable DICOM segmentation."))
    common = _shared(shared)
    numbers = np.array(
        [
            ALL_SEGMENTS
            if encoding == "LABELMAP"
            else (_first(frame_table.unsigned(f.get(frame_table.SEGMENT_NUMBER))) or common.segment)
            for f in frames
        ],
        dtype=np.int64,
    )
    return SegmentFrames(
        file=file,
        header=header,
        encoding=encoding,
        rows=rows,
        columns=columns,
        numbers=numbers,
        positions=_column(frames, frame_table.POSITION, 3, common.position),
        orientations=_column(frames, frame_table.ORIENTATION, 6, common.orientation),
        spacing=_spacing(frames, common.spacing),
        thickness_mm=common.thickness_mm,
        source=tuple(_source(f) for f in frames),
    )


@dataclass(frozen=True)
class _Common:
    position: list[float]
    orientation: list[float]
    spacing: list[float]
    thickness_mm: float
    segment: int


def _shared(groups: Item | None) -> _Common:
    def numbers(sequence: str, keyword: str) -> list[float]:
        item = groups.first(sequence) if groups is not None else None
        return item.numbers(keyword) if item is not None else []

    gap = numbers("PixelMeasuresSequence", "SpacingBetweenSlices")
    thick = numbers("PixelMeasuresSequence", "SliceThickness")
    segment = numbers("SegmentIdentificationSequence", "ReferencedSegmentNumber")
    return _Common(
        numbers("PlanePositionSequence", "ImagePositionPatient"),
        numbers("PlaneOrientationSequence", "ImageOrientationPatient"),
        numbers("PixelMeasuresSequence", "PixelSpacing"),
        abs(next(iter(gap + thick), 0.0)),
        int(segment[0]) if segment else 0,
    )


def _first(values: list[int]) -> int:
    return values[0] if values else 0


def _column(frames: list[Node], tag: int, count: int, common: list[float]) -> Floats | None:
    """One row of numbers a frame; None where a frame lacks them."""
    found = [frame_table.decimals(f.get(tag)) or common for f in frames]
    if any(len(row) != count for row in found):
        return None
    return np.array(found, dtype=np.float64)


def _spacing(frames: list[Node], common: list[float]) -> tuple[float, float]:
    own = common or frame_table.decimals(frames[0].get(frame_table.SPACING))
    return (own[0], own[1]) if len(own) == 2 and min(own) > 0 else (1.0, 1.0)


def _source(frame: Node) -> tuple[str, int]:
    uid = frame_table.words(frame.get(frame_table.SOURCE_UID))
    number = frame_table.whole_numbers(frame.get(frame_table.SOURCE_FRAME))
    return uid, (number[0] - 1 if number else 0)
