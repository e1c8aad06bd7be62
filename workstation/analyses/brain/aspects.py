"""Left-right difference of attenuation in the ten ASPECTS regions of a CT: an aid to the score.

Where no regions are given they are placed by proportion of the brain, not by its anatomy; they are
shown, and a reader moves them before believing a number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.brain._head import brain_on_ct, midplane, mirror_mask
from workstation.analyses.brain._series import local_code, mask_on
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Choice,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultMap,
    ResultMask,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message, named
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import generated_volume

Mask = NDArray[np.bool_]

CT = InputSpec("ct", Kind.IMAGE, Wording("CT of the head without contrast", "头颅平扫 CT"),
               unit="[hnsf'U]", roles=("CT head",))  # fmt: skip
REGIONS = InputSpec(
    "regions", Kind.IMAGE,
    Wording("Regions as labels: right 1-10, left 11-20 (C, L, IC, I, M1-M6)",
            "分区标签图：右侧 1～10、左侧 11～20（C、L、IC、I、M1～M6）"),
    optional=True,
)  # fmt: skip
BRAIN = InputSpec("brain", Kind.MASK, Wording("Inside of the skull", "颅腔"), optional=True)
LOWER = Parameter("lower_hu", Wording("Lower than the other side by", "较对侧降低"),
                  2.0, "[hnsf'U]", 0.5, 10.0)  # fmt: skip
BELOW = Parameter(
    "below_vertex_mm",
    Wording("Basal ganglia below the top of the brain", "基底节层面距脑顶距离"),
    70.0, "mm", 40.0, 100.0,
)  # fmt: skip
SIDE = Parameter(
    "side", Wording("Side", "患侧"), "auto",
    choices=(Choice("auto", Wording("the side with more regions", "降低区域较多的一侧")),
             Choice("left", Wording("left", "左侧")), Choice("right", Wording("right", "右侧"))),
)  # fmt: skip

SCORE = Wording("ASPECTS by attenuation (aid)", "ASPECTS 密度辅助评分")
DIFFERENCE = Wording("Attenuation, left less right", "左右侧 CT 值差（左-右）")
LEFT, RIGHT = Wording("left", "左侧"), Wording("right", "右侧")
NAMES = (
    Wording("C, caudate nucleus", "C 尾状核"), Wording("L, lentiform nucleus", "L 豆状核"),
    Wording("IC, internal capsule", "IC 内囊"), Wording("I, insula", "I 岛叶"),
    Wording("M1, anterior", "M1 前部皮层"), Wording("M2, lateral to the insula", "M2 岛叶外侧皮层"),
    Wording("M3, posterior", "M3 后部皮层"), Wording("M4, above M1", "M4（M1 上方）"),
    Wording("M5, above M2", "M5（M2 上方）"), Wording("M6, above M3", "M6（M3 上方）"),
)  # fmt: skip
# Where a region lies: part of the half width from the midline outward, part of the length from
# the front backward, and whether above the basal ganglia. Read off the sections in Barber 2000.
_PLACES = (
    (0.10, 0.22, 0.25, 0.36, 0), (0.32, 0.50, 0.36, 0.54, 0), (0.24, 0.36, 0.48, 0.60, 0),
    (0.56, 0.66, 0.36, 0.56, 0), (0.58, 0.97, 0.16, 0.36, 0), (0.70, 0.97, 0.37, 0.57, 0),
    (0.58, 0.97, 0.58, 0.76, 0), (0.40, 0.95, 0.16, 0.36, 1), (0.40, 0.95, 0.37, 0.57, 1),
    (0.40, 0.95, 0.58, 0.76, 1),
)  # fmt: skip
_APART_MM, _HALF_SLAB_MM = 20.0, 5.0
_TISSUE_HU = (10.0, 55.0)
_LEAST_VOXELS = 20


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Differences of the ten regions, how many are lower on one side, and where they were taken."""
    images = inputs.image(CT)
    grid = images.grid
    hu = np.asarray(images.volumes[0].array, dtype=np.float32)
    drawn = REGIONS.key in inputs.images
    pairs = _drawn(inputs, grid) if drawn else _placed(inputs, hu, grid)
    means = [tuple(_mean(hu, region) for region in pair) for pair in pairs]
    differences = [None if left is None or right is None else left - right for left, right in means]
    known = [d for d in differences if d is not None]
    if len(known) < 5:
        raise BadInput(N_("Fewer than five ASPECTS regions hold brain that can be compared."))
    limit = inputs.number(LOWER)
    lower = {
        "left": [d is not None and d <= -limit for d in differences],
        "right": [d is not None and d >= limit for d in differences],
    }
    side = inputs.word(SIDE)
    if side == "auto":
        side = max(("left", "right"), key=lambda one: (sum(lower[one]), one == "left"))
    code = local_code("ASPECTSHU", DIFFERENCE)
    quantities = [
        Quantity(DIFFERENCE, code, float(d), "[hnsf'U]", name)
        for d, name in zip(differences, NAMES, strict=True)
        if d is not None
    ]
    where = LEFT if side == "left" else RIGHT
    score = Quantity(SCORE, local_code("ASPECTSAID", SCORE), 10.0 - sum(lower[side]), "1", where)
    cautions = [Message(N_("An aid by attenuation: old infarcts, asymmetry and artefacts lower it "
                           "too; a reader scores."))]  # fmt: skip
    if not drawn:
        cautions.append(Message(N_(
            "The regions were placed by proportion, not by anatomy: look where they lie."
        )))  # fmt: skip
    missing = [n for n, d in zip(NAMES, differences, strict=True) if d is None]
    if missing:
        words = named("; ".join(n.en for n in missing), "；".join(n.zh for n in missing), "what")
        cautions.append(Message(N_("Not compared, for want of tissue: {what}."), words))
    return AnalysisResult(
        quantities=(score, *quantities),
        maps=(_painted(pairs, differences, grid),),
        masks=_masks(pairs, lower[side], side, grid),
        cautions=tuple(cautions),
    )


