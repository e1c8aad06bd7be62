"""A model's outlines of every phase become an ejection fraction, and follow an edit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.ai.packages import identity, trust_maker, write_package
from tests.reading.test_infer import GRID, READER, STUDY, VOXEL_ML, bring, decide, label
from workstation.analyses.heart.ventricles import SPEC, analyse, systole_of
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.analysis import AnalysisInputs
from workstation.domain.artefact import Code, Wording
from workstation.domain.beat import Structure, made_outline_of, outline_of, structures_of
from workstation.domain.errors import BadInput
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.volume import Frame, Stack
from workstation.reading.draft import draft, obstacles
from workstation.reading.infer import infer
from workstation.reading.measure import Request, measure
from workstation.reading.quantify import quantify
from workstation.reading.review import Drawn, accept, edit, edit_outlines, redo, undo
from workstation.settings import Settings

LEFT = {"value": "87878005", "scheme": "SCT", "meaning": "Left ventricle"}
WALL = {"value": "49848007", "scheme": "SCT", "meaning": "Left Ventricle Myocardium"}
CAVITY = {"code": LEFT, "quantity": "none", "template_key": "lv_function"}
SIZES = (40, 60, 30)  # voxels of the cavity on each phase
NAMES = [f"Left ventricular {what}" for what in ("ejection fraction", "end-diastolic volume",
         "end-systolic volume", "stroke volume", "mass")]  # fmt: skip


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home / "数据")
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    return Settings(home=home, models=home / "模型", ai_threads=1)


def cavity(count: int) -> NDArray[np.int16]:
    array = np.zeros(GRID.shape, dtype=np.int16)
    block = np.zeros(400, dtype=np.int16)
    block[:count] = 1
    array[1:5, 4:14, 4:14] = block.reshape(4, 10, 10)
    return array


def bring_beat(archive: Archive) -> Stack:
    """A cine of three phases whose bright spot is of ``SIZES`` voxels."""
    uid = f"{STUDY}.1"
    blobs = [archive.put_bytes(plane.tobytes()) for size in SIZES for plane in cavity(size)]
    frames = tuple(
        Frame(sha, f"{uid}.{n}", 0, 0, 5.0 * (n % GRID.shape[0])) for n, sha in enumerate(blobs)
    )
    changes: dict[str, Any] = {"phases": len(SIZES), "frames": frames, "made_from": tuple(blobs)}
    return bring(archive, cavity(SIZES[0]), role="cine SAX", **changes)


def outline(settings: Settings, *, version: str = "1.0.0", wall: bool = False) -> None:
    """A package whose network gives its input back: what is bright is the cavity."""
    labels = label(**CAVITY)
    if wall:
        labels = label(code=WALL, proposes="none", experimental=True)
    accept = [{"channel": "image", "modality": ["MR"], "roles": ["cine SAX"], "phases": "each"}]
    name = "wall" if wall else "tiny"
    write_package(
        settings.models, identity(), id=name, accept=accept, labels=labels, version=version
    )


def of_beat(measured: list[Measurement]) -> dict[str, float]:
    return {m.name.en: m.value for m in measured if m.formula == SPEC.id}


def finding_of(archive: Archive) -> Finding:
    (found,) = [one for one in archive.all(Finding, STUDY) if one.made_by.name == "tiny"]
    return found


def test_a_model_outlines_and_the_fraction_is_the_findings_number(
    archive: Archive, settings: Settings
) -> None:
    stack = bring_beat(archive)
    outline(settings)
    outline(settings, wall=True)  # below use: no mass is made of it
    infer(archive, settings, STUDY)
    before = finding_of(archive)
    assert before.value is None
    assert before.phase == 1
    measured = quantify(archive, STUDY)
    said = of_beat(measured)
    assert list(said) == NAMES[:4]
    assert said[NAMES[0]] == pytest.approx(50.0)
    assert said[NAMES[1]] == pytest.approx(60 * VOXEL_ML)
    assert said[NAMES[2]] == pytest.approx(30 * VOXEL_ML)
    finding = finding_of(archive)
    assert (finding.value, finding.unit, finding.formula) == (50.0, "%", "heart/ventricles")
    assert finding.state is FindingState.PROPOSED
    assert (finding.made_by.name, finding.made_by.version) == ("tiny", "1.0.0")
    masks = {mask.id: mask for mask in archive.all(MaskInfo, STUDY)}
    for one in measured:
        assert one.made_by.version == SPEC.version
        assert one.finding_id == finding.id
        assert one.made_from[0] == stack.id
        used = [masks[id] for id in one.made_from[1:]]
        assert {mask.phase: mask.voxel_count for mask in used} == dict(enumerate(SIZES))
    last = archive.last_change()
    assert quantify(archive, STUDY) == measured
    assert archive.last_change() == last
    assert verify(archive).ok


def test_an_edit_of_end_diastole_changes_the_fraction_and_undo_brings_it_back(
    archive: Archive, settings: Settings
) -> None:
    bring_beat(archive)
    outline(settings)
    infer(archive, settings, STUDY)
    first = of_beat(quantify(archive, STUDY))
    finding = finding_of(archive)
    edit(archive, READER, finding.id, cavity(120) > 0)
    assert of_beat(quantify(archive, STUDY))[NAMES[0]] == pytest.approx(75.0)
    assert finding_of(archive).value == pytest.approx(75.0)
    # End-diastole stays where it is, also where another phase has now the larger outline.
    edit(archive, READER, finding.id, cavity(35) > 0)
    assert finding_of(archive).phase == 1
    smaller = of_beat(quantify(archive, STUDY))
    assert smaller[NAMES[1]] == pytest.approx(35 * VOXEL_ML)
    edit(archive, READER, finding.id, cavity(20) > 0)
    assert not of_beat(quantify(archive, STUDY))
    assert finding_of(archive).value is None
    (refusal,) = [one for one in archive.all(Refusal, STUDY) if one.what == SPEC.id]
    assert "smaller than that of end-systole" in str(refusal.reason)
    for _ in range(3):
        undo(archive, READER, finding.id)
    assert of_beat(quantify(archive, STUDY)) == first
    assert finding_of(archive).value == pytest.approx(50.0)


def test_a_new_version_leaves_an_accepted_fraction_with_all_its_phases(
    archive: Archive, settings: Settings
) -> None:
    bring_beat(archive)
    outline(settings)
    infer(archive, settings, STUDY)
    quantify(archive, STUDY)
    accepted = finding_of(archive)
    decide(archive, accepted, FindingState.ACCEPTED)
    outline(settings, version="1.0.1")
    infer(archive, settings, STUDY)
    measured = [m for m in quantify(archive, STUDY) if m.finding_id == accepted.id]
    assert of_beat(measured)[NAMES[0]] == pytest.approx(50.0)
    there = [m for m in archive.all(MaskInfo, STUDY) if m.made_by == accepted.made_by]
    assert sorted(mask.phase for mask in there) == [0, 1, 2]


def test_a_phase_on_which_the_outline_failed_is_not_end_systole() -> None:
    volumes = {n: 100.0 + 40.0 * np.cos(2 * np.pi * n / 12) for n in range(12)}
    assert systole_of(volumes, 0) == 6
    volumes[3] = 20.0
    assert systole_of(volumes, 0) == 6
    assert systole_of({0: 100.0, 5: 40.0}, 0) == 5


def test_what_is_lacking_is_said() -> None:
    masks = {"lv_endo:0": cavity(60) > 0, "lv_endo:7": cavity(30) > 0}
    given = AnalysisInputs(masks=masks, grid=GRID)
    assert analyse(given).quantities[0].value == pytest.approx(50.0)
    with pytest.raises(BadInput, match="end-diastole and at end-systole"):
        analyse(replace(given, masks={"lv_endo:0": masks["lv_endo:0"]}))
    with pytest.raises(BadInput, match="not outlined on phase 3"):
        analyse(replace(given, values={"phase": 3.0}))
    with pytest.raises(BadInput, match="does not fit"):
        analyse(replace(given, masks=masks | {"lv_endo:7": np.ones((2, 2, 2), dtype=bool)}))


LEFT_SIDE = Structure(Code(LEFT["value"], "SCT", LEFT["meaning"]), Wording("Cavity", "心腔"))


def test_a_phase_outlined_by_the_reader_takes_the_models_place(
    archive: Archive, settings: Settings
) -> None:
    """On a phase that is not the finding's own; the step goes back and comes again."""
    bring_beat(archive)
    outline(settings)
    infer(archive, settings, STUDY)
    first = of_beat(quantify(archive, STUDY))
    finding = finding_of(archive)
    edited = edit_outlines(archive, READER, finding.id, [Drawn(cavity(15) > 0, LEFT_SIDE, phase=2)])
    assert edited.state is FindingState.EDITED
    assert (edited.mask_id, edited.original_mask_id) == (finding.mask_id, finding.mask_id)
    assert edited.value is None and edited.original_value == finding.value
    masks = archive.all(MaskInfo, STUDY)
    (drawn,) = edited.outlined
    assert outline_of(edited, masks, LEFT["value"], 2) == drawn.mask_id
    assert made_outline_of(edited, masks, LEFT["value"], 2) not in {"", drawn.mask_id}
    assert outline_of(edited, masks, LEFT["value"], 7) == ""
    assert [one.code.value for one in structures_of(edited, masks)] == [LEFT["value"]]
    now = of_beat(quantify(archive, STUDY))
    assert now[NAMES[0]] == pytest.approx(75.0)
    assert now[NAMES[2]] == pytest.approx(15 * VOXEL_ML)
    assert now[NAMES[1]] == first[NAMES[1]]
    assert finding_of(archive).value == pytest.approx(75.0)
    used = {id for m in archive.all(Measurement, STUDY) for id in m.made_from}
    assert drawn.mask_id in used
    back = undo(archive, READER, finding.id)
    assert (back.outlined, back.state) == ((), FindingState.PROPOSED)
    assert of_beat(quantify(archive, STUDY)) == first
    again = redo(archive, READER, finding.id)
    assert again.outlined == (drawn,)
    reopened = Archive(archive.home)  # as after a crash: what is stored is all there is
    assert reopened.get(Finding, finding.id).outlined == (drawn,)
    reopened.close()
    assert of_beat(quantify(archive, STUDY))[NAMES[0]] == pytest.approx(75.0)
    assert verify(archive).ok


