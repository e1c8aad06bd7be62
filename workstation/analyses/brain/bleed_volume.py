"""How large an intracranial haemorrhage is: counted voxels, and ABC/2 as read at the bedside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.brain._series import VOLUME, furthest, local_code, volume_ml
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    InputSpec,
    Kind,
    KnownAnswer,
    Quantity,
    ResultLine,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid, as_matrix

BLEED = InputSpec("bleed", Kind.MASK, Wording("Haemorrhage", "出血"))
WHOLE, HALF = 0.75, 0.25
"""A slice counts once above the first part of the largest area, half above the second."""
_LEAST_ML = 0.1  # a second bleeding of this size is mentioned

TOTAL = Wording("Haemorrhage volume", "出血体积")
ABC = Wording("Haemorrhage volume by ABC/2", "出血体积（ABC/2 法）")
ABC_PLAIN = Wording(
    "Haemorrhage volume by ABC/2, every slice counted", "出血体积（ABC/2 法，层面全计）"
)
LENGTH = Wording("Haemorrhage diameter A", "出血最大径 A")
WIDTH = Wording("Haemorrhage diameter B", "出血垂直径 B")
HEIGHT = Wording("Haemorrhage height C", "出血高度 C")


@dataclass(frozen=True)
class Extent:
    """A: longest diameter on the slice with the largest area, B: longest perpendicular to it, C:
    height with weighted slices, all slices: with every slice; mm. ends: of A in LPS mm (2, 3)."""

    a_mm: float
    b_mm: float
    c_mm: float
    all_slices_mm: float
    ends_mm: Floats

    @property
    def abc_ml(self) -> float:
        """A * B * C / 2."""
        return self.a_mm * self.b_mm * self.c_mm / 2000.0

    @property
    def plain_ml(self) -> float:
        """The same with every slice that shows blood."""
        return self.a_mm * self.b_mm * self.all_slices_mm / 2000.0


def extent(mask: NDArray[np.bool_], grid: Grid) -> Extent:
    """A, B and C of one haemorrhage (z, y, x), by the slices of the image.

    A slice with more than 75 % of the largest area counts once, with 25 to 75 % half, below not at
    all. Diameters reach from edge to edge of the voxels, not between their centres.
    """
    areas = mask.sum(axis=(1, 2))
    at = int(areas.argmax())
    x_mm, y_mm, _ = grid.spacing_mm
    rows, columns = np.nonzero(mask[at])
    points = np.stack([columns * x_mm, rows * y_mm], axis=1).astype(np.float64)
    first, second = furthest(points)
    along = points[second] - points[first]
    length = float(np.linalg.norm(along))
    way = along / length if length > 0 else np.array([1.0, 0.0])
    across = np.array([-way[1], way[0]])
    part = areas / areas[at]
    weights = np.where(part > WHOLE, 1.0, np.where(part >= HALF, 0.5, 0.0))
    ends = grid.to_lps(
        np.array([[columns[k], rows[k], at] for k in (first, second)], dtype=np.float64)
    )
    return Extent(
        a_mm=length + _step(way, x_mm, y_mm),
        b_mm=_widest(points @ way, points @ across, _step(way, x_mm, y_mm))
        + _step(across, x_mm, y_mm),
        c_mm=float(weights.sum()) * grid.slice_distance_mm,
        all_slices_mm=int(np.count_nonzero(areas)) * grid.slice_distance_mm,
        ends_mm=ends,
    )


def _step(way: Floats, x_mm: float, y_mm: float) -> float:
    """Width of a voxel in one direction of the plane."""
    return float(np.hypot(way[0] * x_mm, way[1] * y_mm))


def _widest(along: Floats, across: Floats, step: float) -> float:
    """The longest chord in ``across`` among stripes of ``along`` one voxel wide."""
    stripe = np.rint((along - along.min()) / step).astype(int)
    high = np.full(stripe.max() + 1, -np.inf)
    low = np.full(stripe.max() + 1, np.inf)
    np.maximum.at(high, stripe, across)
    np.minimum.at(low, stripe, across)
    return float(np.max((high - low)[np.isfinite(high)]))


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Volume of every voxel of the mask, and ABC/2 of its largest piece."""
    mask = inputs.mask(BLEED)
    grid = inputs.grid
    assert grid is not None
    if not mask.any():
        raise BadInput(N_("The mask of the haemorrhage is empty."))
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    found = extent(labels == int(sizes.argmax()), grid)
    others = int(np.count_nonzero(sizes * grid.voxel_ml >= _LEAST_ML)) - 1
    cautions = (
        (Message(N_("There are {count} further haemorrhages; ABC/2 is of the largest alone."),
                 {"count": others}),)
        if others > 0
        else ()
    )  # fmt: skip
    return AnalysisResult(
        quantities=(
            Quantity(TOTAL, VOLUME, volume_ml(mask, grid), "mL"),
            Quantity(ABC, local_code("ABC2", ABC), found.abc_ml, "mL"),
            Quantity(ABC_PLAIN, local_code("ABC2ALL", ABC_PLAIN), found.plain_ml, "mL"),
            Quantity(LENGTH, local_code("BLEEDA", LENGTH), found.a_mm / 10.0, "cm"),
            Quantity(WIDTH, local_code("BLEEDB", WIDTH), found.b_mm / 10.0, "cm"),
            Quantity(HEIGHT, local_code("BLEEDC", HEIGHT), found.c_mm / 10.0, "cm"),
        ),
        lines=(ResultLine("diameter_a", LENGTH, found.ends_mm),),
        cautions=cautions,
    )


