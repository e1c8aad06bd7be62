"""Late gadolinium enhancement: how much of the left ventricular muscle, and where.

Two ways to say what is bright: so many standard deviations above remote muscle, or half of the
brightest in the scar. A dark core that scar and cavity enclose is microvascular obstruction and
counts as infarct. Specks smaller than the least size are noise. The extent in a segment is the
enhanced part of its area.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.heart._heart_phantom import insertions, places, short_axis, wall
from workstation.analyses.heart._segments import (
    INSERTIONS,
    MYOCARDIUM,
    RIGHT,
    SEGMENTS,
    by_segment,
    model_of,
    segment_map,
    segment_places,
)
from workstation.analyses.heart.lv_function import MYOCARDIUM_G_PER_ML
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
    ResultMask,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Grid
from workstation.domain.volume import generated_volume
from workstation.guidelines import load_guideline

Mask = NDArray[np.bool_]

SCAR = Wording("Late enhancement, mass", "延迟强化质量")
SHARE = Wording("Late enhancement, part of the left ventricular mass", "延迟强化占左心室质量百分比")
OBSTRUCTION = Wording("Microvascular obstruction, mass", "微血管阻塞质量")
WALL_MASS = Wording("Left ventricular mass on these images", "该序列上的左心室质量")
LEVEL = Wording("Signal from which muscle counts as enhanced", "判定为强化的信号阈值")
EXTENT = Wording("Late enhancement, part of the segment", "节段延迟强化范围")
GRADE = Wording("Late enhancement, grade of the segment (0 to 4)", "节段延迟强化分级（0～4）")
_CODES = {
    SCAR: Code("LGEMASS", "99ONESCAN", SCAR.en),
    SHARE: Code("LGEPERCENT", "99ONESCAN", SHARE.en),
    OBSTRUCTION: Code("MVOMASS", "99ONESCAN", OBSTRUCTION.en),
    WALL_MASS: Code("LGELVMASS", "99ONESCAN", WALL_MASS.en),
    LEVEL: Code("LGELEVEL", "99ONESCAN", LEVEL.en),
    EXTENT: Code("LGEEXTENT", "99ONESCAN", EXTENT.en),
    GRADE: Code("LGEGRADE", "99ONESCAN", GRADE.en),
}
LATE = InputSpec(
    "lge", Kind.IMAGE, Wording("Late enhancement, short axis", "短轴延迟强化"), roles=("LGE",)
)
REMOTE = InputSpec("remote", Kind.MASK, Wording("Remote muscle", "远端正常心肌"), optional=True)
CORE = InputSpec(
    "core", Kind.MASK, Wording("Brightest part of the scar", "瘢痕最亮区"), optional=True
)
WAY = Parameter(
    "way",
    Wording("What counts as enhanced", "强化判定方法"),
    "nsd",
    choices=(
        Choice("nsd", Wording("remote mean plus n SD", "远端均值 + n 倍标准差")),
        Choice("fwhm", Wording("half of the scar's maximum (FWHM)", "瘢痕最大值的一半（FWHM）")),
    ),
)
DEVIATIONS = Parameter("n", Wording("Standard deviations n", "标准差倍数 n"), 5.0, "1", 2.0, 6.0)
LEAST = Parameter(
    "least_ml", Wording("Smallest spot that counts", "计入的最小病灶"), 0.05, "mL", 0.0, 1.0
)
WITH_CORE = Parameter(
    "obstruction", Wording("Count a dark core as infarct", "将暗核（微血管阻塞）计入梗死"), True
)


MOST_BRIGHT = 0.05
"""Part of the remote muscle that may be far brighter than the rest of it."""


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Mass (g) and part (%) of the muscle that enhances; extent (%) and grade by segment."""
    images = inputs.image(LATE)
    muscle = inputs.mask(MYOCARDIUM)
    array = np.asarray(images.volumes[0].array, dtype=np.float32)
    grid = images.grid
    if muscle.shape != array.shape:
        raise BadInput(N_("The mask does not fit the image grid."))
    if not muscle.any():
        raise BadInput(N_("There is no outline of the muscle of the left ventricle."))
    level = _level(inputs, array, muscle)
    bright = _without_specks(muscle & (array >= level), grid, inputs.number(LEAST))
    dark = _enclosed(bright, muscle)
    infarct = bright | dark if inputs.flag(WITH_CORE) else bright
    gram = grid.voxel_ml * MYOCARDIUM_G_PER_ML
    said = [
        Quantity(SHARE, _CODES[SHARE], float(infarct.sum() / muscle.sum() * 100.0), "%"),
        Quantity(SCAR, _CODES[SCAR], float(infarct.sum()) * gram, "g"),
        Quantity(OBSTRUCTION, _CODES[OBSTRUCTION], float(dark.sum()) * gram, "g"),
        Quantity(WALL_MASS, _CODES[WALL_MASS], float(muscle.sum()) * gram, "g"),
        Quantity(LEVEL, _CODES[LEVEL], level, "1"),
    ]
    name = Wording("Late enhancement", "延迟强化")
    masks = [ResultMask("late", name, infarct, grid)]
    if dark.any():
        masks.append(ResultMask("obstruction", Wording("Microvascular obstruction", "微血管阻塞"),
                                dark, grid))  # fmt: skip
    model = model_of(inputs)
    if model is None:
        note = Message(
            N_("Without the insertions of the right ventricle nothing is said by segment.")
        )
        return AnalysisResult(quantities=tuple(said), masks=tuple(masks), cautions=(note,))
    whole = np.bincount(model.labels[muscle], minlength=18)
    part = np.bincount(model.labels[infarct], minlength=18)
    extent = {n: float(100.0 * part[n] / whole[n]) for n in range(1, 18) if whole[n]}
    grades = load_guideline("lge-transmurality")
    said += by_segment(extent, EXTENT, _CODES[EXTENT], "%")
    graded = {n: float(grades.number(value) or 0) for n, value in extent.items()}
    said += by_segment(graded, GRADE, _CODES[GRADE], "1")
    return AnalysisResult(
        quantities=tuple(said),
        masks=tuple(masks),
        maps=(segment_map(model, grid),),
        lines=(segment_places(model, grid),),
    )


