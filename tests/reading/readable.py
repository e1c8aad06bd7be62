"""A study with real DICOM slices, findings with masks, and users who can sign, in an archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.quantify.made import finding_of, grid_of, study_of, write_slices
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.documents.signatures import make_key
from workstation.domain.artefact import Code, MadeBy, Wording, new_id
from workstation.domain.errors import Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.geometry import Grid
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.people import MACHINE, Permission, Role, User
from workstation.domain.study import Series, StudyState
from workstation.domain.volume import Frame, Stack

STUDY_UID = "2.25.4242"
PASSWORD = "正确的 horse battery 1"
WHY = Message("A test writes.")


def make_user(archive: Archive, name: str, shown: str, role: Role) -> User:
    return add_user(archive, MACHINE, name, shown, role, PASSWORD, make_key)


def block(grid: Grid, at: int) -> NDArray[np.bool_]:
    mask = np.zeros(grid.shape, np.bool_)
    mask[1:4, 4:9, at : at + 5] = True
    return mask


def make_readable(archive: Archive, folder: Path, findings: int = 2) -> list[Finding]:
    """Put the study with its stack and proposed findings into ``archive``."""
    grid = grid_of()
    paths = write_slices(folder / "切片", grid, STUDY_UID)
    hashes = [archive.put_file(path)[0] for path in paths]
    study = replace(study_of(STUDY_UID), modalities=("MR",))
    series_uid = "2.25.4243"
    stack = Stack(
        id=new_id(), study_uid=STUDY_UID, series_uid=series_uid, series_number=1,
        description="轴位 FLAIR", modality="MR", frame_of_reference_uid="", grid=grid,
        frames=tuple(Frame(sha, f"2.25.{n + 1}", 0, -1, 3.0 * n) for n, sha in enumerate(hashes)),
        phases=1, dtype="float32", stored_dtype="uint16", unit="1", window=None,
        photometric="MONOCHROME2", samples=1, flags=(), notes=(), role="FLAIR", role_reason="",
        region="brain", slice_thickness_mm=3.0, calibrated="patient", made_from=(),
        made_by=MadeBy("assemble", "0.1.0"),
    )  # fmt: skip
    made = []
    with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
        writer.add_instances(study, Series(series_uid, STUDY_UID, "MR", 1, "FLAIR", "HEAD"), [])
        writer.put(stack)
        for n in range(findings):
            mask = archive.store_mask(
                block(grid, 2 + 8 * n), study_uid=STUDY_UID, series_uid=series_uid,
                stack_id=stack.id, label=Wording("White matter hyperintensity", "脑白质高信号"),
                grid=grid, made_from=(stack.id,), made_by=MadeBy("brain-wmh", "1.0.0"),
            )  # fmt: skip
            writer.put(mask)
            finding = replace(
                finding_of(STUDY_UID, new_id(), FindingState.PROPOSED),
                series_uid=series_uid, stack_id=stack.id, made_from=(stack.id,),
                mask_id=mask.id, original_mask_id=mask.id, edits=(), value=mask.volume_ml,
                formula="volume by voxel count", evidence="public",
            )  # fmt: skip
            writer.put(finding)
            writer.put(
                Measurement(
                    id=new_id(), study_uid=STUDY_UID, series_uid=series_uid,
                    name=Wording("Lesion count", "病灶数"),
                    code=Code("246206008", "SCT", "Number of lesions"), value=3.0 + n, unit="1",
                    formula="brain/wmh_load", source="counted", made_from=(stack.id, mask.id),
                    made_by=MadeBy("brain/wmh_load", "1"), finding_id=finding.id,
                )
            )  # fmt: skip
            made.append(finding)
        writer.put(
            Refusal(
                new_id(), STUDY_UID, "", "heart/lv_function",
                Wording("Left ventricular function", "左心室功能"),
                Message("A test writes."), MadeBy("heart/lv_function", "1"),
            )
        )  # fmt: skip
        writer.set_state(STUDY_UID, StudyState.ANALYSED)
    return made
