"""A study of one plain chest CT of a generated aorta, and a package that outlines it by density."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.ai.packages import write_package
from tests.study.material import threshold
from workstation.analyses.vessel._aorta_phantom import aorta
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.geometry import Grid

OUTLINE_HU = -10.0  # between the phantom's fat and its blood
AORTA = "15825003"


@cache
def scan(sign: str) -> tuple[NDArray[np.int16], Grid]:
    """HU (z, y, x) and grid."""
    array, _, grid, _ = aorta(sign, 21)
    return np.round(array).astype(np.int16), grid


def write_aorta(folder: Path, number: int, name: str, sign: str) -> str:
    """One study with one plain chest CT. Its UID."""
    array, grid = scan(sign)
    study_uid = f"2.25.66{number:03d}"
    header = SeriesHeader(
        modality="CT", patient_name=name, patient_id=f"C{number}", birth_date="19580101",
        sex="M", age="066Y", study_uid=study_uid, study_date=f"202407{number:02d}",
        study_time="041112", study_description="胸部CT平扫", accession=f"C{number}",
        series_uid=f"{study_uid}.1", series_number=2, series_description="Chest 2.0 plain",
        series_time="041500", frame_of_reference_uid=f"{study_uid}.2", body_part="CHEST",
        window=(40.0, 200.0), slice_thickness_mm=2.0, extra={"KVP": "120"},
    )  # fmt: skip
    write_series(folder, array, grid, header)
    return study_uid


def write_outliner(folder: Path, *, experimental: bool = False, **changes: Any) -> Path:
    """A package that outlines the aorta and proposes nothing."""
    label = {
        "index": 0,
        "key": "aorta",
        "name": {"en": "Aorta", "zh": "主动脉"},
        "code": {"value": AORTA, "scheme": "SCT", "meaning": "Aorta"},
        "site": {"en": "chest", "zh": "胸部"},
        "area": "vessel",
        "template_key": "other",
        "proposes": "none",
        "experimental": experimental,
    }
    said = {
        "id": "outliner",
        "name": {"en": "Outline of the aorta", "zh": "主动脉轮廓"},
        "area": "vessel",
        "accept": [{"channel": "image", "modality": ["CT"], "roles": ["CT chest"]}],
        "infer": {"patch": [96, 48, 128], "max_ram_mb": 1024, "timeout_s": 60},
        "labels": [label],
    }
    return write_package(folder, threshold(OUTLINE_HU), **said | changes)