def _drawn(inputs: AnalysisInputs, grid: Grid) -> list[tuple[Mask, Mask]]:
    """Left and right mask of each region from a label image."""
    image: Images = inputs.image(REGIONS)
    labels = np.rint(np.asarray(image.volumes[0].array)).astype(int)
    if labels.shape != grid.shape:
        raise BadInput(N_("The regions do not lie on the voxels of the CT."))
    return [(labels == 11 + k, labels == 1 + k) for k in range(10)]


def _placed(inputs: AnalysisInputs, hu: NDArray[np.float32], grid: Grid) -> list[tuple[Mask, Mask]]:
    """The regions by proportion: left ones in the brain's own axes, right ones mirrored."""
    brain = mask_on(inputs, BRAIN, grid)
    if brain is None:
        brain = brain_on_ct(hu, grid)
    plane = midplane(brain, grid)
    places = np.argwhere(brain)
    points = grid.to_lps(places[:, ::-1].astype(np.float64))
    # Levels are those of the slices as acquired, along which readers score.
    slices = grid.slice_normal * np.sign(grid.slice_normal[2] or 1.0)
    up = slices if slices[2] > 0.7 else np.array([0.0, 0.0, 1.0])
    back = np.cross(up, plane.normal)
    back /= np.linalg.norm(back)
    up = np.cross(plane.normal, back)
    height, depth, aside = points @ up, points @ back, plane.side_mm(points)
    top = float(height.max())
    regions = []
    for inner, outer, front, rear, above in _PLACES:
        level = top - inputs.number(BELOW) + above * _APART_MM
        slab = np.abs(height - level) <= max(_HALF_SLAB_MM, 0.51 * grid.slice_distance_mm)
        if np.count_nonzero(slab) < 100:
            raise BadInput(N_("The images do not reach the basal ganglia and the level above."))
        along = _part(depth, slab)
        width = float(np.percentile(np.abs(aside[slab]), 99.0))
        across = aside / width
        chosen = slab & (across >= inner) & (across <= outer) & (along >= front) & (along <= rear)
        left = np.zeros(grid.shape, dtype=bool)
        left[tuple(places[chosen].T)] = True
        regions.append((left, mirror_mask(left, grid, plane) & brain))
    return regions


