"""What a series of the demo is before it is written, and what those of one visit share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.demo.head import HeadShape
from workstation.demo.truth import KnownAnswers
from workstation.domain.geometry import Grid

DEMO_SEED = 20260312


@dataclass(frozen=True)
class DemoHeader:
    """What the files of a series shall say; keywords and formats as in DICOM.

    of_phase: by keyword what differs from phase to phase. unit: UCUM of the voxels, "" for none.
    """

    modality: str
    patient_name: str
    patient_id: str
    birth_date: str
    sex: str
    age: str
    study_uid: str
    study_date: str
    study_time: str
    study_description: str
    accession: str
    series_uid: str
    series_number: int
    series_description: str
    series_time: str
    frame_of_reference_uid: str
    body_part: str
    window: tuple[float, float]
    slice_thickness_mm: float
    character_set: str
    patient_weight_kg: float
    patient_size_m: float
    manufacturer: str = "OneScan generated data"
    model: str = "Demo"
    trigger_ms: tuple[float, ...] = ()
    nominal_interval_ms: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)
    of_phase: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    unit: str = ""


@dataclass(frozen=True)
class DemoSeries:
    """One series before it is written: array (z, y, x) or (t, z, y, x), grid, header, answers."""

    folder: str
    array: NDArray[np.int16]
    grid: Grid
    header: DemoHeader
    known: KnownAnswers


@dataclass(frozen=True)
class DemoDetail:
    """How finely to scan: ``factor`` 1 is the demo, 2 halves the matrix (for quick tests)."""

    factor: int = 1
    phases: int = 25


FULL = DemoDetail()


def demo_uid(seed: int, what: str) -> str:
    """A UID that depends only on the seed and a name (PS3.5 B.2: 2.25 and a UUID)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'onescan-demo/{seed}/{what}').int}"


def visit(seed: int) -> dict[str, Any]:
    """The brain-heart visit's patient and study."""
    return {
        "patient_name": "Wang^Jianguo=王^建国",
        "patient_id": "DEMO-20260312-0417",
        "birth_date": "19620908",
        "sex": "M",
        "age": "063Y",
        "study_uid": demo_uid(seed, "mr"),
        "study_date": "20260312",
        "study_time": "091400",
        "study_description": "心脑一体 MR 平扫+增强",
        "accession": "MR20260312017",
        "character_set": "ISO_IR 192",
        "modality": "MR",
        "patient_weight_kg": 71.0,
        "patient_size_m": 1.72,
    }


def visit_head() -> HeadShape:
    """The head of the visit's patient."""
    return HeadShape(seed=7, ventricles=1.3, atrophy=0.5)


MR: dict[str, Any] = {"MagneticFieldStrength": 3.0, "ImagedNucleus": "1H", "NumberOfAverages": 1}
