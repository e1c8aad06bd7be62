"""Where a group of slices lies: its grid, a slice for each index, and what a reader must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.dicom.layout import Phases, arrange, line_of, steps_of
from workstation.dicom.slices import Slice
from workstation.domain.errors import N_, Message
from workstation.domain.geometry import Floats, Grid, Matrix, affine_of_stack, as_matrix
from workstation.domain.volume import Flag, Stack

_CROSS_SECTIONAL = {"CT", "MR", "PT"}

Noted = list[tuple[Flag, Message]]


@dataclass
class Placed:
    """What a group's geometry came to.

    slices: phase-major, one for each index of the grid, None where none was found. positions: of
    each index along the normal, mm. noted: flags, each with its sentence. time_key: the keyword
    that ordered the phases. in_patient: whether the grid says where the images lie in the patient.
    """

    grid: Grid
    slices: list[Slice | None]
    phases: int
    positions: list[float]
    noted: Noted
    time_key: str = ""
    in_patient: bool = False


def place(slices: Sequence[Slice], modality: str) -> Placed:
    """Grid and order of slices that belong together; pure geometry of their headers."""
    if slices[0].position is None:
        return _pages(slices, modality)
    phases = arrange(slices)
    noted: Noted = []
    if phases.dropped:
        noted.append(
            (
                Flag.DUPLICATE_SLICES,
                Message(
                    N_("{count} images lie where another one lies; the first of each is shown."),
                    {"count": phases.dropped},
                ),
            )
        )
    count = len(phases.table)
    if count > 1:
        noted.append(
            (
                Flag.MULTI_PHASE,
                Message(N_("A time series of {count} phases."), {"count": count}),
            )
        )
    if len(phases.positions) == 1:
        return _one_place(phases, noted)
    _, _, beside = line_of(phases)
    if beside > max(0.5 * min(slices[0].spacing), 0.05):
        noted.append(
            (
                Flag.NOT_A_VOLUME,
                Message(N_("Its slices are shifted sideways against each other: no volume.")),
            )
        )
        kept = [s for phase in phases.table for s in phase]
        return Placed(
            _page_grid(slices[0], len(phases.positions), _normal_step(phases)),
            kept,
            count,
            list(phases.positions),
            noted,
            phases.key,
        )
    return _volume(phases, noted)


def _volume(phases: Phases, noted: Noted) -> Placed:
    steps = steps_of(phases)
    first = next(s for p in phases.table for s in p if s is not None)
    assert first.orientation is not None
    affine = affine_of_stack(
        steps.origin.tolist(), first.orientation.tolist(), first.spacing, steps.step
    )
    grid = Grid((len(steps.levels), first.rows, first.columns), affine)
    slices = [
        None if level is None else phase[level] for phase in phases.table for level in steps.levels
    ]
    # Where the slice planes are: of uneven stacks these are not the planes of the grid.
    start = phases.positions[0]
    positions = [
        start + i * grid.slice_distance_mm if level is None else phases.positions[level]
        for i, level in enumerate(steps.levels)
    ]
    missing = sum(s is None for s in slices)
    if missing:
        noted.append(
            (
                Flag.MISSING_SLICES,
                Message(
                    N_("{count} slices are missing: they are shown empty."), {"count": missing}
                ),
            )
        )
    if steps.uneven:
        gaps = np.diff(phases.positions)
        noted.append(
            (
                Flag.UNEVEN_SPACING,
                Message(
                    N_(
                        "Slices lie {least} to {most} mm apart; voxels between them are "
                        "interpolated at {step} mm."
                    ),
                    {
                        "least": round(float(gaps.min()), 2),
                        "most": round(float(gaps.max()), 2),
                        "step": round(grid.slice_distance_mm, 2),
                    },
                ),
            )
        )
    drift = np.tan(np.radians(grid.tilt_deg)) * grid.slice_distance_mm * (grid.shape[0] - 1)
    if grid.tilt_deg > 0.1 and drift > 0.5 * min(first.spacing):
        noted.append(
            (
                Flag.TILTED,
                Message(
                    N_("Slices are stacked at {angle}° to their normal (tilted gantry)."),
                    {"angle": round(grid.tilt_deg, 1)},
                ),
            )
        )
    if len(phases.positions) == 2 and _apart(phases, first):
        noted.append((Flag.NOT_A_VOLUME, Message(N_("Two slices far apart do not make a volume."))))
    return Placed(grid, slices, len(phases.table), positions, noted, phases.key, True)


def _apart(phases: Phases, first: Slice) -> bool:
    thickness = first.number("SliceThickness")
    gap = phases.positions[1] - phases.positions[0]
    return thickness is not None and thickness > 0 and gap > 3 * thickness


def _normal_step(phases: Phases) -> float:
    gaps = np.diff(phases.positions)
    return float(np.median(gaps)) if gaps.size else 1.0


def _page_grid(first: Slice, pages: int, step_mm: float) -> Grid:
    if first.position is None or first.orientation is None:
        rows, columns = first.spacing
        affine: Matrix = as_matrix(np.diag([columns, rows, step_mm, 1.0]))
    else:
        affine = affine_of_stack(
            first.position.tolist(),
            first.orientation.tolist(),
            first.spacing,
            first.normal * step_mm,
        )
    return Grid((pages, first.rows, first.columns), affine)


def _one_place(phases: Phases, noted: Noted) -> Placed:
    slices = [phase[0] for phase in phases.table]
    first = next(s for s in slices if s is not None)
    if len(slices) == 1:
        noted.append((Flag.SINGLE_IMAGE, Message(N_("A single image."))))
        said = N_("A single image is no volume.")
    else:
        said = N_("One slice over time: a series to play, no volume.")
    noted.append((Flag.NOT_A_VOLUME, Message(said)))
    grid = _page_grid(first, 1, first.number("SliceThickness") or 1.0)
    return Placed(grid, slices, len(slices), list(phases.positions), noted, phases.key, True)


def _pages(slices: Sequence[Slice], modality: str) -> Placed:
    """Images without a position: shown as pages, in the order of their numbers."""
    noted: Noted = []
    if len(slices) == 1:
        noted.append((Flag.SINGLE_IMAGE, Message(N_("A single image."))))
    if modality in _CROSS_SECTIONAL:
        noted.append(
            (
                Flag.NO_POSITION,
                Message(N_("Its files do not say where in the patient the images lie.")),
            )
        )
    noted.append((Flag.NOT_A_VOLUME, Message(N_("Images without a position are shown as pages."))))
    return Placed(
        _page_grid(slices[0], len(slices), 1.0),
        list(slices),
        1,
        [float(i) for i in range(len(slices))],
        noted,
    )


def normal_places(stack: Stack) -> Floats:
    """Where the planes of a stack's grid lie along its normal, mm, as ``Frame.position_mm``."""
    start = float(stack.grid.slice_normal @ stack.grid.matrix[:3, 3])
    places = np.arange(stack.grid.shape[0], dtype=np.float64)
    return np.asarray(start + places * stack.grid.slice_distance_mm, dtype=np.float64)
