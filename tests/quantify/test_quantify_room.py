"""The quantify room on a real archive: numbers follow the masks, and only change when they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.quantify.made import finding_of, grid_of
from workstation.analyses.chest._size import DIAMETER, VOLUME, volume_of_nodule
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.artefact import MadeBy, new_id, new_uid
from workstation.domain.errors import Cancelled, Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.people import MACHINE, Actor, Permission, Role
from workstation.domain.stale import current_ids, is_stale
from workstation.domain.study import Instance, Patient, Series, Study
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel
from workstation.reading.quantify import quantify
from workstation.reading.review import edit, redo, reject, reopen, undo

READER = Actor("li", Role.READER)
STUDY = new_uid()
GRID = grid_of((8, 24, 24), (1.0, 1.0, 3.0))


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


def lesions() -> NDArray[np.bool_]:
    """Two lesions of 100 and 4 voxels of 3 mm3, one of 2 that is too small to count."""
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2:6, 3:8, 3:8] = True
    mask[4, 15:17, 15:17] = True
    mask[7, 20, 20:22] = True
    return mask


def bring(archive: Archive, mask: NDArray[np.bool_]) -> Finding:
    stack = Stack(
        id=new_id(), study_uid=STUDY, series_uid=f"{STUDY}.1", series_number=1,
        description="FLAIR", modality="MR", frame_of_reference_uid="", grid=GRID, frames=(),
        phases=1, dtype="int16", stored_dtype="int16", unit="1", window=None,
        photometric="MONOCHROME2", samples=1, flags=(), notes=(), role="FLAIR", role_reason="",
        region="brain", slice_thickness_mm=3.0, calibrated="patient", made_from=(),
        made_by=MadeBy("assemble", "1"),
    )  # fmt: skip
    study = Study(STUDY, Patient("1", "测试", "测试", "", ""), "20250101", "", "", "")
    sha = archive.put_bytes(b"a file")
    one = Instance(f"{STUDY}.1.1", "1.2", f"{STUDY}.1", STUDY, sha, 6, 1, "1.2.840.10008.1.2.1")
    with archive.write(MACHINE, Permission.IMPORT, Message("test"), STUDY) as writer:
        writer.add_instances(study, Series(f"{STUDY}.1", STUDY, "MR", 1, "", ""), [one])
        writer.put(stack)
    made_by = MadeBy("brain-wmh", "1", "ab" * 32)
    stored = archive.store_mask(
        mask, study_uid=STUDY, series_uid=f"{STUDY}.1", stack_id=stack.id,
        label=finding_of(STUDY, "x").label, grid=GRID, made_from=(stack.id,), made_by=made_by,
    )  # fmt: skip
    finding = replace(
        finding_of(STUDY, new_id(), FindingState.PROPOSED),
        series_uid=f"{STUDY}.1", stack_id=stack.id, made_from=(stack.id,), made_by=made_by,
        mask_id=stored.id, original_mask_id=stored.id, value=stored.volume_ml, unit="mL",
    )  # fmt: skip
    with archive.write(MACHINE, Permission.ANALYSE, Message("test"), STUDY) as writer:
        writer.put(stored)
        writer.put(finding)
    return finding


def values(measured: list[Measurement]) -> dict[str, float]:
    return {m.name.en: round(m.value, 6) for m in measured}


def test_numbers_of_a_mask_with_their_provenance(archive: Archive) -> None:
    finding = bring(archive, lesions())
    measured = quantify(archive, STUDY)
    assert values(measured) == {
        "White matter hyperintensity volume": 0.318,
        "Number of white matter lesions": 2.0,
        "Largest white matter lesion": 0.3,
    }
    assert {m.unit for m in measured} == {"mL", "1"}
    for one in measured:
        assert one.finding_id == finding.id
        assert one.made_from == (finding.stack_id, finding.mask_id)
        assert one.formula == one.made_by.name == "brain/wmh_load"
        assert "2023" in one.source
    assert verify(archive).ok


def test_walking_again_changes_nothing(archive: Archive) -> None:
    bring(archive, lesions())
    first = quantify(archive, STUDY)
    before = archive.last_change()
    assert quantify(archive, STUDY) == first
    assert archive.last_change() == before


def test_numbers_follow_an_edit_and_its_undo(archive: Archive) -> None:
    finding = bring(archive, lesions())
    first = quantify(archive, STUDY)
    less = lesions()
    less[2:6, 3:8, 3:8] = False
    edited = edit(archive, READER, finding.id, less)
    stacks, findings = archive.all(Stack, STUDY), archive.all(Finding, STUDY)
    assert all(is_stale(m.made_from, current_ids(stacks, findings)) for m in first)
    now = quantify(archive, STUDY)
    assert values(now)["White matter hyperintensity volume"] == 0.018
    assert values(now)["Number of white matter lesions"] == 1.0
    assert {m.made_from[1] for m in now} == {edited.mask_id}
    # What the finding says and what was measured are one number.
    assert edited.value == pytest.approx(values(now)["White matter hyperintensity volume"])
    undo(archive, READER, finding.id)
    assert values(quantify(archive, STUDY)) == values(first)
    assert len(archive.history(Measurement, first[0].id)) >= 1


def test_rejected_findings_are_not_measured(archive: Archive) -> None:
    finding = bring(archive, lesions())
    assert len(quantify(archive, STUDY)) == 3
    reject(archive, READER, finding.id)
    assert quantify(archive, STUDY) == []
    reopen(archive, READER, finding.id)
    assert len(quantify(archive, STUDY)) == 3
    assert archive.all(Refusal, STUDY) == []


def test_stopping_stores_nothing(archive: Archive) -> None:
    bring(archive, lesions())
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        quantify(archive, STUDY, cancel=cancel)
    assert archive.all(Measurement, STUDY) == []


def ball(radius_mm: float) -> NDArray[np.bool_]:
    z, y, x = np.ogrid[:8, :24, :24]
    return ((x - 11.0) ** 2 + (y - 11.0) ** 2 + ((z - 4.0) * 3.0) ** 2) <= radius_mm**2


def nodule(archive: Archive) -> Finding:
    """A nodule as the candidates' analysis stores it, with a further number of its own."""
    lesion = bring(archive, ball(4.0))
    by = MadeBy("chest/nodule_candidates", "1.0.0")
    finding = replace(
        lesion, template_key="nodule", value=8.1, original_value=8.1, unit="mm",
        formula=by.name, value_name=DIAMETER, made_by=by,
    )  # fmt: skip
    volume = Measurement(
        f"{finding.id}-0", STUDY, finding.series_uid, VOLUME, volume_of_nodule(1.0).code, 270.0,
        "mm3", by.name, "source", (finding.stack_id, finding.mask_id), by, finding.id,
    )  # fmt: skip
    with archive.write(MACHINE, Permission.ANALYSE, Message("test"), STUDY) as writer:
        writer.put(finding)
        writer.put(volume)
    return finding


