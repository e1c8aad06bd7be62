"""T2* of the septum from several echoes, and the iron that it means.

Late echoes of an iron-laden heart hold noise only. Truncation leaves them out, one by one, until
an exponential fits; an offset takes the noise as a constant. The septum is averaged first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.heart._decay import fit_decay
from workstation.domain.acquisition import Acquisition
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Choice,
    Curve,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultCurve,
    ResultMap,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message, named
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import Volume, generated_volume
from workstation.guidelines import load_guideline

LEAST_ECHOES = 4
GOOD_FIT = 0.995
"""R2 that a truncated fit must reach, as He 2008 asks."""
LOW_MS, HIGH_MS = 1.0, 200.0
FIELD_T = 1.5

T2STAR = Wording("T2* of the septum", "室间隔 T2* 值")
RATE = Wording("R2* of the septum", "室间隔 R2* 值")
IRON = Wording("Myocardial iron concentration", "心肌铁浓度")
FIT = Wording("R2 of the fit", "拟合优度 R2")
USED = Wording("Echoes used", "所用回波数")
_CODES = {
    T2STAR: Code("SEPTALT2STAR", "99ONESCAN", T2STAR.en),
    RATE: Code("SEPTALR2STAR", "99ONESCAN", RATE.en),
    IRON: Code("MIC", "99ONESCAN", IRON.en),
    FIT: Code("FITR2", "99ONESCAN", FIT.en),
    USED: Code("ECHOESUSED", "99ONESCAN", USED.en),
}
ECHOES = InputSpec(
    "echoes",
    Kind.SERIES,
    Wording("Multi-echo series", "多回波序列"),
    axis="echo time",
    roles=("T2* map", "T2*"),
)
SEPTUM = InputSpec("septum", Kind.MASK, Wording("Middle of the septum", "室间隔中段"))
WAY = Parameter(
    "way",
    Wording("Noise of late echoes", "晚期回波噪声的处理"),
    "truncation",
    choices=(
        Choice("truncation", Wording("leave late echoes out", "截断")),
        Choice("offset", Wording("fit a constant", "加常数项")),
    ),
)


def iron_mg_g(t2star_ms: float) -> float:
    """Iron in mg per g of dry muscle at 1.5 T: 45.0 * T2* ** -1.22 (Carpenter 2011)."""
    return float(45.0 * t2star_ms**-1.22)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """T2* (ms), R2* (1/s), how well it fits, and iron (mg/g) at 1.5 T; a map by the same echoes."""
    images = inputs.image(ECHOES)
    times = np.asarray(images.positions, dtype=np.float64)
    if times.size != len(images.volumes):
        raise BadInput(N_("The echo times of these images are not known."))
    if times.size < LEAST_ECHOES:
        raise BadInput(
            N_("{count} echoes are too few for T2*; it needs {least}."),
            count=times.size, least=LEAST_ECHOES,
        )  # fmt: skip
    array = images.array()
    mask = inputs.mask(SEPTUM)
    if mask.shape != array.shape[1:]:
        raise BadInput(N_("The mask does not fit the image grid."))
    if not mask.any():
        raise BadInput(N_("The outline of the septum is empty."))
    order = np.argsort(times)
    times, array = times[order], array[order]
    signal = array[:, mask].mean(axis=1).astype(np.float64)
    offset = inputs.word(WAY) == "offset"
    t2star, used, fit = _offset(times, signal) if offset else _truncated(times, signal)
    if not LOW_MS * 1.01 < t2star < HIGH_MS * 0.99 or fit < 0.9:
        raise BadInput(N_("The signal of the septum does not fall as T2* would have it."))
    said = [
        Quantity(T2STAR, _CODES[T2STAR], t2star, "ms"),
        Quantity(RATE, _CODES[RATE], 1000.0 / t2star, "1/s"),
        Quantity(FIT, _CODES[FIT], fit, "1"),
        Quantity(USED, _CODES[USED], float(used), "1"),
    ]
    cautions = []
    field = images.volumes[0].stack.acquisition.field_t
    if field is not None and abs(field - FIELD_T) > 0.1:
        cautions.append(
            Message(
                N_("Iron and its limits are known for 1.5 T; this was made at {field} T."),
                {"field": f"{field:g}"},
            )
        )
    else:
        said.append(Quantity(IRON, _CODES[IRON], iron_mg_g(t2star), "mg/g"))
        if field is None:
            cautions.append(Message(N_("The field strength is not stated; 1.5 T was taken.")))
        words = load_guideline("cardiac-iron-t2star").grade(t2star, "ms")
        if words is not None:
            cautions.append(Message(N_("By T2*: {name}."), named(words.en, words.zh)))
    if fit < GOOD_FIT:
        cautions.append(
            Message(N_("The fit is poor (R2 {fit}); look at the curve."), {"fit": f"{fit:.3f}"})
        )
    shown = _map(times, array, used, offset, images.grid)
    curve = ResultCurve("septum", Wording("Signal of the septum", "室间隔信号"),
                        Curve(times, signal, "ms", "1"))  # fmt: skip
    return AnalysisResult(
        quantities=tuple(said), maps=(shown,), curves=(curve,), cautions=tuple(cautions)
    )


def _truncated(times: Floats, signal: Floats) -> tuple[float, int, float]:
    """T2*, echoes used, R2: late echoes go until the fit is good or three are left."""
    best = (0.0, 0, -np.inf)
    for used in range(len(times), 2, -1):
        t, s = times[:used], signal[None, :used]
        found = fit_decay(t, s, offset=False, low=LOW_MS, high=HIGH_MS)
        fit = _r2(s[0], float(found.left[0]))
        if fit > best[2]:
            best = (float(found.tau[0]), used, fit)
        if fit >= GOOD_FIT:
            return float(found.tau[0]), used, fit
    return best


def _offset(times: Floats, signal: Floats) -> tuple[float, int, float]:
    found = fit_decay(times, signal[None], offset=True, low=LOW_MS, high=HIGH_MS)
    return float(found.tau[0]), len(times), _r2(signal, float(found.left[0]))


def _r2(signal: Floats, left: float) -> float:
    whole = float(((signal - signal.mean()) ** 2).sum())
    return 1.0 - left / whole if whole > 0 else -np.inf


def _map(
    times: Floats, array: NDArray[np.float32], used: int, offset: bool, grid: Grid
) -> ResultMap:
    """Voxel by voxel with the echoes that the septum's fit used."""
    first = array[0]
    judged = first > 0.1 * float(np.percentile(first, 99))
    signals = array[:used, judged].T.astype(np.float64)
    found = fit_decay(times[:used], signals, offset=offset, low=LOW_MS, high=HIGH_MS)
    values = np.full(first.shape, np.nan, dtype=np.float32)
    values[judged] = np.where(found.c1 > 0, found.tau, np.nan)
    return ResultMap("t2star", Wording("T2* map", "T2* 图"), values, grid, "ms", (0.0, 60.0))


