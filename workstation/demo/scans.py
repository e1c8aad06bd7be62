"""Generated scans with their truth: what training and the demo studies are made of.

Every scan takes its anatomy, its sampling and one seed for the scanner's noise, and is the same
for the same arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.demo.head import HeadShape, canvas_for, paint_head, random_shape
from workstation.demo.heart import BeatingHeart, paint_surroundings
from workstation.demo.lesions import LesionLoad, paint_lesions, random_load
from workstation.demo.scanner import Samples, coil_shading, magnetic_resonance, slice_profile
from workstation.demo.shapes import Canvas, Field, Numbers, stretch
from workstation.demo.tissue import FLAIR, TOF, Tissue
from workstation.demo.tubes import Tube
from workstation.demo.ventricle import HeartShape
from workstation.demo.vessels import Stenosis, arteries, paint_arteries
from workstation.domain.geometry import Grid, as_matrix

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Frame3:
    """How a canvas lies in the patient: columns are its x, y, z axes in LPS, then its origin."""

    axes: NDArray[np.float64]
    origin_mm: NDArray[np.float64]

    def to_lps(self, point: tuple[float, float, float]) -> tuple[float, float, float]:
        """A point of the canvas in LPS mm."""
        x, y, z = self.axes @ np.asarray(point) + self.origin_mm
        return float(x), float(y), float(z)

    def grid(
        self,
        first: tuple[float, float, float],
        step: tuple[float, float, float],
        shape: tuple[int, int, int],
    ) -> Grid:
        """Grid of voxels that start at ``first`` (canvas x, y, z) with ``step`` along each axis."""
        affine = np.eye(4)
        affine[:3, :3] = self.axes * np.asarray(step)
        affine[:3, 3] = self.to_lps(first)
        return Grid(shape, as_matrix(np.round(affine, 6)))


def tilted_head(pitch_deg: float = -7.0, yaw_deg: float = 1.5, roll_deg: float = 1.0) -> Frame3:
    """Axial slices along the line between the commissures: a head lies a little tilted."""
    p, y, r = np.radians([pitch_deg, yaw_deg, roll_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    return Frame3(about_z @ about_y @ about_x, np.array([2.0, -8.0, 14.0]))


def short_axis() -> Frame3:
    """Rows to the patient's left and back, columns down, slices from the base to the apex."""
    long_axis = np.array([0.62, -0.58, -0.53])
    long_axis /= np.linalg.norm(long_axis)
    row = np.array([0.62, 0.78, 0.0])
    row -= (row @ long_axis) * long_axis
    row /= np.linalg.norm(row)
    column = np.cross(row, long_axis)
    return Frame3(np.stack([row, column, long_axis], axis=1), np.array([34.0, -28.0, 6.0]))


@dataclass(frozen=True)
class FlairScan:
    """FLAIR (z, y, x), its lesions. exact_ml: of the shape painted; mask: voxels half covered."""

    array: Samples
    grid: Grid
    mask: Mask
    brain: Mask
    exact_ml: float

    @property
    def voxel_ml(self) -> float:
        """Volume of the voxelised mask, mL."""
        return float(self.mask.sum()) * self.grid.voxel_ml


