"""One volume minus another: the same voxels, or the second resampled onto the first. No Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from workstation.domain.artefact import MadeBy, digest_of
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Grid
from workstation.domain.volume import Flag, Stack, Volume
from workstation.domain.work import Cancel

MADE_BY = MadeBy("viewing.subtraction", "1")
PREFIX = "minus:"
_SAME_MM = 1e-3
_SHOWN_SHARE = 99.5  # per cent of the differences that the opening window spans


def same_grid(a: Grid, b: Grid) -> bool:
    """Whether voxels of both lie at the same places, to a micrometre."""
    return a.shape == b.shape and bool(np.abs(a.corners_lps - b.corners_lps).max() < _SAME_MM)


def on_grid(volume: Volume, grid: Grid, wanted: Grid) -> NDArray[np.float32]:
    """A volume on another grid, linear between voxels; NaN where it does not reach.

    grid: where ``volume`` lies in the patient space of ``wanted``.
    """
    matrix = grid.inverse @ wanted.matrix  # index x, y, z of wanted to that of grid
    flip = matrix[:3, :3][::-1, ::-1]
    found = affine_transform(
        volume.array, flip, offset=matrix[:3, 3][::-1], output_shape=wanted.shape,
        order=1, mode="constant", cval=np.nan, output=np.float32, prefilter=False,
    )  # fmt: skip
    return np.asarray(found, dtype=np.float32)


def subtract(
    a: Volume, b: Volume, b_grid: Grid, words: str, cancel: Cancel | None = None
) -> Volume:
    """``a`` minus ``b`` as a volume of its own on the grid of ``a``.

    b_grid: where ``b`` lies in the patient space of ``a``. words: what the series is called.
    Where ``b`` does not reach there is no value: the lowest of the type (int16) or -1e30, as
    everywhere outside a volume. Whole numbers stay whole numbers where nothing was resampled.
    """
    if a.stack.samples > 1 or b.stack.samples > 1:
        raise BadInput(N_("Colour images cannot be subtracted."))
    if not (a.stack.is_volume and b.stack.is_volume):
        raise BadInput(N_("Only volumes can be subtracted from each other."))
    if a.stack.unit != b.stack.unit:
        raise BadInput(
            N_("The units differ ({a} and {b}): their difference means nothing."),
            a=a.stack.unit,
            b=b.stack.unit,
        )
    (cancel or Cancel()).check()
    resampled = not same_grid(a.grid, b_grid)
    if not resampled:
        array, values = _difference(a.array, b.array), None
    else:
        moved = on_grid(b, b_grid, a.grid)
        reached = np.isfinite(moved)
        values = a.array.astype(np.float32) - moved
        array = np.where(reached, values, np.float32(-1e30)).astype(np.float32)
        values = values[reached]
        if not values.size:
            raise BadInput(N_("The two series do not overlap anywhere."))
    return Volume(array, a.grid, _stack(a, b, array, values, words, resampled))


def _difference(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        return np.asarray(a.astype(np.float32) - b.astype(np.float32))
    wide = a.astype(np.int32) - b.astype(np.int32)
    small = np.iinfo(np.int16)
    # The lowest int16 means "outside", so a difference may not be that.
    fits = int(wide.min()) > small.min and int(wide.max()) <= small.max
    return wide.astype(np.int16) if fits else wide


def _stack(
    a: Volume,
    b: Volume,
    array: NDArray[Any],
    inside: NDArray[Any] | None,
    words: str,
    resampled: bool,
) -> Stack:
    values = np.abs(array.reshape(-1)[::7] if inside is None else inside[::7]).astype(np.float64)
    half = float(np.percentile(values, _SHOWN_SHARE)) if values.size else 1.0
    notes = [Message(N_("Calculated: one image minus another, not acquired."))]
    if resampled:
        notes.append(Message(N_("The second was resampled onto the first.")))
    key = digest_of([a.stack.id, a.phase, b.stack.id, b.phase, words])
    return replace(
        a.stack,
        id=PREFIX + key[:24],
        description=words,
        frames=(),
        phases=1,
        phase_labels=(),
        phase_axis="",
        dtype=array.dtype.name,
        stored_dtype=array.dtype.name,
        window=(0.0, max(2 * half, 1.0 if array.dtype.kind in "iu" else 1e-6)),
        windows=(),
        curves=(),
        photometric="MONOCHROME2",
        flags=(Flag.UNIT_UNCERTAIN,) * len(notes),
        notes=tuple(notes),
        role="",
        role_reason="",
        made_from=(*a.stack.made_from, *b.stack.made_from),
        made_by=MADE_BY,
    )
