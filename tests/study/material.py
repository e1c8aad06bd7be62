"""A study of one FLAIR series, and a triage model that marks what is brighter than a threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from tests.ai.packages import network
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.geometry import Grid, as_matrix

GRID = Grid((12, 48, 40), as_matrix(np.diag([4.0, 4.0, 5.0, 1.0])))
VOXELS = 18
STAT = {"id": "bleeding", "name": {"en": "Bleeding triage", "zh": "出血急诊筛查"}, "stat": True}


def threshold(value: float = 0.5) -> Any:
    """The network that answers 1 where the image is brighter than ``value``, else 0."""
    return network(
        [
            helper.make_node("Greater", ["image", "value"], ["bright"]),
            helper.make_node("Cast", ["bright"], ["out"], to=TensorProto.FLOAT),
        ],
        {"value": np.float32(value)},
    )


def write_flair(folder: Path, number: int, name: str, *, bright: bool, modality: str = "MR") -> str:
    """One study with one FLAIR series; bright: with a spot of ``VOXELS`` voxels. Its UID."""
    array = np.zeros(GRID.shape, dtype=np.uint16)
    if bright:
        array[5:7, 20:23, 15:18] = 1
    study_uid = f"2.25.88{number:03d}"
    header = SeriesHeader(
        modality=modality, patient_name=name, patient_id=f"T{number}", birth_date="19600101",
        sex="F", age="064Y", study_uid=study_uid, study_date=f"202405{number:02d}",
        study_time="101112", study_description="头颅", accession=f"A{number}",
        series_uid=f"{study_uid}.1", series_number=3, series_description="AX FLAIR",
        series_time="101500", frame_of_reference_uid=f"{study_uid}.2", body_part="BRAIN",
        window=(1.0, 2.0), slice_thickness_mm=5.0,
    )  # fmt: skip
    write_series(folder, array, GRID, header)
    return study_uid
