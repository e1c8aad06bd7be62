"""Perfusion of the brain by CT: computed as by MR, from attenuation instead of relaxation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.brain import _perfusion as shared
from workstation.analyses.brain._coarse import coarse_images, coarse_masks, fine_result, times_in
from workstation.analyses.brain._flow_phantom import gamma_artery, tissue_curve
from workstation.analyses.brain._head import brain_on_ct
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
    "dynamic", Kind.SERIES, Wording("Images during the bolus (CT perfusion)", "CT 灌注动态图像"),
    unit="[hnsf'U]", axis="time", roles=("CTP",),
)  # fmt: skip
ARTERY_CURVE = InputSpec(
    "artery_curve", Kind.CURVE,
    Wording("Arterial curve, enhancement in HU (instead of the one found)",
            "动脉输入曲线（强化 HU，替代自动选择）"),
    unit="[hnsf'U]", axis="time", optional=True,
)  # fmt: skip
SMOOTH = Parameter(
    "smooth_mm", Wording("Smoothing (full width at half maximum)", "平滑（半高全宽）"),
    3.0, "mm", 0.0, 10.0,
)  # fmt: skip
_LEAST_RISE_HU = 1.0
_FLUID_HU = 16.0


def _fluid(before: Singles, brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fluid is below 16 HU; noise is taken out by a median of nine voxels in the plane."""
    return np.asarray(brain & (ndimage.median_filter(before, size=(1, 3, 3)) < _FLUID_HU))


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Perfusion maps of a CT series; the artery is found, or the one given is used.

    Pixels below 1 mm are averaged first; maps and masks come back on the voxels of the series.
    """
    images = inputs.image(DYNAMIC)
    whole, count = images.grid, times_in(images.grid)
    if count > 1:
        for mask in inputs.masks.values():
            if mask.shape != whole.shape:
                raise BadInput(N_("The mask does not fit the image grid."))
        images = coarse_images(images, count)
        masks = coarse_masks(inputs.masks, count)
        inputs = replace(inputs, masks=masks, grid=images.grid if masks else None)
    modality = shared.Modality(
        enhancement=lambda signals, level: np.asarray(signals - level, dtype=np.float32),
        unit="[hnsf'U]",
        is_bolus=lambda rise, level: rise > _LEAST_RISE_HU,
        brain=brain_on_ct,
        fluid=_fluid,
        smooth_mm=inputs.number(SMOOTH),
        sign=1,
    )
    result = shared.perfuse(inputs, images, modality, ARTERY_CURVE)
    return fine_result(result, whole, count) if count > 1 else result


def phantom() -> AnalysisInputs:
    """Brain of CBV 3 mL/100 g and MTT 6 s (box) in a skull, an artery of 300 HU, and fluid."""
    grid = Grid((4, 40, 40), as_matrix(np.diag([2.0, 2.0, 8.0, 1.0])))
    times = np.arange(60, dtype=np.float64)
    away = np.hypot(*np.meshgrid(np.arange(40) - 19.5, np.arange(40) - 19.5))
    brain = np.broadcast_to(away < 16.0, grid.shape)
    skull = np.broadcast_to((away >= 16.0) & (away < 18.0), grid.shape)
    fluid, artery = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    fluid[:, 16:24, 24:30] = True
    artery[1:3, 12:15, 10:13] = True
    blood = gamma_artery(times, scale=300.0)
    tissue = tissue_curve(times, 30.0, 6.0, 0.0, "box", 300.0)
    volumes = []
    for a, c in zip(blood, tissue, strict=True):
        image = np.where(brain, 35.0 + c, np.where(skull, 900.0, -1000.0))
        image[fluid] = 5.0
        image[artery] = 40.0 + a
        volumes.append(
            generated_volume(
                image.astype(np.float32),
                grid,
                modality="CT",
                unit="[hnsf'U]",
                role="CTP",
                region="brain",
            )
        )
    return AnalysisInputs(
        images={DYNAMIC.key: Images(tuple(volumes), tuple(times.tolist()), "time")},
        values={SMOOTH.key: 0.0},
    )


_AT = " @ median of the brain"

SPEC = AnalysisSpec(
    id="brain/ct_perfusion",
    version="1.0.0",
    name=Wording("Perfusion by CT", "CT 灌注"),
    area="brain",
    accepts=("CTP",),
    needs_mask="",
    formula=(
        "C = HU - HU before contrast = (rho / k_H) CBF (AIF * R); CBV = (k_H / rho) area(C) / "
        "area(AIF); CBF = max R; MTT = CBV / CBF; Tmax = argmax R"
    ),
    source=(
        "Fieselmann et al., Int J Biomed Imaging 2011:467563, doi:10.1155/2011/467563; oSVD and "
        "cSVD: Wu et al., Magn Reson Med 2003;50:164-174, doi:10.1002/mrm.10522; artery: "
        "Mouridsen et al., Magn Reson Med 2006;55:524-531"
    ),
    known_answers=(
        KnownAnswer(
            make=phantom,
            expected={
                shared.CBV.en + _AT: (3.0, 0.02),
                shared.CBF.en + _AT: (30.0, 6.0),
                shared.MTT.en + _AT: (6.0, 1.2),
                shared.SLOW.en: (0.0, 0.0),
            },
            source="tissue curve computed from CBF 30, MTT 6 s, box residue: CBV 3.0",
        ),
    ),
    cost_s=12.0,
    inputs=(DYNAMIC, shared.BRAIN, ARTERY_CURVE, shared.ARTERY_MASK, shared.VEIN_MASK),
    parameters=(shared.METHOD, shared.INDEX, shared.CUT, shared.HAEMATOCRIT, shared.DENSITY,
                SMOOTH, shared.SKIP),
)  # fmt: skip
