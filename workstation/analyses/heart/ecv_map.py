"""Extracellular volume of the myocardium from T1 before and after contrast, and the haematocrit.

The haematocrit is that of a blood sample. One estimated from the blood's T1 is off unless asked
for: its formula is that of one scanner at 1.5 T, and it errs in the young and in anaemia.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.heart._segments import (
    INSERTIONS,
    MYOCARDIUM,
    RIGHT,
    by_segment,
    mean_by_segment,
    model_of,
)
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultMap,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import generated_volume

BLOOD_NATIVE_MS = (800.0, 2600.0)
"""Native T1 of blood at 1.5 and 3 T lies in here with room; else these are no maps in ms."""

LEAST_AFTER_MS = 50.0
"""Less no blood has after a clinical dose: such numbers are seconds."""

ECV = Wording("Extracellular volume of the myocardium", "心肌细胞外容积分数（ECV）")
SPREAD = Wording("Spread of the extracellular volume (SD)", "心肌 ECV 标准差")
HAEMATOCRIT = Wording("Haematocrit used", "所用红细胞压积")
_CODES = {
    ECV: Code("ECV", "99ONESCAN", "Myocardial extracellular volume fraction"),
    SPREAD: Code("ECVSD", "99ONESCAN", SPREAD.en),
    HAEMATOCRIT: Code("4544-3", "LN", "Hematocrit of Blood by Automated count"),
}
NATIVE = InputSpec(
    "native",
    Kind.IMAGE,
    Wording("T1 map before contrast, ms", "增强前 T1 图（ms）"),
    roles=("T1 map",),
)
AFTER = InputSpec(
    "after",
    Kind.IMAGE,
    Wording("T1 map after contrast, ms", "增强后 T1 图（ms）"),
    roles=("T1 map",),
)
BLOOD = InputSpec("blood", Kind.MASK, Wording("Left ventricular blood", "左心室血池"))
HCT = Parameter("hct", Wording("Haematocrit", "红细胞压积"), None, "1", low=0.15, high=0.65)
SYNTHETIC = Parameter(
    "synthetic",
    Wording(
        "Estimate the haematocrit from the blood's T1 (1.5 T)", "由血池 T1 估算红细胞压积（1.5 T）"
    ),
    False,
)


def ecv(
    muscle_pre: float, muscle_post: float, blood_pre: float, blood_post: float, hct: float
) -> float:
    """Extracellular volume in percent from T1 in ms."""
    change = (1 / muscle_post - 1 / muscle_pre) / (1 / blood_post - 1 / blood_pre)
    return (1.0 - hct) * change * 100.0


def synthetic_hct(blood_native_ms: float) -> float:
    """Haematocrit from the native T1 of blood: 866.0 / T1 - 0.1232 (Treibel 2016, one 1.5 T)."""
    return 866.0 / blood_native_ms - 0.1232


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """The map (%), its mean over the muscle, and by segment where the insertions are known."""
    before, after = inputs.image(NATIVE), inputs.image(AFTER)
    if before.grid.shape != after.grid.shape or not np.allclose(
        before.grid.matrix, after.grid.matrix, atol=0.01
    ):
        raise BadInput(N_("The T1 maps before and after contrast do not lie on the same voxels."))
    muscle, blood = inputs.mask(MYOCARDIUM), inputs.mask(BLOOD)
    pre, post = (_map(images) for images in (before, after))
    if muscle.shape != pre.shape:
        raise BadInput(N_("The mask does not fit the image grid."))
    blood_pre, blood_post = (_mean(values, blood) for values in (pre, post))
    low, high = BLOOD_NATIVE_MS
    if not low <= blood_pre <= high:
        raise BadInput(
            N_("The T1 of the blood before contrast is {value}; a map in ms has {low} to {high}."),
            value=f"{blood_pre:.0f}", low=f"{low:.0f}", high=f"{high:.0f}",
        )  # fmt: skip
    if not blood_post >= LEAST_AFTER_MS:
        raise BadInput(
            N_("The T1 of the blood after contrast is {value}; a map in ms has {low} or more."),
            value=f"{blood_post:.3g}", low=f"{LEAST_AFTER_MS:.0f}",
        )  # fmt: skip
    if blood_post >= blood_pre:
        raise BadInput(N_("The T1 of the blood is not shorter after contrast."))
    cautions = []
    hct = inputs.number_or_none(HCT)
    if hct is None:
        if not inputs.flag(SYNTHETIC):
            raise BadInput(N_("The haematocrit has to be given (hct)."))
        hct = synthetic_hct(blood_pre)
        cautions.append(
            Message(
                N_(
                    "The haematocrit {value} was estimated from the blood's T1 by a formula of one "
                    "1.5 T scanner; it errs in the young and in anaemia."
                ),
                {"value": f"{hct:.2f}"},
            )
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (1.0 / post - 1.0 / pre) / (1.0 / blood_post - 1.0 / blood_pre)
    values = ((1.0 - hct) * change * 100.0).astype(np.float32)
    inside = values[muscle & np.isfinite(values)]
    if not inside.size:
        raise BadInput(N_("The outline of the muscle holds no T1."))
    mean = float(inside.mean())
    if not 0.0 < mean < 100.0:
        raise BadInput(
            N_("The muscle would have {value} % extracellular volume: were the outlines of muscle "
               "and blood, or the maps, exchanged?"),
            value=f"{mean:.0f}",
        )  # fmt: skip
    said = [
        Quantity(ECV, _CODES[ECV], mean, "%"),
        Quantity(SPREAD, _CODES[SPREAD], float(inside.std()), "%"),
        Quantity(HAEMATOCRIT, _CODES[HAEMATOCRIT], hct * 100.0, "%"),
    ]
    model = model_of(inputs)
    if model is not None:
        means = mean_by_segment(np.where(muscle, values, np.nan), model.labels)
        said += by_segment(means, ECV, _CODES[ECV], "%")
    shown = ResultMap(
        "ecv",
        Wording("Extracellular volume", "细胞外容积分数"),
        values,
        before.grid,
        "%",
        (0.0, 80.0),
    )
    return AnalysisResult(quantities=tuple(said), maps=(shown,), cautions=tuple(cautions))


def _map(images: Images) -> NDArray[np.float64]:
    """T1 in ms, NaN where the map has none."""
    values = np.asarray(images.volumes[0].array, dtype=np.float64)
    return np.where(values > 0, values, np.nan)


def _mean(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> float:
    known = values[mask & np.isfinite(values)]
    if not known.size:
        raise BadInput(N_("The outline of the blood holds no T1."))
    return float(known.mean())


def _known() -> AnalysisInputs:
    """Muscle 1000 to 450 ms, blood 1550 to 300 ms, haematocrit 0.42."""
    grid = Grid((1, 8, 8), as_matrix(np.diag([1.5, 1.5, 8.0, 1.0])))
    muscle = np.zeros(grid.shape, dtype=bool)
    muscle[:, :, :4] = True
    pre = np.where(muscle, 1000.0, 1550.0).astype(np.float32)
    post = np.where(muscle, 450.0, 300.0).astype(np.float32)
    images = {
        key: Images((generated_volume(a, grid, modality="MR", unit="1", role="", region="heart"),))
        for key, a in ((NATIVE.key, pre), (AFTER.key, post))
    }
    masks = {MYOCARDIUM.key: muscle, BLOOD.key: ~muscle}
    return AnalysisInputs(images=images, masks=masks, grid=grid, values={HCT.key: 0.42})


SPEC = AnalysisSpec(
    id="heart/ecv_map",
    version="1.0.0",
    name=Wording("Extracellular volume", "心肌细胞外容积（ECV）"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(NATIVE, AFTER, MYOCARDIUM, BLOOD, INSERTIONS, RIGHT),
    parameters=(HCT, SYNTHETIC),
    formula="ECV = (1 - Hct) (1/T1m_post - 1/T1m_pre) / (1/T1b_post - 1/T1b_pre)",
    source=(
        "Messroghli et al., J Cardiovasc Magn Reson 2017;19:75, doi:10.1186/s12968-017-0389-8; "
        "estimated haematocrit: Treibel et al., JACC Cardiovasc Imaging 2016;9:54-63, "
        "doi:10.1016/j.jcmg.2015.11.008"
    ),
    known_answers=(
        KnownAnswer(
            make=_known,
            expected={ECV.en: (26.37, 0.005), SPREAD.en: (0.0, 0.001)},
            source="by hand: 1000 to 450 ms, 1550 to 300 ms, haematocrit 0.42 give 26.37 %",
        ),
    ),
    cost_s=1.0,
)
