"""Volumes and the stacks they are read from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.acquisition import UNSTATED, Acquisition
from workstation.domain.artefact import MadeBy
from workstation.domain.calibration import NO_SCALE, Region, Scale, region_at
from workstation.domain.errors import Message
from workstation.domain.geometry import Grid, as_matrix


class Flag(enum.Enum):
    """What a reader must know about how a volume was put together."""

    MISSING_SLICES = "missing slices"
    DUPLICATE_SLICES = "duplicate slices"
    UNEVEN_SPACING = "uneven spacing"
    TILTED = "tilted gantry"
    NOT_A_VOLUME = "not a volume"
    LOCALISER = "localiser"
    SINGLE_IMAGE = "single image"
    MULTI_PHASE = "multi-phase"
    SPLIT = "series split"
    NO_POSITION = "position unknown"
    NO_SPACING = "pixel spacing unknown"
    LOSSY = "lossy compression"
    UNIT_UNCERTAIN = "unit uncertain"
    BROKEN_IMAGE = "unreadable image"
    CALCULATED = "calculated"


@dataclass(frozen=True)
class VoiCurve:
    """A file's own curve of grey (PS3.3 C.11.2): for modality values from ``first`` to ``last``
    grey from 0 (black) to 1, evenly; values outside get the nearest end."""

    first: float
    last: float
    grey: tuple[float, ...]
    explanation: str = ""


@dataclass(frozen=True)
class Frame:
    """One stored image of a stack.

    sha256: the file. number: frame in the file, from 0. pixel_offset: byte where the frame's
    uncompressed pixels start, or -1 where a decoder is needed. position_mm: along the slice
    normal, measured from LPS origin. slope, intercept: modality rescale of this frame, with the
    SUV factor in it where the stack's unit is SUV. regions: which of the stack's ``regions``
    are this image's, -1 where it has none. tile: first row and column of a mosaic's tile; the
    frame is then that part of the stored image. lut: stored samples go through the file's
    Modality LUT Sequence instead of slope and intercept.
    """

    sha256: str
    sop_instance_uid: str
    number: int
    pixel_offset: int
    position_mm: float
    slope: float = 1.0
    intercept: float = 0.0
    time_s: float | None = None
    regions: int = -1
    tile: tuple[int, int] | None = None
    lut: bool = False


@dataclass(frozen=True)
class Stack:
    """A volume, or a time series of volumes, before its voxels are read.

    frames: phase-major: ``frames[phase * grid.shape[0] + z]``; a frame with an empty ``sha256``
    is a missing slice. grid: of every phase. dtype: numpy name of the voxel array ("int16",
    "float32"). unit: UCUM ("[hnsf'U]" for HU, "{SUVbw}g/mL", "1" where arbitrary). role: what
    the series is for reading ("FLAIR", "TOF", "cine SAX", "CT chest", ""), role_reason: why.
    calibrated: "patient", "detector" (lengths on the detector, larger than in the patient),
    "magnified" (of the detector, divided by the stated magnification) or "" (no spacing: lengths
    are in pixels). spacing_note: where the spacing comes from, of radiographs and ultrasound.
    windows: every window of the file with its explanation; the first is ``window``. curves: VOI
    look-up tables and sigmoids of the file, which go before its windows. phase_labels:
    of each phase ("12.5 s", "b 1000 s/mm²", "3/25"), empty without phases; phase_axis: what they
    differ in ("time", "cardiac phase", "b-value" ...). laterality: L, R, B or "". regions: sets
    of ultrasound regions that ``Frame.regions`` points into. suv_factor: SUVbw for one Bq/mL,
    None where the voxels are no SUV made here. placed: whether its images lie in the patient where
    the grid says, so that places can be linked to other series even where it is no volume.
    patient_orientation: letters of the patient (L, R, A, P, H, F) along rows and down columns, of
    images whose place is not stated. acquisition: no part of what the id is made of, so that
    stacks of earlier versions get theirs without becoming other stacks.
    """

    id: str
    study_uid: str
    series_uid: str
    series_number: int
    description: str
    modality: str
    frame_of_reference_uid: str
    grid: Grid
    frames: tuple[Frame, ...]
    phases: int
    dtype: str
    stored_dtype: str
    unit: str
    window: tuple[float, float] | None  # centre, width from the file
    photometric: str  # MONOCHROME1, MONOCHROME2, RGB ...
    samples: int  # 1 grey, 3 colour
    flags: tuple[Flag, ...]
    notes: tuple[Message, ...]  # one plain sentence for each flag
    role: str
    role_reason: str
    region: str  # brain, vessel, heart, chest, abdomen, other
    slice_thickness_mm: float | None
    calibrated: str
    made_from: tuple[str, ...]
    made_by: MadeBy
    windows: tuple[tuple[float, float, str], ...] = ()
    phase_labels: tuple[str, ...] = ()
    phase_axis: str = ""
    laterality: str = ""
    body_part: str = ""
    view_position: str = ""
    spacing_note: Message | None = None
    regions: tuple[tuple[Region, ...], ...] = ()
    suv_factor: float | None = None
    curves: tuple[VoiCurve, ...] = ()
    placed: bool = False
    patient_orientation: tuple[str, str] = ("", "")
    display_fps: float = 0.0  # frames a second that the file recommends, 0 for none
    acquisition: Acquisition = UNSTATED

    def frame(self, phase: int, z: int) -> Frame:
        """The stored image at an index of the grid."""
        return self.frames[phase * self.grid.shape[0] + z]

    def regions_at(self, phase: int, z: int) -> tuple[Region, ...]:
        """The ultrasound regions of one image; none of images of other kinds."""
        number = self.frame(phase, z).regions if self.frames else -1
        return self.regions[number] if 0 <= number < len(self.regions) else ()

    def scale_at(self, phase: int, z: int, x: float, y: float) -> Scale:
        """What one pixel step is worth at column ``x``, row ``y`` of one image as it was acquired.

        Inside an ultrasound region that region's own scale, beside the regions pixels; elsewhere
        the pixel spacing in mm, or pixels where none is known.
        """
        regions = self.regions_at(phase, z)
        if regions:
            region = region_at(regions, x, y)
            return region.scale if region is not None else NO_SCALE
        if not self.calibrated:
            return NO_SCALE
        across, down, _ = self.grid.spacing_mm
        return Scale(float(across), float(down), "mm", "mm")

    @property
    def is_volume(self) -> bool:
        """Whether MPR, models and volume measures may use it."""
        return Flag.NOT_A_VOLUME not in self.flags


def acquired_frames(stack: Stack, phase: int = 0) -> tuple[Frame, ...]:
    """The stored images of one phase along the slice normal, each once, missing ones left out.

    Of an uneven stack, whose grid has more planes than images, these are what the scanner made.
    """
    places = stack.grid.shape[0]
    frames = stack.frames[phase * places : (phase + 1) * places]
    unique = {(f.sha256, f.number): f for f in frames if f.sha256}
    return tuple(sorted(unique.values(), key=lambda f: f.position_mm))


def acquired_grid(stack: Stack, position_mm: float) -> Grid:
    """The grid of one slice at a place along the normal (``Frame.position_mm``)."""
    matrix = stack.grid.matrix
    start = float(stack.grid.slice_normal @ matrix[:3, 3])
    step = matrix[:3, 2] / float(stack.grid.slice_normal @ matrix[:3, 2])
    matrix[:3, 3] += step * (position_mm - start)
    return Grid((1, *stack.grid.shape[1:]), as_matrix(matrix))


@dataclass(frozen=True)
class Volume:
    """Voxels in patient space: array (z, y, x), modality values in ``stack.unit``.

    acquired: of an uneven stack the images as they were made (n, y, x), in the order of
    ``acquired_frames``; ``array`` holds what was interpolated between them. None elsewhere.
    """

    array: NDArray[Any]
    grid: Grid
    stack: Stack
    phase: int = 0
    acquired: NDArray[Any] | None = None

    def acquired_value(self, image: int, lps_mm: NDArray[np.float64]) -> float | None:
        """The pixel of one image of ``acquired`` nearest to a point; None outside, for colour."""
        if self.acquired is None or self.stack.samples > 1:
            return None
        frame = acquired_frames(self.stack, self.phase)[image]
        grid = acquired_grid(self.stack, frame.position_mm)
        x, y, _ = np.round(grid.to_index(lps_mm)).astype(int)
        _, ny, nx = self.grid.shape
        return float(self.acquired[image, y, x]) if 0 <= x < nx and 0 <= y < ny else None

    def value_at(self, lps_mm: NDArray[np.float64]) -> float | None:
        """The nearest voxel's value at a point in LPS mm; None outside."""
        x, y, z = np.round(self.grid.to_index(lps_mm)).astype(int)
        nz, ny, nx = self.grid.shape
        if not (0 <= x < nx and 0 <= y < ny and 0 <= z < nz):
            return None
        return float(self.array[z, y, x])


def generated_volume(
    array: NDArray[Any], grid: Grid, *, modality: str, unit: str, role: str, region: str
) -> Volume:
    """Generated voxels (z, y, x) as a volume of no study: what known answers are measured on."""
    stack = Stack(
        id="generated",
        study_uid="",
        series_uid="",
        series_number=0,
        description="generated",
        modality=modality,
        frame_of_reference_uid="",
        grid=grid,
        frames=(),
        phases=1,
        dtype=str(array.dtype),
        stored_dtype=str(array.dtype),
        unit=unit,
        window=None,
        photometric="MONOCHROME2",
        samples=1,
        flags=(),
        notes=(),
        role=role,
        role_reason="",
        region=region,
        slice_thickness_mm=None,
        calibrated="patient",
        made_from=(),
        made_by=MadeBy("generated", "1"),
    )
    return Volume(array, grid, stack)
