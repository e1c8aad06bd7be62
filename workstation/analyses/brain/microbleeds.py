"""Small round dark spots on SWI or T2*: where cerebral microbleeds may be, as marks to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.brain._head import brain_on_mr
from workstation.analyses.brain._series import local_code, mask_on
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Candidate,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultLine,
    ResultMask,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, Message
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import generated_volume

Singles = NDArray[np.float32]

IMAGE = InputSpec("image", Kind.IMAGE, Wording("SWI or T2* images", "SWI 或 T2* 图像"),
                  roles=("SWI", "T2*"))  # fmt: skip
BRAIN = InputSpec("brain", Kind.MASK, Wording("Brain", "脑"), optional=True)
LARGEST = Parameter("largest_mm", Wording("Largest diameter", "最大直径"), 10.0, "mm", 3.0, 15.0)
SMALLEST = Parameter("smallest_mm", Wording("Smallest diameter", "最小直径"), 2.0, "mm", 1.0, 5.0)
DARKER = Parameter(
    "darker", Wording("Darker than its surroundings by", "低于周围信号的比例"), 25.0, "%", 5.0, 90.0
)
EDGE = Parameter(
    "edge_mm", Wording("Left out at the edge of the brain", "脑表面排除范围"), 4.0, "mm", 0.0, 20.0
)

COUNT = Wording("Microbleed candidates", "微出血候选灶数")
DIAMETER = Wording("Diameter", "直径")
_LABEL = Wording("Possible cerebral microbleed", "脑微出血可能")
_ROUND = 0.45  # weakest over strongest curvature: 1 in a ball, 0 in a vessel
_FLAT_MM = 3.0  # slices further apart are judged in the plane
_MOST = 60


@dataclass(frozen=True)
class Spot:
    """at: index z, y, x. radius_mm: of the ball that answers best. depth: part of the surrounding
    signal that is missing."""

    at: tuple[int, int, int]
    radius_mm: float
    depth: float


def dark_spots(
    image: Singles, brain: NDArray[np.bool_], grid: Grid, *,
    smallest_mm: float, largest_mm: float, darker: float, edge_mm: float,
) -> list[Spot]:  # fmt: skip
    """Round dark spots in ``brain`` (z, y, x), darkest first.

    Laplacian of Gaussian over diameters, with its maxima checked for roundness by the eigenvalues
    of the Hessian, as for lung nodules (Li, Sone and Doi, Med Phys 2003;30:2040-2051); vessels run
    on and are not round. The edge of the brain is left out: cortical veins end there.
    """
    spacing = np.array(grid.spacing_mm[::-1])
    flat = spacing[0] > _FLAT_MM
    axes = (1, 2) if flat else (0, 1, 2)
    inside = brain.copy()
    if edge_mm > 0:
        padded = np.pad(brain, 1)
        inside &= (
            ndimage.distance_transform_edt(padded, sampling=spacing)[1:-1, 1:-1, 1:-1] > edge_mm
        )
    level = float(np.median(image[brain]))
    # Outside the brain all is brain: its edge would answer louder than any spot.
    work = np.where(brain, np.clip(image / level, 0.0, 2.0), 1.0).astype(np.float32)
    found: list[Spot] = []
    for radius in np.geomspace(smallest_mm / 2.0, largest_mm / 2.0, 6):
        sigma = radius / (2.0 if flat else 3.0) ** 0.5
        widths = [sigma / s if axis in axes else 0.0 for axis, s in enumerate(spacing)]
        smooth = ndimage.gaussian_filter(work, widths)
        answer = np.zeros_like(smooth)
        for axis in axes:
            curve = ndimage.correlate1d(smooth, [1.0, -2.0, 1.0], axis=axis)
            answer += curve * np.float32(sigma**2 / spacing[axis] ** 2)
        peak = inside & (answer > 0.5 * darker) & (answer >= ndimage.maximum_filter(answer, size=3))
        for place in np.argwhere(peak):
            if _roundness(smooth, place, spacing, axes) < _ROUND:
                continue
            depth = _depth(work, brain, place, float(radius), spacing, axes)
            if depth >= darker:
                z, y, x = (int(v) for v in place)
                found.append(Spot((z, y, x), float(radius), depth * float(answer[z, y, x])))
    return _apart(sorted(found, key=lambda s: -s.depth), spacing)


def _roundness(
    smooth: Singles, place: NDArray[np.intp], spacing: Floats, axes: tuple[int, ...]
) -> float:
    if (place < 1).any() or (place >= np.array(smooth.shape) - 1).any():
        return 0.0
    near = smooth[tuple(slice(p - 1, p + 2) for p in place)].astype(np.float64)
    size = len(axes)
    hessian = np.empty((size, size))
    for i, a in enumerate(axes):
        for j, b in enumerate(axes):
            total = 0.0
            for one in (-1, 1):
                for two in (-1, 1):
                    at = [1, 1, 1]
                    at[a] += one
                    if a == b:
                        total += near[tuple(at)] / 2.0
                    else:
                        at[b] += two
                        total += one * two * near[tuple(at)] / 4.0
            hessian[i, j] = (total - 2.0 * near[1, 1, 1] * (a == b)) / (spacing[a] * spacing[b])
    curvature = np.linalg.eigvalsh(hessian)
    return float(curvature[0] / curvature[-1]) if curvature[-1] > 0 else 0.0


def _depth(
    work: Singles, brain: NDArray[np.bool_], place: NDArray[np.intp], radius: float,
    spacing: Floats, axes: tuple[int, ...],
) -> float:  # fmt: skip
    """Missing part of the signal within half the radius, against a ring of 1.5 to 2.5 radii; 0
    where the dark place runs on."""
    reach = [
        int(np.ceil((2.5 * radius + 1.0) / s)) if axis in axes else 0
        for axis, s in enumerate(spacing)
    ]
    low = np.maximum(place - reach, 0)
    high = np.minimum(place + reach + 1, work.shape)
    block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    offsets = np.moveaxis(np.indices(work[block].shape), 0, -1) + low - place
    away = np.sqrt(((offsets * spacing) ** 2).sum(axis=-1))
    near = max(radius + 0.5, float(spacing.max()) if len(axes) == 3 else float(spacing[1:].max()))
    ring = (away >= 1.5 * near) & (away <= 2.5 * near + 1.0) & brain[block]
    middle = away <= max(0.5 * radius, 0.51 * float(spacing[1:].max()))
    if not ring.any() or not middle.any():
        return 0.0
    around = float(np.median(work[block][ring]))
    here = float(work[block][middle].mean())
    # A spot is by itself; what is half as dark and runs on from it into the ring is a vessel.
    dark, _ = ndimage.label(work[block] < (around + here) / 2.0, structure=np.ones((3, 3, 3)))
    own = np.unique(dark[middle])
    if around <= 0 or (np.isin(dark, own[own > 0]) & (away >= 1.6 * near + 0.5)).any():
        return 0.0
    if len(axes) == 2 and _runs_across(work, place, near, spacing, (around + here) / 2.0):
        return 0.0
    return 1.0 - here / around


def _runs_across(
    work: Singles, place: NDArray[np.intp], near: float, spacing: Floats, below: float
) -> bool:
    """Of thick slices: whether two or more of the four beside it are dark near the same place."""
    reach = [int(np.ceil(2.0 * near / s)) for s in spacing[1:]]
    (y0, y1), (x0, x1) = (
        (max(int(p) - r, 0), int(p) + r + 1) for p, r in zip(place[1:], reach, strict=True)
    )
    dark = [
        bool((work[z, y0:y1, x0:x1] < below).any())
        for z in (place[0] - 2, place[0] - 1, place[0] + 1, place[0] + 2)
        if 0 <= z < work.shape[0]
    ]
    return sum(dark) >= 2


def _apart(spots: list[Spot], spacing: Floats) -> list[Spot]:
    """Of spots that overlap the strongest; the same spot answers at several sizes."""
    kept: list[Spot] = []
    for spot in spots:
        clear = all(
            np.linalg.norm((np.array(spot.at) - np.array(k.at)) * spacing)
            > max(spot.radius_mm, k.radius_mm) + 1.0
            for k in kept
        )
        if clear:
            kept.append(spot)
    return kept


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Marks and candidates for microbleeds on one SWI or T2* volume, strongest first."""
    images = inputs.image(IMAGE)
    grid = images.grid
    image = np.asarray(images.volumes[0].array, dtype=np.float32)
    brain = mask_on(inputs, BRAIN, grid)
    if brain is None:
        brain = brain_on_mr(image, grid)
    spots = dark_spots(
        image, brain, grid,
        smallest_mm=inputs.number(SMALLEST), largest_mm=inputs.number(LARGEST),
        darker=inputs.number(DARKER) / 100.0, edge_mm=inputs.number(EDGE),
    )  # fmt: skip
    shown = spots[:_MOST]
    points = grid.to_lps(np.array([s.at[::-1] for s in shown], dtype=np.float64).reshape(-1, 3))
    cautions = [Message(N_("Candidates, no diagnosis: vessels across the slice, calcification and "
                           "air look the same."))]  # fmt: skip
    if len(spots) > _MOST:
        cautions.append(Message(N_("Only the {count} strongest are marked."), {"count": _MOST}))
    drawn = np.zeros(grid.shape, dtype=bool)
    candidates = []
    for spot, point in zip(shown, points, strict=True):
        ball = _ball(spot, grid)
        drawn |= ball
        candidates.append(_candidate(spot, point, ball))
    return AnalysisResult(
        quantities=(Quantity(COUNT, local_code("CMBCOUNT", COUNT), float(len(spots)), "1"),),
        candidates=tuple(candidates),
        masks=(ResultMask("microbleeds", COUNT, drawn, grid),),
        lines=(ResultLine("microbleeds", COUNT, points),) if len(points) else (),
        cautions=tuple(cautions),
    )


