"""The visit's series around the contrast agent: diffusion, two first passes, late heart, T1."""

from __future__ import annotations

from typing import Any

from workstation.demo import head_blood, heart_contrast
from workstation.demo.head_blood import bolus_scan, diffusion_scan, head_slices
from workstation.demo.heart_contrast import (
    SLICES,
    StillHeart,
    first_pass_scan,
    late_scan,
    still_heart,
    t1_map,
)
from workstation.demo.scans import tilted_head
from workstation.demo.series import (
    MR,
    DemoDetail,
    DemoHeader,
    DemoSeries,
    demo_uid,
    visit,
    visit_head,
)
from workstation.demo.tissue import Tissue
from workstation.demo.truth import (
    BolusAnswer,
    DiffusionAnswer,
    FirstPassAnswer,
    KnownAnswers,
    ScarAnswer,
    T1Answer,
    place,
)
from workstation.demo.ventricle import HeartShape

_AGENT = {"ContrastBolusAgent": "Gadobutrol", "ContrastBolusVolume": 7.1}
_ECHO_PLANAR = {"ScanningSequence": "EP", "ScanOptions": "FS", "MRAcquisitionType": "2D"}
_WIDTHS = (1400.0, 1100.0, 850.0, 650.0, 520.0)
"""Of the window of each b-value."""
MAP_SLICES = (2, 5, 8)
"""Slices of the cine on which the first pass and T1 are imaged: basal, middle, apical."""


