"""DICOM segmentations of any maker: binary, fractional and label maps (PS3.3 A.51).

Frames are neither complete nor sorted; they lie where they say, not where the images lie. A file
of a hundred organs is read in seconds: only the bytes that hold something are unpacked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workstation.dicom.cielab import rgb_of_cielab
from workstation.dicom.items import Item
from workstation.dicom.makers import algorithm_of, maker_of
from workstation.dicom.segment_frames import ALL_SEGMENTS, SegmentFrames, read_frames
from workstation.domain.document import SegmentInfo, SegmentSet
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Grid
from workstation.domain.image_plane import ImagePlane
from workstation.domain.mask_block import MaskBlock, Piece, block_of, piece_of
from workstation.domain.work import Cancel

FindPlane = Callable[[str, int], ImagePlane | None]
"""SOP instance UID and frame (from 0) to where that image lies."""


@dataclass(frozen=True, eq=False)
class SegmentPieces:
    """Voxels of a segmentation. pieces: by segment number, on ``grid``; volumes_ml likewise.

    lost: by segment number, how many of its frames are not shown and of how many. unnamed: how
    many values of a label map name no segment that it defines.
    """

    grid: Grid
    pieces: dict[int, list[Piece]]
    volumes_ml: dict[int, float]
    lost: dict[int, tuple[int, int]] = field(default_factory=dict)
    unnamed: int = 0

    def block(self, number: int) -> MaskBlock | None:
        """One segment as a mask; None where it is empty."""
        parts = self.pieces.get(number)
        if not parts:
            return None
        return block_of(number, parts, self.grid, self.volumes_ml[number])


def read_segment_set(path: Path) -> SegmentSet:
    """What a segmentation says of itself. Raises ``BadInput`` where it is none, or where nothing
    of it can be shown."""
    frames = read_frames(path)
    try:
        frames.check()
        return _describe(frames)
    finally:
        frames.close()


def _describe(frames: SegmentFrames) -> SegmentSet:
    header = frames.header
    counts = dict(zip(*np.unique(frames.numbers, return_counts=True), strict=True))
    segments = [
        _segment(item, int(counts.get(item.whole("SegmentNumber"), 0)))
        for item in header.items("SegmentSequence")
    ]
    # Segment number 0 of a label map is its background (PS3.3 C.8.20.2).
    if frames.encoding == "LABELMAP":
        segments = [s for s in segments if s.number != 0]
    notes = frames.notes()
    if not frames.says_place and not any(uid for uid, _ in frames.source):
        notes.append(Message(N_("It does not say where in the patient its pictures lie.")))
    return SegmentSet(
        sop_instance_uid=header.text("SOPInstanceUID"),
        study_uid=header.text("StudyInstanceUID"),
        series_uid=header.text("SeriesInstanceUID"),
        label=header.text("SeriesDescription") or header.text("ContentLabel"),
        creator=header.text("ContentCreatorName") or header.text("Manufacturer"),
        encoding=frames.encoding,
        fraction=header.text("SegmentationFractionalType"),
        frame_of_reference_uid=header.text("FrameOfReferenceUID"),
        series_uids=tuple(
            item.text("SeriesInstanceUID") for item in header.items("ReferencedSeriesSequence")
        ),
        images=tuple(dict.fromkeys(uid for uid, _ in frames.source if uid)),
        segments=tuple(segments),
        notes=tuple(notes),
        maker=maker_of(header),
        made=header.made,
    )


def _segment(item: Item, planes: int) -> SegmentInfo:
    lab = item.numbers("RecommendedDisplayCIELabValue")
    kind = item.code("SegmentedPropertyTypeCodeSequence")
    identified = item.first("SegmentationAlgorithmIdentificationSequence")
    return SegmentInfo(
        number=item.whole("SegmentNumber"),
        label=item.text("SegmentLabel") or (kind.meaning if kind else ""),
        category=item.code("SegmentedPropertyCategoryCodeSequence"),
        type=kind,
        algorithm_type=item.text("SegmentAlgorithmType"),
        algorithm=item.text("SegmentAlgorithmName"),
        tracking_id=item.text("TrackingID"),
        tracking_uid=item.text("TrackingUID"),
        colour=rgb_of_cielab(lab) if len(lab) == 3 else None,
        planes=planes,
        identification=algorithm_of(identified) if identified is not None else None,
        site=item.code("AnatomicRegionSequence"),
    )


def read_segments(
    path: Path,
    numbers: Collection[int] | None = None,
    find_plane: FindPlane | None = None,
    cancel: Cancel | None = None,
) -> SegmentPieces:
    """Voxels of some segments, all by default, on the file's own grid.

    A fractional segment is what is at least half. find_plane: where an image lies, for files whose
    frames say only on which image they were drawn. Raises ``BadInput`` where the places are not
    known.
    """
    frames = read_frames(path)
    try:
        frames.check()
        grid = frames.grid(_step_of_images(frames, find_plane))
        if grid is not None:
            levels = frames.levels(grid)
        else:
            grid, levels = _by_source(frames, find_plane)
        return _gather(frames, grid, levels, numbers, cancel)
    finally:
        frames.close()


def _step_of_images(frames: SegmentFrames, find_plane: FindPlane | None) -> float:
    """Distance of the images that the frames were drawn on; 0 where they are not here."""
    if find_plane is None:
        return 0.0
    for uid, number in dict.fromkeys(frames.source[:8]):
        plane = find_plane(uid, number) if uid else None
        if plane is not None:
            return plane.grid.slice_distance_mm
    return 0.0


def _by_source(
    frames: SegmentFrames, find_plane: FindPlane | None
) -> tuple[Grid, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Grid of a projection image or page that the frames were drawn on."""
    sources = dict.fromkeys(frames.source)
    if find_plane is not None:
        for uid, number in sources or {("", 0): None}:
            plane = find_plane(uid, number)
            if plane is not None and plane.grid.shape[1:] == (frames.rows, frames.columns):
                on_it = [0 if source == (uid, number) else -1 for source in frames.source]
                return plane.grid, np.array(on_it, dtype=np.int64)
    raise BadInput(N_("It does not say where in the patient its pictures lie."))


