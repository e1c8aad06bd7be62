"""Apparent diffusion coefficient from diffusion-weighted images, and what is below a limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.brain._head import brain_on_mr, midplane, mirror_mask
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
    Candidate,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultMap,
    ResultMask,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import generated_volume

UNIT = "um2/s"  # 1 um2/s = 1e-6 mm2/s
_PER_MM2 = 1e6

DWI = InputSpec(
    "dwi", Kind.SERIES, Wording("Diffusion-weighted images", "弥散加权图像"),
    axis="b-value", roles=("DWI",),
)  # fmt: skip
BRAIN = InputSpec("brain", Kind.MASK, Wording("Brain", "脑"), optional=True)
REGION = InputSpec(
    "region", Kind.MASK, Wording("Region to compare with its mirror image", "与镜像侧比较的区域"),
    optional=True,
)  # fmt: skip
THRESHOLD = Parameter(
    "core_below", Wording("Core: ADC below", "核心：ADC 低于"), 620.0, UNIT, 100.0, 2000.0
)
BRIGHT = Parameter(
    "dwi_bright",
    Wording(
        "Core: at least as bright as the brain's median on DWI", "核心：DWI 信号不低于脑中位数"
    ),
    True,
)
LEAST = Parameter(
    "least_ml", Wording("Smallest cluster kept", "保留的最小簇"), 0.1, "mL", 0.0, 10.0
)
LEAST_B = Parameter(
    "least_b", Wording("Smallest b-value used", "使用的最小 b 值"), 0.0, "s/mm2", 0.0, 1000.0
)
NOISE = Parameter(
    "noise", Wording("Noise floor (signal; found in the air where not given)",
                     "噪声基底（信号值；未给出时由空气区测得）"), None, "1", 0.0,
)  # fmt: skip

MEDIAN = Wording("Median ADC of the brain", "全脑 ADC 中位数")
CORE = Wording("Volume with reduced ADC", "ADC 降低区体积")
CORE_MEAN = Wording("Mean ADC of the region with reduced ADC", "ADC 降低区平均 ADC")
REGION_MEAN = Wording("Mean ADC of the region", "所选区域平均 ADC")
MIRROR_MEAN = Wording("Mean ADC of the mirrored region", "镜像区域平均 ADC")
RATIO = Wording("ADC ratio to the mirrored region", "与镜像侧 ADC 比值")
_LABEL = Wording("Restricted diffusion", "弥散受限")
_ADC_CODE = Code("113041", "DCM", "Apparent Diffusion Coefficient")
_ABOVE_NOISE = 2.0
LEAST_BRAIN = 50  # voxels, to tell one half from the other
LEAST_JUDGED = 0.3
"""Part of the brain. With b-values exchanged signals rise with b, and next to nothing is judged."""
SENSIBLE = (200.0, 3500.0)
"""um2/s; water at 37 degrees has 3000, an infarct about 400: no brain has a median outside."""


def fit_adc(
    signals: NDArray[np.float32], b: NDArray[np.float64], floor: float
) -> NDArray[np.float32]:
    """ADC in um2/s of signals (volumes, ...) at b-values (volumes,) in s/mm2; NaN where not judged.

    Weighted linear least squares of ln S = ln S0 - b ADC with weights S^2, because the variance of
    ln S is that of S over S^2 (Salvador et al., Hum Brain Mapp 2005;24:144-155). Samples at or
    below ``floor`` carry no signal and are left out; a voxel needs samples at two b-values, and a
    negative coefficient is no diffusion: both are NaN.
    """
    used = signals > max(floor, 0.0)
    s = np.where(used, signals, 1.0).astype(np.float64)
    weight = np.where(used, s * s, 0.0)
    # Weights scaled by the largest of a voxel: sums stay near 1 whatever the scanner's scale.
    weight /= np.maximum(weight.max(axis=0), 1e-300)
    along = b.reshape((-1,) + (1,) * (signals.ndim - 1))
    y = np.log(s)
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_b = (weight * along).sum(axis=0) / total
        mean_y = (weight * y).sum(axis=0) / total
        spread = (weight * (along - mean_b) ** 2).sum(axis=0)
        slope = (weight * (along - mean_b) * (y - mean_y)).sum(axis=0) / spread
    low = np.where(used, along, np.inf).min(axis=0)
    high = np.where(used, along, -np.inf).max(axis=0)
    judged = (high - low > 1.0) & np.isfinite(slope) & (slope <= 0.0)
    return np.where(judged, -slope * _PER_MM2, np.nan).astype(np.float32)


def noise_floor(image: NDArray[np.float32]) -> float:
    """The mean of the air in the four corners of the slices of ``image`` (z, y, x); 0 where the
    scanner has blanked it."""
    ny, nx = (max(2, n // 12) for n in image.shape[1:])
    rows, columns = (slice(ny), slice(-ny, None)), (slice(nx), slice(-nx, None))
    return float(np.mean([np.median(image[:, y, x]) for y in rows for x in columns]))


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """The ADC map, the volume below the threshold, and a region against its mirror image."""
    images = inputs.image(DWI)
    signals, b = _chosen(images, inputs.number(LEAST_B))
    grid = images.grid
    highest = signals[b == b.max()].mean(axis=0)
    given = inputs.number_or_none(NOISE)
    floor = _ABOVE_NOISE * noise_floor(highest) if given is None else given
    brain = mask_on(inputs, BRAIN, grid)
    if brain is None:
        brain = brain_on_mr(signals[b == b.min()].mean(axis=0), grid)
    adc = fit_adc(signals, b, floor)
    judged = brain & np.isfinite(adc)
    if not judged.any():
        raise BadInput(N_("No voxel of the brain lies above the noise at two b-values."))
    middle = float(np.median(adc[judged]))
    if judged.sum() < LEAST_JUDGED * brain.sum() or not SENSIBLE[0] <= middle <= SENSIBLE[1]:
        raise BadInput(
            N_("{percent} % of the brain can be judged, with a median of {value}×10⁻⁶ mm²/s: "
               "these b-values are not those of these images."),
            percent=f"{100 * judged.sum() / brain.sum():.0f}", value=f"{middle:.0f}",
        )  # fmt: skip
    core = judged & (adc < inputs.number(THRESHOLD))
    if inputs.flag(BRIGHT):
        core &= highest >= np.median(highest[brain])
    core = without_small(core, grid, inputs.number(LEAST))
    size = volume_ml(core, grid)
    code = local_code("ADCMEDIAN", MEDIAN)
    quantities = [
        Quantity(MEDIAN, code, middle, UNIT),
        Quantity(CORE, VOLUME, size, "mL"),
    ]
    candidates: tuple[Candidate, ...] = ()
    if size > 0:
        mean = Quantity(CORE_MEAN, _ADC_CODE, float(adc[core].mean()), UNIT)
        quantities.append(mean)
        candidates = (_candidate(core, brain, images, quantities[1], mean),)
    region = mask_on(inputs, REGION, grid)
    if region is not None:
        quantities += _compared(adc, region, brain, grid)
    lost = int(np.count_nonzero(brain & ~np.isfinite(adc))) / max(int(brain.sum()), 1)
    cautions = (Message(N_("{percent} % of the brain lies at the noise floor and is not judged."),
                        {"percent": f"{100 * lost:.0f}"}),) if lost > 0.05 else ()  # fmt: skip
    return AnalysisResult(
        quantities=tuple(quantities),
        candidates=candidates,
        maps=(ResultMap("adc", Wording("ADC map", "ADC 图"), adc, grid, UNIT, (0.0, 2000.0)),),
        masks=(
            ResultMask("core", CORE, core, grid),
            ResultMask("brain", BRAIN.name, brain, grid),
        ),
        cautions=cautions,
    )


def _chosen(images: Images, least_b: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Signals (volumes, z, y, x) and their b-values; ``BadInput`` where they cannot be fitted."""
    if not images.positions:
        raise BadInput(N_("The b-values of these images are not known."))
    b = np.asarray(images.positions, dtype=np.float64)
    keep = b >= least_b
    if np.ptp(b[keep]) < 100.0 if keep.any() else True:
        raise BadInput(N_("An ADC needs images at two b-values that are 100 s/mm² or more apart."))
    return images.array()[keep], b[keep]


