"""The camera of a 3D view: parallel, so that lengths across the picture are true everywhere."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workstation.domain.geometry import Floats, Grid
from workstation.domain.mark import Point

VIEWS: dict[str, tuple[Point, Point]] = {
    # Letter of the side of the patient that faces the reader: direction of sight, up.
    "A": ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "P": ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
    "L": ((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "R": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "H": ((0.0, 0.0, -1.0), (0.0, -1.0, 0.0)),
    "F": ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0)),
}
ZOOM_RANGE = (0.03, 4.0)  # half height of the picture over the radius of the volume


def point(values: Sequence[float] | Floats) -> Point:
    """Three numbers as a tuple that can be stored and compared."""
    x, y, z = (float(v) for v in values)
    return x, y, z


def _turned(v: Floats, about: Floats, degrees: float) -> Floats:
    angle = np.radians(degrees)
    return np.asarray(
        v * np.cos(angle)
        + np.cross(about, v) * np.sin(angle)
        + about * (about @ v) * (1 - np.cos(angle))
    )


@dataclass(frozen=True)
class SolidCamera:
    """Where the reader looks from, in LPS mm.

    target_mm: what is in the middle of the picture. ahead, up: unit vectors at right angles.
    half_mm: half the height of the picture. radius_mm: of what is looked at, for zoom limits.
    """

    target_mm: Point
    ahead: Point
    up: Point
    half_mm: float
    radius_mm: float

    @functools.cached_property
    def right(self) -> Floats:
        """Unit vector to the right of the picture."""
        right = np.cross(self.ahead, self.up)
        right.setflags(write=False)
        return right

    @property
    def down(self) -> Floats:
        """Unit vector down the picture."""
        return -np.asarray(self.up)

    def orbit(self, right_deg: float, down_deg: float) -> SolidCamera:
        """Turn the patient as if the mouse held its near side."""
        ahead, up = np.asarray(self.ahead), np.asarray(self.up)
        ahead = _turned(ahead, up, -right_deg)
        right = np.cross(ahead, up)
        ahead, up = _turned(ahead, -right, down_deg), _turned(up, -right, down_deg)
        ahead = ahead / np.linalg.norm(ahead)
        up = up - ahead * (ahead @ up)
        return replace(self, ahead=point(ahead), up=point(up / np.linalg.norm(up)))

    def spun(self, degrees: float) -> SolidCamera:
        """Turn the patient about the body's long axis, near side to the right."""
        axis = np.array([0.0, 0.0, 1.0])
        ahead = _turned(np.asarray(self.ahead), axis, -degrees)
        return replace(
            self, ahead=point(ahead), up=point(_turned(np.asarray(self.up), axis, -degrees))
        )

    def zoomed(self, factor: float) -> SolidCamera:
        """Enlarge."""
        low, high = (self.radius_mm * z for z in ZOOM_RANGE)
        return replace(self, half_mm=min(max(self.half_mm / factor, low), high))

    def panned(self, right_px: float, down_px: float, height: int) -> SolidCamera:
        """Push the picture, which is ``height`` pixels high."""
        shift = (self.right * right_px + self.down * down_px) * self.mm_per_pixel(height)
        return replace(self, target_mm=point(np.asarray(self.target_mm) - shift))

    def mm_per_pixel(self, height: int) -> float:
        """Size of a pixel of a picture ``height`` pixels high."""
        return 2 * self.half_mm / max(height, 1)

    def to_view(self, lps_mm: Sequence[float] | Floats, width: int, height: int) -> Floats:
        """LPS mm (..., 3) to pixels from the top left corner, and depth in mm beyond the target."""
        away = np.asarray(lps_mm, dtype=np.float64) - np.asarray(self.target_mm)
        scale = self.mm_per_pixel(height)
        return np.stack(
            [
                away @ self.right / scale + width / 2,
                away @ self.down / scale + height / 2,
                away @ np.asarray(self.ahead),
            ],
            axis=-1,
        )

    def at(self, x: float, y: float, width: int, height: int) -> Floats:
        """The LPS point under a pixel in the plane of the target; sight goes along ``ahead``."""
        scale = self.mm_per_pixel(height)
        return np.asarray(
            np.asarray(self.target_mm)
            + self.right * ((x - width / 2) * scale)
            + self.down * ((y - height / 2) * scale)
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"target_mm": list(self.target_mm), "ahead": list(self.ahead), "up": list(self.up),
                "half_mm": self.half_mm, "radius_mm": self.radius_mm}  # fmt: skip


def camera_from_json(kept: dict[str, Any]) -> SolidCamera:
    """What ``as_json`` gave. Errors: KeyError, ValueError, TypeError on anything else."""
    return SolidCamera(
        point(kept["target_mm"]), point(kept["ahead"]), point(kept["up"]),
        float(kept["half_mm"]), float(kept["radius_mm"]),
    )  # fmt: skip


def look_from(grid: Grid, side: str = "A") -> SolidCamera:
    """All of a volume seen from one of ``VIEWS``, patient upright."""
    ahead, up = VIEWS[side]
    radius = float(np.ptp(grid.corners_lps, axis=0).max()) / 2
    return SolidCamera(point(grid.centre_lps), ahead, up, radius * 1.05, radius)


def seen_from(camera: SolidCamera, side: str) -> SolidCamera:
    """The same place at the same size from another of ``VIEWS``."""
    ahead, up = VIEWS[side]
    return replace(camera, ahead=ahead, up=up)
