"""Perfusion-core mismatch in acute stroke: volumes, ratio, and the entry criteria of two trials.

What is said of the trials compares numbers with their published criteria. It is never a
recommendation for or against a treatment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.brain._criteria import Criterion, Fact, Trial, judge, load_trial
from workstation.analyses.brain._series import (
    VOLUME,
    local_code,
    mask_on,
    volume_ml,
    without_small,
)
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
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message, named
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import generated_volume

Mask = NDArray[np.bool_]
TRIALS = ("late-window-defuse3", "late-window-dawn")

TMAX = InputSpec("tmax", Kind.IMAGE, Wording("Tmax map in s", "Tmax 图（s）"))
CBF = InputSpec("cbf", Kind.IMAGE, Wording("CBF map (core by flow)", "CBF 图（确定核心）"),
                optional=True)  # fmt: skip
ADC = InputSpec("adc", Kind.IMAGE, Wording("ADC map (core by diffusion)", "ADC 图（确定核心）"),
                optional=True)  # fmt: skip
CORE = InputSpec("core", Kind.MASK, Wording("Core, drawn", "梗死核心（勾画）"), optional=True)
BRAIN = InputSpec("brain", Kind.MASK, Wording("Brain", "脑"), optional=True)
ERASED = InputSpec("erased", Kind.MASK, Wording("Region left out", "排除区域"), optional=True)

SLOW = Parameter(
    "tmax_above", Wording("Hypoperfused: Tmax above", "低灌注：Tmax 大于"), 6.0, "s", 1.0, 20.0
)
SLOWEST = Parameter(
    "tmax_severe", Wording("Severe: Tmax above", "重度低灌注：Tmax 大于"), 10.0, "s", 2.0, 30.0
)
NORMAL = Parameter(
    "tmax_normal", Wording("Normal tissue: Tmax below", "正常组织：Tmax 小于"), 4.0, "s", 1.0, 6.0
)
FLOW = Parameter(
    "cbf_below",
    Wording("Core: CBF below this part of normal", "核心：CBF 低于正常的比例"),
    30.0,
    "%",
    5.0,
    60.0,
)
WITHIN = Parameter(
    "core_within",
    Wording("Core by flow only where hypoperfused", "按血流确定的核心仅限低灌注区"),
    True,
)
DIFFUSION = Parameter(
    "adc_below", Wording("Core: ADC below", "核心：ADC 低于"), 620.0, "um2/s", 100.0, 2000.0
)
ADC_UNIT = Parameter(
    "adc_unit", Wording("Numbers of the ADC map", "ADC 图数值单位"), "um2/s",
    choices=(Choice("um2/s", Wording("1e-6 mm²/s", "×10⁻⁶ mm²/s")),
             Choice("1e-3mm2/s", Wording("1e-3 mm²/s", "×10⁻³ mm²/s")),
             Choice("mm2/s", Wording("mm²/s", "mm²/s"))),
)  # fmt: skip
LEAST = Parameter(
    "least_ml", Wording("Smallest cluster kept", "保留的最小簇"), 1.0, "mL", 0.0, 10.0
)
AGE = Parameter("age", Wording("Age in years", "年龄（岁）"), None, "a", 0.0, 120.0)
NIHSS = Parameter("nihss", Wording("NIHSS", "NIHSS 评分"), None, "1", 0.0, 42.0)
HOURS = Parameter(
    "hours", Wording("Hours since last known well", "距最后正常时间（小时）"), None, "h", 0.0, 72.0
)
OCCLUSION = Parameter(
    "occlusion", Wording("Occluded artery", "闭塞动脉"), "",
    choices=(Choice("", Wording("not stated", "未说明")),
             Choice("ica", Wording("ICA", "颈内动脉")),
             Choice("m1", Wording("MCA M1", "大脑中动脉 M1 段")),
             Choice("other", Wording("other", "其他")), Choice("none", Wording("none", "无"))),
)  # fmt: skip
_FACTORS = {"um2/s": 1.0, "1e-3mm2/s": 1e3, "mm2/s": 1e6}

HYPO_ML = Wording("Hypoperfused volume", "低灌注体积")
SEVERE_ML = Wording("Severely hypoperfused volume", "重度低灌注体积")
CORE_ML = Wording("Core volume", "梗死核心体积")
MISMATCH_ML = Wording("Mismatch volume", "错配体积")
RATIO = Wording("Mismatch ratio", "错配比值")
INTENSITY = Wording("Hypoperfusion intensity ratio", "低灌注强度比（HIR）")
_FACTS = {
    "hours": Wording("hours since last known well", "距最后正常时间（小时）"),
    "age": Wording("age", "年龄"),
    "nihss": Wording("NIHSS", "NIHSS 评分"),
    "occlusion": Wording("occluded artery", "闭塞动脉"),
    "core_ml": Wording("core volume (mL)", "核心体积（mL）"),
    "ratio": Wording("mismatch ratio", "错配比值"),
    "mismatch_ml": Wording("mismatch volume (mL)", "错配体积（mL）"),
}


@dataclass(frozen=True)
class Volumes:
    """Volumes in mL of tissue with slow arrival, very slow arrival, and the core."""

    slow_ml: float
    slowest_ml: float
    core_ml: float

    @property
    def mismatch_ml(self) -> float:
        """Hypoperfused volume less the core, never below zero."""
        return max(self.slow_ml - self.core_ml, 0.0)

    @property
    def ratio(self) -> float | None:
        """Hypoperfused volume over core; None without a core."""
        return self.slow_ml / self.core_ml if self.core_ml > 0 else None

    @property
    def intensity(self) -> float | None:
        """HIR: the part of the hypoperfused volume that is severely so; None without any."""
        return self.slowest_ml / self.slow_ml if self.slow_ml > 0 else None


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Volumes, mismatch and ratio, and which criteria of DEFUSE 3 and DAWN hold."""
    images = inputs.image(TMAX)
    grid = images.grid
    tmax = _values(images)
    here = np.isfinite(tmax)
    brain, erased = mask_on(inputs, BRAIN, grid), mask_on(inputs, ERASED, grid)
    if brain is not None:
        here &= brain
    if not here.any():
        raise BadInput(N_("The Tmax map holds no voxel of the brain."))
    kept = here if erased is None else here & ~erased
    least = inputs.number(LEAST)
    limits = inputs.number(SLOW), inputs.number(SLOWEST)
    slow = without_small(kept & (tmax > limits[0]), grid, least)
    slowest = slow & (tmax > limits[1])
    core = without_small(
        _core(inputs, grid, tmax, here, slow) & _outside(erased, grid), grid, least
    )
    found = Volumes(volume_ml(slow, grid), volume_ml(slowest, grid), volume_ml(core, grid))
    return AnalysisResult(
        quantities=_quantities(found),
        masks=(
            ResultMask("hypoperfused", HYPO_ML, slow, grid),
            ResultMask("core", CORE_ML, core, grid),
            ResultMask("mismatch", MISMATCH_ML, slow & ~core, grid),
        ),
        cautions=_cautions(inputs, found, erased is not None and bool(erased.any())),
    )


