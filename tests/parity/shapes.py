"""Generated patients for the parity runs: simple bodies in patient space, sampled on any grid.

Nothing is resampled: each voxel's value is computed at its own place in the patient, so a volume
may have any spacing, order of axes and obliquity. Arrays (z, y, x), LPS mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from workstation.domain.geometry import Grid, as_matrix

EXTENT_MM = np.array([132.0, 104.0, 118.0])  # field of view along L, P, H


@dataclass(frozen=True)
class Layout:
    """How one volume lies: letters of index x, y, z, spacing along them, and an oblique turn."""

    name: str
    letters: str
    spacing_mm: tuple[float, float, float]
    turn_deg: float = 0.0

    def towards(self, letters: str, finer: float = 1.0) -> Layout:
        """The same volume stored along other axes, its spacing divided by ``finer``."""
        x, y, z = (self.spacing_mm[self.letters.index(letter)] / finer for letter in letters)
        return Layout(self.name, letters, (x, y, z), self.turn_deg)


TRAINING = tuple(
    Layout(f"train{i}", "LPH", (2.6 + 0.1 * (i % 3), 2.6 + 0.1 * (i % 3), 2.8 + 0.15 * (i % 4)))
    for i in range(8)
)
ODD = (
    Layout("odd", "LPH", (1.7, 1.9, 3.1)),
    Layout("thick", "LPH", (1.1, 1.1, 6.5)),
    Layout("sagittal", "PFR", (2.2, 2.3, 4.1)),
    Layout("flipped", "RAH", (2.9, 2.1, 2.4)),
    Layout("oblique", "LPH", (2.1, 2.1, 3.3), 23.0),
)


def grid_of(layout: Layout) -> Grid:
    """A grid that covers the field of view about the patient's origin."""
    affine = np.eye(4)
    order = ["LPH".index({"R": "L", "A": "P", "F": "H"}.get(c, c)) for c in layout.letters]
    shape = [int(EXTENT_MM[axis] / layout.spacing_mm[i]) for i, axis in enumerate(order)]
    angle = np.radians(layout.turn_deg)
    tilt = np.array(
        [
            [np.cos(angle), -np.sin(angle), 0.0],
            [np.sin(angle), np.cos(angle), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    half = np.radians(layout.turn_deg / 2)
    lean = np.array(
        [[1.0, 0.0, 0.0], [0.0, np.cos(half), -np.sin(half)], [0.0, np.sin(half), np.cos(half)]]
    )
    for i, axis in enumerate(order):
        step = np.zeros(3)
        step[axis] = 1.0 if layout.letters[i] in "LPH" else -1.0
        affine[:3, i] = lean @ tilt @ step * layout.spacing_mm[i]
    middle = (np.array(shape) - 1) / 2
    affine[:3, 3] = -(affine[:3, :3] @ middle)
    return Grid((shape[2], shape[1], shape[0]), as_matrix(affine))


def patient(
    grid: Grid, seed: int, *, background: float, contrast: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Image and labels (1 ball, 2 rod) of a generated patient on ``grid``.

    background: value outside the body (exactly, without noise). contrast: brightness factor.
    """
    rng = np.random.default_rng(seed)
    z, y, x = (np.arange(n, dtype=np.float64) for n in grid.shape)
    index = np.stack(np.meshgrid(z, y, x, indexing="ij"), -1)[..., ::-1]
    place = grid.to_lps(index)
    body = (place / np.array([58.0, 44.0, 52.0])) ** 2
    inside = body.sum(-1) < 1.0
    ball_at = rng.uniform((-28.0, -12.0, -18.0), (-14.0, 12.0, 18.0))
    ball = np.linalg.norm(place - ball_at, axis=-1) < rng.uniform(14.0, 19.0)
    rod_at = rng.uniform((14.0, -10.0, -10.0), (26.0, 10.0, 10.0))
    along = rng.normal(size=3)
    along /= np.linalg.norm(along)
    away = place - rod_at
    run = away @ along
    across = np.linalg.norm(away - run[..., None] * along, axis=-1)
    rod = (np.abs(run) < 28.0) & (across < 10.0)
    image = np.full(grid.shape, 40.0)
    image[rod] = 200.0
    image[ball] = 400.0
    image += rng.normal(0.0, 14.0, grid.shape)
    image = np.where(inside, image * contrast, background)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[rod & inside] = 2
    labels[ball & inside] = 1
    return image.astype(np.float32), labels


def write(path: Path, array: NDArray[np.generic], grid: Grid) -> None:
    """A NIfTI file whose voxels lie as ``grid`` says."""
    image = sitk.GetImageFromArray(np.asarray(array))
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(tuple(grid.matrix[:3, 3]))
    image.SetDirection(tuple(grid.directions.ravel()))
    sitk.WriteImage(image, str(path), True)
