"""First-pass perfusion of the brain, the same for MR and CT: from images in time to maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.brain._artery import arterial
from workstation.analyses.brain._deconvolution import (
    CIRCULANT_CUT,
    OSCILLATION,
    STANDARD_CUT,
    Response,
    circulant,
    standard,
)
from workstation.analyses.brain._series import VOLUME, local_code, mask_on, volume_ml
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    Choice,
    Curve,
    Images,
    InputSpec,
    Kind,
    Parameter,
    Quantity,
    ResultCurve,
    ResultMap,
    ResultMask,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid

Singles = NDArray[np.float32]

FLOW, CONTENT = "mL/(100.g.min)", "mL/(100.g)"
LEAST_FRAMES, LEAST_BEFORE = 15, 2
SLOW_S, SLOWEST_S = 6.0, 10.0
STEPS_S = (0.02, 15.0)
"""No bolus is seen with slower images; times in ms or min lie outside."""

BRAIN = InputSpec("brain", Kind.MASK, Wording("Brain", "脑"), optional=True)
ARTERY_MASK = InputSpec(
    "artery", Kind.MASK, Wording("Artery (instead of the one found)", "动脉（替代自动选择）"),
    optional=True,
)  # fmt: skip
VEIN_MASK = InputSpec(
    "vein", Kind.MASK,
    Wording("Large vein: the artery's area is scaled to it", "大静脉：用于校正动脉曲线下面积"),
    optional=True,
)  # fmt: skip
METHOD = Parameter(
    "method",
    Wording("Deconvolution", "去卷积方法"),
    "osvd",
    choices=(
        Choice(
            "osvd",
            Wording("oSVD (delay-insensitive, by oscillation)", "oSVD（延迟不敏感，振荡约束）"),
        ),
        Choice(
            "csvd", Wording("cSVD (delay-insensitive, fixed cut)", "cSVD（延迟不敏感，固定截断）")
        ),
        Choice("ssvd", Wording("sSVD (delay-sensitive)", "sSVD（延迟敏感）")),
    ),
)
INDEX = Parameter(
    "oscillation", Wording("oSVD: oscillation index", "oSVD：振荡指数"),
    OSCILLATION, "1", 0.005, 0.5,
)  # fmt: skip
CUT = Parameter(
    "cut", Wording("cSVD and sSVD: part of the largest singular value (usual 0.1 and 0.2)",
                   "cSVD、sSVD：截断比例（常用 0.1、0.2）"), None, "1", 0.0, 0.9,
)  # fmt: skip
HAEMATOCRIT = Parameter(
    "k_h", Wording("Haematocrit factor k_H", "红细胞压积校正系数 k_H"),
    round((1 - 0.45) / (1 - 0.25), 4), "1", 0.5, 1.0,
)  # fmt: skip
DENSITY = Parameter("rho", Wording("Brain density", "脑组织密度"), 1.04, "g/mL", 0.9, 1.2)
SKIP = Parameter("skip", Wording("First frames left out", "舍弃的起始帧数"), 0.0, "1", 0.0, 20.0)

CBF = Wording("Cerebral blood flow", "脑血流量（CBF）")
CBV = Wording("Cerebral blood volume", "脑血容量（CBV）")
MTT = Wording("Mean transit time", "平均通过时间（MTT）")
TMAX = Wording("Time to maximum of the residue function", "残余函数达峰时间（Tmax）")
SLOW = Wording("Volume with Tmax above 6 s", "Tmax >6 s 体积")
SLOWEST = Wording("Volume with Tmax above 10 s", "Tmax >10 s 体积")
_FLUID = Wording("Cerebrospinal fluid, left out", "脑脊液（未计入）")
_MEDIAN = Wording("median of the brain", "全脑中位数")


@dataclass(frozen=True)
class Modality:
    """What differs between MR and CT.

    enhancement: (frames' signals, mean before the bolus) to what is proportional to contrast, with
    NaN where a sample is saturated. unit: of it. least: the smallest mean peak that is a bolus, as
    the second says of a mean curve and its level before.
    """

    enhancement: Callable[[Singles, Singles], Singles]
    unit: str
    is_bolus: Callable[[float, float], bool]
    brain: Callable[[Singles, Grid], NDArray[np.bool_]]
    fluid: Callable[[Singles, NDArray[np.bool_]], NDArray[np.bool_]]
    smooth_mm: float
    sign: int  # of the signal's change when contrast arrives


@dataclass(frozen=True)
class Bolus:
    """Frames: the last that is certainly before contrast, and where the mean curve peaks. passed:
    whether it falls below half again."""

    arrival: int
    peak: int
    passed: bool


def find_bolus(mean: Floats, kind: Modality, skip: int) -> Bolus:
    """The bolus in the brain's mean signal (frames,); ``BadInput`` where there is none."""
    level = float(np.median(mean[skip : skip + 4]))
    change = kind.sign * (mean - level)
    change[:skip] = 0.0
    peak = int(change.argmax())
    rise = float(change[peak])
    before = change[skip:peak][change[skip:peak] < 0.1 * rise]
    quiet = float(before.std()) if before.size > 1 else 0.0
    if rise <= 0 or not kind.is_bolus(rise, level) or rise < 5.0 * quiet:
        raise BadInput(N_("No contrast bolus passes through the brain in these images."))
    # Arteries rise a little before the mean of the brain: one frame of distance.
    least = min(max(0.02 * rise, 3.0 * quiet), 0.1 * rise)
    below = np.flatnonzero(change[: peak + 1] < least)
    arrival = int(below[-1]) - 1 if below.size else -1
    if arrival + 1 - skip < LEAST_BEFORE:
        raise BadInput(
            N_("Contrast is there from the first images on; perfusion needs {count} before it."),
            count=LEAST_BEFORE,
        )
    if peak >= mean.size - 3:
        raise BadInput(N_("The images end before the contrast bolus has reached its peak."))
    return Bolus(arrival, peak, bool(change[-3:].mean() < 0.5 * rise))


def even_times(times: Floats) -> tuple[float, Floats]:
    """The step (s) of an even axis over ``times`` (frames,), and that axis."""
    if (np.diff(times) <= 0).any():
        raise BadInput(N_("The times of these images do not rise."))
    step = float(np.median(np.diff(times)))
    low, high = STEPS_S
    if not low <= step <= high:
        raise BadInput(
            N_("One image follows the other after {step} s; a bolus needs {low} to {high} s. "
               "Times are in seconds."),
            step=f"{step:.3g}", low=f"{low:g}", high=f"{high:g}",
        )  # fmt: skip
    count = int(np.floor((times[-1] - times[0]) / step + 1e-6)) + 1
    return step, times[0] + step * np.arange(count)


def resampled(curves: Singles, times: Floats, even: Floats) -> Singles:
    """Curves (n, frames) at ``even`` times, linear between frames."""
    if even.size == times.size and np.allclose(even, times, atol=1e-3 * (times[1] - times[0])):
        return curves
    right = np.clip(np.searchsorted(times, even), 1, times.size - 1)
    part = ((even - times[right - 1]) / (times[right] - times[right - 1])).astype(np.float32)
    return curves[:, right - 1] * (1 - part) + curves[:, right] * part


def perfuse(
    inputs: AnalysisInputs, images: Images, kind: Modality, curve_spec: InputSpec
) -> AnalysisResult:
    """Maps of CBF, CBV, MTT and Tmax, the artery that was used, and volumes of slow arrival."""
    grid = images.grid
    frames = len(images.volumes)
    if frames < LEAST_FRAMES:
        raise BadInput(
            N_("{frames} images over time are too few for perfusion; it needs {least}."),
            frames=frames, least=LEAST_FRAMES,
        )  # fmt: skip
    if len(images.positions) != frames:
        raise BadInput(N_("The times of these images are not known."))
    times = np.asarray(images.positions, dtype=np.float64)
    step, even = even_times(times)
    skip = int(inputs.number(SKIP))
    array = images.array()  # (t, z, y, x)
    brain = mask_on(inputs, BRAIN, grid)
    if brain is None:
        brain = kind.brain(array[skip : skip + 4].mean(axis=0), grid)
    if not np.any(brain):
        raise BadInput(N_("The mask of the brain is empty."))
    signals = np.ascontiguousarray(array[:, brain].T)  # (n, t)
    bolus = find_bolus(signals.mean(axis=0, dtype=np.float64), kind, skip)

    def contrast(where: NDArray[np.bool_]) -> Singles:
        own = signals if where is brain else np.ascontiguousarray(array[:, where].T)
        level = own[:, skip : bolus.arrival + 1].mean(axis=1, keepdims=True)
        found = kind.enhancement(own, level)
        found[:, :skip] = 0.0
        return resampled(found, times, even)

    curves = contrast(brain)
    whole = np.asarray(np.isfinite(curves).all(axis=1))
    curves[~whole] = 0.0
    arrival = int(np.searchsorted(even, times[bolus.arrival]))
    aif, artery = _artery(inputs, curve_spec, contrast, curves, whole, brain, even, step, arrival)
    vein = mask_on(inputs, VEIN_MASK, grid)
    if vein is not None:
        aif = aif * _scale(contrast(vein), aif)
    flowing = _smoothed(curves, brain, grid, kind.smooth_mm)
    response = respond(inputs, flowing, aif, step)
    factor = 100.0 * inputs.number(HAEMATOCRIT) / inputs.number(DENSITY)
    cbv = factor * np.maximum(flowing.sum(axis=1), 0.0) / float(aif.sum())
    cbf = factor * 60.0 * np.maximum(response.peak, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mtt = np.where(cbf > 0, 60.0 * cbv / cbf, np.nan)
    fluid = kind.fluid(array[skip : bolus.arrival + 1].mean(axis=0), brain)
    judged = whole & ~fluid[brain]
    found = {"cbf": cbf, "cbv": cbv, "mtt": mtt, "tmax": response.delay_s}
    maps = {key: _map(values, brain, judged) for key, values in found.items()}
    mean = Curve(even, curves[whole].mean(axis=0, dtype=np.float64), "s", kind.unit)
    cautions = [] if bolus.passed else [Message(N_(
        "The images end before the contrast has passed: CBV and MTT are too low, long Tmax are "
        "cut off."
    ))]  # fmt: skip
    if not judged.all():
        cautions.append(
            Message(
                N_("{percent} % of the brain was left out as fluid or saturated signal."),
                {"percent": f"{100 * (1 - judged.mean()):.0f}"},
            )
        )
    return AnalysisResult(
        quantities=_quantities(maps, grid),
        maps=_maps(maps, grid),
        masks=(
            ResultMask("artery", Wording("Artery", "动脉"), artery, grid),
            ResultMask("brain", BRAIN.name, brain, grid),
            ResultMask("fluid", _FLUID, fluid, grid),
        ),
        curves=(
            ResultCurve("artery_curve", Wording("Arterial curve", "动脉输入曲线"),
                        Curve(even, aif, "s", kind.unit)),
            ResultCurve("brain_curve", Wording("Mean curve of the brain", "全脑平均曲线"), mean),
        ),
        cautions=tuple(cautions),
    )  # fmt: skip


def _artery(
    inputs: AnalysisInputs,
    curve_spec: InputSpec,
    contrast: Callable[[NDArray[np.bool_]], Singles],
    curves: Singles,
    whole: NDArray[np.bool_],
    brain: NDArray[np.bool_],
    even: Floats,
    step: float,
    arrival: int,
) -> tuple[Floats, NDArray[np.bool_]]:
    """The arterial curve on ``even`` and the voxels that it is of: given, drawn, or found."""
    voxels = np.zeros(brain.shape, dtype=bool)
    drawn = mask_on(inputs, ARTERY_MASK, inputs.grid) if inputs.grid is not None else None
    if curve_spec.key in inputs.curves:
        given = inputs.curve(curve_spec)
        aif = np.interp(even, given.x, given.y, left=0.0, right=float(given.y[-1]))
    elif drawn is not None:
        own = contrast(drawn)
        own = own[np.isfinite(own).all(axis=1)]
        if not drawn.any():
            raise BadInput(N_("The mask of the artery is empty."))
        if not own.size:
            raise BadInput(N_("The artery that was drawn is saturated; draw another."))
        aif, voxels = own.mean(axis=0, dtype=np.float64), drawn
    else:
        rows = arterial(curves, step, arrival, whole)
        aif = curves[rows].mean(axis=0, dtype=np.float64)
        voxels[tuple(np.argwhere(brain)[rows].T)] = True
    if not (np.isfinite(aif).all() and aif.max() > 0 and aif.sum() > 0):
        raise BadInput(N_("The arterial curve does not rise."))
    return np.asarray(aif, dtype=np.float64), voxels


def _scale(vein: Singles, aif: Floats) -> float:
    """Area of the vein over that of the artery: an artery thinner than a voxel is diluted by
    tissue (Cenic et al., AJNR 1999;20:63-73). Never below 1."""
    area = float(np.nanmax(vein.sum(axis=1))) if vein.size else 0.0
    return max(1.0, area / float(aif.sum()))


def _smoothed(curves: Singles, brain: NDArray[np.bool_], grid: Grid, width_mm: float) -> Singles:
    """Curves smoothed in the plane by a Gaussian of full width ``width_mm``, within the brain."""
    if width_mm <= 0:
        return curves
    x, y, _ = grid.spacing_mm
    sigma = (0.0, width_mm / 2.3548 / y, width_mm / 2.3548 / x)
    weight = ndimage.gaussian_filter(brain.astype(np.float32), sigma)[brain]
    result = np.empty_like(curves)
    frame = np.zeros(brain.shape, dtype=np.float32)
    for number in range(curves.shape[1]):
        frame[brain] = curves[:, number]
        result[:, number] = ndimage.gaussian_filter(frame, sigma)[brain] / weight
    return result


def respond(inputs: AnalysisInputs, curves: Singles, aif: Floats, step: float) -> Response:
    """Curves (n, N) deconvolved with the artery (N,), every ``step`` s, by the chosen method."""
    method, cut = inputs.word(METHOD), inputs.number_or_none(CUT)
    if method == "osvd":
        return circulant(curves, aif, step, oscillation=inputs.number(INDEX))
    if method == "csvd":
        return circulant(curves, aif, step, cut=CIRCULANT_CUT if cut is None else cut)
    return standard(curves, aif, step, cut=STANDARD_CUT if cut is None else cut)


def _map(
    values: NDArray[np.floating], brain: NDArray[np.bool_], judged: NDArray[np.bool_]
) -> Singles:
    whole = np.full(brain.shape, np.nan, dtype=np.float32)
    whole[brain] = np.where(judged, values, np.nan)
    return whole


def _maps(maps: dict[str, Singles], grid: Grid) -> tuple[ResultMap, ...]:
    said = {
        "cbf": (CBF, FLOW, (0.0, 100.0)),
        "cbv": (CBV, CONTENT, (0.0, 8.0)),
        "mtt": (MTT, "s", (0.0, 16.0)),
        "tmax": (TMAX, "s", (0.0, 12.0)),
    }
    return tuple(
        ResultMap(key, name, maps[key], grid, unit, window)
        for key, (name, unit, window) in said.items()
    )


def _quantities(maps: dict[str, Singles], grid: Grid) -> tuple[Quantity, ...]:
    said = {"cbf": (CBF, FLOW), "cbv": (CBV, CONTENT), "mtt": (MTT, "s"), "tmax": (TMAX, "s")}
    medians = [
        Quantity(name, local_code(key.upper(), name), float(np.nanmedian(maps[key])), unit, _MEDIAN)
        for key, (name, unit) in said.items()
    ]
    slow = [
        Quantity(name, VOLUME, volume_ml(maps["tmax"] > limit, grid), "mL")
        for name, limit in ((SLOW, SLOW_S), (SLOWEST, SLOWEST_S))
    ]
    return (*medians, *slow)
