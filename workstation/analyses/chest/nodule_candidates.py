"""Solid lung nodules on chest CT, proposed without a trained model, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.chest._phantom import chest, volume_of
from workstation.analyses.chest._size import (
    DIAMETER,
    SIZE_SOURCE,
    VOLUME,
    deviations,
    diameter_of,
    mean_diameter,
    sphere_mm3,
    volume_of_nodule,
)
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Candidate,
    Images,
    KnownAnswer,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid
from workstation.domain.mask import centre_lps
from workstation.imaging.blobs import Spot, spots
from workstation.imaging.lungs import lungs

COARSEST_SLICES_MM = 5.0
"""Slices farther apart than this cannot be measured as volumes (RECIST and Fleischner say so)."""
SMALLEST_MM, LARGEST_MM = 4.0, 30.0
_MOST = 10
_LONGEST = 1.8  # length over thickness: beyond this it is a vessel or a scar
_LEAST_FILLED = 0.75  # of the ellipsoid with its extents: forks and sheets leave theirs empty
_MOST_ATTACHED = 0.30  # share of the surface that goes on into other solid tissue of the lung
_LEAST_FREE = 0.62  # share of the surface that must face the lung and not the chest wall
_LEAST_CONTRAST_HU = 300.0
_LUNG_HU = -850.0

_LABEL = Wording("Solid lung nodule", "肺实性结节")


@dataclass(frozen=True)
class Nodule:
    """A measured spot. block: where ``mask`` lies in the volume. volume_mm3: with partial volume.

    diameter_mm: mean of length and width in the slice where it is largest (Lung-RADS v2022).
    """

    block: tuple[slice, ...]
    mask: NDArray[np.bool_]
    volume_mm3: float
    diameter_mm: float
    contrast_hu: float


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Candidates for solid nodules of 4 to 30 mm on one chest CT, at most ten, largest first."""
    if not inputs.volumes:
        raise BadInput(N_("There is no chest CT to look at."))
    grid = inputs.volumes[0].grid
    array = np.asarray(inputs.volumes[0].array, dtype=np.float32)
    return AnalysisResult(candidates=tuple(find(array, grid)))


def find(array: NDArray[np.float32], grid: Grid) -> list[Candidate]:
    """Nodule candidates of a chest CT (z, y, x) in HU; ``BadInput`` where it cannot be judged."""
    if grid.slice_distance_mm > COARSEST_SLICES_MM:
        raise BadInput(
            N_("The slices are {size} mm apart; nodules can be measured up to {most} mm."),
            size=f"{grid.slice_distance_mm:.1f}",
            most=f"{COARSEST_SLICES_MM:.0f}",
        )
    inside = lungs(array, grid)
    taken = np.zeros(grid.shape, dtype=bool)
    found: list[Nodule] = []
    for spot in spots(array, inside, grid):
        z, y, x = (round(i) for i in spot.index_zyx)
        if taken[z, y, x]:
            continue
        nodule = measure(array, inside, grid, spot)
        if nodule is None or (taken[nodule.block] & nodule.mask).any():
            continue
        taken[nodule.block] |= nodule.mask
        found.append(nodule)
    found.sort(key=lambda n: -n.diameter_mm)
    middle = _middle_mm(inside, grid)
    return [_candidate(n, grid, middle) for n in found[:_MOST]]


def measure(
    array: NDArray[np.float32], inside: NDArray[np.bool_], grid: Grid, spot: Spot
) -> Nodule | None:
    """The nodule at a spot; None where what is there has not the shape of one."""
    spacing = np.array(grid.spacing_mm[::-1])
    half = np.ceil((2.2 * spot.radius_mm + 5.0) / spacing).astype(int)
    at = np.round(spot.index_zyx).astype(int)
    block = tuple(
        slice(max(a - h, 0), min(a + h + 1, n))
        for a, h, n in zip(at, half, grid.shape, strict=True)
    )
    seed = tuple(int(a - b.start) for a, b in zip(at, block, strict=True))
    patch, lung = array[block], inside[block]
    axes = np.meshgrid(
        *((np.arange(n) - s) * d for n, s, d in zip(patch.shape, seed, spacing, strict=True)),
        indexing="ij",
        sparse=True,
    )
    away = np.sqrt(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2)
    near = away <= max(0.5 * spot.radius_mm, float(spacing.max()))
    core = float(np.median(patch[near & lung])) if (near & lung).any() else _LUNG_HU
    around = patch[lung & (patch < -600.0)]
    ground = float(np.median(around)) if around.size > 50 else _LUNG_HU
    if core - ground < _LEAST_CONTRAST_HU:
        return None
    bright = lung & (patch > 0.5 * (core + ground))
    shape = _shape_at(bright, near, spacing)
    if shape is None:
        return None
    if any(shape.take(end, axis=axis).any() for axis in range(3) for end in (0, -1)):
        return None
    if not _stands_free(shape, bright, lung, patch, spacing):
        return None
    ring = ndimage.binary_dilation(shape, iterations=2) & lung & ~(bright & ~shape)
    share = np.clip((patch - ground) / (core - ground), 0.0, 1.0) * ring
    volume = float(share.sum()) * grid.voxel_ml * 1000.0
    diameter = mean_diameter(share, spacing)
    # A solid ellipsoid is 2 sqrt(5) standard deviations long along each axis.
    extents = 2.0 * 5.0**0.5 * deviations(shape.astype(np.float64), spacing)
    if not SMALLEST_MM <= diameter <= LARGEST_MM or extents[-1] > _LONGEST * extents[0]:
        return None
    filled = int(shape.sum()) * float(spacing.prod()) / (np.pi / 6.0 * float(extents.prod()))
    if filled < _LEAST_FILLED:
        return None
    return Nodule(block, shape, volume, diameter, core - ground)


