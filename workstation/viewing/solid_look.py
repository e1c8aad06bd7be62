"""All that a reader set in a 3D view: look, camera, cuts. Plain data, kept with the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workstation.domain.geometry import Floats, Grid
from workstation.domain.mark import Point
from workstation.domain.plane import PlaneKind
from workstation.viewing.solid_camera import SolidCamera, camera_from_json, point
from workstation.viewing.solid_copy import Box, Snip

Clip = tuple[Point, Point]
"""A plane through a point (LPS mm); the side that its normal points to is kept."""

HALVES: dict[PlaneKind, Point] = {
    # The side that goes first lies towards the reader who looks from the front, the right or above.
    PlaneKind.AXIAL: (0.0, 0.0, -1.0),
    PlaneKind.SAGITTAL: (1.0, 0.0, 0.0),
    PlaneKind.CORONAL: (0.0, 1.0, 0.0),
}
_LEAST_BOX_MM = 2.0


@dataclass(frozen=True)
class SolidLook:
    """What a 3D view shows and how.

    preset: id of a preset. shift: transfer function moved by so many value units; stretch: and
    stretched by this factor. box: crop box. snips: scissor cuts. halves: planes through the
    crosshair, +1 takes away what ``HALVES`` says, -1 the other side. slab: fixed planes (the slab
    of a slice view). peel_mm: added to the preset's own. faded: opacity of surfaces that is not 1.
    hidden: surfaces not shown. solid: whether the volume itself is shown.
    """

    preset: str
    camera: SolidCamera
    shift: float = 0.0
    stretch: float = 1.0
    box: Box | None = None
    snips: tuple[Snip, ...] = ()
    halves: tuple[tuple[PlaneKind, int], ...] = ()
    slab: tuple[Clip, ...] = ()
    peel_mm: float = 0.0
    faded: tuple[tuple[str, float], ...] = ()
    hidden: frozenset[str] = frozenset()
    solid: bool = True

    def half(self, kind: PlaneKind) -> int:
        """Which side is cut away at a plane through the crosshair: 0 none, +1, -1."""
        return dict(self.halves).get(kind, 0)

    def with_next_half(self, kind: PlaneKind) -> SolidLook:
        """No cut, one side away, the other side away, no cut."""
        sides = dict(self.halves)
        sides[kind] = {0: 1, 1: -1, -1: 0}[sides.get(kind, 0)]
        return replace(self, halves=tuple((k, s) for k, s in sides.items() if s))

    def opacity(self, surface: str) -> float:
        """Opacity of a surface, 0 where it is hidden."""
        return 0.0 if surface in self.hidden else dict(self.faded).get(surface, 1.0)

    def with_opacity(self, surface: str, opacity: float) -> SolidLook:
        """One surface more or less transparent."""
        faded = dict(self.faded) | {surface: min(max(opacity, 0.05), 1.0)}
        return replace(self, faded=tuple((k, v) for k, v in faded.items() if v < 1.0))

    def with_toggled(self, surface: str) -> SolidLook:
        """One surface shown or hidden."""
        return replace(self, hidden=self.hidden ^ {surface})

    @property
    def is_cut(self) -> bool:
        """Whether anything is cut away by the reader."""
        return bool(self.box or self.snips or self.halves or self.slab)

    def uncut(self) -> SolidLook:
        """Everything there again."""
        return replace(self, box=None, snips=(), halves=(), slab=())

    def clips(self, focus_mm: Sequence[float] | Floats) -> tuple[Clip, ...]:
        """All planes that bound what is shown, for a crosshair at ``focus_mm``."""
        planes: list[Clip] = list(self.slab)
        if self.box is not None:
            low, high = self.box
            for axis in range(3):
                normal = np.eye(3)[axis]
                planes += [(low, point(normal)), (high, point(-normal))]
        for kind, side in self.halves:
            planes.append((point(focus_mm), point(np.asarray(HALVES[kind]) * side)))
        return tuple(planes)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "preset": self.preset, "camera": self.camera.as_json(), "shift": self.shift,
            "stretch": self.stretch, "box": self.box, "peel_mm": self.peel_mm,
            "snips": [[s.outline, s.origin_mm, s.right, s.down, s.inside] for s in self.snips],
            "halves": [[kind.value, side] for kind, side in self.halves], "slab": self.slab,
            "faded": self.faded, "hidden": sorted(self.hidden), "solid": self.solid,
        }  # fmt: skip


def look_from_json(kept: dict[str, Any]) -> SolidLook:
    """What ``as_json`` gave. Errors: KeyError, ValueError, TypeError on anything else."""
    box = kept.get("box")
    return SolidLook(
        str(kept["preset"]),
        camera_from_json(kept["camera"]),
        float(kept.get("shift", 0.0)),
        float(kept.get("stretch", 1.0)),
        None if box is None else (point(box[0]), point(box[1])),
        tuple(
            Snip(tuple((float(u), float(v)) for u, v in outline), point(origin), point(right),
                 point(down), bool(inside))
            for outline, origin, right, down, inside in kept.get("snips", ())
        ),
        tuple((PlaneKind(kind), int(side)) for kind, side in kept.get("halves", ())),
        tuple((point(place), point(normal)) for place, normal in kept.get("slab", ())),
        float(kept.get("peel_mm", 0.0)),
        tuple((str(name), float(value)) for name, value in kept.get("faded", ())),
        frozenset(str(name) for name in kept.get("hidden", ())),
        bool(kept.get("solid", True)),
    )  # fmt: skip


def whole_box(grid: Grid) -> Box:
    """The box around a volume, outer faces of its voxels."""
    corners = grid.corners_lps
    return point(corners.min(axis=0)), point(corners.max(axis=0))


def face_centres(box: Box) -> Floats:
    """(6, 3) LPS: middles of the faces, low and high of x, of y, of z."""
    low, high = np.asarray(box[0]), np.asarray(box[1])
    middle = (low + high) / 2
    centres = np.repeat(middle[None], 6, axis=0)
    for axis in range(3):
        centres[2 * axis, axis], centres[2 * axis + 1, axis] = low[axis], high[axis]
    return centres


def moved_face(box: Box, face: int, by_mm: float, bounds: Box) -> Box:
    """A box with one face pushed along its axis, within ``bounds`` and at least 2 mm thick."""
    ends = [list(box[0]), list(box[1])]
    axis, high = divmod(face, 2)
    value = ends[high][axis] + by_mm
    if high:
        value = min(max(value, ends[0][axis] + _LEAST_BOX_MM), bounds[1][axis])
    else:
        value = max(min(value, ends[1][axis] - _LEAST_BOX_MM), bounds[0][axis])
    ends[high][axis] = value
    return point(ends[0]), point(ends[1])


def slab_clips(
    middle_mm: Sequence[float] | Floats, normal: Sequence[float] | Floats, thickness_mm: float
) -> tuple[Clip, Clip]:
    """The two planes that keep a slab."""
    n = np.asarray(normal, dtype=np.float64)
    n = n / np.linalg.norm(n)
    middle = np.asarray(middle_mm, dtype=np.float64)
    half = n * thickness_mm / 2
    return (point(middle - half), point(n)), (point(middle + half), point(-n))
