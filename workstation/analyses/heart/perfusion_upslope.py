"""First-pass perfusion: how fast each segment of the muscle brightens, against the blood.

The relative upslope is the steepest rise of a segment's signal, in per cent of that of the blood
of the left ventricle. Images must lie on each other: motion between them is not corrected here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.analyses.heart._heart_phantom import insertions, places, short_axis, wall
from workstation.analyses.heart._segments import (
    INSERTIONS,
    MYOCARDIUM,
    RIGHT,
    SEGMENTS,
    by_segment,
    model_of,
    segment_map,
)
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Curve,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultCurve,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats
from workstation.domain.volume import generated_volume

LEAST_IMAGES = 15
LEAST_BEFORE = 2
LEAST_RISE = 0.5
"""The blood must brighten by this part of its own signal, else no bolus passed."""
AFTER_S = 12.0
"""The muscle's steepest rise is looked for until so long after the blood's peak."""

RELATIVE = Wording("Relative upslope", "相对上升斜率")
WHOLE = Wording("Relative upslope, whole muscle", "全部心肌相对上升斜率")
BLOOD_RATE = Wording("Upslope of the blood", "血池上升斜率")
_CODES = {
    RELATIVE: Code("RELUPSLOPE", "99ONESCAN", RELATIVE.en),
    WHOLE: Code("RELUPSLOPELV", "99ONESCAN", WHOLE.en),
    BLOOD_RATE: Code("BLOODUPSLOPE", "99ONESCAN", BLOOD_RATE.en),
}
PERFUSION = InputSpec(
    "perfusion",
    Kind.SERIES,
    Wording("First-pass perfusion", "首过灌注"),
    axis="time",
    roles=("first-pass perfusion",),
)
BLOOD = InputSpec("blood", Kind.MASK, Wording("Left ventricular blood", "左心室血池"))
MUSCLE_POINTS = Parameter(
    "muscle_points", Wording("Images in the muscle's slope", "心肌斜率拟合点数"), 5.0, "1", 3.0, 9.0
)
BLOOD_POINTS = Parameter(
    "blood_points", Wording("Images in the blood's slope", "血池斜率拟合点数"), 3.0, "1", 2.0, 9.0
)


@dataclass(frozen=True)
class Bolus:
    """foot: last image before the blood brightens; peak: its brightest."""

    foot: int
    peak: int
    baseline: float


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Upslope of each segment in per cent of the blood's; curves of both. Refuses without bolus."""
    images = inputs.image(PERFUSION)
    times = np.asarray(images.positions, dtype=np.float64)
    if times.size != len(images.volumes):
        raise BadInput(N_("The times of these images are not known."))
    if (np.diff(times) <= 0).any():
        raise BadInput(N_("The times of these images do not rise."))
    if times.size < LEAST_IMAGES:
        raise BadInput(
            N_("{frames} images over time are too few for perfusion; it needs {least}."),
            frames=times.size, least=LEAST_IMAGES,
        )  # fmt: skip
    muscle, blood = inputs.mask(MYOCARDIUM), inputs.mask(BLOOD)
    array = images.array()
    if muscle.shape != array.shape[1:]:
        raise BadInput(N_("The mask does not fit the image grid."))
    if not (muscle.any() and blood.any()):
        raise BadInput(N_("The outline of the muscle or of the blood is empty."))
    curve = array[:, blood].mean(axis=1).astype(np.float64)
    bolus = bolus_of(curve)
    blood_points, muscle_points = (int(inputs.number(p)) for p in (BLOOD_POINTS, MUSCLE_POINTS))
    reference = steepest(times, curve, bolus.foot, bolus.peak + 1, blood_points)
    until = int(np.searchsorted(times, times[bolus.peak] + AFTER_S)) + 1

    def relative(signal: Floats) -> float:
        return steepest(times, signal, bolus.foot, until, muscle_points) / reference * 100.0

    mean = array[:, muscle].mean(axis=1).astype(np.float64)
    said = [
        Quantity(WHOLE, _CODES[WHOLE], relative(mean), "%"),
        Quantity(BLOOD_RATE, _CODES[BLOOD_RATE], reference / bolus.baseline, "1/s"),
    ]
    curves = [
        ResultCurve("blood", BLOOD.name, Curve(times, curve, "s", "1")),
        ResultCurve("muscle", MYOCARDIUM.name, Curve(times, mean, "s", "1")),
    ]
    cautions = [
        Message(N_("Motion between the images is not corrected; look at the curves first."))
    ]
    model = model_of(inputs)
    if model is None:
        cautions.append(
            Message(N_("Without the insertions of the right ventricle nothing is said by segment."))
        )
        return AnalysisResult(
            quantities=tuple(said), curves=tuple(curves), cautions=tuple(cautions)
        )
    found = {}
    for number in range(1, 18):
        mine = (model.labels == number) & muscle
        if mine.any():
            found[number] = relative(array[:, mine].mean(axis=1).astype(np.float64))
    said += by_segment(found, RELATIVE, _CODES[RELATIVE], "%")
    return AnalysisResult(
        quantities=tuple(said),
        curves=tuple(curves),
        maps=(segment_map(model, images.grid),),
        cautions=tuple(cautions),
    )


