"""Measures that a person starts: what is stored, what is refused, and that a map stays whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.quantify.test_quantify_room import GRID, READER, STUDY, bring, lesions
from tests.reading.test_infer import bring as bring_images
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.analysis import Value
from workstation.domain.artefact import MadeBy, Wording, new_id
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import BadInput, Message, NotAllowed, Tampered
from workstation.domain.finding import Finding, FindingState
from workstation.domain.geometry import as_matrix
from workstation.domain.measurement import Measurement
from workstation.domain.people import MACHINE, Actor, Permission, Role
from workstation.domain.study import StudyState
from workstation.reading.draft import draft, obstacles
from workstation.reading.measure import Request, measure, remove_map
from workstation.reading.quantify import quantify
from workstation.reading.review import accept, edit, redo, reject, undo


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


def test_numbers_of_a_chosen_mask_become_one_proposal(archive: Archive) -> None:
    finding = bring(archive, lesions())
    request = Request("brain/wmh_load", masks={"wmh": (finding.mask_id,)})
    done = measure(archive, STUDY, request, actor=READER)
    (made,) = done.findings
    assert made.state is FindingState.PROPOSED
    assert made.value == pytest.approx(lesions().sum() * 0.003) and made.unit == "mL"
    assert made.formula == "brain/wmh_load" and str(made.made_by) == "brain/wmh_load 1.0.0"
    others = [m for m in archive.all(Measurement, STUDY) if m.finding_id == made.id]
    assert {m.name.en: m.value for m in others} == {
        "Number of white matter lesions": 2.0,
        "Largest white matter lesion": pytest.approx(0.3),
    }
    assert all(finding.mask_id in m.made_from for m in others)
    quantify(archive, STUDY)  # the line walked again leaves them alone
    assert {m.id for m in others} <= {m.id for m in archive.all(Measurement, STUDY)}


def test_what_cannot_be_measured_leaves_nothing_behind(archive: Archive) -> None:
    finding = bring(archive, lesions())
    before = archive.all(Finding, STUDY)
    with pytest.raises(BadInput, match="Choose"):
        measure(archive, STUDY, Request("brain/wmh_load"), actor=READER)
    request = Request("brain/wmh_load", masks={"wmh": (finding.mask_id,)})
    with pytest.raises(NotAllowed):
        measure(archive, STUDY, request, actor=Actor("admin", Role.ADMIN))
    assert archive.all(Finding, STUDY) == before
    with archive.write(MACHINE, Permission.ANALYSE, Message("t"), STUDY) as writer:
        writer.set_state(STUDY, StudyState.SIGNED)
    with pytest.raises(NotAllowed, match="signed"):
        measure(archive, STUDY, request, actor=READER)


def test_an_outline_of_other_voxels_is_not_laid_over_the_images(archive: Archive) -> None:
    """Of the same shape, but 8 mm further on: the muscle of the cine, the scar images beside it."""
    late = bring_images(archive, role="LGE", region="heart")
    wall = np.zeros(late.grid.shape, dtype=bool)
    wall[2:5, 4:12, 4:12] = True
    matrix = late.grid.matrix.copy()
    matrix[:3, 3] += late.grid.slice_normal * 8.0
    masks = [
        archive.store_mask(
            wall, study_uid=late.study_uid, series_uid=late.series_uid, stack_id=late.id,
            label=Wording("Muscle", "心肌"), grid=grid, made_from=(late.id,),
            made_by=MadeBy("heart-sax", "1", "ab" * 32),
        )
        for grid in (replace(late.grid, affine=as_matrix(matrix)), late.grid)
    ]  # fmt: skip
    with archive.write(MACHINE, Permission.ANALYSE, Message("t"), late.study_uid) as writer:
        for mask in masks:
            writer.put(mask)
    moved, same = (
        Request("heart/lge", {"lge": late.id}, {"lv_myo": (mask.id,)}, values={"way": "fwhm"})
        for mask in masks
    )
    with pytest.raises(BadInput, match="do not lie on the voxels of the outline"):
        measure(archive, late.study_uid, moved, actor=READER)
    (made,) = measure(archive, late.study_uid, same, actor=READER).findings
    assert made.value == pytest.approx(100.0 * 12 / wall.sum())


def test_a_number_of_an_outline_that_was_edited_since_is_not_signed(archive: Archive) -> None:
    finding = bring(archive, lesions())
    request = Request("brain/wmh_load", masks={"wmh": (finding.mask_id,)})
    (made,) = measure(archive, STUDY, request, actor=READER).findings
    for one in (finding, made):
        accept(archive, READER, one.id)

    def old() -> list[str]:
        draft(archive, STUDY, language="en", actor=READER)
        return [o.finding_id for o in obstacles(archive, STUDY)]

    def others() -> list[str]:
        return [m.name.en for m in archive.all(Measurement, STUDY) if m.finding_id == made.id]

    assert old() == [] and len(others()) == 2
    smaller = lesions()
    smaller[2:4] = False
    edit(archive, READER, finding.id, smaller)
    quantify(archive, STUDY)
    assert old() == [made.id], "it says the volume of before the edit"
    undo(archive, READER, finding.id)
    quantify(archive, STUDY)
    assert old() == [] and len(others()) == 2
    redo(archive, READER, finding.id)
    reject(archive, READER, made.id)
    quantify(archive, STUDY)
    assert old() == []


def test_a_near_occlusion_is_a_finding_of_that_name_and_side(archive: Archive) -> None:
    stack = bring_images(archive, role="TOF", region="vessel")
    values: dict[str, Value] = {
        "d_min": 0.5,
        "d_distal": 1.5,
        "near_occlusion": True,
        "side": "left",
    }
    request = Request("vessel/carotid_stenosis", {"image": stack.id}, values=values)
    (made,) = measure(archive, stack.study_uid, request, actor=READER).findings
    assert (made.label.en, made.site.en) == ("Near-occlusion", "Left carotid artery")
    assert (made.value, made.unit, made.area) == (0.5, "mm", "vessel")
    with archive.write(READER, Permission.REVIEW, Message("t"), stack.study_uid) as writer:
        writer.put(replace(made, state=FindingState.ACCEPTED))
    drafted = draft(archive, stack.study_uid, template="brain-heart", language="en", actor=READER)
    said = {s.key: " ".join(one.text for one in s.sentences) for s in drafted.sections}
    assert "Near-occlusion" in said["impression"] and "Left carotid" in said["impression"]
    assert "no percentage is computed" in said["findings_vessel"]
    assert " %" not in said["findings_vessel"]


def stored_map(archive: Archive) -> tuple[DerivedMap, np.ndarray]:
    finding = bring(archive, lesions())
    values = np.linspace(-1, 1, GRID.shape[0] * 24 * 24, dtype=np.float32).reshape(GRID.shape)
    values[0] = np.nan
    derived = DerivedMap(
        new_id(), STUDY, finding.series_uid, finding.stack_id, "adc", Wording("ADC", "ADC 图"),
        "mm2/s", (0.0, 0.003), GRID, archive.store_map(values), "brain/adc", "Test 2026",
        (finding.stack_id,), MadeBy("brain/adc", "1.0.0"), (("threshold", "0.00062"),),
    )  # fmt: skip
    with archive.write(READER, Permission.REVIEW, Message("t"), STUDY) as writer:
        writer.put(derived)
    return derived, values


def test_a_map_comes_back_as_it_was_and_is_verified(archive: Archive) -> None:
    derived, values = stored_map(archive)
    (there,) = archive.all(DerivedMap, STUDY)
    assert there == derived
    np.testing.assert_array_equal(archive.load_map(there), values)
    assert verify(archive).ok
    with pytest.raises(Tampered):
        archive.load_map(replace(derived, grid=replace(GRID, shape=(8, 24, 23))))
    archive.blob_path(derived.voxels).unlink()
    assert not verify(archive).ok


def test_a_map_that_was_removed_keeps_its_history(archive: Archive) -> None:
    derived, _ = stored_map(archive)
    remove_map(archive, READER, derived.id)
    assert archive.all(DerivedMap, STUDY) == []
    assert archive.history(DerivedMap, derived.id) == [derived]