def test_what_was_drawn_while_it_was_measured_leaves_no_number_of_before(
    archive: Archive, settings: Settings
) -> None:
    bring_beat(archive)
    outline(settings)
    infer(archive, settings, STUDY)
    quantify(archive, STUDY)
    finding = finding_of(archive)

    def draw(size: int) -> None:
        systole = [Drawn(cavity(size) > 0, LEFT_SIDE, phase=2)]
        edit_outlines(archive, READER, finding.id, systole)

    draw(15)
    strokes = [6]

    def meanwhile(part: float, what: object) -> None:
        while strokes:
            draw(strokes.pop())

    quantify(archive, STUDY, progress=meanwhile)
    assert finding_of(archive).value is None, "75 % is of an outline that is not there any more"
    now = of_beat(quantify(archive, STUDY))
    assert now[NAMES[0]] == pytest.approx(90.0)
    assert finding_of(archive).value == pytest.approx(90.0)


def test_what_a_person_measured_is_old_once_a_phase_of_it_is_outlined_anew(
    archive: Archive, settings: Settings
) -> None:
    bring_beat(archive)
    outline(settings)
    infer(archive, settings, STUDY)
    quantify(archive, STUDY)
    finding, masks = finding_of(archive), archive.all(MaskInfo, STUDY)
    phases = tuple(outline_of(finding, masks, LEFT["value"], phase) for phase in range(3))
    request = Request(SPEC.id, masks={"lv_endo": phases})
    (made,) = measure(archive, STUDY, request, actor=READER).findings
    for one in (finding, made):
        accept(archive, READER, one.id)

    def old() -> list[str]:
        draft(archive, STUDY, language="en", actor=READER)
        return [o.finding_id for o in obstacles(archive, STUDY)]

    assert old() == []
    edit_outlines(archive, READER, finding.id, [Drawn(cavity(15) > 0, LEFT_SIDE, phase=2)])
    quantify(archive, STUDY)
    assert finding_of(archive).value == pytest.approx(75.0) and made.value == pytest.approx(50.0)
    assert old() == [made.id]


