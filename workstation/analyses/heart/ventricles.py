"""Volumes of the ventricles over the beat from their outlines: ejection fraction, stroke, mass.

A trained model outlines the cavities on every slice and phase, a reader corrects them; here they
become numbers. End-diastole is the phase that the reader sees as the finding, whose outline may
have been edited; end-systole is the smallest volume among phases that agree with the median of
their neighbours, so that one phase on which the outline failed is not taken for it. Of each right
ventricle both are its own, for it empties a little later.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.heart._cavity import ends_inside
from workstation.analyses.heart.lv_function import (
    CODES,
    EDV,
    EF,
    ESV,
    LEAST_PHASES,
    MASS,
    MYOCARDIUM_G_PER_ML,
    NO_BASE,
    SV,
    ejection_fraction,
    half_ellipsoid,
    simpson_ml,
)
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Choice,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Grid, as_matrix

AGREE = 0.1
"""A phase whose volume is further from its neighbours' median, as part of the largest, is left."""

CAVITY, MYOCARDIUM, RIGHT = "lv_endo", "lv_myo", "rv_endo"
RIGHT_EDV = Wording("Right ventricular end-diastolic volume", "右心室舒张末期容积")
RIGHT_ESV = Wording("Right ventricular end-systolic volume", "右心室收缩末期容积")
RIGHT_SV = Wording("Right ventricular stroke volume", "右心室每搏输出量")
RIGHT_EF = Wording("Right ventricular ejection fraction", "右心室射血分数")
_RIGHT_CODES = {
    RIGHT_EDV: Code("RVEDV", "99ONESCAN", RIGHT_EDV.en),
    RIGHT_ESV: Code("RVESV", "99ONESCAN", RIGHT_ESV.en),
    RIGHT_SV: Code("RVSV", "99ONESCAN", RIGHT_SV.en),
    RIGHT_EF: Code("RVEF", "99ONESCAN", RIGHT_EF.en),
}
INDEXED = {
    name: Wording(f"{name.en} / body surface", f"{name.zh}指数")
    for name in (EDV, ESV, SV, MASS, RIGHT_EDV, RIGHT_ESV, RIGHT_SV)
}
SURFACE = Wording("Body surface area", "体表面积")
_SURFACE_CODE = Code("8277-6", "LN", "Body surface area")
PHASE = Parameter("phase", Wording("Phase of end-diastole", "舒张末期所在时相"), None, low=0.0)
DRAWN = Parameter(
    "drawn", Wording("Phases outlined by a reader (7,8,9)", "阅片者勾画的时相（如 7,8,9）"), ""
)
HEIGHT = Parameter("height_cm", Wording("Height", "身高"), None, "cm", 30.0, 250.0)
WEIGHT = Parameter("weight_kg", Wording("Weight", "体重"), None, "kg", 1.0, 400.0)
ANY_STACK = Parameter(
    "any_stack",
    Wording("Measure also where slices at the base are lacking", "缺少基底层面时也计算"),
    False,
)
RULE = Parameter(
    "surface", Wording("Body surface by", "体表面积公式"), "mosteller",
    choices=(
        Choice("mosteller", Wording("Mosteller 1987", "Mosteller 1987")),
        Choice("dubois", Wording("DuBois 1916", "DuBois 1916")),
    ),
)  # fmt: skip


def body_surface_m2(height_cm: float, weight_kg: float, rule: str = "mosteller") -> float:
    """Body surface area. Mosteller, N Engl J Med 1987;317:1098: sqrt(h w / 3600); DuBois, Arch
    Intern Med 1916;17:863-871: 0.007184 w^0.425 h^0.725."""
    if rule == "dubois":
        return float(0.007184 * weight_kg**0.425 * height_cm**0.725)
    return float(np.sqrt(height_cm * weight_kg / 3600.0))


def volumes_of(inputs: AnalysisInputs, key: str) -> dict[int, float]:
    """Volume (mL) by phase of the masks (z, y, x) under ``key``, in order of the phases."""
    assert inputs.grid is not None
    found = {}
    for phase, mask in sorted(inputs.phases_of(key).items()):
        if mask.shape != inputs.grid.shape:
            raise BadInput(N_("The mask does not fit the image grid."))
        found[phase] = simpson_ml(mask, inputs.grid)
    return found