def sphere(step_mm: float, slice_mm: float, radius_mm: float = 20.0) -> AnalysisInputs:
    """A ball on a grid whose planes lie symmetric about its middle."""
    half = (int(radius_mm / step_mm) + 3, int(radius_mm / slice_mm) + 2)
    affine = np.diag([step_mm, step_mm, slice_mm, 1.0])
    affine[:3, 3] = (-(half[0] - 0.5) * step_mm,) * 2 + (-(half[1] - 0.5) * slice_mm,)
    grid = Grid((2 * half[1], 2 * half[0], 2 * half[0]), as_matrix(affine))
    z, y, x = np.indices(grid.shape)
    away = grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))
    mask = (away**2).sum(axis=-1) <= radius_mm**2
    return AnalysisInputs(masks={BLEED.key: mask}, grid=grid)


_TRUE = 4.0 / 3.0 * np.pi * 8.0
# Of a ball a slice at z has 1 - (z / r)^2 of the largest area: whole to r / 2, half to r sqrt(3)/2.
_C_CM = 2.0 * (0.5 + (np.sqrt(0.75) - 0.5) / 2.0) * 2.0

SPEC = AnalysisSpec(
    id="brain/bleed_volume",
    version="1.0.0",
    name=Wording("Haemorrhage volume", "颅内出血体积"),
    area="brain",
    accepts=(),
    needs_mask="bleed",
    formula="V = N * voxel volume; ABC/2: C = slice distance * sum(1 if > 75 %, 0.5 if 25-75 %)",
    source=(
        "Kothari et al., The ABCs of measuring intracerebral hemorrhage volumes, Stroke 1996;"
        "27:1304-1305, doi:10.1161/01.STR.27.8.1304"
    ),
    known_answers=(
        KnownAnswer(
            make=lambda: sphere(0.5, 1.0),
            expected={
                TOTAL.en: (_TRUE, 0.005 * _TRUE),
                ABC_PLAIN.en: (32.0, 0.7),
                ABC.en: (4.0 * 4.0 * _C_CM / 2.0, 0.6),
                LENGTH.en: (4.0, 0.05),
                WIDTH.en: (4.0, 0.06),
                HEIGHT.en: (_C_CM, 0.06),
            },
            source="ball of 4 cm: 4/3 pi r^3 = 33.51 mL; 4 * 4 * 4 / 2 = 32.0 mL with every slice; "
            "with slice weights C = 2.73 cm by the areas of its sections",
        ),
    ),
    cost_s=0.5,
    inputs=(BLEED,),
)