def _gather(
    frames: SegmentFrames,
    grid: Grid,
    levels: np.ndarray[tuple[int], np.dtype[np.int64]],
    numbers: Collection[int] | None,
    cancel: Cancel | None,
) -> SegmentPieces:
    wanted = None if numbers is None else set(numbers)
    lost = frames.lost(levels)
    unnamed: set[int] = set()
    pieces: dict[int, list[Piece]] = {}
    sums: dict[int, float] = {}
    most = max(1, frames.header.whole("MaximumFractionalValue", 255))
    occupied = frames.header.text("SegmentationFractionalType").upper() == "OCCUPANCY"
    background = frames.header.whole("PixelPaddingValue", 0)

    def add(number: int, piece: Piece | None, amount: float | None = None) -> None:
        if piece is not None:
            pieces.setdefault(number, []).append(piece)
        if amount is None:
            amount = float(np.count_nonzero(piece.array)) if piece is not None else 0.0
        sums[number] = sums.get(number, 0.0) + amount

    for at in range(frames.count):
        number, z = int(frames.numbers[at]), int(levels[at])
        if lost[at] or (wanted is not None and number not in wanted and number != ALL_SEGMENTS):
            continue
        if cancel is not None and at % 64 == 0:
            cancel.check()
        if frames.is_packed:
            add(number, _unpacked(frames, at, z))
            continue
        picture = frames.pixels(at)
        if frames.encoding == "LABELMAP":
            for label in np.unique(picture).tolist():
                if label in (0, background):
                    continue
                if label not in frames.defined:
                    unnamed.add(int(label))
                elif wanted is None or label in wanted:
                    add(int(label), piece_of(z, picture == label))
        elif frames.encoding == "FRACTIONAL":
            share = float(picture.sum()) / most if occupied else None
            add(number, piece_of(z, picture.astype(np.uint32) * 2 >= most), share)
        else:
            add(number, piece_of(z, picture > 0))
    volumes = {number: amount * grid.voxel_ml for number, amount in sums.items()}
    return SegmentPieces(grid, pieces, volumes, frames.shortfall(lost), len(unnamed))


def _unpacked(frames: SegmentFrames, at: int, z: int) -> Piece | None:
    """One frame of single bits: only the rows and bytes that hold something are unpacked."""
    stored = frames.packed(at)
    wide = frames.columns // 8
    if stored.size != frames.rows * wide:
        raise BadInput(N_("The file ends in the middle of its image data."))
    table = stored.reshape(frames.rows, wide)
    rows = np.flatnonzero(table.any(axis=1))
    if not rows.size:
        return None
    some = table[rows[0] : rows[-1] + 1]
    columns = np.flatnonzero(some.any(axis=0))
    first, last = int(columns[0]), int(columns[-1]) + 1
    bits = np.unpackbits(np.ascontiguousarray(some[:, first:last]), axis=1, bitorder="little")
    return piece_of(z, bits.view(np.bool_), int(rows[0]), first * 8)
