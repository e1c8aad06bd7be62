"""The wall of an artery between its lumen and its outer edge, on planes across the vessel.

Two masks: the lumen, and the vessel with its wall. Along a centreline the planes lie across it;
without one the slices are taken as such, which is right only where they were planned across the
vessel, and this is said. Everything is said of the place with the narrowest lumen, beside the mean
over all planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Curve,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultCurve,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message, named
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import generated_volume
from workstation.guidelines import load_numbers
from workstation.imaging.rings import chords_between, contour_of, middle_of
from workstation.imaging.sections import middle_piece, planes_across, resampled, run_of

STEP_MM, PIXEL_MM = 0.5, 0.2
HALF_MM = 10.0

NWI = Wording("Normalised wall index", "标准化管壁指数（NWI）")
NWI_MEAN = Wording("Normalised wall index, mean of the planes", "标准化管壁指数（各层平均）")
THICKEST = Wording("Largest wall thickness", "最大管壁厚度")
MEAN = Wording("Mean wall thickness", "平均管壁厚度")
ECCENTRICITY = Wording("Eccentricity", "偏心指数")
REMODELLING = Wording("Remodelling index", "重构指数")
LUMEN_AREA = Wording("Lumen area", "管腔面积")
OUTER_AREA = Wording("Vessel area", "血管面积")
ENHANCEMENT = Wording("Enhancement ratio of the wall", "管壁强化率")
TO_REFERENCE = Wording("Wall signal after contrast / reference", "增强后管壁信号/参考信号")
_CODES = {
    name: Code(key, "99ONESCAN", name.en)
    for key, name in (
        ("NWI", NWI), ("NWIMEAN", NWI_MEAN), ("WALLMAX", THICKEST), ("WALLMEAN", MEAN),
        ("ECCENTRICITY", ECCENTRICITY), ("REMODELLING", REMODELLING), ("LUMENAREA", LUMEN_AREA),
        ("VESSELAREA", OUTER_AREA), ("WALLENHANCEMENT", ENHANCEMENT), ("WALLTOREF", TO_REFERENCE),
    )
}  # fmt: skip
LUMEN = InputSpec("lumen", Kind.MASK, Wording("Lumen", "管腔"))
OUTER = InputSpec("vessel", Kind.MASK, Wording("Vessel with its wall", "血管（含管壁）"))
LINE = InputSpec("centreline", Kind.LINE, Wording("Centreline", "中心线"), optional=True)
BEFORE = InputSpec(
    "before",
    Kind.IMAGE,
    Wording("T1 black blood before contrast", "增强前 T1 黑血"),
    optional=True,
    roles=("vessel wall",),
)
AFTER = InputSpec(
    "after",
    Kind.IMAGE,
    Wording("T1 black blood after contrast", "增强后 T1 黑血"),
    optional=True,
    roles=("vessel wall",),
)
REFERENCE = InputSpec(
    "reference",
    Kind.MASK,
    Wording("Reference tissue (muscle, pituitary stalk)", "参考组织（肌肉或垂体柄）"),
    optional=True,
)
AT_REFERENCE = Parameter(
    "reference_at", Wording("Place of the normal vessel on the line", "正常参考部位（沿中心线）"),
    None, "mm", 0.0, 1000.0,
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One plane. run: mm along the vessel; areas in mm2; thickness of the chords in mm."""

    run: float
    lumen: float
    outer: float
    thickness: Floats

    @property
    def nwi(self) -> float:
        """(outer - lumen) / outer."""
        return (self.outer - self.lumen) / self.outer

    @property
    def eccentricity(self) -> float:
        """(thickest - thinnest) / thickest."""
        most = float(np.nanmax(self.thickness))
        return (most - float(np.nanmin(self.thickness))) / most


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Wall index, thickness (mm), eccentricity, and where known remodelling and enhancement."""
    lumen, outer = inputs.mask(LUMEN), inputs.mask(OUTER)
    assert inputs.grid is not None
    if (lumen & ~outer).sum() > 0.05 * max(int(lumen.sum()), 1):
        raise BadInput(N_("The lumen does not lie inside the vessel."))
    cautions: list[Message] = []
    if LINE.key in inputs.lines:
        sections = _along(lumen, outer, inputs.grid, inputs.line(LINE))
    else:
        sections = _slices(lumen, outer, inputs.grid)
        cautions.append(
            Message(N_("Without a centreline the slices are taken to lie across the vessel."))
        )
    if not sections:
        raise BadInput(N_("No plane shows a lumen with a wall around it."))
    worst = min(sections, key=lambda one: one.lumen)
    numbers = load_numbers("vessel-wall")
    said = [
        _said(NWI, worst.nwi, "1"),
        _said(NWI_MEAN, float(np.mean([one.nwi for one in sections])), "1"),
        _said(THICKEST, max(float(np.nanmax(one.thickness)) for one in sections), "mm"),
        _said(MEAN, float(np.nanmean(np.concatenate([s.thickness for s in sections]))), "mm"),
        _said(ECCENTRICITY, worst.eccentricity, "1"),
        _said(LUMEN_AREA, worst.lumen, "mm2"),
        _said(OUTER_AREA, worst.outer, "mm2"),
    ]
    eccentric = round(worst.eccentricity, 2) >= numbers["eccentric_from"]
    cautions.append(
        Message(N_("The wall is eccentric.") if eccentric else N_("The wall is concentric."))
    )
    at = inputs.number_or_none(AT_REFERENCE)
    if at is None:
        cautions.append(
            Message(N_("No place of normal vessel was given, so no remodelling is stated."))
        )
    else:
        normal = min(sections, key=lambda one: abs(one.run - at))
        ratio = worst.outer / normal.outer
        said.append(_said(REMODELLING, ratio, "1"))
        cautions.append(_remodelled(ratio, numbers["positive_from"], numbers["negative_to"]))
    said += _enhancement(inputs, outer & ~lumen)
    run = np.array([one.run for one in sections])
    curve = Curve(run, np.array([one.nwi for one in sections]), "mm", "1")
    return AnalysisResult(
        quantities=tuple(said),
        curves=(ResultCurve("nwi", NWI, curve),),
        cautions=tuple(cautions),
    )


def _said(name: Wording, value: float, unit: str) -> Quantity:
    return Quantity(name, _CODES[name], value, unit)


def _remodelled(ratio: float, positive: float, negative: float) -> Message:
    value = round(ratio, 2)
    word = Wording("none", "无重构")
    if value >= positive:
        word = Wording("positive (outward)", "正性重构（向外）")
    elif value <= negative:
        word = Wording("negative (inward)", "负性重构（向内）")
    return Message(N_("Remodelling: {name}."), named(word.en, word.zh))


def _along(
    lumen: NDArray[np.bool_], outer: NDArray[np.bool_], grid: Grid, line: Floats
) -> list[Section]:
    if len(line) < 2 or run_of(line)[-1] < 2 * STEP_MM:
        raise BadInput(N_("The centreline is too short."))
    planes = planes_across(resampled(line, STEP_MM, 1.0), HALF_MM, PIXEL_MM)
    inner, whole = planes.sample(lumen, grid), planes.sample(outer, grid)
    found = []
    for i, (a, b) in enumerate(zip(inner, whole, strict=True)):
        one = _section(a, b, (PIXEL_MM, PIXEL_MM), i * STEP_MM)
        if one is not None:
            found.append(one)
    return found


def _slices(lumen: NDArray[np.bool_], outer: NDArray[np.bool_], grid: Grid) -> list[Section]:
    spacing = (grid.spacing_mm[1], grid.spacing_mm[0])
    found = []
    for z in np.flatnonzero(lumen.any(axis=(1, 2))):
        a, b = (m[z].astype(np.float32) for m in (lumen, outer))
        one = _section(a, b, spacing, float(z) * grid.slice_distance_mm)
        if one is not None:
            found.append(one)
    return found


def _section(
    lumen: NDArray[np.float32], outer: NDArray[np.float32], spacing: tuple[float, float], run: float
) -> Section | None:
    """One plane's areas and wall; None where a contour is missing or leaves the plane."""
    whole = middle_piece(outer >= 0.5)
    hollow = (lumen >= 0.5) & whole
    edge = whole[0].any() or whole[-1].any() or whole[:, 0].any() or whole[:, -1].any()
    if edge or not hollow.any() or int(whole.sum()) <= int(hollow.sum()):
        return None
    centre = middle_of(hollow, spacing)
    inner = contour_of(np.where(whole, lumen, 0.0).astype(np.float32), spacing, centre)
    outside = contour_of(outer, spacing, centre)
    chords = chords_between(inner, outside)
    if not (np.isfinite(chords.thickness_mm).any() and outside.area_mm2 > inner.area_mm2 > 0):
        return None
    return Section(run, inner.area_mm2, outside.area_mm2, chords.thickness_mm)