def bolus_of(curve: Floats) -> Bolus:
    """Where the bolus arrives in the blood; ``BadInput`` where none does, or not as a whole."""
    peak = int(np.argmax(curve))
    start = float(curve[: peak + 1].min())  # a series that starts amid the rise has no flat start
    rise = float(curve[peak]) - start
    if start <= 0 or rise < LEAST_RISE * start:
        raise BadInput(N_("No contrast bolus passes through the left ventricle in these images."))
    before = np.flatnonzero(curve[:peak] < start + 0.1 * rise)
    if before.size == 0 or before[-1] + 1 < LEAST_BEFORE:
        raise BadInput(
            N_("Contrast is there from the first images on; perfusion needs {count} before it."),
            count=LEAST_BEFORE,
        )
    if peak >= len(curve) - 2:
        raise BadInput(N_("The images end before the contrast bolus has reached its peak."))
    foot = int(before[-1])
    return Bolus(foot, peak, float(curve[: foot + 1].mean()))


def steepest(times: Floats, signal: Floats, start: int, stop: int, points: int) -> float:
    """Largest slope (per s) of a straight line through ``points`` images that follow each other,
    from image ``start`` on and before image ``stop``."""
    best = -np.inf
    stop = min(max(stop, start + points), len(times))
    for first in range(start, stop - points + 1):
        t = times[first : first + points]
        s = signal[first : first + points]
        t = t - t.mean()
        best = max(best, float((t * s).sum() / (t * t).sum()))
    return best


def _ramps() -> AnalysisInputs:
    """Blood that rises by 40 a second, muscle by 8, the mid inferior wall by 4, for 8 s."""
    grid = short_axis(turn_deg=15.0, slices=6)
    muscle = wall(grid, 20.0, 30.0)
    where = places(grid)
    away = np.hypot(where[..., 0], where[..., 1])
    angle = np.degrees(np.arctan2(where[..., 1], where[..., 0]))
    low = muscle & (angle > 58.0) & (angle < 122.0)
    blood = away < 15.0
    times = np.arange(40, dtype=np.float64)
    ramp = np.clip(times - 8.0, 0.0, 8.0)
    late = np.clip(times - 10.0, 0.0, 8.0)
    fall = np.clip(times - 17.0, 0.0, 30.0)
    volumes = []
    for i in range(times.size):
        array = np.full(grid.shape, 20.0, dtype=np.float32)
        array[muscle] = 50.0 + 8.0 * late[i]
        array[low] = 50.0 + 4.0 * late[i]
        array[blood] = 60.0 + 40.0 * ramp[i] - 5.0 * fall[i]
        volumes.append(
            generated_volume(array, grid, modality="MR", unit="1", role="", region="heart")
        )
    return AnalysisInputs(
        images={PERFUSION.key: Images(tuple(volumes), tuple(times), "time")},
        masks={MYOCARDIUM.key: muscle, BLOOD.key: blood},
        grid=grid,
        lines={INSERTIONS.key: insertions(30.0)},
    )


SPEC = AnalysisSpec(
    id="heart/perfusion_upslope",
    version="1.0.0",
    name=Wording("First-pass perfusion upslope", "首过灌注上升斜率"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(PERFUSION, MYOCARDIUM, BLOOD, INSERTIONS, RIGHT),
    parameters=(MUSCLE_POINTS, BLOOD_POINTS),
    formula="steepest linear rise of the muscle's signal / steepest rise of the blood's * 100",
    source=(
        "Al-Saadi et al., Circulation 2000;101:1379-1383, doi:10.1161/01.CIR.101.12.1379 (linear "
        "fit of the upslope, divided by that of the left ventricle)"
    ),
    known_answers=(
        KnownAnswer(
            make=_ramps,
            expected={
                f"{RELATIVE.en} @ {SEGMENTS[6].en}": (20.0, 0.01),
                f"{RELATIVE.en} @ {SEGMENTS[9].en}": (10.0, 0.2),
                BLOOD_RATE.en: (40.0 / 60.0, 1e-3),
            },
            source="straight ramps: 8 / 40 and 4 / 40",
        ),
    ),
    cost_s=3.0,
)
