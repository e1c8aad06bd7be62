"""The ICH score of a spontaneous intracerebral haemorrhage: five facts, two of them measured."""

from __future__ import annotations

import numpy as np

from workstation.analyses.brain._series import VOLUME, local_code, mask_on, volume_ml
from workstation.analyses.brain.bleed_volume import TOTAL, sphere
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
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message

BLEED = InputSpec("bleed", Kind.MASK, Wording("Intracerebral haemorrhage", "脑内血肿"))
INSIDE = InputSpec(
    "ventricular", Kind.MASK, Wording("Blood in the ventricles", "脑室内积血"), optional=True
)
COMA = Parameter("gcs", Wording("Glasgow Coma Scale", "GCS 评分"), None, "1", 3.0, 15.0)
AGE = Parameter("age", Wording("Age in years", "年龄（岁）"), None, "a", 0.0, 120.0)
BELOW = Parameter("infratentorial", Wording("Origin below the tentorium", "幕下起源"), False)
VENTRICLES = Parameter(
    "ivh", Wording("Blood in the ventricles", "脑室内积血"), "mask",
    choices=(Choice("mask", Wording("as its mask says", "按掩膜判断")),
             Choice("yes", Wording("yes", "有")), Choice("no", Wording("no", "无"))),
)  # fmt: skip
SCORE = Wording("ICH score", "ICH 评分")
POINTS = Wording("ICH score, points", "ICH 评分分项")
_LARGE_ML, _OLD = 30.0, 80.0


def points(
    gcs: float, age: float, volume_ml: float, ventricular: bool, infratentorial: bool
) -> dict[str, int]:
    """Points of each of the five facts; their sum is the score, 0 to 6."""
    return {
        "gcs": 2 if gcs < 5 else (1 if gcs < 13 else 0),
        "age": int(age >= _OLD),
        "volume": int(round(volume_ml, 1) >= _LARGE_ML),
        "ventricular": int(ventricular),
        "infratentorial": int(infratentorial),
    }


_SITES = {
    "gcs": COMA.name,
    "age": Wording("Age", "年龄"),
    "volume": Wording("Volume of 30 mL or more", "血肿体积 ≥30 mL"),
    "ventricular": INSIDE.name,
    "infratentorial": BELOW.name,
}


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """The score with its parts. The volume is that of the mask."""
    mask = inputs.mask(BLEED)
    grid = inputs.grid
    assert grid is not None
    if not mask.any():
        raise BadInput(N_("The mask of the haemorrhage is empty."))
    drawn, word = mask_on(inputs, INSIDE, grid), inputs.word(VENTRICLES)
    if word == "mask" and drawn is None:
        raise BadInput(
            N_("Say whether there is blood in the ventricles: a mask, or ivh=yes or no.")
        )
    ventricular = word == "yes" or (word == "mask" and drawn is not None and bool(drawn.any()))
    volume = volume_ml(mask, grid)
    parts = points(inputs.number(COMA), inputs.number(AGE), volume, ventricular, inputs.flag(BELOW))
    code = local_code("ICHPOINTS", POINTS)
    return AnalysisResult(
        quantities=(
            Quantity(SCORE, local_code("ICHSCORE", SCORE), float(sum(parts.values())), "1"),
            *(Quantity(POINTS, code, float(n), "1", _SITES[key]) for key, n in parts.items()),
            Quantity(TOTAL, VOLUME, volume, "mL"),
        ),
        cautions=(
            Message(N_("For spontaneous haemorrhage at presentation; no basis for limiting care.")),
        ),
    )


def _case() -> AnalysisInputs:
    """A ball of 33.5 mL, blood in the ventricles, GCS 8, 82 years, above the tentorium."""
    inputs = sphere(0.5, 1.0)
    inside = np.zeros_like(inputs.masks[BLEED.key])
    inside[0, :3, :3] = True
    return AnalysisInputs(
        masks={**inputs.masks, INSIDE.key: inside},
        grid=inputs.grid,
        values={COMA.key: 8.0, AGE.key: 82.0},
    )


SPEC = AnalysisSpec(
    id="brain/ich_score",
    version="1.0.0",
    name=SCORE,
    area="brain",
    accepts=(),
    needs_mask="",
    formula="GCS 3-4: 2, 5-12: 1; >= 30 mL: 1; ventricles: 1; infratentorial: 1; >= 80 years: 1",
    source="Hemphill et al., The ICH Score, Stroke 2001;32:891-897, doi:10.1161/01.STR.32.4.891",
    known_answers=(
        KnownAnswer(
            make=_case,
            expected={SCORE.en: (4.0, 0.0), f"{POINTS.en} @ {COMA.name.en}": (1.0, 0.0)},
            source="1 for GCS 8, 1 for 82 years, 1 for 33.5 mL, 1 for the ventricles",
        ),
    ),
    cost_s=0.5,
    inputs=(BLEED, INSIDE),
    parameters=(COMA, AGE, BELOW, VENTRICLES),
)