def _enhancement(inputs: AnalysisInputs, wall: NDArray[np.bool_]) -> list[Quantity]:
    """Wall over reference after contrast, and divided by that before."""
    if AFTER.key not in inputs.images:
        return []
    if REFERENCE.key not in inputs.masks:
        raise BadInput(N_("Enhancement needs a mask of reference tissue."))
    reference = inputs.mask(REFERENCE)
    ratios = []
    for spec in (AFTER, BEFORE):
        if spec.key not in inputs.images:
            continue
        array = np.asarray(inputs.image(spec).volumes[0].array, dtype=np.float64)
        if array.shape != wall.shape:
            raise BadInput(N_("The mask does not fit the image grid."))
        below = float(array[reference].mean()) if reference.any() else 0.0
        if below <= 0:
            raise BadInput(N_("The reference tissue has no signal."))
        ratios.append(float(array[wall].mean()) / below)
    said = [_said(TO_REFERENCE, ratios[0], "1")]
    if len(ratios) == 2:
        said.append(_said(ENHANCEMENT, ratios[0] / ratios[1], "1"))
    return said


def annulus(
    inner_mm: float, outer_mm: float, shift_mm: float = 0.0, *, spacing_mm: float = 0.25
) -> AnalysisInputs:
    """A straight artery along z whose lumen lies ``shift_mm`` beside its middle; over the lower
    half lumen and wall are normal (radii 2.5 and 3 mm)."""
    side = round(14.0 / spacing_mm)
    affine = np.diag([spacing_mm, spacing_mm, 1.0, 1.0])
    affine[:3, 3] = [-(side - 1) / 2 * spacing_mm + 0.05, -(side - 1) / 2 * spacing_mm, 0.0]
    grid = Grid((20, side, side), as_matrix(affine))
    z, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape), indexing="ij")
    place = grid.to_lps(np.stack([x, y, z], axis=-1))
    low = place[..., 2] < 9.5
    lumen = np.hypot(place[..., 0] - np.where(low, 0.0, shift_mm), place[..., 1]) <= np.where(
        low, 2.5, inner_mm
    )
    outer = np.hypot(place[..., 0], place[..., 1]) <= np.where(low, 3.0, outer_mm)
    line = np.stack([np.zeros(20), np.zeros(20), np.arange(20.0)], axis=1)
    return AnalysisInputs(
        masks={LUMEN.key: np.asarray(lumen), OUTER.key: np.asarray(outer | lumen)},
        grid=grid,
        lines={LINE.key: line},
    )


