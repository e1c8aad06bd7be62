"""A network shown boxes that registration found in a larger image, instead of the whole image.

Each box is resampled straight from the original voxels to the network's grid, so that a mirrored
or turned box costs no second interpolation; probabilities are brought back to the original grid.
Arrays (z, y, x), LPS mm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.atlas import Atlas, box_grid, grid_about, register, shift_mm
from workstation.ai.intensity import apply_intensity
from workstation.ai.limits import Unsuitable
from workstation.ai.manifest import Manifest
from workstation.ai.postprocess import LabelMask, activate, strongest
from workstation.ai.sliding_window import Image, Predict
from workstation.domain.errors import N_, Message
from workstation.domain.geometry import Floats, Grid

UNPROVEN = N_(
    "Where to look was found by registration, which was never measured on whole images with "
    "expert outlines: see first that the outline lies on the anatomy."
)
_SETTLED_MM = 1.0
_DEGREES: dict[str, Literal[0, 1, 3]] = {"nearest": 0, "linear": 1, "cubic": 3}


@dataclass(frozen=True)
class Box:
    """A place's box. planned: where registration put it; grid: where it was looked at in the end.
    chances: (K, z, y, x) on ``grid``."""

    key: str
    planned: Grid
    grid: Grid
    chances: Image


@dataclass(frozen=True)
class Located:
    """agreement: of template and image, -1..1. doubts: why the result is not relied upon."""

    boxes: tuple[Box, ...]
    agreement: float
    doubts: tuple[Message, ...]


def locate(
    manifest: Manifest,
    atlas: Atlas,
    array: NDArray[Any],
    grid: Grid,
    predict: Predict,
    threads: int = 1,
    looked: Callable[[float], None] = lambda fraction: None,
) -> Located:
    """Find every box and show it to the network. Raises ``Unsuitable`` where registration fails."""
    said = manifest.pre.locate
    assert said is not None
    found = register(atlas, array, grid, threads)
    looked(0.5)
    if found.agreement < said.agreement[1]:
        raise Unsuitable(
            N_("The place that the model looks at was not found: the image and the model's "
               "template agree by {found} only, at least {low} is needed."),
            found=f"{found.agreement:.2f}", low=f"{said.agreement[1]:.2f}",
        )  # fmt: skip
    doubts: list[Message] = []
    if not said.proven:
        doubts.append(Message(UNPROVEN))
    if found.agreement < said.agreement[0]:
        doubts.append(
            Message(
                N_("The image and the model's template agree by {found} only, {low} is usual: "
                   "the place may be wrong."),
                {"found": f"{found.agreement:.2f}", "low": f"{said.agreement[0]:.2f}"},
            )
        )  # fmt: skip
    z, y, x = manifest.infer.patch
    spacing = np.array([float(v or 1.0) for v in manifest.pre.spacing_mm])
    planned = [box_grid(place, found.to_patient, (z, y, x), spacing) for place in said.places]
    boxes = _looked_at(manifest, array, grid, planned, predict)
    for turn in range(said.recentre):
        moved = [_followed(box) for box in boxes]
        if all(
            shift_mm(box.grid, new) < _SETTLED_MM for box, new in zip(boxes, moved, strict=True)
        ):
            break
        again = _looked_at(manifest, array, grid, moved, predict)
        boxes = [replace(new, planned=old.planned) for new, old in zip(again, boxes, strict=True)]
        looked(0.5 + 0.4 * (turn + 1) / said.recentre)
    for box in boxes:
        away = shift_mm(box.planned, box.grid)
        if away > said.farthest_mm:
            doubts.append(
                Message(
                    N_(
                        "What was found lies {found} mm from where it was looked for, at most "
                        "{high} mm is usual."
                    ),
                    {"found": f"{away:.0f}", "high": f"{said.farthest_mm:.0f}"},
                )
            )  # fmt: skip
    return Located(tuple(boxes), found.agreement, tuple(doubts))


def _looked_at(
    manifest: Manifest, array: NDArray[Any], grid: Grid, boxes: list[Grid], predict: Predict
) -> list[Box]:
    images = [shown(manifest, array, grid, box) for box in boxes]
    found = []
    for first in range(0, len(boxes), manifest.infer.batch):
        given = np.stack(images[first : first + manifest.infer.batch])[:, None]
        for out in predict(given):
            found.append(activate(np.asarray(out, np.float32), manifest.post.activation))
    keys = [place.key for place in manifest.pre.locate.places] if manifest.pre.locate else []
    return [Box(k, g, g, c) for k, g, c in zip(keys, boxes, found, strict=True)]


def _between(source: Grid, target: Grid) -> tuple[Floats, Floats]:
    """Matrix and offset by which ``ndimage.affine_transform`` fills ``target`` from ``source``."""
    across = np.linalg.inv(source.matrix) @ target.matrix
    return across[:3, :3][::-1, ::-1], across[:3, 3][::-1]


def shown(manifest: Manifest, array: NDArray[Any], grid: Grid, box: Grid) -> Image:
    """The image on a box's grid, with the package's intensity steps."""
    block = _reach(grid, box)
    part = np.asarray(array[block], dtype=np.float32)
    if 0 in part.shape:
        raise Unsuitable(N_("The part of the body that the model looks at is not in this image."))
    matrix, offset = _between(grid, box)
    offset = offset - np.array([one.start for one in block])
    order = _DEGREES[manifest.pre.interpolation]
    image = np.empty(box.shape, dtype=np.float32)
    ndimage.affine_transform(
        part, matrix, offset, box.shape, output=image, order=order, mode="nearest"
    )
    apply_intensity(manifest.pre.steps_of(0), image, np.ones(box.shape, dtype=bool))
    return image


def _reach(grid: Grid, box: Grid) -> tuple[slice, slice, slice]:
    """The voxels of ``grid`` that a box lies in, with two more on each side."""
    corners = grid.to_index(box.corners_lps)[:, ::-1]
    low = np.floor(corners.min(axis=0)).astype(int) - 2
    high = np.ceil(corners.max(axis=0)).astype(int) + 3
    a, b, c = (slice(max(0, int(first)), max(0, min(int(last), count)))
               for first, last, count in zip(low, high, grid.shape, strict=True))  # fmt: skip
    return a, b, c


def _followed(box: Box) -> Grid:
    """The same box with the middle of what was found in its middle; where nothing was, itself."""
    best, _ = strongest(box.chances)
    places = np.argwhere(best > 0)
    if not len(places):
        return box.grid
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    return grid_about(box.grid.to_lps(middle[::-1]), box.grid.matrix[:3, :3], box.grid.shape)


def masks_of(manifest: Manifest, located: Located, grid: Grid) -> Iterator[LabelMask]:
    """Each label on the original grid, before cleaning. Where two boxes reach the same voxel, each
    label speaks for its own box."""
    for box in located.boxes:
        block = _reach(grid, box.grid)
        shape = tuple(one.stop - one.start for one in block)
        matrix, offset = _between(box.grid, grid)
        offset = offset + matrix @ np.array([one.start for one in block])
        chances = np.empty((len(box.chances), *shape), dtype=np.float32)
        for one, moved in zip(box.chances, chances, strict=True):
            ndimage.affine_transform(
                one, matrix, offset, shape, output=moved, order=1, mode="constant", cval=0.0
            )
        best, highest = strongest(chances)
        best = np.where(highest > 0, best, -1)
        for label in manifest.labels:
            if label.place != box.key:
                continue
            chosen = best == label.index
            mask = np.zeros(grid.shape, dtype=bool)
            mask[block] = chosen
            score = float(highest[chosen].mean()) if chosen.any() else 0.0
            yield LabelMask(label, mask, score)