def _shape_at(
    bright: NDArray[np.bool_], near: NDArray[np.bool_], spacing: NDArray[np.float64]
) -> NDArray[np.bool_] | None:
    """The bright piece at the seed without the vessels that lead to it.

    What is left after peeling half of its thickness and growing back: a vessel thinner than half
    the nodule does not survive the peeling.
    """
    labels, _ = ndimage.label(bright)
    own = np.unique(labels[near & bright])
    own = own[own > 0]
    if not own.size:
        return None
    piece = np.isin(labels, own)
    depth = ndimage.distance_transform_edt(piece, sampling=spacing)
    deepest = float(depth[near].max())
    peel = 0.5 * deepest
    pieces, _ = ndimage.label(depth >= peel)
    heart = pieces[near & (depth >= peel)]
    if not heart.size:
        return None
    kept = np.isin(pieces, np.unique(heart[heart > 0]))
    # Half a voxel more than was peeled: distances are counted from voxel centres.
    grown = ndimage.distance_transform_edt(~kept, sampling=spacing) <= peel + 0.5 * spacing.min()
    return np.asarray(piece & grown)


def _stands_free(
    shape: NDArray[np.bool_],
    bright: NDArray[np.bool_],
    lung: NDArray[np.bool_],
    patch: NDArray[np.float32],
    spacing: NDArray[np.float64],
) -> bool:
    """Whether little of the surface goes on into vessels, and enough of it faces the lung."""
    away = ndimage.distance_transform_edt(~shape, sampling=spacing)
    reach = float(spacing.max())
    shell = (away > reach) & (away <= reach + 1.5)
    count = int(shell.sum())
    if count == 0:
        return False
    attached = int((shell & bright & ~shape).sum()) / count
    free = int((shell & lung & (patch < -500.0)).sum()) / count
    return attached <= _MOST_ATTACHED and free >= _LEAST_FREE


def _middle_mm(inside: NDArray[np.bool_], grid: Grid) -> float:
    """Left-right position (LPS x, mm) between the two lungs."""
    columns = np.flatnonzero(inside.any(axis=(0, 1)))
    rows = np.flatnonzero(inside.any(axis=(0, 2)))
    slices = np.flatnonzero(inside.any(axis=(1, 2)))
    middle = [float(v[0] + v[-1]) / 2.0 for v in (columns, rows, slices)]
    return float(grid.to_lps(middle)[0])


def _candidate(nodule: Nodule, grid: Grid, middle_mm: float) -> Candidate:
    mask = np.zeros(grid.shape, dtype=bool)
    mask[nodule.block] = nodule.mask
    x, y, z = (float(v) for v in centre_lps(mask, grid))
    left = x > middle_mm
    return Candidate(
        label=_LABEL,
        code=Code("786838002", "SCT", "Pulmonary nodule"),
        site=Wording("Left lung", "左肺") if left else Wording("Right lung", "右肺"),
        location_mm=(x, y, z),
        mask=mask,
        quantity=diameter_of(nodule.diameter_mm),
        others=(volume_of_nodule(nodule.volume_mm3),),
        template_key="nodule",
    )


def _chest() -> AnalysisInputs:
    array, grid = chest()
    return AnalysisInputs(images={"image": Images((volume_of(array, grid),))})


SPEC = AnalysisSpec(
    id="chest/nodule_candidates",
    version="1.0.0",
    name=Wording("Solid lung nodule candidates", "肺实性结节候选"),
    area="chest",
    accepts=("CT chest",),
    needs_mask="",
    formula="mean diameter = (length + width) / 2 in the largest slice; V = sum of voxel shares",
    source=f"{SIZE_SOURCE}; candidates after Li et al., Med Phys 2003;30:2040-2051",
    known_answers=(
        KnownAnswer(
            _chest,
            {DIAMETER.en: (8.0, 0.4), VOLUME.en: (sphere_mm3(8.0), 0.10 * sphere_mm3(8.0))},
            "generated chest with balls of known size; V = pi d^3 / 6",
        ),
    ),
)
