"""Perfusion of one tissue curve: CBF, CBV, MTT and Tmax by deconvolution with an arterial curve."""

from __future__ import annotations

import numpy as np

from workstation.analyses.brain import _perfusion as shared
from workstation.analyses.brain._perfusion import (
    CBF,
    CBV,
    CONTENT,
    CUT,
    DENSITY,
    FLOW,
    HAEMATOCRIT,
    INDEX,
    METHOD,
    MTT,
    TMAX,
    even_times,
    resampled,
    respond,
)
from workstation.analyses.brain._series import local_code
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Curve,
    InputSpec,
    Kind,
    KnownAnswer,
    Quantity,
    ResultCurve,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput

TISSUE = InputSpec(
    "tissue",
    Kind.CURVE,
    Wording("Tissue: concentration over time", "组织浓度-时间曲线"),
    axis="time",
)
ARTERY = InputSpec(
    "artery",
    Kind.CURVE,
    Wording("Artery: concentration over time", "动脉浓度-时间曲线"),
    axis="time",
)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Both curves in one unit proportional to concentration (ΔR2*, HU), from before the bolus on.

    CBF in mL/100 g/min, CBV in mL/100 g, MTT and Tmax in s. Raises ``BadInput`` where the curves
    are too short, do not share their times or hold no bolus.
    """
    tissue, artery = inputs.curve(TISSUE), inputs.curve(ARTERY)
    if min(tissue.x.size, artery.x.size) < shared.LEAST_FRAMES:
        raise BadInput(
            N_("{frames} time points are too few for perfusion: at least {least}."),
            frames=min(tissue.x.size, artery.x.size), least=shared.LEAST_FRAMES,
        )  # fmt: skip
    if tissue.x[0] > artery.x[-1] or artery.x[0] > tissue.x[-1]:
        raise BadInput(N_("The two curves share no time."))
    step, even = even_times(tissue.x)
    even = even[(even >= artery.x[0] - 1e-6) & (even <= artery.x[-1] + 1e-6)]
    if even.size < shared.LEAST_FRAMES:
        raise BadInput(N_("The two curves share no time."))
    curve = resampled(tissue.y[None].astype(np.float32), tissue.x, even)
    aif = np.interp(even, artery.x, artery.y)
    area = float(aif.sum())
    if area <= 0 or aif.max() <= 0:
        raise BadInput(N_("The arterial curve holds no bolus."))
    response = respond(inputs, curve, aif, step)
    factor = 100.0 * inputs.number(HAEMATOCRIT) / inputs.number(DENSITY)
    cbv = factor * max(float(curve.sum()), 0.0) / area
    cbf = factor * 60.0 * max(float(response.peak[0]), 0.0)
    if cbv >= 100.0:
        raise BadInput(
            N_("The tissue would hold more blood than fits into it: were the curves of tissue and "
               "artery exchanged, or are they scaled differently?")
        )  # fmt: skip
    if cbf <= 0:
        raise BadInput(N_("The tissue curve holds no bolus."))
    values = {
        "cbf": (CBF, cbf, FLOW),
        "cbv": (CBV, cbv, CONTENT),
        "mtt": (MTT, 60.0 * cbv / cbf, "s"),
        "tmax": (TMAX, float(response.delay_s[0]), "s"),
    }
    return AnalysisResult(
        quantities=tuple(
            Quantity(name, local_code(key.upper(), name), value, unit)
            for key, (name, value, unit) in values.items()
        ),
        curves=(
            ResultCurve("artery_curve", ARTERY.name, Curve(even, aif, "s", artery.y_unit)),
            ResultCurve(
                "tissue_curve",
                TISSUE.name,
                Curve(even, curve[0].astype(np.float64), "s", tissue.y_unit),
            ),
        ),
    )


STEP_S, CBF_TRUE, CBV_TRUE = 1.0, 40.0, 4.0


def _exponential() -> AnalysisInputs:
    """A gamma-variate artery and R(t) = exp(-t / MTT), convolved on a tenfold finer axis."""
    fine = np.arange(0.0, 90.0, STEP_S / 10)
    late = np.maximum(fine - 10.0, 0.0)
    artery = late**3 * np.exp(-late / 1.5)
    mtt = 60.0 * CBV_TRUE / CBF_TRUE
    flow = CBF_TRUE / 6000.0 * 1.04 / round((1 - 0.45) / (1 - 0.25), 4)
    tissue = np.convolve(artery, np.exp(-fine / mtt))[: fine.size] * STEP_S / 10 * flow
    return AnalysisInputs(
        curves={
            "tissue": Curve(fine[::10], tissue[::10]),
            "artery": Curve(fine[::10], artery[::10]),
        }
    )


SPEC = AnalysisSpec(
    id="brain/perfusion_curve",
    version="1.0.0",
    name=Wording("Perfusion of one curve", "单曲线灌注分析"),
    area="brain",
    accepts=(),
    needs_mask="",
    inputs=(TISSUE, ARTERY),
    parameters=(METHOD, INDEX, CUT, HAEMATOCRIT, DENSITY),
    formula="C_t = (rho / k_H) CBF (C_a * R); CBV = (k_H / rho) sum C_t / sum C_a; MTT = CBV / CBF",
    source=(
        "Ostergaard et al., Magn Reson Med 1996;36:715-725, doi:10.1002/mrm.1910360510; oSVD: "
        "Wu et al., Magn Reson Med 2003;50:164-174, doi:10.1002/mrm.10522"
    ),
    known_answers=(
        KnownAnswer(
            make=_exponential,
            expected={
                CBF.en: (CBF_TRUE, 0.15 * CBF_TRUE),
                CBV.en: (CBV_TRUE, 0.02 * CBV_TRUE),
                TMAX.en: (0.0, 1.5),
            },
            source="residue exp(-t / MTT) with MTT = CBV / CBF, artery a gamma variate",
        ),
    ),
)
