"""Small complete objects for tests of persistence."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from workstation.domain.artefact import Code, MadeBy, Wording, new_id
from workstation.domain.errors import Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.people import Actor, Role
from workstation.domain.study import Instance, Patient, Series, Study
from workstation.domain.volume import Flag, Frame, Stack

READER = Actor("li", Role.READER)
REVIEWER = Actor("wang", Role.REVIEWER)
ADMIN = Actor("root", Role.ADMIN)
MODEL = MadeBy("brain-wmh", "1.0.0", "ab" * 32)
WHY = Message("A test writes.")
CODE = Code("733827007", "SCT", "White matter hyperintensity")
LABEL = Wording("White matter hyperintensity", "脑白质高信号")


def make_grid(shape: tuple[int, int, int] = (6, 8, 10)) -> Grid:
    affine = np.diag([0.5, 0.75, 4.0, 1.0])
    affine[:3, 3] = (-20.0, -30.0, 12.5)
    return Grid(shape, as_matrix(affine))


def make_study(uid: str = "1.2.3", *, name: str = "王小明", date: str = "20240131") -> Study:
    patient = Patient("P" + uid, name, f"Wang^XiaoMing={name}", "19600101", "M", "064Y")
    return Study(uid, patient, date, "101500", "Head MR", "A" + uid)


def make_series(study_uid: str = "1.2.3", number: int = 1, modality: str = "MR") -> Series:
    return Series(f"{study_uid}.{number}", study_uid, modality, number, "FLAIR", "HEAD")


def make_instance(series: Series, number: int, sha256: str = "") -> Instance:
    return Instance(
        sop_instance_uid=f"{series.series_uid}.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        series_uid=series.series_uid,
        study_uid=series.study_uid,
        sha256=sha256 or f"{number:064x}",
        size=1000 + number,
        instance_number=number,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        attributes={"ImagePositionPatient": [0.0, 0.5, float(number)], "Rows": 8},
    )


def make_stack(study_uid: str = "1.2.3", frames: int = 6) -> Stack:
    return Stack(
        id=new_id(),
        study_uid=study_uid,
        series_uid=f"{study_uid}.1",
        series_number=1,
        description="轴位 FLAIR",
        modality="MR",
        frame_of_reference_uid="1.2.9",
        grid=make_grid((frames, 8, 10)),
        frames=tuple(
            Frame(f"{z:064x}", f"{study_uid}.1.{z}", 0, 1234, 4.0 * z + 0.1, 1.5, -3.25)
            for z in range(frames)
        ),
        phases=1,
        dtype="float32",
        stored_dtype="uint16",
        unit="1",
        window=(300.5, 601.0),
        photometric="MONOCHROME2",
        samples=1,
        flags=(Flag.MISSING_SLICES, Flag.TILTED),
        notes=(Message("{n} slices missing", {"n": 2, "at_mm": 4.5, "where": "上"}),),
        role="FLAIR",
        role_reason="the description says so",
        region="brain",
        slice_thickness_mm=None,
        calibrated="patient",
        made_from=("ab" * 32,),
        made_by=MadeBy("assemble", "0.1.0"),
    )


def make_finding(study_uid: str = "1.2.3", **changes: Any) -> Finding:
    finding = Finding(
        id=new_id(),
        study_uid=study_uid,
        series_uid=f"{study_uid}.1",
        stack_id="stack",
        label=LABEL,
        code=CODE,
        site=Wording("left", "左侧"),
        state=FindingState.PROPOSED,
        made_by=MODEL,
        made_from=("stack",),
        location_mm=(1.0, -2.5, 3.0),
        value=1.25,
        unit="mL",
        confidence=0.875,
    )
    return dataclasses.replace(finding, **changes)