def _level(inputs: AnalysisInputs, array: NDArray[np.float32], muscle: Mask) -> float:
    """The signal from which muscle counts as enhanced."""
    if inputs.word(WAY) == "fwhm":
        core = inputs.mask(CORE) & muscle if CORE.key in inputs.masks else muscle
        if not core.any():
            raise BadInput(N_("The outline of the scar's core lies outside the muscle."))
        half = float(array[core].max()) / 2.0
        if float(np.percentile(array[muscle], 10.0)) >= half:
            raise BadInput(
                N_("All of the muscle is brighter than half of its brightest part: without a "
                   "bright scar FWHM says nothing.")
            )  # fmt: skip
        return half
    if REMOTE.key not in inputs.masks:
        raise BadInput(N_("Draw remote muscle that does not enhance, or choose FWHM."))
    remote = array[inputs.mask(REMOTE) & muscle]
    if remote.size < 10:
        raise BadInput(N_("The remote muscle has fewer than 10 voxels."))
    if not remote.std() > 0:
        raise BadInput(N_("The remote muscle has the same signal everywhere: it is no image."))
    rest = array[muscle & ~inputs.mask(REMOTE)]
    above = remote > _far_above(remote)
    brighter = rest.size >= 10 and float(np.median(remote)) > _far_above(rest)
    if above.mean() > MOST_BRIGHT or brighter:
        raise BadInput(
            N_("The remote muscle holds enhanced muscle: draw it where nothing is bright.")
        )
    return float(remote.mean() + inputs.number(DEVIATIONS) * remote.std(ddof=1))


def _far_above(values: NDArray[np.float32]) -> float:
    """Median and five robust standard deviations: next to nothing of one tissue lies above."""
    middle = float(np.median(values))
    return middle + 5.0 * 1.4826 * max(float(np.median(np.abs(values - middle))), 1e-6)