def _compared(
    adc: NDArray[np.float32], region: NDArray[np.bool_], brain: NDArray[np.bool_], grid: Grid
) -> list[Quantity]:
    """Mean ADC of a region, of its mirror image, and their ratio."""
    other = mirror_mask(region, grid, midplane(brain, grid)) & brain & np.isfinite(adc)
    own = region & np.isfinite(adc)
    if not own.any() or not other.any():
        raise BadInput(N_("The region or its mirror image has no voxel that can be judged."))
    here, there = float(adc[own].mean()), float(adc[other].mean())
    return [
        Quantity(REGION_MEAN, _ADC_CODE, here, UNIT),
        Quantity(MIRROR_MEAN, local_code("ADCMIRROR", MIRROR_MEAN), there, UNIT),
        Quantity(RATIO, local_code("ADCRATIO", RATIO), here / there, "{ratio}"),
    ]


def _candidate(
    core: NDArray[np.bool_],
    brain: NDArray[np.bool_],
    images: Images,
    size: Quantity,
    mean: Quantity,
) -> Candidate:
    """Drawn on the image of the highest b-value, where a reader looks for it."""
    grid = images.grid
    middle = grid.to_lps(np.argwhere(core)[:, ::-1].astype(np.float64)).mean(axis=0)
    x, y, z = (float(v) for v in middle)
    return Candidate(
        label=_LABEL,
        code=local_code("RESTRDIFF", _LABEL),
        site=_site(_aside(middle, brain, grid)),
        location_mm=(x, y, z),
        mask=core,
        quantity=size,
        others=(mean,),
        phase=images.volumes[int(np.argmax(images.positions))].phase,
    )


