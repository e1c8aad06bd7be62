"""Perfusion of the brain by dynamic susceptibility contrast MR: CBF, CBV, MTT, Tmax."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.brain import _perfusion as shared
from workstation.analyses.brain._flow_phantom import gamma_artery, tissue_curve
from workstation.analyses.brain._head import brain_on_mr
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import generated_volume

Singles = NDArray[np.float32]

DYNAMIC = InputSpec(
    "dynamic", Kind.SERIES, Wording("Images during the bolus (DSC)", "动态磁敏感对比图像（DSC）"),
    axis="time", roles=("PWI",),
)  # fmt: skip
ARTERY_CURVE = InputSpec(
    "artery_curve", Kind.CURVE,
    Wording("Arterial curve of ΔR2* (instead of the one found)", "动脉 ΔR2* 曲线（替代自动选择）"),
    unit="/s", axis="time", optional=True,
)  # fmt: skip
ECHO = Parameter("te_ms", Wording("Echo time", "回波时间 TE"), None, "ms", 1.0, 200.0)
_SATURATED = 0.03  # of the signal before: what is left there is noise
_LEAST_DROP = 0.03
_FLUID = 1.7


def relaxation(signals: Singles, level: Singles, te_ms: float) -> Singles:
    """-ln(S / S0) / TE in 1/s of signals (n, t) with the mean before the bolus (n, 1); NaN where
    the signal is gone."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = signals / level
        found = -np.log(left) / np.float32(te_ms / 1000.0)
    return np.where(left > _SATURATED, found, np.nan).astype(np.float32)


def _fluid(before: Singles, brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fluid is much brighter than brain before contrast on T2*-weighted images."""
    return np.asarray(brain & (before > _FLUID * np.median(before[brain])))


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Perfusion maps of a DSC series; the artery is found, or the one given is used."""
    images = inputs.image(DYNAMIC)
    te = inputs.number_or_none(ECHO) or images.volumes[0].stack.acquisition.echo_ms
    if not te:
        raise BadInput(N_("The echo time of these images is not known; give it as te_ms."))
    echo = float(te)
    modality = shared.Modality(
        enhancement=lambda signals, level: relaxation(signals, level, echo),
        unit="/s",
        is_bolus=lambda rise, level: level > 0 and rise > _LEAST_DROP * level,
        brain=brain_on_mr,
        fluid=_fluid,
        smooth_mm=inputs.number(SMOOTH),
        sign=-1,
    )
    return shared.perfuse(inputs, images, modality, ARTERY_CURVE)


SMOOTH = Parameter(
    "smooth_mm", Wording("Smoothing (full width at half maximum)", "平滑（半高全宽）"),
    0.0, "mm", 0.0, 10.0,
)  # fmt: skip
TE_MS = 30.0


def uniform() -> AnalysisInputs:
    """Brain of CBV 4 mL/100 g and MTT 8 s (exponential) with an artery of 12 voxels in it."""
    grid = Grid((4, 24, 24), as_matrix(np.diag([2.0, 2.0, 5.0, 1.0])))
    times = np.arange(60, dtype=np.float64)
    brain = np.zeros(grid.shape, dtype=bool)
    brain[:, 3:21, 3:21] = True
    artery = np.zeros(grid.shape, dtype=bool)
    artery[1:3, 12:15, 11:13] = True
    blood = gamma_artery(times, scale=100.0)
    tissue = tissue_curve(times, 30.0, 8.0, 0.0, "exponential", 100.0)
    volumes = []
    for a, c in zip(blood, tissue, strict=True):
        change = np.where(artery, a, c)
        image = np.where(brain, 1000.0 * np.exp(-change * TE_MS / 1000.0), 0.0).astype(np.float32)
        volumes.append(
            generated_volume(image, grid, modality="MR", unit="1", role="PWI", region="brain")
        )
    return AnalysisInputs(
        images={DYNAMIC.key: Images(tuple(volumes), tuple(times.tolist()), "time")},
        masks={shared.BRAIN.key: brain},
        grid=grid,
        values={ECHO.key: TE_MS},
    )


_AT = " @ median of the brain"

SPEC = AnalysisSpec(
    id="brain/dsc_perfusion",
    version="1.0.0",
    name=Wording("Perfusion by MR (DSC)", "MR 灌注（DSC）"),
    area="brain",
    accepts=("PWI",),
    needs_mask="",
    formula=(
        "C = -ln(S / S0) / TE = (rho / k_H) CBF (AIF * R); CBV = (k_H / rho) area(C) / area(AIF); "
        "CBF = max R; MTT = CBV / CBF; Tmax = argmax R"
    ),
    source=(
        "Ostergaard et al., Magn Reson Med 1996;36:715-725; oSVD and cSVD: Wu et al., Magn Reson "
        "Med 2003;50:164-174, doi:10.1002/mrm.10522; artery: Mouridsen et al., Magn Reson Med "
        "2006;55:524-531, doi:10.1002/mrm.20759"
    ),
    known_answers=(
        KnownAnswer(
            make=uniform,
            expected={
                shared.CBV.en + _AT: (4.0, 0.02),
                shared.CBF.en + _AT: (30.0, 4.5),
                shared.MTT.en + _AT: (8.0, 1.2),
                shared.SLOW.en: (0.0, 0.0),
            },
            source="tissue curve of CBF 30, MTT 8 s: CBV 4.0; truncation makes CBF lower",
        ),
    ),
    cost_s=10.0,
    inputs=(DYNAMIC, shared.BRAIN, ARTERY_CURVE, shared.ARTERY_MASK, shared.VEIN_MASK),
    parameters=(ECHO, shared.METHOD, shared.INDEX, shared.CUT, shared.HAEMATOCRIT, shared.DENSITY,
                SMOOTH, shared.SKIP),
)  # fmt: skip