def _values(images: Images) -> NDArray[np.float32]:
    return np.asarray(images.volumes[0].array, dtype=np.float32)


def _outside(erased: Mask | None, grid: Grid) -> Mask:
    return np.ones(grid.shape, dtype=bool) if erased is None else ~erased


def _core(
    inputs: AnalysisInputs, grid: Grid, tmax: NDArray[np.float32], here: Mask, slow: Mask
) -> Mask:
    """The core: as drawn, else by ADC, else by flow against tissue with normal arrival."""
    drawn = mask_on(inputs, CORE, grid)
    if drawn is not None:
        return drawn
    if ADC.key in inputs.images:
        adc = _on(inputs.image(ADC), grid) * np.float32(_FACTORS[inputs.word(ADC_UNIT)])
        known = adc[here & np.isfinite(adc) & (adc > 0)]
        middle = float(np.median(known)) if known.size else 0.0
        if not 300.0 < middle < 3000.0:
            raise BadInput(
                N_("The ADC map has a median of {value}e-6 mm²/s: set adc_unit to its unit."),
                value=f"{middle:.3g}",
            )
        return np.asarray(here & (adc > 0) & (adc < inputs.number(DIFFUSION)))
    if CBF.key in inputs.images:
        cbf = _on(inputs.image(CBF), grid)
        normal = here & np.isfinite(cbf) & (tmax < inputs.number(NORMAL)) & (cbf > 0)
        if not normal.any():
            raise BadInput(N_("No tissue with normal arrival is left to compare the flow with."))
        limit = inputs.number(FLOW) / 100.0 * float(np.median(cbf[normal]))
        low = here & (cbf < limit)
        return np.asarray(low & slow if inputs.flag(WITHIN) else low)
    raise BadInput(N_("The core needs a mask, an ADC map or a CBF map."))