def systole_of(
    volumes: dict[int, float], diastole: int, drawn: frozenset[int] = frozenset()
) -> int:
    """The phase of the smallest volume other than end-diastole; of a whole beat, among phases that
    agree with the median of three neighbours or that a reader has ``drawn``."""
    phases = sorted(volumes)
    values = np.array([volumes[phase] for phase in phases])
    left_out = np.zeros(len(values), dtype=bool)
    if len(values) >= LEAST_PHASES:
        curve = ndimage.median_filter(values, size=3, mode="wrap")
        left_out = np.abs(values - curve) > AGREE * values.max()
        left_out[[n for n, phase in enumerate(phases) if phase in drawn]] = False
    left_out[phases.index(diastole)] = True
    if left_out.all():
        raise BadInput(N_("The outlines change too much from phase to phase."))
    return phases[int(np.argmin(np.where(left_out, np.inf, values)))]


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Ejection fraction first, then volumes (mL), mass (g) where the wall is outlined, and the
    same of the right ventricle where that is."""
    if inputs.grid is None:
        raise BadInput(N_("There is no mask of the left ventricle to measure."))
    left = volumes_of(inputs, CAVITY)
    if len(left) < 2:
        raise BadInput(
            N_("The left ventricle must be outlined at end-diastole and at end-systole.")
        )
    asked = inputs.number_or_none(PHASE)
    diastole = max(left, key=lambda phase: left[phase]) if asked is None else int(asked)
    if diastole not in left:
        raise BadInput(N_("The left ventricle is not outlined on phase {phase}."), phase=diastole)
    if ends_inside(inputs.phases_of(CAVITY)[diastole]) and not inputs.flag(ANY_STACK):
        raise BadInput(NO_BASE)
    drawn = _drawn(inputs)
    edv, esv = left[diastole], left[systole_of(left, diastole, drawn)]
    if esv > edv:
        raise BadInput(N_("The outline of end-diastole is smaller than that of end-systole."))
    said = [
        Quantity(EF, CODES[EF], ejection_fraction(edv, esv), "%"),
        Quantity(EDV, CODES[EDV], edv, "mL"),
        Quantity(ESV, CODES[ESV], esv, "mL"),
        Quantity(SV, CODES[SV], edv - esv, "mL"),
    ]
    wall = inputs.phases_of(MYOCARDIUM).get(diastole)
    if wall is not None:
        if wall.shape != inputs.grid.shape:
            raise BadInput(N_("The mask does not fit the image grid."))
        # Where a reader widened the cavity, what was wall before is wall no longer.
        muscle = simpson_ml(wall & ~inputs.phases_of(CAVITY)[diastole], inputs.grid)
        said.append(Quantity(MASS, CODES[MASS], muscle * MYOCARDIUM_G_PER_ML, "g"))
    said += _right(volumes_of(inputs, RIGHT), drawn)
    indexed, cautions = _indexed(inputs, said)
    return AnalysisResult(quantities=(*said, *indexed), cautions=cautions)


def _drawn(inputs: AnalysisInputs) -> frozenset[int]:
    """Phases that a reader outlined: taken as they are, however they differ from others."""
    words = inputs.word(DRAWN).replace(",", " ").split()
    if not all(word.isdigit() for word in words):
        raise BadInput(
            N_("{key} is a list of whole numbers, not {given}."),
            key=DRAWN.key, given=inputs.word(DRAWN),
        )  # fmt: skip
    return frozenset(int(word) for word in words)


def _indexed(
    inputs: AnalysisInputs, said: list[Quantity]
) -> tuple[list[Quantity], tuple[Message, ...]]:
    """Volumes and mass over body surface; a caution instead where height or weight is unknown."""
    height, weight = inputs.number_or_none(HEIGHT), inputs.number_or_none(WEIGHT)
    if height is None or weight is None:
        lacking = Message(
            N_("Height or weight of the patient is not stated: nothing is indexed to body surface.")
        )
        return [], (lacking,)
    area = body_surface_m2(height, weight, inputs.word(RULE))
    found = [Quantity(SURFACE, _SURFACE_CODE, area, "m2")]
    for one in said:
        name = INDEXED.get(one.name)
        if name is not None:
            code = Code(f"{one.code.value}I", "99ONESCAN", name.en)
            found.append(Quantity(name, code, one.value / area, f"{one.unit}/m2"))
    return found, ()


def _right(volumes: dict[int, float], drawn: frozenset[int]) -> list[Quantity]:
    """Nothing where it is outlined on fewer than two phases."""
    if len(volumes) < 2:
        return []
    diastole = max(volumes, key=lambda phase: volumes[phase])
    edv, esv = volumes[diastole], volumes[systole_of(volumes, diastole, drawn)]
    values = {
        RIGHT_EF: (ejection_fraction(edv, esv), "%"),
        RIGHT_EDV: (edv, "mL"),
        RIGHT_ESV: (esv, "mL"),
        RIGHT_SV: (edv - esv, "mL"),
    }
    return [
        Quantity(name, _RIGHT_CODES[name], value, unit) for name, (value, unit) in values.items()
    ]


_GRID = Grid(
    (14, 81, 81),
    as_matrix(
        np.array([[1.5, 0, 0, -60.0], [0, 1.5, 0, -60.0], [0, 0, 8.0, -100.0], [0, 0, 0, 1.0]])
    ),
)
_WIDE, _NARROW, _OUTER = (26.0, 26.0, 85.0), (18.0, 18.0, 70.0), (35.0, 35.0, 94.0)


def _half(radii_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    return half_ellipsoid(radii_mm, _GRID, 0.0)


def _beat() -> AnalysisInputs:
    """Half ellipsoids that narrow and widen over ten phases; on phase 2 the outline fails."""
    masks = {f"{MYOCARDIUM}:0": _half(_OUTER) & ~_half(_WIDE)}
    for phase in range(10):
        part = min(phase, 10 - phase) / 5.0
        radii = tuple(w + (n - w) * part for w, n in zip(_WIDE, _NARROW, strict=True))
        masks[f"{CAVITY}:{phase}"] = _half((radii[0], radii[1], radii[2]))
    masks[f"{CAVITY}:2"] = masks[f"{CAVITY}:2"] & _half((9.0, 9.0, 40.0))
    masks[f"{RIGHT}:0"], masks[f"{RIGHT}:6"] = _half(_WIDE), _half(_NARROW)
    return AnalysisInputs(masks=masks, grid=_GRID)


def _ml(radii_mm: tuple[float, float, float]) -> float:
    return 2.0 * np.pi * float(np.prod(radii_mm)) / 3.0 / 1000.0


_EDV, _ESV = _ml(_WIDE), _ml(_NARROW)
_WALL_G = (_ml(_OUTER) - _EDV) * MYOCARDIUM_G_PER_ML


def _outline(key: str, name: Wording, code: str, *, optional: bool = False) -> InputSpec:
    return InputSpec(key, Kind.MASK, name, optional=optional, by_phase=True, code=code)


SPEC = AnalysisSpec(
    id="heart/ventricles",
    version="1.1.0",
    name=Wording("Ventricular volumes from outlines", "由轮廓计算的心室容积"),
    area="heart",
    accepts=("cine SAX",),
    needs_mask="lv_function",
    inputs=(
        _outline(CAVITY, Wording("Left ventricular cavity", "左心室腔"), "87878005"),
        _outline(
            MYOCARDIUM,
            Wording("Left ventricular myocardium", "左心室心肌"),
            "49848007",
            optional=True,
        ),
        _outline(RIGHT, Wording("Right ventricular cavity", "右心室腔"), "53085002", optional=True),
    ),
    parameters=(PHASE, DRAWN, HEIGHT, WEIGHT, RULE, ANY_STACK),
    formula=(
        "V = sum(A_i) * (thickness + gap); EF = (EDV - ESV) / EDV; mass = 1.05 g/mL * V_myo; index "
        "= value / body surface, sqrt(height * weight / 3600)"
    ),
    source=(
        "Schulz-Menger et al., Standardized image interpretation and post-processing in CMR, "
        "J Cardiovasc Magn Reson 2020;22:19, doi:10.1186/s12968-020-00610-6; body surface: "
        "Mosteller, N Engl J Med 1987;317:1098, doi:10.1056/NEJM198710223171717"
    ),
    known_answers=(
        KnownAnswer(
            make=_beat,
            expected={
                EDV.en: (_EDV, 0.02 * _EDV),
                ESV.en: (_ESV, 0.02 * _ESV),
                SV.en: (_EDV - _ESV, 0.02 * _EDV),
                EF.en: ((1 - _ESV / _EDV) * 100, 1.0),
                MASS.en: (_WALL_G, 0.03 * _WALL_G),
                RIGHT_EF.en: ((1 - _ESV / _EDV) * 100, 1.0),
            },
            source="half ellipsoid, V = 2 pi a b c / 3",
        ),
        KnownAnswer(
            make=lambda: replace(_beat(), values={HEIGHT.key: 175.0, WEIGHT.key: 70.0}),
            expected={
                SURFACE.en: (1.8447, 5e-4),
                INDEXED[EDV].en: (_EDV / 1.8447, 0.02 * _EDV / 1.8447),
                INDEXED[MASS].en: (_WALL_G / 1.8447, 0.03 * _WALL_G / 1.8447),
            },
            source="the same over sqrt(175 * 70 / 3600) m2",
        ),
        KnownAnswer(
            make=lambda: replace(
                _beat(), values={HEIGHT.key: 175.0, WEIGHT.key: 70.0, RULE.key: "dubois"}
            ),
            expected={SURFACE.en: (1.848, 5e-4)},
            source="DuBois of 70 kg and 175 cm: 1.848 m2",
        ),
    ),
    cost_s=1.0,
)