def _aside(place_mm: Floats, brain: NDArray[np.bool_], grid: Grid) -> float:
    """How far a place lies to the left of the plane between both halves of the brain, mm.

    The middle of the image would do for a head that lies in it. 0 where no plane is found."""
    if np.count_nonzero(brain) < LEAST_BRAIN:
        return 0.0
    return float(midplane(brain, grid).side_mm(place_mm))


def _site(aside_mm: float) -> Wording:
    """Which half of the brain; near its middle no side is claimed."""
    if abs(aside_mm) < 8.0:
        return Wording("Brain", "脑")
    if aside_mm > 0:
        return Wording("Left half of the brain", "左侧脑")
    return Wording("Right half of the brain", "右侧脑")


def halved() -> AnalysisInputs:
    """A block of brain whose signal halves at b = 1000 s/mm2, 400 voxels of it at e^-0.5."""
    grid = Grid((10, 48, 48), as_matrix(np.diag([2.0, 2.0, 4.0, 1.0])))
    brain = np.zeros(grid.shape, dtype=bool)
    brain[1:9, 8:40, 8:40] = True
    lesion = np.zeros(grid.shape, dtype=bool)
    lesion[3:7, 20:30, 28:38] = True
    zero = np.where(brain, 800.0, 0.0).astype(np.float32)
    factor = np.where(lesion, np.exp(-0.5), 0.5)
    volumes = tuple(
        generated_volume(array, grid, modality="MR", unit="1", role="DWI", region="brain")
        for array in (zero, (zero * factor).astype(np.float32))
    )
    return AnalysisInputs(
        images={DWI.key: Images(volumes, (0.0, 1000.0), DWI.axis)},
        masks={BRAIN.key: brain, REGION.key: lesion},
        grid=grid,
    )


_LN2 = float(np.log(2.0)) * 1000.0

SPEC = AnalysisSpec(
    id="brain/adc",
    version="1.0.0",
    name=Wording("Apparent diffusion coefficient", "表观弥散系数（ADC）"),
    area="brain",
    accepts=("DWI",),
    needs_mask="",
    formula="ln S = ln S0 - b * ADC, least squares weighted by S^2; core: ADC < 620e-6 mm2/s",
    source=(
        "ADC: Le Bihan et al., Radiology 1986;161:401-407; weights: Salvador et al., Hum Brain "
        "Mapp 2005;24:144-155; threshold 620e-6 mm2/s: Purushotham et al., Int J Stroke 2015;"
        "10:348-353, doi:10.1111/ijs.12068"
    ),
    known_answers=(
        KnownAnswer(
            make=halved,
            expected={
                MEDIAN.en: (_LN2, 0.01),
                CORE.en: (400 * 0.016, 1e-9),
                CORE_MEAN.en: (500.0, 0.01),
                REGION_MEAN.en: (500.0, 0.01),
                MIRROR_MEAN.en: (_LN2, 0.01),
                RATIO.en: (500.0 / _LN2, 1e-4),
            },
            source="S halves at b = 1000 s/mm2: ln 2 / 1000 = 0.693e-3 mm2/s; e^-0.5: 0.500e-3",
        ),
    ),
    cost_s=3.0,
    inputs=(DWI, BRAIN, REGION),
    parameters=(THRESHOLD, BRIGHT, LEAST, LEAST_B, NOISE),
)
