"""The frames of a segmentation: which segment, where in the patient, which bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workstation.dicom import frame_table
from workstation.dicom.encodings import DEFLATED_LITTLE, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from workstation.dicom.frame_table import FrameFile, Node, open_frames
from workstation.dicom.items import Item
from workstation.dicom.pixels import decode_frame
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid, affine_of_stack

ALL_SEGMENTS = -1
"""Segment number of a frame that holds every segment (label maps)."""
Whole = NDArray[np.int64]
_UNDEFINED = 0xFFFFFFFF
_FARTHEST_MM = 1e5
"""A place farther from the origin of the scanner than this is no place in a patient."""
_LONGEST_MM = 3000.0
"""Frames farther than this from the middle of the others lie in no patient with them."""


class Lost(IntEnum):
    """Why a frame is not shown; the first that is true of it."""

    SHOWN = 0
    UNSTATED = 1
    NO_SEGMENT = 2
    NO_PLACE = 3
    ELSEWHERE = 4
    SAME_PLACE = 5


_WHY = {
    Lost.UNSTATED: N_("the file holds more frames than it states"),
    Lost.NO_SEGMENT: N_("they name no segment that the file defines"),
    Lost.NO_PLACE: N_("they state no place, or one that cannot be read"),
    Lost.ELSEWHERE: N_("they do not lie in one stack with the others"),
    Lost.SAME_PLACE: N_("another frame of the same segment lies at the same place"),
}
_NOT_SHOWN = N_("{count} of its {all} frames are not shown: {why}.")


@dataclass(frozen=True)
class SegmentFrames:
    """Frames of a segmentation file, all that it states or holds.

    numbers: segment of each frame. positions (n, 3) LPS mm, orientations (n, 6), spacings (n, 2)
    mm between rows and between columns: not finite where a frame states none that can be read.
    source: SOP instance and frame (from 0) that each frame was drawn on, empty where unknown.
    stated: how many frames the file states. defined: numbers of its segments. says_place: whether
    it means to say where its frames lie, however badly.
    """

    file: FrameFile
    header: Item
    encoding: str
    rows: int
    columns: int
    numbers: Whole
    positions: Floats
    orientations: Floats
    spacings: Floats
    thickness_mm: float
    source: tuple[tuple[str, int], ...]
    stated: int
    defined: frozenset[int]
    says_place: bool

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
    def _lost(self) -> Whole:
        """Why each frame cannot be shown, whatever the others' distances are."""
        lost = np.full(self.count, Lost.SHOWN, dtype=np.int64)
        if self.says_place:
            placed = np.isfinite(np.hstack([self.positions, self._planes])).all(axis=1)
            lost[~placed] = Lost.NO_PLACE
        if self.encoding != "LABELMAP":
            lost[~np.isin(self.numbers, list(self.defined))] = Lost.NO_SEGMENT
        lost[self.stated :] = Lost.UNSTATED
        left = np.flatnonzero(lost == Lost.SHOWN)
        if self.says_place and left.size:
            planes = self._planes[left]
            _, first, counts = np.unique(
                planes.round(3) + 0.0, axis=0, return_index=True, return_counts=True
            )
            main = planes[first[int(np.argmax(counts))]]
            away = self.positions[left] - np.median(self.positions[left], axis=0)
            beside = (np.abs(planes - main) > 2e-3).any(axis=1)
            lost[left[beside | (np.linalg.norm(away, axis=1) > _LONGEST_MM)]] = Lost.ELSEWHERE
        return lost

    @cached_property
    def _planes(self) -> Floats:
        """(n, 8): direction and spacing of each frame."""
        return np.hstack([self.orientations, self.spacings])

    def check(self) -> None:
        """Raises ``BadInput`` with the reason where no frame at all can be shown."""
        if (self._lost == Lost.SHOWN).any():
            return
        if not self.defined or (self._lost == Lost.NO_SEGMENT).any():
            raise BadInput(N_("Its frames name no segment that it defines: none can be shown."))
        if not (np.isfinite(self.spacings) & (self.spacings > 0)).any():
            raise BadInput(N_("It states no distance between its pixels: none can be shown."))
        raise BadInput(N_("Where its frames lie cannot be read: none can be shown."))

    def grid(self, step_mm: float = 0.0) -> Grid | None:
        """The smallest regular grid that holds the frames; planes may be missing in between.

        step_mm: distance of the images that they were drawn on, where known. None where the file
        does not say where its frames lie.
        """
        chosen = self._lost == Lost.SHOWN
        if not self.says_place or not chosen.any():
            return None
        positions = self.positions[chosen]
        orientation = self.orientations[chosen][0]
        spacing = self.spacings[chosen][0].tolist()
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
        affine = affine_of_stack(distinct[0].tolist(), orientation.tolist(), spacing, step)
        return Grid((count, self.rows, self.columns), affine)

    def levels(self, grid: Grid) -> Whole:
        """Slice of ``grid`` (this file's own) on which each frame lies, -1 for none."""
        lost = self._lost.copy()
        left = np.flatnonzero(lost == Lost.SHOWN)
        index = grid.to_index(self.positions[left])
        slices = np.rint(index[:, 2]).astype(np.int64)
        on_it = (slices >= 0) & (slices < grid.shape[0]) & (np.abs(index[:, :2]) < 0.5).all(axis=1)
        found = np.full(self.count, -1, dtype=np.int64)
        found[left[on_it]] = slices[on_it]
        return found

    def lost(self, levels: Whole) -> Whole:
        """``Lost`` of each frame, where it is shown on ``levels`` (-1: on none)."""
        lost = np.where((self._lost == Lost.SHOWN) & (levels < 0), Lost.ELSEWHERE, self._lost)
        left = np.flatnonzero(lost == Lost.SHOWN)
        places = np.column_stack([self.numbers[left], levels[left]])
        again = np.ones(left.size, dtype=bool)
        if left.size:
            again[np.unique(places, axis=0, return_index=True)[1]] = False
        lost[left[again]] = Lost.SAME_PLACE
        return np.asarray(lost, dtype=np.int64)

    def notes(self) -> list[Message]:
        """What a reader should know of frames that are not shown."""
        grid = self.grid()
        lost = self._lost if grid is None else self.lost(self.levels(grid))
        counts = {reason: int((lost == reason).sum()) for reason in _WHY}
        return [
            Message(_NOT_SHOWN, {"count": count, "all": self.count, "why": _WHY[reason]})
            for reason, count in counts.items()
            if count
        ]

    def shortfall(self, lost: Whole) -> dict[int, tuple[int, int]]:
        """By segment: how many of its frames are not shown, and of how many.

        A frame that names no segment of the file may belong to any of them.
        """
        any_of_them = (self.numbers == ALL_SEGMENTS) | ~np.isin(self.numbers, list(self.defined))
        found = {}
        for number in self.defined:
            own = (self.numbers == number) | any_of_them
            missing = int((own & (lost != Lost.SHOWN)).sum())
            if missing:
                found[number] = (missing, int(own.sum()))
        return found


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
    if rows <= 0 or columns <= 0:
        raise BadInput(N_("This file is not a readable DICOM segmentation."))
    stated = max(1, header.whole("NumberOfFrames", 1))
    if stated > path.stat().st_size:
        raise BadInput(N_("The file ends in the middle of its image data."))
    held = _held(file, header, rows * columns, stated)
    frames = file.frames + [{}] * (max(stated, held) - len(file.frames))
    common = _shared(header.first("SharedFunctionalGroupsSequence"))
    numbers = np.array(
        [
            ALL_SEGMENTS
            if encoding == "LABELMAP"
            else (_first(frame_table.unsigned(f.get(frame_table.SEGMENT_NUMBER))) or common.segment)
            for f in frames
        ],
        dtype=np.int64,
    )
    says_place = bool(common.position) or any(frame_table.POSITION in f for f in frames)
    return SegmentFrames(
        file=file,
        header=header,
        encoding=encoding,
        rows=rows,
        columns=columns,
        numbers=numbers,
        positions=_positions(_column(frames, frame_table.POSITION, 3, common.position)),
        orientations=_directions(_column(frames, frame_table.ORIENTATION, 6, common.orientation)),
        spacings=_lengths(_column(frames, frame_table.SPACING, 2, common.spacing)),
        thickness_mm=common.thickness_mm,
        source=tuple(_source(f) for f in frames),
        stated=stated,
        defined=_defined(header, encoding),
        says_place=says_place,
    )