def _on(images: Images, grid: Grid) -> NDArray[np.float32]:
    if images.grid.shape != grid.shape or not np.allclose(
        images.grid.matrix, grid.matrix, atol=0.01
    ):
        raise BadInput(N_("The maps do not lie on the same voxels."))
    return _values(images)


def _quantities(found: Volumes) -> tuple[Quantity, ...]:
    said = [
        Quantity(HYPO_ML, local_code("HYPOPERF", HYPO_ML), found.slow_ml, "mL"),
        Quantity(SEVERE_ML, local_code("HYPOSEVERE", SEVERE_ML), found.slowest_ml, "mL"),
        Quantity(CORE_ML, VOLUME, found.core_ml, "mL"),
        Quantity(MISMATCH_ML, local_code("MISMATCH", MISMATCH_ML), found.mismatch_ml, "mL"),
    ]
    if found.ratio is not None:
        said.append(Quantity(RATIO, local_code("MISRATIO", RATIO), found.ratio, "{ratio}"))
    if found.intensity is not None:
        code = local_code("HIR", INTENSITY)
        said.append(Quantity(INTENSITY, code, found.intensity, "{ratio}"))
    return tuple(said)


def _cautions(inputs: AnalysisInputs, found: Volumes, erased: bool) -> tuple[Message, ...]:
    # Without a core the ratio has no bound: any ratio asked for holds where tissue is at risk.
    ratio = found.ratio
    if ratio is None:
        ratio = float("inf") if found.slow_ml > 0 else 0.0
    facts: dict[str, Fact] = {
        "hours": inputs.number_or_none(HOURS),
        "age": inputs.number_or_none(AGE),
        "nihss": inputs.number_or_none(NIHSS),
        "occlusion": inputs.word(OCCLUSION) or None,
        # As they are printed, so that a sentence and a number never disagree.
        "core_ml": round(found.core_ml, 1),
        "ratio": float(f"{ratio:.3g}"),
        "mismatch_ml": round(found.mismatch_ml, 1),
    }
    said = [_verdict(load_trial(id), facts) for id in TRIALS]
    said.append(
        Message(N_("Criteria of trials are compared with numbers; this recommends no treatment."))
    )
    if erased:
        said.append(Message(N_("A region was left out by hand; the volumes are without it.")))
    return tuple(said)


def _verdict(trial: Trial, facts: dict[str, Fact]) -> Message:
    """One sentence: met, not met and by what, or not judged for what."""
    found = judge(trial, facts)
    params = {
        **named(trial.name.en, trial.name.zh, "trial"),
        **named(found.group.name.en, found.group.name.zh, "group"),
    }
    if found.met:
        return Message(N_("{trial}: the criteria of {group} that were judged are met."), params)
    chosen = found.failed or found.missing
    parts = [_said(one, facts) for one in chosen]
    params |= named("; ".join(p.en for p in parts), "；".join(p.zh for p in parts), "what")
    if found.met is None:
        return Message(N_("{trial}: not judged, for it is not known: {what}."), params)
    return Message(N_("{trial}: not met ({group}): {what}."), params)


