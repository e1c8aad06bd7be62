"""Studies of one head CT series for the emergency lane, made by the demo's generator."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from workstation.demo.bleeds import BleedKind, add_bleed, healthy
from workstation.demo.head import random_shape
from workstation.demo.head_ct import CtHead, paint_ct_head
from workstation.demo.head_ct_scan import CtProtocol, CtScan, scan_head
from workstation.dicom.write import SeriesHeader, write_series

SEED = 9400
PROTOCOL = CtProtocol(
    pixel_mm=0.9, matrix=(256, 224), slices=30, lowest_mm=-54.0, pitch_deg=-6.0, noise_hu=3.0
)


@cache
def head() -> CtHead:
    """A head of a seed used for nothing else."""
    rng = np.random.default_rng((SEED, 3))
    return paint_ct_head(random_shape(rng), rng)


@cache
def scan(*, bleeding: bool) -> CtScan:
    """The head with 25 mL of blood in the brain, or as it is."""
    bled = healthy(head())
    if bleeding:
        bled = add_bleed(bled, BleedKind.PARENCHYMAL, 25.0, np.random.default_rng(SEED))
    return scan_head(bled, PROTOCOL, SEED + bleeding)


def write_head(folder: Path, number: int, name: str, *, bleeding: bool) -> str:
    """One study with one plain head CT. Its UID."""
    made = scan(bleeding=bleeding)
    study_uid = f"2.25.77{number:03d}"
    header = SeriesHeader(
        modality="CT", patient_name=name, patient_id=f"H{number}", birth_date="19550101",
        sex="M", age="069Y", study_uid=study_uid, study_date=f"202406{number:02d}",
        study_time="031112", study_description="头颅CT平扫", accession=f"H{number}",
        series_uid=f"{study_uid}.1", series_number=2, series_description="Head 5.0",
        series_time="031500", frame_of_reference_uid=f"{study_uid}.2", body_part="HEAD",
        window=(40.0, 80.0), slice_thickness_mm=5.0,
    )  # fmt: skip
    write_series(folder, made.array, made.grid, header)
    return study_uid