def _enhancing() -> AnalysisInputs:
    """The annulus, its wall 100 before and 180 after contrast, muscle 100 and 120."""
    given = annulus(2.0, 3.0)
    assert given.grid is not None
    wall = given.masks[OUTER.key] & ~given.masks[LUMEN.key]
    muscle = np.zeros(wall.shape, dtype=bool)
    muscle[:, :4, :4] = True
    images = {}
    for spec, of_wall, of_muscle in ((BEFORE, 100.0, 100.0), (AFTER, 180.0, 120.0)):
        array = np.where(wall, of_wall, np.where(muscle, of_muscle, 10.0)).astype(np.float32)
        volume = generated_volume(
            array, given.grid, modality="MR", unit="1", role="", region="vessel"
        )
        images[spec.key] = Images((volume,))
    masks = {**given.masks, REFERENCE.key: muscle}
    return AnalysisInputs(
        images=images, masks=masks, grid=given.grid, lines=given.lines,
        values={AT_REFERENCE.key: 3.0},
    )  # fmt: skip


SPEC = AnalysisSpec(
    id="vessel/vessel_wall",
    version="1.0.0",
    name=Wording("Vessel wall", "血管壁测量"),
    area="vessel",
    accepts=(),
    needs_mask="",
    inputs=(LUMEN, OUTER, LINE, BEFORE, AFTER, REFERENCE),
    parameters=(AT_REFERENCE,),
    formula=(
        "NWI = (A_outer - A_lumen) / A_outer; RI = A_outer / A_outer of normal vessel; "
        "eccentricity = (t_max - t_min) / t_max; enhancement = (wall / reference) after / before"
    ),
    source=(
        "Mandell et al., Intracranial vessel wall MRI, AJNR 2017;38:218-229, doi:10.3174/"
        "ajnr.A4893; normalised wall index: Saam et al., Radiology 2007;244:64-77; "
        "remodelling index: PMC6295022 (2018); eccentric: Swartz et al., Neurology 2009;72:627-634"
    ),
    known_answers=(
        KnownAnswer(
            make=lambda: annulus(2.0, 3.0),
            expected={NWI.en: (1.0 - 4.0 / 9.0, 0.006), LUMEN_AREA.en: (4 * np.pi, 0.2)},
            source="annulus of radii 2 and 3 mm: 1 - 4 / 9 = 0.556",
        ),
        KnownAnswer(
            make=_enhancing,
            expected={
                ENHANCEMENT.en: (1.5, 1e-6),
                TO_REFERENCE.en: (1.5, 1e-6),
                REMODELLING.en: (1.0, 0.02),
                THICKEST.en: (1.0, 0.2),
            },
            source="by hand: 180 / 120 over 100 / 100",
        ),
    ),
    cost_s=2.0,
)
