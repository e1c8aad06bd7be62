"""Every public DICOM series beside the checkout: comes in or is refused, lies where it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from workstation.archive.store import Archive
from workstation.dicom.pixels import decode_frame
from workstation.dicom.volumes import read_volume, why_no_stack
from workstation.domain.errors import ReaderError
from workstation.domain.geometry import Floats
from workstation.domain.study import Instance
from workstation.domain.volume import Flag, Stack
from workstation.reading.assemble import assemble
from workstation.reading.intake import IntakeReport, intake

FOLDERS = (
    "ct_head", "ct_chest", "ct_abdomen", "mr_ms_followup", "petctmr_sarcoma",
    "dce_dsc_reference", "radiomics_reference", "dicom_corner_cases",
)  # fmt: skip


class Imported:
    """All folders in one archive, with their reports and stacks."""

    def __init__(self, home: Path, data: Path, folders: Sequence[str] = FOLDERS) -> None:
        self.archive = Archive(home)
        self.reports: dict[str, IntakeReport] = {}
        self.stacks: dict[str, list[Stack]] = {}
        for name in folders:
            report = intake(self.archive, [data / name])
            self.reports[name] = report
            self.stacks[name] = [
                s for uid in report.study_uids for s in assemble(self.archive, uid)
            ]

    def positions(self, stack: Stack) -> Iterator[tuple[int, Floats]]:
        """Index along z and ImagePositionPatient of each slice of the first phase."""
        for z, frame in enumerate(stack.frames[: stack.grid.shape[0]]):
            instance = self.archive.instance(frame.sop_instance_uid) if frame.sha256 else None
            if instance is None:
                continue
            facts: Any = instance.attributes
            columns = facts.get("PerFrame", {})
            if "ImagePositionPatient" in columns:
                yield z, np.array(columns["ImagePositionPatient"][frame.number])
            else:
                yield z, np.array(facts["ImagePositionPatient"])

    def itk_affine(self, stack: Stack) -> Floats:
        """What SimpleITK makes of the same files, sorted as ours are."""
        unique = dict.fromkeys(f.sha256 for f in stack.frames[: stack.grid.shape[0]] if f.sha256)
        paths = [str(self.archive.blob_path(sha256)) for sha256 in unique]
        if len(paths) == 1:
            image = SimpleITK.ReadImage(paths[0])
        else:
            reader = SimpleITK.ImageSeriesReader()
            reader.SetFileNames(paths)
            image = reader.Execute()
        affine = np.eye(4)
        direction = np.array(image.GetDirection()).reshape(3, 3)
        affine[:3, :3] = direction * np.array(image.GetSpacing())
        affine[:3, 3] = image.GetOrigin()
        return affine


@pytest.fixture(scope="module")
def imported(
    shared_data: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Imported | None]:
    if shared_data is None:
        yield None
        return
    made = Imported(tmp_path_factory.mktemp("home"), shared_data)
    yield made
    made.archive.close()


def test_everything_comes_in_or_is_refused_with_a_reason(imported: Imported | None) -> None:
    if imported is None:
        return
    counts = {name: report.instances for name, report in imported.reports.items()}
    expected = {
        "ct_head": 28, "ct_chest": 30, "ct_abdomen": 20, "petctmr_sarcoma": 180,
        "mr_ms_followup": 169, "dce_dsc_reference": 1321, "radiomics_reference": 2,
    }  # fmt: skip
    assert {name: counts[name] for name in expected} == expected
    assert counts["dicom_corner_cases"] >= 100
    for report in imported.reports.values():
        for refused in report.refused:
            assert str(refused.reason).endswith((".", ".)"))
    paths = [r.path for r in imported.reports["dicom_corner_cases"].refused]
    assert any(path.endswith("MR_truncated.dcm") for path in paths)


def test_every_series_has_stacks_or_says_why_not(imported: Imported | None) -> None:
    if imported is None:
        return
    for report in imported.reports.values():
        for study_uid in report.study_uids:
            seen = Counter(s.series_uid for s in imported.archive.all(Stack, study_uid))
            for series in imported.archive.series_of(study_uid):
                why = why_no_stack(imported.archive.instances_of(series.series_uid))
                assert (why is None) == (seen[series.series_uid] > 0)


def test_every_voxel_can_be_read_or_says_why_not(imported: Imported | None) -> None:
    if imported is None:
        return
    broken = []
    for stacks in imported.stacks.values():
        for stack in stacks:
            for phase in {0, stack.phases - 1}:
                try:
                    volume = read_volume(stack, imported.archive.blob_path, phase)
                except ReaderError as error:
                    broken.append(str(error))
                    continue
                assert volume.array.shape[:3] == stack.grid.shape
    # One file is broken on purpose, as its README says.
    assert broken == ["Image 1 of the file cannot be decoded (JPEG 2000 Image Compression)."]


def test_slices_lie_where_their_headers_say(imported: Imported | None) -> None:
    if imported is None:
        return
    checked = 0
    for stacks in imported.stacks.values():
        for stack in stacks:
            if not stack.is_volume or Flag.UNEVEN_SPACING in stack.flags:
                continue
            for z, position in imported.positions(stack):
                assert np.abs(stack.grid.to_lps((0, 0, z)) - position).max() <= 1e-3
                checked += 1
    assert checked > 400


def affine_difference(stack: Stack, itk: Floats) -> float:
    """Largest difference of the matrices in mm.

    Of one multi-frame file SimpleITK keeps the stored order of frames, which may run against the
    normal; ours never does. Both say the same of every voxel.
    """
    turned = itk.copy()
    turned[:3, 3] += (stack.grid.shape[0] - 1) * itk[:3, 2]
    turned[:3, 2] *= -1.0
    candidates = [itk] if len({f.sha256 for f in stack.frames}) > 1 else [itk, turned]
    return min(float(np.abs(stack.grid.matrix - c).max()) for c in candidates)


def test_affines_agree_with_simpleitk(imported: Imported | None) -> None:
    if imported is None:
        return
    compared = 0
    for stacks in imported.stacks.values():
        for stack in stacks:
            if not stack.is_volume or stack.modality not in {"CT", "MR", "PT"}:
                continue
            if {Flag.UNEVEN_SPACING, Flag.TILTED} & set(stack.flags):
                continue  # SimpleITK assumes even, square stacks: see the next test
            difference = affine_difference(stack, imported.itk_affine(stack))
            assert difference <= 1e-3, (stack.series_uid, stack.grid, difference)
            compared += 1
    assert compared >= 12


def test_tilted_and_uneven_head_is_right_where_simpleitk_is_not(imported: Imported | None) -> None:
    if imported is None:
        return
    (stack,) = imported.stacks["ct_head"]
    assert {Flag.UNEVEN_SPACING, Flag.TILTED} == set(stack.flags)
    assert stack.grid.tilt_deg == pytest.approx(18.5, abs=0.01)
    volume = read_volume(stack, imported.archive.blob_path)
    ours, theirs = [], []
    itk = np.linalg.inv(imported.itk_affine(stack))

    def height(instance: Instance) -> float:
        facts: Any = instance.attributes
        return float(facts["ImagePositionPatient"][2])

    instances = sorted(imported.archive.instances_of(stack.series_uid), key=height)
    for number, instance in enumerate(instances):
        facts: Any = instance.attributes
        position = np.array(facts["ImagePositionPatient"])
        index = stack.grid.to_index(position)
        ours.append(np.abs(index[:2] * stack.grid.spacing_mm[:2]).max())
        theirs.append(np.abs((itk @ [*position, 1.0])[:3] - [0, 0, number]).max())
        # Where a plane of the grid meets an acquired slice, its voxels are the stored ones.
        if abs(index[2] - round(index[2])) < 1e-3:
            stored = decode_frame(imported.archive.blob_path(instance.sha256))
            slope, intercept = facts["RescaleSlope"], facts["RescaleIntercept"]
            assert np.array_equal(volume.array[round(index[2])], stored * slope + intercept)
    assert max(ours) <= 1e-3  # mm beside the line of the slices' corners
    assert max(theirs) > 1.0  # SimpleITK misses by more than a voxel


def test_names_of_the_character_set_files(imported: Imported | None) -> None:
    if imported is None:
        return
    names = {s.patient.name for s in imported.archive.worklist()}
    assert {"王小东", "王小東", "山田太郎", "Buc Jérôme", "Люкceмбypг"} <= names


def test_sums_of_every_stack_equal_simpleitks(imported: Imported | None) -> None:
    if imported is None:
        return
    from tests.every_series import rows, totals

    found = list(rows(imported))
    print(totals(found))
    assert [row.cells for row in found if row.differs] == []
    assert sum(row.theirs is not None for row in found) >= 55
