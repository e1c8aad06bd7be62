"""Volumes and the stacks they are read from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.artefact import MadeBy
from workstation.domain.errors import Message
from workstation.domain.geometry import Grid


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


@dataclass(frozen=True)
class Frame:
    """One stored image of a stack.

    sha256: the file. number: frame in the file, from 0. pixel_offset: byte where the frame's
    uncompressed pixels start, or -1 where a decoder is needed. position_mm: along the slice
    normal, measured from LPS origin. slope, intercept: modality rescale of this frame.
    """

    sha256: str
    sop_instance_uid: str
    number: int
    pixel_offset: int
    position_mm: float
    slope: float = 1.0
    intercept: float = 0.0
    time_s: float | None = None


@dataclass(frozen=True)
class Stack:
    """A volume, or a time series of volumes, before its voxels are read.

    frames: phase-major: ``frames[phase * grid.shape[0] + z]``; a frame with an empty ``sha256``
    is a missing slice. grid: of every phase. dtype: numpy name of the voxel array ("int16",
    "float32"). unit: UCUM ("[hnsf'U]" for HU, "{SUVbw}g/mL", "1" where arbitrary). role: what
    the series is for reading ("FLAIR", "TOF", "cine SAX", "CT chest", ""), role_reason: why.
    calibrated: "patient", "detector" or "" (no spacing: lengths are in pixels).
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

    @property
    def is_volume(self) -> bool:
        """Whether MPR, models and volume measures may use it."""
        return Flag.NOT_A_VOLUME not in self.flags


@dataclass(frozen=True)
class Volume:
    """Voxels in patient space: array (z, y, x), modality values in ``stack.unit``."""

    array: NDArray[Any]
    grid: Grid
    stack: Stack
    phase: int = 0

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
