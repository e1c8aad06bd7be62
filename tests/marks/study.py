"""A CT study with stored files, and somebody who may draw on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.reading.readable import PASSWORD, make_user
from workstation.archive.store import Archive
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.people import MACHINE, Actor, Role
from workstation.domain.volume import Stack
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake

STUDY = "1.2.840.99999.7.1"
OTHER = "1.2.840.99999.7.2"
SHAPE = (10, 64, 72)
SPACING = (0.75, 0.75, 2.5)
READER = Actor("li", Role.READER)
__all__ = [
    "OTHER",
    "PASSWORD",
    "READER",
    "STUDY",
    "add_other",
    "ct_archive",
    "ct_grid",
    "ct_voxels",
]


def ct_grid() -> Grid:
    """Axial slices."""
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-27.0, -24.0, -700.0)
    return Grid(SHAPE, as_matrix(affine))


def ct_voxels() -> NDArray[np.int16]:
    """Noise about a round body, HU (z, y, x)."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    body = (x - 36) ** 2 + (y - 32) ** 2 < 28**2
    made = np.where(body, 40, -1000) + np.random.default_rng(11).integers(-30, 30, SHAPE)
    made[(x - 30) ** 2 + (y - 28) ** 2 + ((z - 5) * 3) ** 2 < 64] += 60
    return np.clip(made, -1024, 3071).astype(np.int16)


def ct_archive(home: Path, folder: Path) -> tuple[Archive, Stack]:
    """An archive with the study read in as from any disk, and a reader "li"."""
    header = SeriesHeader(
        modality="CT", patient_name="Wang^Xiao Ming=王^小明", patient_id="P-7",
        birth_date="19610203", sex="M", age="063Y", study_uid=STUDY, study_date="20260105",
        study_time="101112", study_description="CT 胸部", accession="A7",
        series_uid=f"{STUDY}.3", series_number=3, series_description="Chest 2.5 mm",
        series_time="101112", frame_of_reference_uid=f"{STUDY}.9", body_part="CHEST",
        window=(40.0, 400.0), slice_thickness_mm=2.5,
    )  # fmt: skip
    write_series(folder, ct_voxels(), ct_grid(), header)
    archive = Archive(home)
    make_user(archive, "li", "李医生", Role.READER)
    intake(archive, [folder], actor=MACHINE)
    (stack,) = assemble(archive, STUDY, actor=MACHINE)
    return archive, stack


def add_other(archive: Archive, folder: Path) -> Stack:
    """A study of another patient beside it."""
    header = SeriesHeader(
        modality="CT", patient_name="Li^Si=李^四", patient_id="P-8", birth_date="19700101",
        sex="F", age="056Y", study_uid=OTHER, study_date="20260106", study_time="091500",
        study_description="CT 胸部", accession="A8", series_uid=f"{OTHER}.3", series_number=3,
        series_description="Chest 2.5 mm", series_time="091500",
        frame_of_reference_uid=f"{OTHER}.9", body_part="CHEST", window=(40.0, 400.0),
        slice_thickness_mm=2.5,
    )  # fmt: skip
    write_series(folder, ct_voxels(), ct_grid(), header)
    intake(archive, [folder], actor=MACHINE)
    (stack,) = assemble(archive, OTHER, actor=MACHINE)
    return stack