def _without_specks(bright: Mask, grid: Grid, least_ml: float) -> Mask:
    labels, count = ndimage.label(bright, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * grid.voxel_ml
    keep = sizes >= least_ml
    keep[0] = False
    return np.asarray(keep[labels])


def _enclosed(bright: Mask, muscle: Mask) -> Mask:
    """Dark muscle that scar, or scar and cavity together, enclose on a slice."""
    found = np.zeros_like(bright)
    for z in np.flatnonzero(bright.any(axis=(1, 2))):
        cavity = ndimage.binary_fill_holes(muscle[z]) & ~muscle[z]
        rest = muscle[z] & ~bright[z]
        labels, count = ndimage.label(rest)
        outside = ~(muscle[z] | cavity)
        for number in range(1, count + 1):
            piece = labels == number
            rim = ndimage.binary_dilation(piece) & ~piece
            # Enclosed: nothing of its rim is outside the heart, and scar is most of the rim.
            if not (rim & outside).any() and (rim & bright[z]).sum() > (rim & cavity).sum():
                found[z] |= piece
    return found


def _infarct(way: str) -> AnalysisInputs:
    """Muscle of 100 +- 5, an inner half of the mid inferior wall of 400, its core dark."""
    grid = short_axis(turn_deg=40.0, pixel_mm=1.5)
    muscle = wall(grid, 20.0, 30.0, tip_mm=9.0)
    scar, dark = scar_of(grid, muscle)
    random = np.random.default_rng(5)
    array = np.where(muscle, 100.0, 300.0) + random.normal(0.0, 5.0, grid.shape)
    array[scar] = 400.0
    array[dark] = 90.0
    volume = generated_volume(
        array.astype(np.float32), grid, modality="MR", unit="1", role="", region="heart"
    )
    remote = muscle & (places(grid)[..., 1] < -10.0)
    return AnalysisInputs(
        images={LATE.key: Images((volume,))},
        masks={MYOCARDIUM.key: muscle, REMOTE.key: remote},
        grid=grid,
        lines={INSERTIONS.key: insertions(30.0)},
        values={WAY.key: way},
    )


def scar_of(grid: Grid, muscle: Mask) -> tuple[Mask, Mask]:
    """The inner half of the inferior wall (60 to 120 degrees) in the middle of the heart, and a
    dark core within it."""
    where = places(grid)
    away = np.hypot(where[..., 0], where[..., 1])
    angle = np.degrees(np.arctan2(where[..., 1], where[..., 0]))
    height = np.abs(where[..., 2])
    scar = muscle & (away < 25.0) & (angle > 60.0) & (angle < 120.0) & (height < 16.0)
    dark = scar & (away > 21.5) & (away < 23.5) & (angle > 80.0) & (angle < 100.0)
    return scar, dark


def _share() -> float:
    grid = short_axis(turn_deg=40.0, pixel_mm=1.5)
    muscle = wall(grid, 20.0, 30.0, tip_mm=9.0)
    return float(scar_of(grid, muscle)[0].sum() / muscle.sum() * 100.0)


SPEC = AnalysisSpec(
    id="heart/lge",
    version="1.0.0",
    name=Wording("Late gadolinium enhancement", "延迟钆强化（LGE）"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(LATE, MYOCARDIUM, REMOTE, CORE, INSERTIONS, RIGHT),
    parameters=(WAY, DEVIATIONS, LEAST, WITH_CORE),
    formula=(
        "enhanced: signal >= remote mean + n SD, or >= half of the scar's maximum; mass = 1.05 "
        "g/mL * volume; extent of a segment = enhanced area / area"
    ),
    source=(
        "Flett et al., JACC Cardiovasc Imaging 2011;4:150-156, doi:10.1016/j.jcmg.2010.11.015; "
        "Amado et al., J Am Coll Cardiol 2004;44:2383-2389; extent: Kim et al., N Engl J Med "
        "2000;343:1445-1453, doi:10.1056/NEJM200011163432003"
    ),
    known_answers=(
        KnownAnswer(
            make=lambda: _infarct("nsd"),
            expected={SHARE.en: (_share(), 0.05), f"{EXTENT.en} @ {SEGMENTS[0].en}": (0.0, 0.0)},
            source="a scar drawn by formula; its voxels counted",
        ),
        KnownAnswer(
            make=lambda: _infarct("fwhm"),
            expected={SHARE.en: (_share(), 0.05), LEVEL.en: (200.0, 1e-6)},
            source="the same scar; half of 400 is 200",
        ),
    ),
    cost_s=1.0,
)
