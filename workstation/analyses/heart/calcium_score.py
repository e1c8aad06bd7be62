"""Coronary calcium on unenhanced CT: Agatston score, volume and mass, in all and by vessel.

Whose a calcification is the reader says: by a click on it, or by a mask of the vessel. Nothing is
counted that nobody gave a vessel to. The rules differ between vendors; those used are said beside
the numbers. Mass needs the scanner's own calibration and is left out without it. Voxels that are
bright only in part are lost below the threshold: on a generated phantom at 0.43 x 0.43 x 3 mm the
mass comes out 7 % low, at 0.25 x 0.25 x 1 mm 1 % low.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from workstation.analyses.heart._calcium import (
    HU_PER_MG_CC,
    LARGEST_ML,
    NOMINAL_MM,
    Image,
    Mask,
    Rules,
    Score,
    clicked,
    larger_than_any,
    qrm_like,
    qrm_mg,
    scored,
)
from workstation.domain.acquisition import Acquisition
from workstation.domain.analysis import (
    NOWHERE,
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
from workstation.domain.errors import N_, BadInput, Message, named
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Volume, generated_volume
from workstation.guidelines import load_guideline

HU = "[hnsf'U]"
RIGHT_KVP = 120.0
BRIGHT_BLOOD = 90.0
"""HU; the heart of an unenhanced CT is darker (blood 30 to 50 HU)."""

AGATSTON = Wording("Agatston score", "Agatston 积分")
VOLUME = Wording("Calcium volume", "钙化体积")
MASS = Wording("Calcium mass", "钙化质量")
CATEGORY = Wording("CAC-DRS category A", "CAC-DRS A 分级")
VESSELS = Wording("Coronary arteries with calcium", "有钙化的冠状动脉支数")
_CODES = {
    AGATSTON: Code("112058", "DCM", "Calcium score"),
    VOLUME: Code("CACVOLUME", "99ONESCAN", "Coronary calcium volume"),
    MASS: Code("CACMASS", "99ONESCAN", "Coronary calcium mass"),
    CATEGORY: Code("CACDRSA", "99ONESCAN", "CAC-DRS category of the Agatston score"),
    VESSELS: Code("CACDRSN", "99ONESCAN", "CAC-DRS number of vessels"),
}
ARTERIES = {
    "lm": Wording("Left main coronary artery", "左主干"),
    "lad": Wording("Left anterior descending artery", "左前降支"),
    "lcx": Wording("Left circumflex artery", "左回旋支"),
    "rca": Wording("Right coronary artery", "右冠状动脉"),
}

CT = InputSpec(
    "ct",
    Kind.IMAGE,
    Wording("Unenhanced cardiac CT", "心脏平扫 CT"),
    unit=HU,
    roles=("calcium score", "CT cardiac"),
)
HEART = InputSpec("heart", Kind.MASK, Wording("Heart", "心脏"), optional=True)


def _of_vessel(key: str, name: Wording) -> tuple[InputSpec, InputSpec]:
    return (
        InputSpec(
            key,
            Kind.MASK,
            Wording(f"{name.en}: mask", f"{name.zh}：分割"),
            optional=True,
        ),
        InputSpec(
            f"{key}_marks",
            Kind.LINE,
            Wording(f"{name.en}: points on calcifications", f"{name.zh}：钙化灶上的点"),
            optional=True,
        ),
    )


BY_VESSEL = {key: _of_vessel(key, name) for key, name in ARTERIES.items()}

THRESHOLD = Parameter(
    "threshold", Wording("Least attenuation", "最低 CT 值"), 130.0, HU, low=80.0, high=300.0
)
LEAST = Parameter(
    "least_mm2", Wording("Least area in a slice", "单层最小面积"), 1.0, "mm2", low=0.0, high=10.0
)
TOUCH = Parameter(
    "touch",
    Wording("Voxels are one lesion where they touch by", "同一病灶的体素连接方式"),
    "corner",
    choices=(
        Choice("corner", Wording("edge or corner", "边或角")),
        Choice("edge", Wording("edge", "边")),
    ),
)
CORRECTED = Parameter(
    "corrected", Wording("Correct the score for the slice increment", "按层间距校正积分"), True
)
FACTOR = Parameter(
    "mass_factor",
    Wording("Calibration, mg/cm3 for one HU", "质量校准系数（每 HU 对应 mg/cm3）"),
    None,
    low=0.2,
    high=2.0,
)
ANY_KVP = Parameter(
    "any_kvp", Wording("Score also where the tube voltage is not 120 kV", "非 120 kV 也计算"), False
)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Score, volume (mm3), mass (mg) and CAC-DRS; ``BadInput`` on enhanced CT or unmarked vessels.

    The mask of what was counted is given back for review.
    """
    volume = inputs.image(CT).volumes[0]
    cautions = _fitting(volume, inputs)
    factor = inputs.number_or_none(FACTOR)
    rules = Rules(
        threshold=inputs.number(THRESHOLD),
        least_mm2=inputs.number(LEAST),
        corners=inputs.word(TOUCH) == "corner",
        corrected=inputs.flag(CORRECTED),
        mass_factor=factor,
    )
    array = np.asarray(volume.array, dtype=np.float32)
    mine = _by_vessel(inputs, array, volume.grid, rules.threshold)
    scores = {key: scored(array, mask, volume.grid, rules) for key, mask in mine.items()}
    agatston = sum(score.agatston for score in scores.values())
    with_calcium = sum(score.agatston > 0 for score in scores.values())
    guideline = load_guideline("cac-drs")
    category = guideline.number(agatston) or 0
    said = [
        *_numbers(list(scores.values())),
        Quantity(CATEGORY, _CODES[CATEGORY], float(category), "1"),
        Quantity(VESSELS, _CODES[VESSELS], float(with_calcium), "1"),
    ]
    for key, score in scores.items():
        said += _numbers([score], ARTERIES[key])
    if factor is None:
        cautions.append(Message(N_("No calibration was given, so no calcium mass is stated.")))
    words = guideline.bands[category].words
    cautions += _unmarked(mine)
    cautions += [
        Message(
            N_("{name}; arteries with calcium: {count} (CAC-DRS {version})."),
            {**named(words.en, words.zh), "count": with_calcium, "version": guideline.version},
        ),
        _rules_said(rules, volume.grid),
    ]
    counted = np.any([score.counted for score in scores.values()], axis=0)
    name = Wording("Calcium that was counted", "计入积分的钙化")
    shown = ResultMask("calcium", name, counted, volume.grid)
    return AnalysisResult(quantities=tuple(said), masks=(shown,), cautions=tuple(cautions))


