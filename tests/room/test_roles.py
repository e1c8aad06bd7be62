"""Roles of every kind of series from headers, and a reader's correction that wins over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dicom_in.making import Shelf, image, line_of_slices
from workstation import text
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.documents.signatures import make_key
from workstation.domain.errors import BadInput, NotAllowed
from workstation.domain.mark import RoleChoice
from workstation.domain.people import MACHINE, Actor, Role
from workstation.domain.role import CORRECTED, ROLES
from workstation.domain.volume import Stack
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.reading.roles import choose_role, follow_headers

READER = Actor("li", Role.READER)


def stack_of(
    folder: Path, modality: str, phases: int = 1, places: int = 3, **headers: Any
) -> Stack:
    """The stack of a small series with these headers."""
    shelf = Shelf(folder)
    for at in range(places * phases):
        extra = dict(headers, SpecificCharacterSet="ISO_IR 192")
        if phases > 1:
            extra["TriggerTime"] = 40.0 * (at % phases)
        shelf.add(image(at, (0, 0, 8.0 * (at // phases)), modality=modality, **extra))
    return shelf.stacks()[0]


def said(description: str, **more: Any) -> dict[str, Any]:
    return {"SeriesDescription": description, **more}


MAP = ["DERIVED", "PRIMARY", "M"]


@pytest.mark.parametrize(
    ("modality", "phases", "headers", "role", "region"),
    [
        ("MR", 1, said("t2_fl2d_tra_hemo", BodyPartExamined="HEAD"), "T2*", "brain"),
        ("MR", 1, said("Ax T2* GRE"), "T2*", "other"),
        ("MR", 1, said("Ax SWAN"), "SWI", "brain"),
        ("MR", 1, said("SWI_Pha_Images"), "", "other"),
        ("MR", 1, said("磁敏感加权"), "SWI", "brain"),
        ("MR", 1, said("DWI b0", DiffusionBValue=0.0), "", "other"),
        ("MR", 1, said("DWI b50", DiffusionBValue=50.0), "", "other"),
        ("MR", 1, said("ep2d_diff_FA"), "", "other"),
        ("MR", 40, said("ep2d_perf", BodyPartExamined="BRAIN"), "PWI", "brain"),
        ("MR", 1, said("rCBV perf map", BodyPartExamined="BRAIN"), "", "brain"),
        ("MR", 1, said("3D pCASL"), "ASL", "brain"),
        ("MR", 6, said("t1_fl3d_dyn", BodyPartExamined="BREAST"), "DCE", "chest"),
        ("MR", 1, said("TWIST MRA CE neck"), "CE-MRA", "vessel"),
        ("MR", 1, said("MRA neck"), "", "other"),
        ("MR", 1, said("3D PC MRA"), "PC-MRA", "vessel"),
        ("MR", 12, said("pc flow aorta"), "", "vessel"),
        ("MR", 1, said("T1 SPACE vessel wall", BodyPartExamined="HEAD"), "vessel wall", "vessel"),
        ("MR", 1, said("dark blood HASTE", BodyPartExamined="HEART"), "", "heart"),
        ("MR", 12, said("cine 2ch"), "cine 2ch", "heart"),
        ("MR", 12, said("SSFP 三腔心"), "cine 3ch", "heart"),
        ("MR", 12, said("trufi_4-chamber"), "cine 4ch", "heart"),
        ("MR", 30, said("first pass perf sax", BodyPartExamined="HEART"),
         "first-pass perfusion", "heart"),
        ("MR", 1, said("T1 map MOLLI", ImageType=MAP, BodyPartExamined="HEART"),
         "T1 map", "heart"),
        ("MR", 1, said("MOLLI native", ImageType=["ORIGINAL", "PRIMARY"]), "", "other"),
        ("MR", 1, said("liver T2* map", ImageType=MAP), "T2* map", "abdomen"),
        ("MR", 1, said("T2 map", ImageType=MAP, BodyPartExamined="HEART"), "T2 map", "heart"),
        ("MR", 1, said("ECV synthetic"), "ECV", "heart"),
        ("CT", 1, said("CaScore 3.0"), "calcium score", "heart"),
        ("CT", 1, said("Heart native", BodyPartExamined="HEART"), "CT cardiac", "heart"),
        ("CT", 1, said("CT AC WB"), "AC CT", "other"),
        ("CT", 1, said("WB", StudyDescription="PET/CT whole body"), "AC CT", "other"),
        ("CT", 8, said("VPCT head", BodyPartExamined="HEAD"), "CTP", "brain"),
        ("CT", 1, said("CTP Tmax", BodyPartExamined="HEAD"), "", "brain"),
        ("PT", 1, said("PET WB", CorrectedImage=["DECY", "ATTN"]), "PET", "other"),
        ("PT", 1, said("PET WB NAC", CorrectedImage=["DECY"]), "", "other"),
        ("MG", 1, {}, "mammogram", "chest"),
        ("DX", 1, {"BodyPartExamined": "CHEST"}, "radiograph", "chest"),
        ("CR", 1, {}, "radiograph", "other"),
        ("US", 1, said("liver"), "ultrasound", "abdomen"),
        ("XA", 1, {}, "angiogram", "vessel"),
        ("NM", 1, {}, "", "other"),
        ("MR", 1, said("localizer FLAIR"), "", "other"),
    ],
)  # fmt: skip
def test_role_region_and_reason(
    tmp_path: Path, modality: str, phases: int, headers: dict[str, Any], role: str, region: str
) -> None:
    stack = stack_of(tmp_path, modality, phases, **headers)
    assert (stack.role, stack.region) == (role, region)
    assert text.catalogue("zh_CN")[stack.role_reason]


def test_one_slice_has_only_roles_that_need_no_volume(tmp_path: Path) -> None:
    flat = stack_of(tmp_path / "a", "MR", 12, 1, SeriesDescription="cine 4ch")
    assert not flat.is_volume and flat.role == "cine 4ch"
    assert stack_of(tmp_path / "b", "MR", 12, 1, SeriesDescription="cine sax").role == ""
    assert stack_of(tmp_path / "c", "CT", 1, 1, BodyPartExamined="CHEST").role == ""


def test_every_role_has_its_chinese() -> None:
    plain = {"FLAIR", "T1", "T2", "DWI", "ADC", "TOF", "PET"}  # the same in both languages
    known = text.catalogue("zh_CN")
    assert not [r.name for r in ROLES if r.name not in plain and not known.get(r.name)]


@pytest.fixture
def archive(home: Path) -> Archive:
    made = Archive(home)
    add_user(made, MACHINE, "li", "李医生", Role.READER, "long enough 1", make_key)
    return made


def imported(archive: Archive, folder: Path, places: int, series: str, **headers: Any) -> Stack:
    """A CT series taken in and assembled."""
    shelf = Shelf(folder)
    line_of_slices(shelf, [5.0 * n for n in range(places)], series=series, **headers)
    intake(archive, [folder])
    return next(s for s in assemble(archive, "1.2.3") if s.series_uid == series)


def test_a_correction_wins_and_can_be_taken_back(archive: Archive, tmp_path: Path) -> None:
    stack = imported(archive, tmp_path / "a", 4, "1.2.3.4", BodyPartExamined="CHEST")
    assert stack.role == "CT chest"
    fresh = choose_role(archive, READER, stack.id, "CT abdomen")
    assert (fresh.id, fresh.role, fresh.region) == (stack.id, "CT abdomen", "abdomen")
    assert fresh.role_reason == CORRECTED
    assert [s.role for s in assemble(archive, "1.2.3")] == ["CT abdomen"]
    (choice,) = archive.all(RoleChoice, "1.2.3")
    assert (choice.by, choice.role) == ("li", "CT abdomen")
    back = follow_headers(archive, READER, stack.id)
    assert back == stack and not archive.all(RoleChoice, "1.2.3")
    assert [s.role for s in assemble(archive, "1.2.3")] == ["CT chest"]
    assert choose_role(archive, READER, stack.id, "").role == ""


def test_a_correction_outlives_more_files_of_the_series(archive: Archive, tmp_path: Path) -> None:
    stack = imported(archive, tmp_path / "a", 3, "1.2.3.4", BodyPartExamined="CHEST")
    choose_role(archive, READER, stack.id, "CT cardiac")
    more = imported(archive, tmp_path / "b", 6, "1.2.3.4", BodyPartExamined="CHEST")
    assert more.id != stack.id and more.grid.shape[0] == 6
    assert more.role == "CT cardiac"
    assert archive.get(Stack, more.id).role == "CT cardiac"
    assert [c.id for c in archive.all(RoleChoice, "1.2.3")] == [more.id]


def test_what_cannot_be_is_refused(archive: Archive, tmp_path: Path) -> None:
    stack = imported(archive, tmp_path / "a", 3, "1.2.3.4", BodyPartExamined="CHEST")
    with pytest.raises(BadInput):
        choose_role(archive, READER, stack.id, "FLAIR")
    with pytest.raises(BadInput):
        choose_role(archive, READER, stack.id, "nonsense")
    with pytest.raises(NotAllowed):
        choose_role(archive, MACHINE, stack.id, "CTA")