def _said(one: Criterion, facts: dict[str, Fact]) -> Wording:
    name, value = _FACTS.get(one.fact, Wording(one.fact, one.fact)), facts.get(one.fact)
    if value is None:
        return name
    shown = value.upper() if isinstance(value, str) else f"{float(value):.4g}"
    return Wording(
        f"{name.en} {shown}, allowed {one.allowed}", f"{name.zh} {shown}，要求 {one.allowed}"
    )


def stroke() -> AnalysisInputs:
    """On voxels of 0.05 mL: 2000 with Tmax 8 s and 1000 with 12 s, 600 of these without flow, and
    a speck of 10 that is dropped."""
    grid = Grid((20, 50, 50), as_matrix(np.diag([2.5, 2.5, 8.0, 1.0])))
    tmax, cbf = np.full(grid.shape, 1.0), np.full(grid.shape, 50.0)
    tmax[2:12, 10:30, 5:15] = 8.0
    tmax[2:12, 10:20, 15:25] = 12.0
    cbf[2:12, 10:16, 15:25] = 10.0
    tmax[18, 40:45, 40:42] = 9.0
    volumes = [
        generated_volume(a.astype(np.float32), grid, modality="MR", unit=u, role="", region="brain")
        for a, u in ((tmax, "s"), (cbf, "mL/(100.g.min)"))
    ]
    return AnalysisInputs(
        images={TMAX.key: Images((volumes[0],)), CBF.key: Images((volumes[1],))},
        grid=grid,
        values={AGE.key: 70.0, NIHSS.key: 14.0, HOURS.key: 9.0, OCCLUSION.key: "m1"},
    )


SPEC = AnalysisSpec(
    id="brain/mismatch",
    version="1.0.0",
    name=Wording("Perfusion-core mismatch", "灌注-核心错配"),
    area="brain",
    accepts=(),
    needs_mask="",
    formula=(
        "hypoperfused: Tmax > 6 s; core: CBF < 30 % of tissue with Tmax < 4 s, or ADC < 620e-6 "
        "mm2/s; mismatch = hypoperfused - core; HIR = V(Tmax > 10 s) / V(Tmax > 6 s)"
    ),
    source=(
        "DEFUSE 3: Albers et al., N Engl J Med 2018;378:708-718, doi:10.1056/NEJMoa1713973; DAWN: "
        "Nogueira et al., N Engl J Med 2018;378:11-21, doi:10.1056/NEJMoa1706442; HIR: Olivot et "
        "al., Stroke 2014;45:1018-1023, doi:10.1161/STROKEAHA.113.003857; core by flow: Campbell "
        "et al., Stroke 2011;42:3435-3440"
    ),
    known_answers=(
        KnownAnswer(
            make=stroke,
            expected={
                HYPO_ML.en: (150.0, 1e-9),
                SEVERE_ML.en: (50.0, 1e-9),
                CORE_ML.en: (30.0, 1e-9),
                MISMATCH_ML.en: (120.0, 1e-9),
                RATIO.en: (5.0, 1e-9),
                INTENSITY.en: (1.0 / 3.0, 1e-9),
            },
            source="counted: 3000, 1000 and 600 voxels of 0.05 mL",
        ),
    ),
    cost_s=2.0,
    inputs=(TMAX, CBF, ADC, CORE, BRAIN, ERASED),
    parameters=(SLOW, SLOWEST, NORMAL, FLOW, WITHIN, DIFFUSION, ADC_UNIT, LEAST, AGE, NIHSS, HOURS,
                OCCLUSION),
)  # fmt: skip