def _fitting(volume: Volume, inputs: AnalysisInputs) -> list[Message]:
    """What a reader must know of the scan; ``BadInput`` where the rules are not made for it."""
    if volume.stack.unit != HU:
        raise BadInput(N_("Calcium is scored on CT in Hounsfield units."))
    scan = volume.stack.acquisition
    enhanced = scan.contrast == "enhanced" or scan.phase in {"arterial", "venous", "delayed"}
    if enhanced:
        raise BadInput(N_("This CT was made with contrast agent: calcium is not scored on it."))
    heart = inputs.masks.get(HEART.key)
    if heart is not None:
        inside = np.asarray(volume.array)[inputs.mask(HEART)]
        if inside.size and float(np.median(inside)) > BRIGHT_BLOOD:
            raise BadInput(
                N_("The heart is as bright as with contrast agent: calcium is not scored on it.")
            )
    cautions = []
    if scan.kvp is None:
        cautions.append(Message(N_("The tube voltage is not stated; the rules are for 120 kV.")))
    elif scan.kvp != RIGHT_KVP:
        said = N_("The rules are for 120 kV; this CT was made with {kvp} kV.")
        if not inputs.flag(ANY_KVP):
            raise BadInput(said, kvp=f"{scan.kvp:g}")
        cautions.append(Message(said, {"kvp": f"{scan.kvp:g}"}))
    step = volume.grid.slice_distance_mm
    if abs(step - NOMINAL_MM) > 0.05:
        cautions.append(
            Message(
                N_(
                    "The slices are {step} mm apart; scores of slices 2.5 and 3 mm apart can "
                    "differ by 20 to 40 %."
                ),
                {"step": f"{step:.2g}"},
            )
        )
    return cautions