def flair_scan(
    shape: HeadShape,
    load: LesionLoad,
    *,
    seed: int,
    matrix: int = 256,
    field_mm: float = 230.4,
    slices: int = 40,
    slice_mm: float = 3.5,
    per_slice: int = 3,
    lowest_mm: float = -48.0,
    noise: float = 0.024,
    frame: Frame3 | None = None,
) -> FlairScan:
    """Axial fat-suppressed T2 FLAIR of a head. lowest_mm: first slice below the commissures."""
    pixel = field_mm / matrix
    x = (np.arange(matrix) - (matrix - 1) / 2) * pixel
    y = x + 5.0
    thin = slice_mm / per_slice
    z = lowest_mm + (np.arange(slices * per_slice) - (per_slice - 1) / 2) * thin
    canvas = canvas_for(shape, x, y, z)
    brain = paint_head(canvas, shape, FLAIR)
    lesions = paint_lesions(canvas, brain, load, FLAIR)
    rng = np.random.default_rng((seed, 71))
    picture = slice_profile(canvas.value, per_slice)
    picture *= coil_shading(picture.shape, rng, 0.13)
    array = magnetic_resonance(picture, rng, noise=noise, full_scale=900.0)
    blocks = lesions.reshape(slices, per_slice, matrix, matrix)
    inside = np.isin(
        canvas.label.reshape(blocks.shape)[:, per_slice // 2],
        [int(t) for t in (Tissue.GREY, Tissue.WHITE, Tissue.DEEP_GREY, Tissue.PALLIDUM,
                          Tissue.LESION, Tissue.BRAINSTEM, Tissue.CEREBELLUM)],
    )  # fmt: skip
    where = frame or tilted_head()
    grid = where.grid(
        (float(x[0]), float(y[0]), lowest_mm), (pixel, pixel, slice_mm), (slices, matrix, matrix)
    )
    exact = float(lesions.sum()) * pixel * pixel * thin / 1000.0
    return FlairScan(array, grid, blocks.mean(axis=1) >= 0.5, inside, exact)


def random_head(seed: int, *, matrix: int = 192, slices: int = 32, per_slice: int = 2) -> FlairScan:
    """A FLAIR of a random head with a random lesion load, contrast and noise, for training."""
    rng = np.random.default_rng((seed, 83))
    shape, load = random_shape(rng), random_load(rng)
    return flair_scan(
        shape,
        load,
        seed=seed,
        matrix=matrix,
        slices=slices,
        slice_mm=float(rng.uniform(3.0, 5.0)) * 32.0 / slices,
        per_slice=per_slice,
        lowest_mm=float(rng.uniform(-50.0, -38.0)),
        noise=float(rng.uniform(0.008, 0.035)),
    )


@dataclass(frozen=True)
class TofScan:
    """TOF angiogram (z, y, x), its arteries in the canvas frame and the known narrowing."""

    array: Samples
    grid: Grid
    tubes: list[Tube]
    stenosis: Stenosis
    stenosis_lps: tuple[float, float, float]
    blood: Field


def tof_scan(
    shape: HeadShape,
    *,
    seed: int,
    matrix: int = 320,
    field_mm: float = 192.0,
    slices: int = 100,
    slice_mm: float = 0.8,
    lowest_mm: float = -48.0,
    d_min_mm: float = 1.2,
    noise: float = 0.018,
    frame: Frame3 | None = None,
) -> TofScan:
    """3D time-of-flight angiogram of the same head. blood: noise-free signal before the coil."""
    pixel = field_mm / matrix
    x = (np.arange(matrix) - (matrix - 1) / 2) * pixel
    y = x + 5.0
    z = lowest_mm + np.arange(slices) * slice_mm
    canvas = Canvas(x, y, z)
    # Still tissue is painted at half resolution: it is faint, and its edges are blurred anyway.
    step = 2 * pixel
    thick = 2 * slice_mm
    still = canvas_for(
        shape,
        x[0] + step * np.arange(matrix // 2 + 1),
        y[0] + step * np.arange(matrix // 2 + 1),
        z[0] + thick * np.arange(slices // 2 + 2),
    )
    paint_head(still, shape, TOF)
    sx, sy, sz = shape.stretch_xyz
    axes = (still.z * np.float32(sz), still.y * np.float32(sy), still.x * np.float32(sx))
    canvas.value = stretch(still.value, axes, (canvas.z, canvas.y, canvas.x))
    tubes, known = arteries(shape.seed, shape.stretch_xyz, d_min_mm)
    paint_arteries(canvas, tubes, 1.0)
    rng = np.random.default_rng((seed, 73))
    picture = canvas.value * coil_shading(canvas.shape, rng, 0.15)
    array = magnetic_resonance(
        picture, rng, noise=noise, sampled=(0.95, 0.9), full_scale=800.0, volume_echo=True
    )
    where = frame or tilted_head()
    grid = where.grid(
        (float(x[0]), float(y[0]), lowest_mm), (pixel, pixel, slice_mm), (slices, matrix, matrix)
    )
    return TofScan(array, grid, tubes, known, where.to_lps(known.position_mm), canvas.value)


@dataclass(frozen=True)
class CineScan:
    """Cine (t, z, y, x). cavity, muscle: masks (z, y, x) at end diastole and end systole."""

    array: Samples
    grid: Grid
    shape: HeartShape
    trigger_ms: tuple[float, ...]
    cavity: tuple[Mask, Mask]
    muscle: tuple[Mask, Mask]

    @property
    def voxel_volumes_ml(self) -> tuple[float, float]:
        """Cavity at end diastole and end systole by counting voxels (Simpson), mL."""
        unit = self.grid.voxel_ml
        return float(self.cavity[0].sum()) * unit, float(self.cavity[1].sum()) * unit


def cine_scan(
    shape: HeartShape,
    *,
    seed: int,
    matrix: int = 192,
    field_mm: float = 288.0,
    slices: int = 12,
    thickness_mm: float = 8.0,
    gap_mm: float = 2.0,
    noise: float = 0.016,
) -> CineScan:
    """Short-axis balanced cine from above the mitral valve to the apex."""
    pixel = field_mm / matrix
    x = (np.arange(matrix) - (matrix - 1) / 2) * pixel + 18.0
    y = (np.arange(matrix) - (matrix - 1) / 2) * pixel + 22.0
    step = thickness_mm + gap_mm
    centres = -1.5 * step + step * np.arange(slices)
    parts = np.array([-1.0, 0.0, 1.0]) * thickness_mm / 3.0
    canvas = Canvas(x, y, (centres[:, None] + parts).ravel())
    paint_surroundings(canvas, shape)
    heart = BeatingHeart(canvas, shape)
    beat_ms = 60000.0 / shape.heart_rate
    pictures = np.empty((shape.phases, slices, matrix, matrix), dtype=np.float32)
    truth: dict[int, tuple[Mask, Mask]] = {}
    for phase in range(shape.phases):
        heart.paint(phase)
        pictures[phase] = slice_profile(canvas.value, 3)
        if phase in (0, shape.es_phase):
            cavity, muscle = (heart.truth(phase, part)[1::3] > 0.5 for part in ("cavity", "muscle"))
            truth[phase] = (cavity, muscle)
    rng = np.random.default_rng((seed, 79))
    shade = _surface_coil(x, y)
    pictures = np.abs(_blur_plane(_blur_time(pictures), 0.85 / pixel)) * shade
    array = magnetic_resonance(pictures, rng, noise=noise, sampled=(0.8, 0.85), full_scale=700.0)
    grid = short_axis().grid(
        (float(x[0]), float(y[0]), float(centres[0])),
        (pixel, pixel, step),
        (slices, matrix, matrix),
    )
    times = tuple(round(beat_ms * k / shape.phases, 1) for k in range(shape.phases))
    ed, es = truth[0], truth[shape.es_phase]
    return CineScan(array, grid, shape, times, (ed[0], es[0]), (ed[1], es[1]))


def _surface_coil(x: Numbers, y: Numbers) -> Field:
    """Anterior coil elements: brightest under the chest wall, up and left in the picture."""
    u, v = np.meshgrid(x / 150.0, y / 150.0)
    slope = np.exp(-0.32 * (u + v))
    glow = 0.75 + 0.35 * np.exp(-((u + 0.2) ** 2 + (v + 0.1) ** 2) / 0.5)
    return np.asarray(slope * glow, dtype=np.float32)


def _blur_time(pictures: Field) -> Field:
    """View sharing: each phase holds a little of its neighbours, around the beat."""
    return np.asarray(
        0.86 * pictures
        + 0.07 * np.roll(pictures, 1, axis=0)
        + 0.07 * np.roll(pictures, -1, axis=0),
        dtype=np.float32,
    )


def _blur_plane(pictures: Field, sigma: float) -> Field:
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(pictures, (0.0, 0.0, sigma, sigma)), dtype=np.float32)
