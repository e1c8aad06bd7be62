"""Places in the patient under the mouse of a 3D view, and the range of what it colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats
from workstation.ui.solid_painter import Drawn, SolidMask
from workstation.viewing.solid_copy import SolidCopy
from workstation.viewing.solid_look import SolidLook
from workstation.viewing.solid_pick import pick, pick_mask
from workstation.viewing.solid_presets import knots_in_values, preset, shifted

_WIDEST = 2000.0  # a drag across the view shifts by no more


def place_on_ray(
    shown: tuple[SolidCopy, NDArray[np.int16]],
    drawn: Drawn,
    masks: Sequence[SolidMask],
    origin: Floats,
) -> Floats | None:
    """LPS mm of the first opaque sample or surface on the line of sight through ``origin``."""
    copy, voxels = shown
    look, ahead = drawn.wanted.look, np.asarray(drawn.camera.ahead)
    nearest = float("inf")
    if look.solid:
        named = preset(look.preset)
        knots = shifted(knots_in_values(named, copy.values), look.shift, look.stretch)
        found = pick(copy, voxels, named, knots, origin, ahead, drawn.wanted.clips)
        if found is not None:
            nearest = float((found - origin) @ ahead)
    for mask in masks:
        if look.opacity(mask.id) > 0:
            nearest = min(nearest, pick_mask(mask.array, mask.grid, origin, ahead))
    return np.asarray(origin + ahead * nearest) if np.isfinite(nearest) else None


def span_of(copy: SolidCopy, look: SolidLook) -> float:
    """Range of values that a look colours, in modality units."""
    knots = knots_in_values(preset(look.preset), copy.values)
    return min(knots[-1].value - knots[0].value, _WIDEST)