def test_an_edited_nodule_is_measured_again_and_each_number_stands_once(archive: Archive) -> None:
    finding = nodule(archive)
    untouched = quantify(archive, STUDY)
    assert values(untouched) == {"Nodule volume": 270.0} and len(untouched) == 1
    edited = edit(archive, READER, finding.id, ball(6.0))
    assert (edited.value, edited.unit) == (None, "mm")
    measured = quantify(archive, STUDY)
    assert sorted(m.name.en for m in measured) == ["Mean diameter", "Nodule volume"]
    said = archive.get(Finding, finding.id)
    assert said.value == pytest.approx(12.0, abs=0.3)
    assert values(measured)["Mean diameter"] == pytest.approx(said.value)
    assert values(measured)["Nodule volume"] == pytest.approx(3.0 * ball(6.0).sum())
    assert (said.formula, said.value_name) == ("chest/nodule_size", DIAMETER)
    assert said.value_code is not None and said.value_code.value == "81827009"  # SNOMED: diameter
    assert said == replace(
        edited, value=said.value, formula=said.formula, value_code=said.value_code
    )
    before = archive.last_change()
    assert quantify(archive, STUDY) == measured
    assert archive.last_change() == before
    # Back to what was proposed, with the numbers that came with it, and forward again.
    assert undo(archive, READER, finding.id).value == 8.1
    assert quantify(archive, STUDY) == untouched
    assert redo(archive, READER, finding.id) == said
    assert values(quantify(archive, STUDY)) == values(measured)
    assert verify(archive).ok


def test_a_number_of_another_unit_is_not_put_in_the_place_of_what_was_lost(
    archive: Archive,
) -> None:
    lesion = bring(archive, ball(4.0))
    with archive.write(MACHINE, Permission.ANALYSE, Message("test"), STUDY) as writer:
        writer.put(replace(lesion, template_key="nodule", value=40.0, unit="%"))
    edit(archive, READER, lesion.id, ball(6.0))
    assert len(quantify(archive, STUDY)) == 2
    assert archive.get(Finding, lesion.id).value is None