def _by_vessel(
    inputs: AnalysisInputs, array: Image, grid: Grid, threshold: float
) -> dict[str, Mask]:
    """Voxels of each artery that the reader gave any; ``BadInput`` where two claim the same."""
    found, _ = ndimage.label(array >= threshold, structure=np.ones((3, 3, 3)))
    labels = np.asarray(found, dtype=np.int32)
    too_large = larger_than_any(labels, grid)
    mine: dict[str, Mask] = {}
    taken = np.zeros(array.shape, dtype=bool)
    for key, (by_mask, by_marks) in BY_VESSEL.items():
        drawn = np.zeros(array.shape, dtype=bool)
        name = ARTERIES[key]
        if by_mask.key in inputs.masks:
            given = inputs.mask(by_mask)
            if given.shape != array.shape:
                raise BadInput(N_("The mask does not fit the image grid."))
            if not given.any():
                raise BadInput(N_("The mask of the {name} is empty."), **named(name.en, name.zh))
            drawn |= given
        elif by_marks.key not in inputs.lines:
            continue
        if by_marks.key in inputs.lines:
            drawn |= clicked(labels, inputs.line(by_marks), grid)
        if np.isin(labels[drawn], too_large).any():
            raise BadInput(
                N_(
                    "What was marked in the {name} is part of something larger than {most} mL: "
                    "bone, or blood with contrast agent, and no coronary calcification."
                ),
                most=f"{LARGEST_ML:g}",
                **named(name.en, name.zh),
            )
        drawn &= array >= threshold
        if (drawn & taken).any():
            raise BadInput(
                N_("A calcification of the {name} is also given to another artery."),
                **named(name.en, name.zh),
            )
        taken |= drawn
        mine[key] = drawn
    if not mine:
        raise BadInput(
            N_("Click on the calcifications of each coronary artery, or give masks of them.")
        )
    return mine


def _numbers(scores: list[Score], site: Wording = NOWHERE) -> list[Quantity]:
    """Agatston score, volume and, where calibrated, mass of several scores together."""
    said = [
        Quantity(AGATSTON, _CODES[AGATSTON], sum(s.agatston for s in scores), "1", site),
        Quantity(VOLUME, _CODES[VOLUME], sum(s.volume_mm3 for s in scores), "mm3", site),
    ]
    masses = [s.mass_mg for s in scores if s.mass_mg is not None]
    if masses:
        said.append(Quantity(MASS, _CODES[MASS], sum(masses), "mg", site))
    return said


def _unmarked(mine: dict[str, Mask]) -> list[Message]:
    """Arteries that nothing was given to: the score is not that of the whole heart unless they
    are free of calcium."""
    free = [name for key, name in ARTERIES.items() if key not in mine]
    if not free:
        return []
    said = named(", ".join(n.en for n in free), "、".join(n.zh for n in free))
    return [Message(N_("Nothing was marked in: {name}. Their calcium is not in the score."), said)]


def _rules_said(rules: Rules, grid: Grid) -> Message:
    name = next(c.name for c in TOUCH.choices if (c.key == "corner") == rules.corners)
    return Message(
        N_(
            "Rules: at least {threshold} HU over {area} mm² in a slice; voxels are one lesion "
            "where they touch by {name}; score times {factor} for the slice increment."
        ),
        {
            "threshold": f"{rules.threshold:g}",
            "area": f"{rules.least_mm2:g}",
            "factor": f"{grid.slice_distance_mm / NOMINAL_MM if rules.corrected else 1.0:.3g}",
            **named(name.en, name.zh),
        },
    )


