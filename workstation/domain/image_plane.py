"""Where the pixels of one stored image lie: between (column, row) of a file and LPS mm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from workstation.domain.document import Graphic, ImageRef, Space
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.pages import drawing_grid
from workstation.domain.volume import Stack

ROUND = 72
"""Corners that a circle or an ellipse is drawn with."""


@dataclass(frozen=True)
class ImagePlane:
    """One stored image in the patient. frame: from 0. grid: (1, rows, columns)."""

    series_uid: str
    stack_id: str
    sop_instance_uid: str
    frame: int
    phase: int
    z: int
    frame_of_reference_uid: str
    grid: Grid

    @property
    def half_step_mm(self) -> float:
        """Half the distance to the next image: what lies nearer belongs to this one."""
        return self.grid.slice_distance_mm / 2

    def to_pixels(self, points_mm: Iterable[Iterable[float]]) -> Floats:
        """LPS mm (n, 3) to (n, 3): column, row, mm in front of the image along its normal."""
        points = np.asarray([list(p) for p in points_mm], dtype=np.float64).reshape(-1, 3)
        index = self.grid.to_index(points)
        index[:, 2] *= self.grid.slice_distance_mm
        return index

    def to_mm(self, pixels: Iterable[Iterable[float]]) -> Floats:
        """(column, row) pairs to LPS mm (n, 3)."""
        flat = np.asarray([list(p)[:2] for p in pixels], dtype=np.float64).reshape(-1, 2)
        return self.grid.to_lps(np.column_stack([flat, np.zeros(len(flat))]))

    def holds(self, points_mm: Iterable[Iterable[float]], slack_mm: float = 0.0) -> bool:
        """Whether all points lie nearer to this image than to its neighbours."""
        away = np.abs(self.to_pixels(points_mm)[:, 2])
        return bool((away <= self.half_step_mm + slack_mm + 1e-6).all())


def plane_at(stack: Stack, phase: int, z: int) -> ImagePlane | None:
    """The stored image of one place of a stack, in the space that a reader draws in.

    None where it is missing.
    """
    frame = stack.frame(phase, z)
    if not frame.sha256:
        return None
    grid = drawing_grid(stack)
    matrix = grid.matrix
    matrix[:3, 3] = grid.to_lps((0.0, 0.0, float(z)))
    away = frame.position_mm - float(grid.slice_normal @ matrix[:3, 3])
    if stack.is_volume and abs(away) > 1e-3:  # of an uneven stack: where the image really lies
        matrix[:3, 3] += matrix[:3, 2] * (away / float(grid.slice_normal @ matrix[:3, 2]))
    return ImagePlane(
        stack.series_uid,
        stack.id,
        frame.sop_instance_uid,
        frame.number,
        phase,
        z,
        stack.frame_of_reference_uid,
        Grid((1, grid.shape[1], grid.shape[2]), as_matrix(matrix)),
    )


def planes_of(stack: Stack, refs: Iterable[ImageRef]) -> list[ImagePlane]:
    """Images of a stack that ``refs`` mean, in the order of the stack."""
    wanted = list(refs)
    found = []
    slices = stack.grid.shape[0]
    for number, frame in enumerate(stack.frames):
        if frame.sha256 and any(r.covers(frame.sop_instance_uid, frame.number) for r in wanted):
            plane = plane_at(stack, number // slices, number % slices)
            if plane is not None:
                found.append(plane)
    return found


def plane_of(stack: Stack, sop_instance_uid: str, frame: int) -> ImagePlane | None:
    """The place of a stored image in a stack, None where it is not one of its images."""
    return next(iter(planes_of(stack, [ImageRef(sop_instance_uid, (frame,))])), None)


def outline_of(graphic: Graphic) -> tuple[Floats, bool]:
    """Corners (n, 2) or (n, 3) of a graphic in its own space, and whether they close.

    Circles and ellipses become polygons of ``ROUND`` corners; a spline (INTERPOLATED) is drawn
    through its points.
    """
    points = np.asarray(graphic.points, dtype=np.float64)
    if graphic.kind == "CIRCLE" and len(points) == 2:
        centre, radius = points[0], float(np.linalg.norm(points[1] - points[0]))
        across, up = np.zeros_like(centre), np.zeros_like(centre)
        across[0], up[1] = radius, radius
        return _round(centre, across, up), True
    if graphic.kind == "ELLIPSE" and len(points) == 4:
        centre = points.mean(axis=0)
        return _round(centre, (points[1] - points[0]) / 2, (points[3] - points[2]) / 2), True
    closed = graphic.kind == "POLYGON" or (
        len(points) > 2 and bool(np.allclose(points[0], points[-1], atol=1e-6))
    )
    if closed and len(points) > 2 and np.allclose(points[0], points[-1], atol=1e-6):
        points = points[:-1]
    if graphic.kind == "INTERPOLATED" and len(points) > 2:
        points = _spline(points, closed)
    return points, closed


def _round(centre: Floats, across: Floats, up: Floats) -> Floats:
    angles = np.linspace(0.0, 2 * np.pi, ROUND, endpoint=False)
    return np.asarray(
        centre + np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * up, dtype=np.float64
    )


def _spline(points: Floats, closed: bool, between: int = 8) -> Floats:
    """Catmull-Rom through the points (Catmull and Rom 1974)."""
    if closed:
        padded = np.vstack([points[-1], points, points[0], points[1]])
    else:
        padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    pieces = []
    steps = np.linspace(0.0, 1.0, between, endpoint=False)[:, None]
    for i in range(1, len(padded) - 2):
        a, b, c, d = padded[i - 1 : i + 3]
        pieces.append(
            0.5
            * (
                2 * b
                + (c - a) * steps
                + (2 * a - 5 * b + 4 * c - d) * steps**2
                + (3 * b - a - 3 * c + d) * steps**3
            )
        )
    whole = np.vstack(pieces)
    return whole if closed else np.vstack([whole, points[-1]])


def in_patient(graphic: Graphic, plane: ImagePlane | None) -> tuple[Floats, bool] | None:
    """Outline of a graphic in LPS mm (n, 3), and whether it closes.

    plane: the image that it is drawn on, for pixel graphics; None gives None for those.
    """
    points, closed = outline_of(graphic)
    if graphic.space is Space.PATIENT:
        return points, closed
    if plane is None or graphic.space is not Space.PIXEL:
        return None
    return plane.to_mm(points), closed
