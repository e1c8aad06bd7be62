"""What lies under the mouse in a 3D view: the first sample that is opaque."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Floats, Grid
from workstation.viewing.solid_copy import SolidCopy
from workstation.viewing.solid_look import Clip
from workstation.viewing.solid_presets import Blend, Knot, SolidPreset

FIRM = 0.4  # what a ray has met when the eye takes the place for a surface
FAINT = 0.03  # rays that meet less show nothing to click on


def _along(grid: Grid, origin: Floats, ahead: Floats) -> tuple[Floats, float]:
    """Distances along a ray that cross the volume, in steps of half a voxel."""
    depth = (grid.corners_lps - origin) @ ahead
    step = min(grid.spacing_mm) / 2
    return np.arange(float(depth.min()), float(depth.max()) + step, step), step


def _kept(places: Floats, clips: Sequence[Clip]) -> NDArray[np.bool_]:
    keep = np.ones(len(places), dtype=np.bool_)
    for through, normal in clips:
        keep &= (places - np.asarray(through)) @ np.asarray(normal) >= 0
    return keep


def pick(
    copy: SolidCopy,
    voxels: NDArray[np.int16],
    look: SolidPreset,
    knots: Sequence[Knot],
    origin_mm: Floats,
    ahead: Floats,
    clips: Sequence[Clip] = (),
) -> Floats | None:
    """The place (LPS mm) that a ray through ``origin_mm`` along ``ahead`` shows, or None.

    voxels: stored values as rendered (``carved``). MIP and MinIP give the place of the extreme.
    """
    ahead = np.asarray(ahead, dtype=np.float64)
    distances, step = _along(copy.grid, origin_mm, ahead)
    places = origin_mm + distances[:, None] * ahead
    index = copy.grid.to_index(places)
    z, y, x = copy.grid.shape
    inside = np.all((index >= 0) & (index <= np.array([x, y, z]) - 1), axis=1)
    inside &= _kept(places, clips)
    if not inside.any():
        return None
    places = places[inside]
    stored = ndimage.map_coordinates(
        voxels, index[inside][:, ::-1].T, output=np.float64, order=1, mode="nearest"
    )
    values = stored * copy.slope + copy.intercept
    if look.blend is Blend.MIP:
        best = int(np.argmax(values))
        return places[best] if values[best] > knots[0].value else None
    if look.blend is Blend.MINIP:
        best = int(np.argmin(values))
        return places[best] if values[best] < knots[-1].value else None
    opacity = np.interp(values, [k.value for k in knots], [k.opacity for k in knots])
    met = 1 - np.cumprod((1 - np.clip(opacity, 0, 0.9999)) ** (step / look.unit_mm))
    if met[-1] < FAINT:
        return None
    enough = min(FIRM, float(met[-1]) * 0.5)
    return np.asarray(places[int(np.argmax(met >= enough))])


def pick_mask(mask: NDArray[np.bool_], grid: Grid, origin_mm: Floats, ahead: Floats) -> float:
    """Distance along a ray to a mask (z, y, x), mm; infinite where it misses."""
    distances, _ = _along(grid, origin_mm, np.asarray(ahead))
    index = np.rint(grid.to_index(origin_mm + distances[:, None] * ahead)).astype(int)
    z, y, x = grid.shape
    inside = np.all((index >= 0) & (index < np.array([x, y, z])), axis=1)
    index = index[inside]
    hit = mask[index[:, 2], index[:, 1], index[:, 0]]
    return float(distances[inside][int(np.argmax(hit))]) if hit.any() else float("inf")