def _defined(header: Item, encoding: str) -> frozenset[int]:
    """Numbers of the segments. They begin at 1; 0 of a label map is its background."""
    numbers = [item.whole("SegmentNumber") for item in header.items("SegmentSequence")]
    if len(set(numbers)) < len(numbers):
        raise BadInput(N_("It defines two segments by the same number."))
    return frozenset(number for number in numbers if number > 0)


def _held(file: FrameFile, header: Item, size: int, stated: int) -> int:
    """How many frames the samples are of, where they are not compressed; never below ``stated``."""
    element = file.element
    plain = file.syntax in {EXPLICIT_LITTLE, IMPLICIT_LITTLE, DEFLATED_LITTLE}
    if element is None or not plain or element.length == _UNDEFINED:
        return stated
    bits = size * header.whole("BitsAllocated", 1)
    if element.length <= (stated * bits + 7) // 8 + 1:  # padded to an even length
        return stated
    return max(stated, element.length * 8 // bits)


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


def _column(frames: list[Node], tag: int, count: int, common: list[float]) -> Floats:
    """(n, count): one row of numbers a frame, not finite where it states none."""
    none = [np.nan] * count
    found = [frame_table.decimals(f.get(tag)) if tag in f else common for f in frames]
    return np.array([row if len(row) == count else none for row in found], dtype=np.float64)


def _positions(rows: Floats) -> Floats:
    return np.where((np.abs(rows) < _FARTHEST_MM).all(axis=1, keepdims=True), rows, np.nan)


def _directions(rows: Floats) -> Floats:
    """Only where both are of unit length and at right angles, as far as files are exact."""
    rows = np.where(np.abs(rows) < 2, rows, np.nan)
    right, down = rows[:, :3], rows[:, 3:]
    lengths = np.stack([np.linalg.norm(right, axis=1), np.linalg.norm(down, axis=1)])
    fits = (np.abs(lengths - 1) < 0.02).all(axis=0) & (np.abs((right * down).sum(axis=1)) < 0.02)
    return np.where(fits[:, None], rows, np.nan)


def _lengths(rows: Floats) -> Floats:
    return np.where(((rows > 0) & (rows < _FARTHEST_MM)).all(axis=1, keepdims=True), rows, np.nan)


def _source(frame: Node) -> tuple[str, int]:
    uid = frame_table.words(frame.get(frame_table.SOURCE_UID))
    number = frame_table.whole_numbers(frame.get(frame_table.SOURCE_FRAME))
    return uid, (number[0] - 1 if number else 0)