def _ball(spot: Spot, grid: Grid) -> NDArray[np.bool_]:
    mask = np.zeros(grid.shape, dtype=bool)
    spacing = np.array(grid.spacing_mm[::-1])
    reach = np.ceil(spot.radius_mm / spacing).astype(int)
    low = np.maximum(np.array(spot.at) - reach, 0)
    high = np.minimum(np.array(spot.at) + reach + 1, grid.shape)
    block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    offsets = np.moveaxis(np.indices(mask[block].shape), 0, -1) + low - np.array(spot.at)
    mask[block] = ((offsets * spacing) ** 2).sum(axis=-1) <= max(spot.radius_mm, 0.1) ** 2
    mask[spot.at] = True
    return mask


def _candidate(spot: Spot, point: Floats, ball: NDArray[np.bool_]) -> Candidate:
    x, y, z = (float(v) for v in point)
    return Candidate(
        label=_LABEL,
        code=local_code("MICROBLEED", _LABEL),
        site=Wording("Brain", "脑"),
        location_mm=(x, y, z),
        mask=ball,
        quantity=Quantity(
            DIAMETER, Code("81827009", "SCT", "Diameter"), 2.0 * spot.radius_mm, "mm"
        ),
    )


def phantom(slice_mm: float = 1.6) -> AnalysisInputs:
    """An ellipsoid of a brain with noise, six dark balls of 4 mm and three vessels."""
    count = round(90.0 / slice_mm)
    affine = np.diag([0.9, 0.9, slice_mm, 1.0])
    affine[:3, 3] = (-58.0, -72.0, -45.0)
    grid = Grid((count, 160, 130), as_matrix(affine))
    z, y, x = np.indices(grid.shape)
    place = grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))
    brain = ((place / (50.0, 62.0, 40.0)) ** 2).sum(axis=-1) <= 1.0
    image = np.where(brain, 500.0, 10.0)
    centres = np.array(CENTRES)
    for centre in centres:
        away = np.linalg.norm(place - centre, axis=-1)
        image -= np.where(brain, 300.0 / (1.0 + np.exp((away - 2.0) / 0.25)), 0.0)
    for start, way in (((-30, -30, 5), (1, 0.3, 0.1)), ((10, -40, -20), (0.1, 1, 0.2)),
                       ((20, 10, -30), (0.3, 0.2, 1))):  # fmt: skip
        unit = np.array(way) / np.linalg.norm(way)
        along = (place - np.array(start)) @ unit
        off = np.linalg.norm(place - np.array(start) - along[..., None] * unit, axis=-1)
        vessel = (along > 0) & (along < 40) & (off < 1.2) & brain
        image = np.where(vessel, 250.0, image)
    image += np.random.default_rng(3).normal(0.0, 15.0, image.shape)
    volume = generated_volume(
        np.maximum(image, 0.0).astype(np.float32), grid,
        modality="MR", unit="1", role="SWI", region="brain",
    )  # fmt: skip
    return AnalysisInputs(images={IMAGE.key: Images((volume,))}, grid=grid)