def test_several_phases_are_one_step(archive: Archive, settings: Settings) -> None:
    bring_beat(archive)
    outline(settings)
    infer(archive, settings, STUDY)
    finding = finding_of(archive)
    drawn = [Drawn(cavity(n) > 0, LEFT_SIDE, phase) for phase, n in enumerate((50, 80, 20))]
    edited = edit_outlines(archive, READER, finding.id, drawn)
    assert len(edited.outlined) == 2 and edited.mask_id != finding.mask_id
    assert of_beat(quantify(archive, STUDY))[NAMES[0]] == pytest.approx(75.0)
    back = undo(archive, READER, finding.id)
    assert (back.outlined, back.mask_id) == ((), finding.mask_id)
    with pytest.raises(BadInput):
        edit_outlines(archive, READER, finding.id, [Drawn(cavity(0) > 0, LEFT_SIDE, 0)])


def test_a_phase_that_a_reader_drew_may_be_end_systole_however_it_differs() -> None:
    volumes = dict.fromkeys(range(10), 100.0) | {4: 40.0, 6: 70.0, 5: 75.0, 7: 80.0}
    assert systole_of(volumes, 0) != 4
    assert systole_of(volumes, 0, frozenset({4})) == 4


def test_without_height_or_weight_nothing_is_indexed() -> None:
    masks = {f"lv_endo:{phase}": cavity(size) > 0 for phase, size in enumerate(SIZES)}
    said = analyse(AnalysisInputs(masks=masks, grid=GRID, values={"height_cm": 170.0}))
    assert not [q for q in said.quantities if q.unit.endswith("/m2")]
    assert "nothing is indexed" in said.cautions[0].template
    with pytest.raises(BadInput, match="whole numbers"):
        analyse(AnalysisInputs(masks=masks, grid=GRID, values={"drawn": "2,x"}))