def ct_of(array: Image, grid: Grid, *, kvp: float | None = 120.0, contrast: str = "") -> Volume:
    """An array in HU as a cardiac CT of a stated tube voltage."""
    made = generated_volume(array, grid, modality="CT", unit=HU, role="CT cardiac", region="heart")
    stack = replace(made.stack, acquisition=Acquisition(kvp=kvp, contrast=contrast))
    return Volume(array, grid, stack)


def _two_lesions() -> AnalysisInputs:
    """Boxes on 0.5 x 0.5 x 3 mm: LAD 25 mm2 on two slices at 250 and 410 HU, RCA 9 mm2 at 130 HU,
    and one voxel (0.25 mm2) that is too small."""
    array = np.full((6, 60, 60), 40.0, dtype=np.float32)
    array[1, 10:20, 10:20] = 250.0
    array[2, 10:20, 10:20] = 410.0
    array[4, 40:46, 40:46] = 130.0
    array[4, 50, 50] = 500.0
    grid = Grid(array.shape, as_matrix(np.diag([0.5, 0.5, 3.0, 1.0])))
    rca = np.zeros(array.shape, dtype=bool)
    rca[4, 35:, 35:] = True
    return AnalysisInputs(
        images={CT.key: Images((ct_of(array, grid),))},
        masks={"rca": rca},
        lines={"lad_marks": grid.to_lps(np.array([[14.0, 14.0, 1.0]]))},
        grid=grid,
        values={FACTOR.key: 0.8},
    )


def _qrm() -> AnalysisInputs:
    array, grid = qrm_like()
    whole = np.ones(array.shape, dtype=bool)
    images = {CT.key: Images((ct_of(array, grid),))}
    values = {FACTOR.key: 1.0 / HU_PER_MG_CC}
    return AnalysisInputs(images=images, masks={"lad": whole}, grid=grid, values=values)


_LAD, _RCA = ARTERIES["lad"].en, ARTERIES["rca"].en

SPEC = AnalysisSpec(
    id="heart/calcium_score",
    version="1.0.0",
    name=Wording("Coronary calcium score", "冠状动脉钙化积分"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(CT, HEART, *(one for pair in BY_VESSEL.values() for one in pair)),
    parameters=(THRESHOLD, LEAST, TOUCH, CORRECTED, FACTOR, ANY_KVP),
    formula=(
        "Agatston = sum(area * weight) * increment / 3 mm, weight 1 to 4 from 130, 200, 300, 400 "
        "HU at the brightest voxel; volume = N * voxel; mass = factor * mean HU * volume"
    ),
    source=(
        "Agatston et al., J Am Coll Cardiol 1990;15:827-832, doi:10.1016/0735-1097(90)90282-T; "
        "volume: Callister et al., Radiology 1998;208:807-814; mass and increment: McCollough et "
        "al., Radiology 2007;243:527-538, doi:10.1148/radiol.2432050808"
    ),
    known_answers=(
        KnownAnswer(
            make=_two_lesions,
            expected={
                AGATSTON.en: (25.0 * 2 + 25.0 * 4 + 9.0, 1e-6),
                VOLUME.en: ((200 + 36) * 0.75, 1e-6),
                MASS.en: (0.8 * (100 * 250 + 100 * 410 + 36 * 130) * 0.00075, 1e-3),
                f"{AGATSTON.en} @ {_LAD}": (150.0, 1e-6),
                f"{AGATSTON.en} @ {_RCA}": (9.0, 1e-6),
                CATEGORY.en: (2.0, 0.0),
                VESSELS.en: (2.0, 0.0),
            },
            source="by hand: 25 mm2 x 2 + 25 mm2 x 4 + 9 mm2 x 1 = 159",
        ),
        KnownAnswer(
            make=_qrm,
            expected={MASS.en: (qrm_mg(), 0.02 * qrm_mg())},
            source=(
                "inserts of the QRM cardio calcification phantom, cylinders of 1, 3, 5 mm at 200, "
                "400, 800 mg/cm3: 168.2 mg"
            ),
        ),
    ),
    cost_s=2.0,
)