CENTRES = (
    (-20.0, 20.0, 0.0), (22.0, 25.0, 10.0), (-15.0, -10.0, 20.0),
    (30.0, -5.0, -5.0), (0.0, 35.0, -15.0), (-28.0, 5.0, -12.0),
)  # fmt: skip

SPEC = AnalysisSpec(
    id="brain/microbleeds",
    version="1.0.0",
    name=Wording("Microbleed candidates", "脑微出血候选灶"),
    area="brain",
    accepts=(),
    needs_mask="",
    formula="maxima of the Laplacian of Gaussian over 2-10 mm, round by the Hessian, 25 % darker",
    source=(
        "What a microbleed is: Greenberg et al., Lancet Neurol 2009;8:165-174, doi:10.1016/"
        "S1474-4422(09)70013-4; the filter: Li, Sone and Doi, Med Phys 2003;30:2040-2051"
    ),
    known_answers=(
        KnownAnswer(
            make=phantom,
            expected={COUNT.en: (6.0, 0.0), DIAMETER.en: (4.0, 1.2)},
            source="six balls of 4 mm and three vessels of 2.4 mm drawn into noise",
        ),
    ),
    cost_s=8.0,
    inputs=(IMAGE, BRAIN),
    parameters=(SMALLEST, LARGEST, DARKER, EDGE),
)
