"""T1 from an inversion recovery series (MOLLI): three parameters a voxel, corrected for read-out.

Magnitude images have lost their sign: the images before the zero crossing are turned over, as many
as fit best. A voxel that no recovery fits is left out. T1 is that of the scanner, sequence and
field strength: normal values are local ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.heart._decay import fit_decay
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
    Choice,
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
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import generated_volume

LEAST_IMAGES = 5
LOW_MS, HIGH_MS = 50.0, 4000.0
_DARK = 0.05
"""Voxels below this part of the brightest (99th percentile) are air."""
_WORST = 0.1
"""A voxel is left out where the fit misses by more than this part of its full signal (rms)."""

T1 = Wording("T1 of the myocardium", "心肌 T1 值")
BLOOD_T1 = Wording("T1 of the blood", "血池 T1 值")
SPREAD = Wording("Spread of the myocardial T1 (SD)", "心肌 T1 标准差")
_CODES = {
    T1: Code("MYOT1", "99ONESCAN", "T1 of the myocardium"),
    BLOOD_T1: Code("BLOODT1", "99ONESCAN", BLOOD_T1.en),
    SPREAD: Code("MYOT1SD", "99ONESCAN", SPREAD.en),
}
MOLLI = InputSpec(
    "molli",
    Kind.SERIES,
    Wording("Inversion recovery series (MOLLI)", "反转恢复序列（MOLLI）"),
    axis="inversion time",
    roles=("T1 map",),
)
BLOOD = InputSpec(
    "blood", Kind.MASK, Wording("Left ventricular blood", "左心室血池"), optional=True
)
MUSCLE = InputSpec(MYOCARDIUM.key, Kind.MASK, MYOCARDIUM.name, optional=True, code=MYOCARDIUM.code)
SIGN = Parameter(
    "sign",
    Wording("Images", "图像类型"),
    "auto",
    choices=(
        Choice("auto", Wording("as their values say", "按像素值判断")),
        Choice("magnitude", Wording("magnitude", "幅度图")),
        Choice("signed", Wording("with sign (PSIR)", "带符号图（PSIR）")),
    ),
)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """The map (ms), and the mean over muscle and blood where they are outlined."""
    images = inputs.image(MOLLI)
    times = np.asarray(images.positions, dtype=np.float64)
    if times.size != len(images.volumes):
        raise BadInput(N_("The inversion times of these images are not known."))
    if times.size < LEAST_IMAGES or np.unique(times).size < LEAST_IMAGES:
        raise BadInput(
            N_("{count} inversion times are too few for T1; it needs {least}."),
            count=int(np.unique(times).size), least=LEAST_IMAGES,
        )  # fmt: skip
    array = images.array()
    word = inputs.word(SIGN)
    signed = word == "signed" or (word == "auto" and bool((array < 0).any()))
    values, judged = t1_of(array, times, signed=signed)
    grid = images.grid
    said: list[Quantity] = []
    cautions = []
    for spec, name in ((MUSCLE, T1), (BLOOD, BLOOD_T1)):
        if spec.key not in inputs.masks:
            continue
        mask = inputs.mask(spec)
        if mask.shape != values.shape:
            raise BadInput(N_("The mask does not fit the image grid."))
        inside = values[mask]
        known = inside[np.isfinite(inside)]
        if not known.size:
            raise BadInput(N_("No voxel of an outline could be fitted."))
        said.append(Quantity(name, _CODES[name], float(known.mean()), "ms"))
        if name is T1:
            said.append(Quantity(SPREAD, _CODES[SPREAD], float(known.std()), "ms"))
            model = model_of(inputs)
            if model is not None:
                means = mean_by_segment(values, model.labels)
                said += by_segment(means, T1, _CODES[T1], "ms")
    lost = 1.0 - float(np.isfinite(values).sum()) / max(int(judged.sum()), 1)
    if lost > 0.02:
        cautions.append(
            Message(
                N_("{percent} % of the voxels fit no recovery and are left out."),
                {"percent": f"{lost * 100:.0f}"},
            )
        )
    cautions.append(Message(N_("Compare T1 with normal values of this scanner and sequence only.")))
    name = Wording("T1 map", "T1 图")
    shown = ResultMap("t1", name, values, grid, "ms", (0.0, 2000.0))
    return AnalysisResult(quantities=tuple(said), maps=(shown,), cautions=tuple(cautions))


def t1_of(
    array: NDArray[np.float32], times_ms: Floats, *, signed: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """T1 (z, y, x) in ms of images (t, z, y, x), NaN where none fits, and which were looked at."""
    order = np.argsort(times_ms, kind="stable")
    t, sorted_ = times_ms[order], array[order]
    strength = np.abs(sorted_).max(axis=0)
    judged = strength > _DARK * float(np.percentile(strength, 99))
    signals = sorted_[:, judged].T.astype(np.float64)
    if signed:
        best = fit_decay(t, signals, offset=True, low=LOW_MS, high=HIGH_MS)
        tau, c0, c1, left = best.tau, best.c0, best.c1, best.left
    else:
        tau, c0, c1 = (np.full(len(signals), np.nan) for _ in range(3))
        left = np.full(len(signals), np.inf)
        # Turned over are at most the images up to the darkest, and one more or less by noise.
        darkest = np.argmin(signals, axis=1)
        for turned in range(len(t)):
            mine = np.flatnonzero(np.abs(darkest - turned) <= 1)
            if not mine.size:
                continue
            sign = np.where(np.arange(len(t)) < turned, -1.0, 1.0)
            fit = fit_decay(t, signals[mine] * sign, offset=True, low=LOW_MS, high=HIGH_MS)
            better = fit.left < left[mine]
            for kept, new in ((tau, fit.tau), (c0, fit.c0), (c1, fit.c1), (left, fit.left)):
                kept[mine[better]] = new[better]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = tau * (-c1 / c0 - 1.0)
        good = (c0 > 0) & (np.sqrt(left / len(t)) < _WORST * c0)
    found[~good | (found < LOW_MS) | (found > HIGH_MS)] = np.nan
    values = np.full(judged.shape, np.nan, dtype=np.float32)
    values[judged] = found
    return values, judged


TIMES_MS = (100.0, 180.0, 260.0, 1000.0, 1080.0, 1160.0, 1900.0, 1980.0, 2060.0, 2900.0, 3800.0)
"""Of a 5(3)3-like scheme, as the generated series states them."""


def series_of(t1_ms: Floats, grid: Grid, *, signed: bool, ratio: float = 1.9) -> Images:
    """A noiseless MOLLI of a T1 map: T1* = T1 / (B / A - 1), B / A given."""
    t = np.asarray(TIMES_MS)[:, None, None, None]
    apparent = t1_ms / (ratio - 1.0)
    array = 500.0 * (1.0 - ratio * np.exp(-t / apparent))
    array = (array if signed else np.abs(array)).astype(np.float32)
    volumes = tuple(
        generated_volume(a, grid, modality="MR", unit="1", role="", region="heart") for a in array
    )
    return Images(volumes, TIMES_MS, "inversion time")


def _muscle_and_blood(signed: bool) -> AnalysisInputs:
    grid = Grid((1, 12, 12), as_matrix(np.diag([1.5, 1.5, 8.0, 1.0])))
    t1 = np.full(grid.shape, 1000.0)
    t1[:, :, 6:] = 1550.0
    blood = t1 > 1200
    return AnalysisInputs(
        images={MOLLI.key: series_of(t1, grid, signed=signed)},
        masks={MUSCLE.key: ~blood, BLOOD.key: blood},
        grid=grid,
    )


_EXPECTED = {T1.en: (1000.0, 0.5), BLOOD_T1.en: (1550.0, 0.5), SPREAD.en: (0.0, 0.5)}

SPEC = AnalysisSpec(
    id="heart/t1_map",
    version="1.0.0",
    name=Wording("T1 map", "T1 定量图"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(MOLLI, MUSCLE, BLOOD, INSERTIONS, RIGHT),
    parameters=(SIGN,),
    formula="S = A - B exp(-TI / T1*); T1 = T1* (B / A - 1)",
    source=(
        "Messroghli et al., Magn Reson Med 2004;52:141-146, doi:10.1002/mrm.20110; sign of "
        "magnitude images: Nekolla et al., J Comput Assist Tomogr 1992;16:327-332"
    ),
    known_answers=(
        KnownAnswer(
            lambda: _muscle_and_blood(True), _EXPECTED, "curves of T1 1000 and 1550 ms, with sign"
        ),
        KnownAnswer(lambda: _muscle_and_blood(False), _EXPECTED, "the same curves, magnitude"),
    ),
    cost_s=10.0,
)