TIMES_MS = tuple(2.0 + 2.2 * i for i in range(8))


def echoes_of(t2star_ms: float, noise: float, *, field_t: float | None = 1.5) -> AnalysisInputs:
    """Echoes of one T2* whose magnitude never falls below ``noise`` (first echo about 1000)."""
    grid = Grid((1, 12, 12), as_matrix(np.diag([1.5, 1.5, 8.0, 1.0])))
    falls = 1000.0 * np.exp(-(np.asarray(TIMES_MS) - TIMES_MS[0]) / t2star_ms)
    level = np.hypot(falls, noise)
    volumes = []
    for value in level:
        array = np.full(grid.shape, value, dtype=np.float32)
        made = generated_volume(array, grid, modality="MR", unit="1", role="", region="heart")
        stack = replace(made.stack, acquisition=Acquisition(field_t=field_t))
        volumes.append(Volume(array, grid, stack))
    septum = np.zeros(grid.shape, dtype=bool)
    septum[0, 3:9, 4:8] = True
    images = Images(tuple(volumes), TIMES_MS, "echo time")
    return AnalysisInputs(images={ECHOES.key: images}, masks={SEPTUM.key: septum}, grid=grid)


SPEC = AnalysisSpec(
    id="heart/t2star",
    version="1.0.0",
    name=Wording("T2* and myocardial iron", "T2* 与心肌铁沉积"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(ECHOES, SEPTUM),
    parameters=(WAY,),
    formula="S = S0 exp(-TE / T2*) [+ c]; iron = 45.0 * T2* ** -1.22 mg/g dry weight (1.5 T)",
    source=(
        "Anderson et al., Eur Heart J 2001;22:2171-2179; truncation: He et al., Magn Reson Med "
        "2008;60:1082-1089, doi:10.1002/mrm.21744; iron: Carpenter et al., Circulation "
        "2011;123:1519-1528, doi:10.1161/CIRCULATIONAHA.110.007641"
    ),
    known_answers=(
        KnownAnswer(
            make=lambda: echoes_of(20.0, 0.0),
            expected={T2STAR.en: (20.0, 0.01), IRON.en: (1.164, 0.001), RATE.en: (50.0, 0.03)},
            source="an exponential of 20 ms; 45 * 20 ** -1.22 = 1.164 mg/g",
        ),
        KnownAnswer(
            make=lambda: echoes_of(10.0, 0.0),
            expected={T2STAR.en: (10.0, 0.01), IRON.en: (2.712, 0.002)},
            source="an exponential of 10 ms; 45 * 10 ** -1.22 = 2.712 mg/g",
        ),
    ),
    cost_s=2.0,
)
