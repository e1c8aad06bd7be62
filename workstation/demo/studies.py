"""The demo studies: a brain-heart MR visit and a chest CT, with known answers.

The patients do not exist. Everything is generated, so numbers are known and the pictures may be
shown anywhere. The same ``seed`` gives the same pictures and the same UIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from workstation.demo.chest_scan import chest_scan
from workstation.demo.contrast_series import diffusion, first_pass, late, susceptibility, t1_maps
from workstation.demo.lesions import LesionLoad
from workstation.demo.scans import cine_scan, flair_scan, tof_scan
from workstation.demo.series import (
    DEMO_SEED,
    FULL,
    MR,
    DemoDetail,
    DemoHeader,
    DemoSeries,
    demo_uid,
    visit,
    visit_head,
)
from workstation.demo.thorax import ChestShape
from workstation.demo.truth import (
    KnownAnswers,
    LesionAnswer,
    NoduleAnswer,
    StenosisAnswer,
    VentricleAnswer,
    place,
)
from workstation.demo.ventricle import HeartShape
from workstation.domain.errors import N_, Message
from workstation.domain.work import Cancel, Progress, no_progress


def demo_series(
    seed: int = DEMO_SEED,
    *,
    detail: DemoDetail = FULL,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Iterator[DemoSeries]:
    """Generate the series one after another, so that only one is in memory."""
    doing = Message(N_("Making the demo studies"))
    for number, make in enumerate(_MAKERS):
        if cancel is not None:
            cancel.check()
        progress(number / len(_MAKERS), doing)
        yield make(seed, detail)
    progress(1.0, doing)


def _flair(seed: int, detail: DemoDetail) -> DemoSeries:
    load = LesionLoad(seed=3, cap_mm=4.2, band_mm=1.9, deep=9, deep_radius_mm=2.7)
    matrix, slices = 256 // detail.factor, 40 // detail.factor
    scan = flair_scan(
        visit_head(),
        load,
        seed=seed,
        matrix=matrix,
        slices=slices,
        slice_mm=140.0 / slices,
        per_slice=3,
    )
    uid = demo_uid(seed, "flair")
    header = DemoHeader(
        **visit(seed),
        series_uid=uid,
        series_number=3,
        series_description="Ax T2 FLAIR",
        series_time="091802",
        frame_of_reference_uid=demo_uid(seed, "brain space"),
        body_part="BRAIN",
        window=(420.0, 780.0),
        slice_thickness_mm=140.0 / slices,
        extra=MR
        | {
            "ScanningSequence": ["SE", "IR"],
            "SequenceVariant": ["SK", "SP"],
            "ScanOptions": "FS",
            "MRAcquisitionType": "2D",
            "RepetitionTime": 9000.0,
            "EchoTime": 125.0,
            "InversionTime": 2500.0,
            "EchoTrainLength": 16,
            "FlipAngle": 150.0,
        },
    )
    known = KnownAnswers(
        uid, lesions=LesionAnswer(round(scan.exact_ml, 3), round(scan.voxel_ml, 3))
    )
    return DemoSeries("mr/flair", scan.array, scan.grid, header, known)


def _tof(seed: int, detail: DemoDetail) -> DemoSeries:
    matrix, slices = 320 // detail.factor, 100 // detail.factor
    scan = tof_scan(visit_head(), seed=seed, matrix=matrix, slices=slices, slice_mm=80.0 / slices)
    uid = demo_uid(seed, "tof")
    header = DemoHeader(
        **visit(seed),
        series_uid=uid,
        series_number=5,
        series_description="3D TOF MRA",
        series_time="092530",
        frame_of_reference_uid=demo_uid(seed, "brain space"),
        body_part="BRAIN",
        window=(300.0, 620.0),
        slice_thickness_mm=80.0 / slices,
        extra=MR
        | {
            "ScanningSequence": "GR",
            "SequenceVariant": ["SP", "MTC"],
            "ScanOptions": "FC",
            "MRAcquisitionType": "3D",
            "AngioFlag": "Y",
            "RepetitionTime": 21.0,
            "EchoTime": 3.4,
            "EchoTrainLength": 1,
            "FlipAngle": 18.0,
        },
    )
    narrow = scan.stenosis
    known = KnownAnswers(
        uid,
        stenosis=StenosisAnswer(
            narrow.vessel,
            narrow.d_min_mm,
            narrow.d_ref_mm,
            round(narrow.percent, 2),
            place(scan.stenosis_lps),
        ),
    )
    return DemoSeries("mr/tof", scan.array, scan.grid, header, known)


def _cine(seed: int, detail: DemoDetail) -> DemoSeries:
    shape = HeartShape(seed=5, phases=detail.phases)
    scan = cine_scan(shape, seed=seed, matrix=192 // detail.factor)
    uid = demo_uid(seed, "cine")
    header = DemoHeader(
        **visit(seed),
        series_uid=uid,
        series_number=11,
        series_description="SAX cine bSSFP",
        series_time="095210",
        frame_of_reference_uid=demo_uid(seed, "heart space"),
        body_part="HEART",
        window=(370.0, 780.0),
        slice_thickness_mm=8.0,
        trigger_ms=scan.trigger_ms,
        nominal_interval_ms=60000.0 / shape.heart_rate,
        extra=MR
        | {
            "ScanningSequence": "GR",
            "SequenceVariant": ["SS", "SK"],
            "ScanOptions": ["CG", "PFP"],
            "MRAcquisitionType": "2D",
            "RepetitionTime": 3.2,
            "EchoTime": 1.6,
            "EchoTrainLength": 1,
            "FlipAngle": 50.0,
            "HeartRate": round(shape.heart_rate),
        },
    )
    voxel_edv, voxel_esv = scan.voxel_volumes_ml
    known = KnownAnswers(
        uid,
        ventricle=VentricleAnswer(
            shape.edv_ml,
            shape.esv_ml,
            round(100.0 * (1.0 - shape.esv_ml / shape.edv_ml), 2),
            shape.mass_g,
            0,
            shape.es_phase,
            round(voxel_edv, 2),
            round(voxel_esv, 2),
        ),
    )
    return DemoSeries("mr/cine", scan.array, scan.grid, header, known)


def _chest(seed: int, detail: DemoDetail) -> DemoSeries:
    matrix, slices = 512 // detail.factor, 116 // detail.factor
    scan = chest_scan(
        ChestShape(seed=4), seed=seed, matrix=matrix, slices=slices, slice_mm=290.0 / slices
    )
    uid = demo_uid(seed, "chest")
    header = DemoHeader(
        modality="CT",
        patient_name="Li^Xiulan=李^秀兰",
        patient_id="DEMO-20260320-0233",
        birth_date="19670519",
        sex="F",
        age="058Y",
        study_uid=demo_uid(seed, "ct"),
        study_date="20260320",
        study_time="143105",
        study_description="胸部 CT 平扫",
        accession="CT20260320033",
        character_set="GB18030",
        patient_weight_kg=58.0,
        patient_size_m=1.60,
        series_uid=uid,
        series_number=2,
        series_description="Chest 2.5mm lung",
        series_time="143240",
        frame_of_reference_uid=demo_uid(seed, "chest space"),
        body_part="CHEST",
        window=(-600.0, 1500.0),
        slice_thickness_mm=290.0 / slices,
        extra={
            "KVP": 120.0,
            "XRayTubeCurrent": 180,
            "ExposureTime": 500,
            "ConvolutionKernel": "LUNG",
            "GantryDetectorTilt": 0.0,
            "ReconstructionDiameter": 350.0,
            "TableHeight": 150.0,
        },
    )
    known = KnownAnswers(
        uid,
        nodules=tuple(
            NoduleAnswer(n.diameter_mm, round(n.volume_mm3, 2), place(n.centre_mm), n.place)
            for n in scan.nodules
        ),
    )
    return DemoSeries("ct/chest", scan.array, scan.grid, header, known)


_MAKERS: tuple[Callable[[int, DemoDetail], DemoSeries], ...] = (
    _flair,
    _tof,
    _cine,
    _chest,
    diffusion,
    susceptibility,
    late,
    first_pass,
    partial(t1_maps, after=False),
    partial(t1_maps, after=True),
)
SERIES = len(_MAKERS)
"""How many series the demo has."""