def _part(depth: Floats, slab: Mask) -> Floats:
    """Front 0 to back 1 of a level."""
    front, rear = np.percentile(depth[slab], (0.5, 99.5))
    return np.asarray((depth - front) / (rear - front), dtype=np.float64)


def _mean(hu: NDArray[np.float32], region: Mask) -> float | None:
    """Mean HU of brain tissue in a region: fluid, calcium and blood are left out."""
    values = hu[region]
    tissue = values[(values > _TISSUE_HU[0]) & (values < _TISSUE_HU[1])]
    enough = tissue.size >= max(_LEAST_VOXELS, 0.3 * values.size)
    return float(tissue.mean(dtype=np.float64)) if enough else None


def _painted(
    pairs: list[tuple[Mask, Mask]], differences: list[float | None], grid: Grid
) -> ResultMap:
    """Each region in its own side's difference to the other; NaN elsewhere."""
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    for (left, right), difference in zip(pairs, differences, strict=True):
        if difference is not None:
            values[left], values[right] = difference, -difference
    return ResultMap("difference", DIFFERENCE, values, grid, "[hnsf'U]", (-6.0, 6.0))


def _masks(
    pairs: list[tuple[Mask, Mask]], lower: list[bool], side: str, grid: Grid
) -> tuple[ResultMask, ...]:
    whole, low = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    for (left, right), one in zip(pairs, lower, strict=True):
        whole |= left | right
        if one:
            low |= left if side == "left" else right
    return (
        ResultMask("regions", Wording("ASPECTS regions", "ASPECTS 分区"), whole, grid),
        ResultMask("lower", Wording("Regions with lower attenuation", "密度降低区域"), low, grid),
    )


def labelled() -> AnalysisInputs:
    """Ten boxes a side at 34 HU: right L, I and M5 are 3, 4 and 2 HU lower, left M6 1 HU."""
    grid = Grid((4, 60, 60), as_matrix(np.diag([2.0, 2.0, 5.0, 1.0])))
    labels, hu = np.zeros(grid.shape), np.full(grid.shape, 34.0)
    for k in range(10):
        rows = slice(5 * k + 3, 5 * k + 7)
        labels[:, rows, 5:15], labels[:, rows, 45:55] = 1 + k, 11 + k
    for label, value in ((2, 3.0), (4, 4.0), (9, 2.0), (20, 1.0)):
        hu[labels == label] -= value
    volumes = [
        generated_volume(a.astype(np.float32), grid, modality="CT", unit=u, role="", region="brain")
        for a, u in ((hu, "[hnsf'U]"), (labels, "1"))
    ]
    return AnalysisInputs(
        images={CT.key: Images((volumes[0],)), REGIONS.key: Images((volumes[1],))}, grid=grid
    )


def _at(number: int) -> str:
    return f"{DIFFERENCE.en} @ {NAMES[number].en}"


SPEC = AnalysisSpec(
    id="brain/aspects",
    version="1.0.0",
    name=Wording("ASPECTS aid", "ASPECTS 辅助评分"),
    area="brain",
    accepts=(),
    needs_mask="",
    formula="10 less the regions whose mean HU is at least 2.0 below the other side's",
    source=(
        "ASPECTS: Barber et al., Lancet 2000;355:1670-1674; 2.0 HU: Mokin et al., Stroke 2017;"
        "48:1574-1579, doi:10.1161/STROKEAHA.117.016745"
    ),
    known_answers=(
        KnownAnswer(
            make=labelled,
            expected={
                f"{SCORE.en} @ {RIGHT.en}": (7.0, 0.0),
                _at(0): (0.0, 1e-6), _at(1): (3.0, 1e-6), _at(3): (4.0, 1e-6),
                _at(8): (2.0, 1e-6), _at(9): (-1.0, 1e-6),
            },
            source="boxes drawn 3, 4 and 2 HU lower: 10 - 3 regions",
        ),
    ),
    cost_s=10.0,
    inputs=(CT, REGIONS, BRAIN),
    parameters=(LOWER, BELOW, SIDE),
)  # fmt: skip