def heart_of_visit(numbers: tuple[int, ...], detail: DemoDetail, full: int = 192) -> StillHeart:
    """The patient's heart at end-diastole on slices of the cine, as the series show it."""
    return still_heart(HeartShape(seed=5, phases=detail.phases), numbers, full // detail.factor)


def _header(seed: int, key: str, number: int, name: str, time: str, **more: Any) -> DemoHeader:
    heart = more.pop("heart")
    return DemoHeader(
        **visit(seed),
        series_uid=demo_uid(seed, key),
        series_number=number,
        series_description=name,
        series_time=time,
        frame_of_reference_uid=demo_uid(seed, "heart space" if heart else "brain space"),
        body_part="HEART" if heart else "BRAIN",
        **more,
    )


def diffusion(seed: int, detail: DemoDetail) -> DemoSeries:
    """DWI at five b-values with an acute infarct of known size."""
    slices = 20 // min(detail.factor, 2)
    step = 120.0 / slices
    head = head_slices(
        visit_head(),
        matrix=128 // min(detail.factor, 2),
        slices=slices,
        step_mm=step,
        lowest_mm=-42.0,
    )
    header = _header(
        seed, "dwi", 2, "Ax DWI", "091610", heart=False,
        window=(425.0, 850.0), slice_thickness_mm=step,
        extra=MR | _ECHO_PLANAR | {
            "SequenceVariant": "SK", "RepetitionTime": 4200.0, "EchoTime": 72.0,
            "EchoTrainLength": 1,
        },
        of_phase={
            "DiffusionBValue": head_blood.B_VALUES,
            "WindowCenter": tuple(width / 2.0 for width in _WIDTHS),
            "WindowWidth": _WIDTHS,
        },
    )  # fmt: skip
    scale = visit_head().stretch_xyz
    at = tuple(c * s for c, s in zip(head_blood.DEAD_AT, scale, strict=True))
    where = tilted_head().to_lps((at[0], at[1], at[2]))
    known = DiffusionAnswer(
        round(float(head.dead.sum()) * head.grid.voxel_ml, 3),
        head_blood.DEAD_ADC,
        head_blood.ADC[Tissue.WHITE],
        place(where),
    )
    answers = KnownAnswers(header.series_uid, diffusion=known)
    return DemoSeries("mr/dwi", diffusion_scan(head, seed=seed), head.grid, header, answers)


def susceptibility(seed: int, detail: DemoDetail) -> DemoSeries:
    """DSC during the bolus: late arrival of known extent behind the narrowed artery."""
    head = head_slices(
        visit_head(), matrix=96 // min(detail.factor, 2), slices=5, step_mm=10.0, lowest_mm=-9.3
    )
    header = _header(
        seed, "dsc", 8, "Ax DSC perfusion", "093812", heart=False,
        window=(600.0, 1200.0), slice_thickness_mm=6.0,
        extra=MR | _ECHO_PLANAR | _AGENT | {
            "SequenceVariant": "SK", "RepetitionTime": head_blood.TR_S * 1000.0,
            "EchoTime": head_blood.TE_MS, "EchoTrainLength": 1,
        },
        of_phase=_moments("0938", 12.0, head_blood.FRAMES, head_blood.TR_S),
    )  # fmt: skip
    known = BolusAnswer(
        round(float(head.late.sum()) * head.grid.voxel_ml, 3),
        head_blood.LATE_DELAY_S,
        head_blood.LATE_MTT_S,
        head_blood.LATE_CBV,
        head_blood.WHITE_MTT_S,
        head_blood.WHITE_CBV,
    )
    answers = KnownAnswers(header.series_uid, bolus=known)
    return DemoSeries("mr/dsc", bolus_scan(head, seed=seed), head.grid, header, answers)


def _moments(start: str, seconds: float, frames: int, step_s: float) -> dict[str, tuple[Any, ...]]:
    """Acquisition times (TM) from ``start`` (hours and minutes) on, and their numbers."""
    hour, minute = int(start[:2]), int(start[2:])
    times = []
    for number in range(frames):
        passed = minute * 60 + seconds + number * step_s
        times.append(f"{hour:02d}{int(passed // 60):02d}{passed % 60:09.6f}")
    return {
        "AcquisitionTime": tuple(times),
        "TemporalPositionIdentifier": tuple(range(1, frames + 1)),
        "NumberOfTemporalPositions": (frames,) * frames,
    }


_GRADIENT = {
    "ScanningSequence": "GR", "MRAcquisitionType": "2D", "EchoTrainLength": 1,
    "RepetitionTime": 2.6, "EchoTime": 1.1,
}  # fmt: skip


def late(seed: int, detail: DemoDetail) -> DemoSeries:
    """Late enhancement on every slice of the cine, scar in one segment."""
    heart = heart_of_visit(tuple(range(SLICES)), detail)
    header = _header(
        seed, "lge", 15, "SAX LGE", "101530", heart=True,
        window=(280.0, 560.0), slice_thickness_mm=8.0,
        extra=MR | _GRADIENT | _AGENT | {
            "ScanningSequence": ["GR", "IR"], "SequenceVariant": "SP", "ScanOptions": "CG",
            "TriggerTime": 650.0,
            "InversionTime": 300.0, "FlipAngle": 25.0,
        },
    )  # fmt: skip
    scale, signal = heart_contrast.LATE_SCALE, heart_contrast.LATE_SIGNAL
    known = ScarAnswer(
        heart_contrast.SEGMENT,
        100.0 * heart_contrast.DEPTH,
        round(heart.scar_g, 3),
        round(heart.extent_percent, 2),
        round(100.0 * float(heart.scar.sum()) / float(heart.muscle.sum()), 3),
        scale * signal[Tissue.MYOCARDIUM],
        scale * heart_contrast.SCAR_SIGNAL,
        scale * signal[Tissue.BLOOD],
    )
    answers = KnownAnswers(header.series_uid, scar=known)
    return DemoSeries("mr/lge", late_scan(heart, seed=seed), heart.grid, header, answers)


def first_pass(seed: int, detail: DemoDetail) -> DemoSeries:
    """First pass on three slices; the scar's segment brightens late."""
    heart = heart_of_visit(MAP_SLICES, detail, 144)
    header = _header(
        seed, "first pass", 13, "SAX first pass perfusion", "100405", heart=True,
        window=(330.0, 660.0), slice_thickness_mm=8.0,
        extra=MR | _GRADIENT | _AGENT | {
            "SequenceVariant": "SP", "ScanOptions": "CG",
            "TriggerTime": 650.0, "FlipAngle": 12.0,
        },
        of_phase=_moments("1004", 5.0, heart_contrast.FRAMES, heart_contrast.BEAT_S),
    )  # fmt: skip
    healthy, slow = heart_contrast.upslopes_percent()
    known = FirstPassAnswer(round(healthy, 3), round(slow, 3), (heart_contrast.SEGMENT,))
    answers = KnownAnswers(header.series_uid, first_pass=known)
    array = first_pass_scan(heart, seed=seed)
    return DemoSeries("mr/firstpass", array, heart.grid, header, answers)


def t1_maps(seed: int, detail: DemoDetail, *, after: bool) -> DemoSeries:
    """A T1 map before or after contrast on the slices of the first pass; voxels are in ms."""
    heart = heart_of_visit(MAP_SLICES, detail, 144)
    key, word = ("t1 post", "post") if after else ("t1 native", "native")
    header = _header(
        seed, key, 17 if after else 12, f"SAX T1 map {word}", "102210" if after else "095905",
        heart=True, window=(1000.0, 2000.0), slice_thickness_mm=8.0, unit="ms",
        extra=MR | _GRADIENT | (_AGENT if after else {}) | {
            "SequenceVariant": "SS", "ScanOptions": "CG",
            "TriggerTime": 650.0, "FlipAngle": 35.0,
            "ImageType": ["DERIVED", "PRIMARY", "T1 MAP"],
        },
    )  # fmt: skip
    values = heart_contrast.T1_MS[after]
    known = T1Answer(
        values[Tissue.MYOCARDIUM], heart_contrast.SCAR_T1_MS[after], values[Tissue.BLOOD]
    )
    answers = KnownAnswers(header.series_uid, t1=known)
    array = t1_map(heart, after=after, seed=seed)
    return DemoSeries(f"mr/t1{word}", array, heart.grid, header, answers)
